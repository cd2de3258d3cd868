//! Parts of reports: tables, mistakes of settings, counts and rates, as text and as JSON.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use comfy_table::{ColumnConstraint, Table, Width, presets};
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;

use crate::{
    flow::Snapshot,
    model::Position,
    settings::{Mistakes, Paint},
};

/// Columns that a report may take.
const WIDTH: usize = 100;

/// Characters in a line of a cell on a screen, so that one long error does not widen all rows.
const CELL: u16 = 60;

/// A table whose rows are named by their first column, which stays whole to be copied.
///
/// On a screen, what is longer than `CELL` goes on in the next line of its cell; what another
/// program reads is searched by line, and stays whole.
pub(in crate::app) fn table(header: &[&str]) -> Table {
    table_of(header, io::stdout().is_terminal())
}

fn table_of(header: &[&str], on_a_screen: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header.to_vec());
    for column in table.column_iter_mut().skip(1).filter(|_| on_a_screen) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(CELL)));
    }
    table
}

/// Every mistake of a settings file, on stderr; as JSON on stdout for scripts.
pub(in crate::app) fn mistakes(mistakes: &Mistakes, json: bool) {
    if json {
        let lines: Vec<_> = mistakes.lines().collect();
        out!("{}", json!({ "mistakes": lines }));
    } else {
        let paint = if io::stderr().is_terminal() {
            Paint::Colour
        } else {
            Paint::Plain
        };
        err!("{}", mistakes.report(paint, WIDTH));
    }
}

/// A number with its noun: `1 row`, `1,234 rows`.
pub(in crate::app) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", HumanCount(number))
}

/// `1,234 rows, 1.2 MiB in 3.4 s (363 rows/s)`, with what went wrong on the way.
pub(in crate::app) fn stats(stats: &Snapshot, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    let rate = stats.rows as f64 / seconds.max(0.001);
    let (rows, bytes) = (count(stats.rows, "row"), HumanBytes(stats.bytes));
    let mut text = format!("{rows}, {bytes} in {seconds:.1} s ({rate:.0} rows/s)");
    if stats.dead_letters > 0 {
        let dead_letters = count(stats.dead_letters, "dead letter");
        text.push_str(&format!(", {dead_letters}"));
    }
    if stats.retries > 0 {
        let retries = match stats.retries {
            1 => "1 retry".to_owned(),
            retries => format!("{} retries", HumanCount(retries)),
        };
        text.push_str(&format!(", {retries}"));
    }
    text
}

/// A position is JSON; one that is not would still be a text.
pub(in crate::app) fn position_json(position: Option<&Position>) -> serde_json::Value {
    json!(
        position
            .map(|it| { serde_json::from_str(it.as_str()).unwrap_or_else(|_| json!(it.as_str())) })
    )
}

pub(in crate::app) fn stats_json(
    flow: &str,
    stats: &Snapshot,
    took: Duration,
    error: Option<&str>,
) -> serde_json::Value {
    json!({
        "flow": flow,
        "rows": stats.rows,
        "bytes": stats.bytes,
        "seconds": took.as_secs_f64(),
        "dead_letters": stats.dead_letters,
        "retries": stats.retries,
        "error": error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_counted_in_the_singular() {
        let counted = [0, 1, 1_234].map(|number| count(number, "row"));
        assert_eq!(counted, ["0 rows", "1 row", "1,234 rows"]);
    }

    #[test]
    fn a_long_error_does_not_widen_the_table_on_a_screen() {
        let (name, error) = ("a/".repeat(40), "no ".repeat(40) + &"x".repeat(200));
        let lines = |on_a_screen| {
            let mut shown = table_of(&["flow", "last run"], on_a_screen);
            shown.add_row([&name, &error]);
            let shown = shown.to_string();
            let holds = |what: &str| shown.lines().any(|it| it.contains(what));
            assert!(holds(&name), "{shown}");
            assert_eq!(shown.matches('x').count(), 200, "{shown}");
            let widest = shown.lines().map(|it| it.chars().count()).max();
            (widest, holds(&error))
        };
        let (screen, piped) = (lines(true), lines(false));
        assert!(screen.0.is_some_and(|it| it <= 150), "{screen:?}");
        assert!(piped.1, "{piped:?}");
    }
}
