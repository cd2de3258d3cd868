//! A mistake in a settings file, with its line and a remedy.

use std::{fmt, ops::Range};

/// What is wrong with a settings file: everything at once, in the order of its lines. No secret
/// is in it, neither in the words nor in the text that is kept to show lines of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file's name, as it was given.
    pub file: String,
    /// The mistakes; never empty.
    pub list: Vec<Mistake>,
    /// The file's text, byte for byte as long, with everything hidden that may be a secret.
    pub(super) masked: String,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The dotted path of the key: `data-types.information.topik`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, in a few words.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line, counted from 1; none where the mistake is about the file as a whole.
    pub line: Option<usize>,
    /// The bytes of the file that it is about.
    pub span: Option<Range<usize>>,
    /// Whether it may only follow from another: something is not there, as when the line that
    /// has it could not be read.
    pub(super) follows: Follows,
}

/// Whether a mistake stands for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// It is wrong, whatever else is.
    Nothing,
    /// It may be right once the file's syntax is.
    Syntax,
}

impl Mistakes {
    /// Brings `list` into the order of the file; `None` where there is nothing wrong.
    pub(super) fn gather(
        file: &str,
        text: &str,
        masked: String,
        mut list: Vec<Mistake>,
    ) -> Option<Self> {
        if list.is_empty() {
            return None;
        }
        for mistake in &mut list {
            mistake.line = mistake.span.as_ref().map(|it| line_of(text, it.start));
            mistake.span = mistake.span.take().map(|it| first_line(text, it));
        }
        list.sort_by_key(|it| (it.span.as_ref().map(|span| span.start), it.path.clone()));
        list.dedup();
        Some(Self {
            file: file.to_owned(),
            list,
            masked,
        })
    }

    /// A mistake about the file as a whole: it cannot be read at all.
    pub(super) fn of_file(file: &str, message: String, help: &str) -> Self {
        let mut mistake = Mistake::new("", message, None);
        mistake.help = Some(help.to_owned());
        Self {
            file: file.to_owned(),
            list: vec![mistake],
            masked: String::new(),
        }
    }

    /// Each mistake as one line: `settings.toml:12: data-types.information.topik: unknown key,
    /// did you mean `topic`?`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.list.iter().map(|it| {
            let line = it.line.map(|line| format!(":{line}")).unwrap_or_default();
            let help = it.help.as_ref().map(|help| format!(", {help}"));
            format!("{}{line}: {it}{}", self.file, help.unwrap_or_default())
        })
    }
}

impl Mistake {
    pub(super) fn new(path: &str, message: impl Into<String>, span: Option<Range<usize>>) -> Self {
        Self {
            path: path.to_owned(),
            message: message.into(),
            help: None,
            line: None,
            span,
            follows: Follows::Nothing,
        }
    }
}

/// As much of a span as stands in its first line.
fn first_line(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let mut rest = text.as_bytes()[start..].iter();
    let end = rest
        .position(|it| matches!(it, b'\r' | b'\n'))
        .map_or(text.len(), |it| start + it);
    start..span.end.clamp(start, end)
}

/// The line of a byte, counted from 1.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().iter().take(byte);
    before.filter(|&&it| it == b'\n').count() + 1
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}
