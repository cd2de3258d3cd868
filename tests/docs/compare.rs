//! What a page shows beside what a command writes: times, speeds and widths do not count.

use std::sync::LazyLock;

use regex::Regex;

/// Stands in a page for any number of lines.
const ANY: &str = "…";

/// What is never the same twice, and what stands for it.
static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let mask = |pattern: &str, with| (Regex::new(pattern).expect("a pattern"), with);
    vec![
        mask(
            r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|[+-]\d\d:\d\d))?",
            "TIME",
        ),
        mask(r"\b\d[\d,.]* (s|ms|rows/s)\b", "FIGURE"),
        // The ids of topics.
        mask(r"\b[0-9a-f]{32}\b", "ID"),
        mask(r"process \d+ on [\w.-]+", "PROCESS"),
        mask(r"[─═]+", "─"),
        mask(r"\s+", " "),
    ]
});

/// Columns of tables whose cells are never the same twice.
const COLUMNS: [&str; 2] = ["seconds", "rows/s"];

/// Whether `written` is what the page shows.
pub fn is_shown(shown: &[String], written: &[String]) -> bool {
    let (shown, written) = (masked(shown), masked(written));
    match shown.iter().position(|it| it == ANY) {
        None => shown == written,
        Some(at) => {
            let behind = &shown[at + 1..];
            written.len() >= shown.len() - 1
                && written.starts_with(&shown[..at])
                && written.ends_with(behind)
        }
    }
}

fn masked(lines: &[String]) -> Vec<String> {
    let mut hidden: Vec<usize> = Vec::new();
    let mut masked = Vec::new();
    for line in lines {
        let mut line = line.trim_end().to_owned();
        if line.starts_with('│') {
            let mut cells: Vec<&str> = line.trim_matches('│').split('┆').map(str::trim).collect();
            let found = cells.iter().enumerate();
            let found = found.filter(|(_, it)| COLUMNS.contains(it));
            hidden.extend(found.map(|(index, _)| index));
            for (index, cell) in cells.iter_mut().enumerate() {
                if hidden.contains(&index) {
                    *cell = "FIGURE";
                }
            }
            line = cells.join(" ┆ ");
        } else if !line.starts_with(['╞', '├']) {
            hidden.clear();
        }
        for (pattern, with) in MASKS.iter() {
            line = pattern.replace_all(&line, *with).trim_end().to_owned();
        }
        masked.push(line);
    }
    while masked.last().is_some_and(String::is_empty) {
        masked.pop();
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::is_shown;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn times_speeds_and_widths_do_not_count_and_all_else_does() {
        let shown = "a: 3 rows, 443 B in 0.0 s (264 rows/s)\n saved 2026-12-01 03:00:41Z by process 7 on vm";
        let same = "a: 3 rows, 443 B in 12.4 s (1,264 rows/s)\n saved 2027-01-01 03:00:41Z by process 81 on host-2\n";
        assert!(is_shown(&lines(shown), &lines(same)));
        for other in [
            shown.replace("3 rows", "4 rows"),
            shown.replace("443", "444"),
        ] {
            assert!(!is_shown(&lines(shown), &lines(&other)), "{other}");
        }
        let table = "│ step ┆ rows ┆ seconds │\n╞══════╪═╡\n│ sync ┆ 50 ┆ 1.5 │";
        assert!(is_shown(
            &lines(table),
            &lines(&table.replace("1.5 ", "11.50 "))
        ));
        assert!(!is_shown(
            &lines(table),
            &lines(&table.replace("50 ", "51 "))
        ));
    }

    #[test]
    fn an_ellipsis_stands_for_lines() {
        let shown = lines("a\n…\nd");
        assert!(is_shown(&shown, &lines("a\nb\nc\nd")) && is_shown(&shown, &lines("a\nd")));
        assert!(!is_shown(&shown, &lines("a\nb")) && !is_shown(&shown, &lines("d")));
    }
}
