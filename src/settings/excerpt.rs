//! The line of a settings file that a mistake is about: its keys as they are written, each value as `…`.
//!
//! No value is shown, whatever its key: any may be a secret that went to the wrong place. In a file
//! that is no TOML, a line shows no more than its first word, where that is a key of the settings.

use std::{collections::BTreeSet, ops::Range};

use toml::{Spanned, de::DeValue};

/// What stands for a value, and for a comment.
const HIDDEN: &str = "…";

/// A line without what is hidden in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub line: String,
    /// The bytes of `line` that the mistake is about.
    pub marked: Range<usize>,
    /// How many characters of the file's own line stand before these.
    pub column: usize,
}

/// The bytes of a file that nobody is shown, in order and apart from each other.
#[derive(Debug, Default)]
pub(super) struct Hidden(Vec<Range<usize>>);

impl Hidden {
    /// Every value of `root` and every comment of `text`, which it was read from.
    pub fn values(text: &str, root: &Spanned<DeValue<'_>>) -> Self {
        let mut values = Vec::new();
        gather(root, &mut values);
        values.sort_by_key(|it| it.start);
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.trim_end().len();
            let in_value = |at: usize| values.iter().any(|it| it.contains(&at));
            let mut signs = line.match_indices('#').map(|(at, _)| start + at);
            if let Some(comment) = signs.find(|at| !in_value(*at)) {
                values.push(comment..end.max(comment));
            }
            start += line.len();
        }
        values.sort_by_key(|it| it.start);
        Self(values)
    }

    /// All of a file that is no TOML but for what its lines begin with, where that is one of `keys`.
    pub fn all_but(text: &str, keys: &BTreeSet<String>) -> Self {
        let mut hidden = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let shown = beginning(line, keys);
            hidden.push(start + shown..start + line.trim_end().len().max(shown));
            start += line.len();
        }
        Self(hidden)
    }

    /// The line of `text` in which `span` begins, and what stands of the span in it.
    pub fn excerpt(&self, text: &str, span: &Range<usize>) -> Excerpt {
        let from = text.floor_char_boundary(span.start);
        let start = text[..from].rfind('\n').map_or(0, |at| at + 1);
        let rest = &text[from..];
        let end = from + rest.find(['\r', '\n']).unwrap_or(rest.len());
        let to = text.floor_char_boundary(span.end).clamp(from, end);
        // A value is underlined as a whole.
        let within = self.of(&(from..to));
        let (first, last) = within.fold((from, to), |(first, last), it| {
            (first.min(it.start.max(start)), last.max(it.end.min(end)))
        });
        Excerpt {
            line: self.shown(text, start..end),
            marked: self.shown(text, start..first).len()..self.shown(text, start..last).len(),
            column: text[start..from].chars().count(),
        }
    }

    /// Those that a part of `range` lies in.
    fn of<'a>(&'a self, range: &Range<usize>) -> impl Iterator<Item = &'a Range<usize>> + use<'a> {
        let (start, end) = (range.start, range.end);
        let meets = move |it: &&Range<usize>| it.start < end && start < it.end && !it.is_empty();
        self.0.iter().filter(meets)
    }

    fn shown(&self, text: &str, range: Range<usize>) -> String {
        let mut line = String::new();
        let mut at = range.start;
        for hidden in self.of(&range) {
            line.push_str(&text[at..hidden.start.max(at)]);
            line.push_str(HIDDEN);
            at = hidden.end.min(range.end);
        }
        line.push_str(&text[at..range.end]);
        line
    }
}

/// Where the values below `value` stand that are neither tables nor lists.
fn gather(value: &Spanned<DeValue<'_>>, values: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, inner)| gather(inner, values)),
        DeValue::Array(array) => array.iter().for_each(|inner| gather(inner, values)),
        _ => values.push(value.span()),
    }
}

/// How many bytes of a line are a known key, or the first word of a heading, and the sign behind it.
fn beginning(line: &str, keys: &BTreeSet<String>) -> usize {
    let bare = line.trim_start().trim_start_matches('[');
    let is_key = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_');
    let word = &bare[..bare.find(|it| !is_key(it)).unwrap_or(bare.len())];
    if !keys.contains(word) {
        return 0;
    }
    let behind = &bare[word.len()..];
    let sign = behind.trim_start().strip_prefix('=').unwrap_or(behind);
    line.len() - sign.len()
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn shown(text: &str, marked: &str) -> (String, String) {
        let table = DeTable::parse(text).expect("TOML");
        let root = Spanned::new(0..text.len(), DeValue::Table(table.into_inner()));
        let at = text.find(marked).expect("it stands there");
        let found = Hidden::values(text, &root).excerpt(text, &(at..at + marked.len()));
        (found.line[found.marked].to_owned(), found.line)
    }

    #[test]
    fn a_line_shows_its_keys_and_hides_its_values() {
        for (text, marked, part, line) in [
            (
                "url = \"mysql://u:p@h\" # p",
                "\"mysql://u:p@h\"",
                "…",
                "url = … …",
            ),
            ("url = \"mysql://u:p@h\" # p", "url", "url", "url = … …"),
            ("url = \"mysql://u:p@h\"", "p@", "…", "url = …"),
            (
                "[a]\nb = [1, 'x#y', { \"é\" = 1.5 }]\nc = 2",
                "é",
                "é",
                "b = […, …, { \"é\" = … }]",
            ),
            ("b = [1, 'x#y']", "[1, 'x#y']", "[…, …]", "b = […, …]"),
            ("a = \"\"\"x\ny\"\"\"\nb = 1", "\"\"\"x", "…", "a = …"),
            ("[a.b] # was c", "b", "b", "[a.b] …"),
        ] {
            let expected = (part.to_owned(), line.to_owned());
            assert_eq!(shown(text, marked), expected, "{text}");
        }
    }

    #[test]
    fn a_line_of_no_toml_shows_the_key_that_it_begins_with_alone() {
        let keys = ["connections", "kind", "password"]
            .map(str::to_owned)
            .into();
        let text = "[connections.a]\n kind = \"mysql\"\npassword \"hunter2\"\nhunter2\n\n[hunter2]";
        let hidden = Hidden::all_but(text, &keys);
        let mut start = 0;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            lines.push(hidden.excerpt(text, &(start..start + line.len())).line);
            start += line.len() + 1;
        }
        assert_eq!(
            lines,
            ["[connections…", " kind =…", "password…", "…", "", "…"]
        );
    }
}
