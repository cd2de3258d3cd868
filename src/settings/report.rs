//! The report of mistakes: each with its line of the file, underlined.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use super::mistake::{Mistake, Mistakes, line_of};

/// Whether a report may use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// For a terminal.
    Colour,
    /// For files and pipes.
    Plain,
}

impl Mistakes {
    /// All mistakes, one below the other, for a screen `width` columns wide.
    pub fn report(&self, paint: Paint, width: usize) -> String {
        let theme = match paint {
            Paint::Colour => GraphicalTheme::unicode(),
            Paint::Plain => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width)
            .with_links(false);
        let source = Lines {
            file: &self.file,
            text: &self.masked,
        };
        let mut text = match self.list.len() {
            1 => format!("{} has a mistake\n", self.file),
            many => format!("{} has {many} mistakes\n", self.file),
        };
        for mistake in &self.list {
            let shown = Shown {
                mistake,
                source: &source,
            };
            text.push('\n');
            if handler.render_report(&mut text, &shown).is_err() {
                // A place that cannot be drawn is still a mistake that must be told.
                text.push_str(&mistake.to_string());
            }
        }
        text
    }
}

/// One mistake beside the text that it is about.
struct Shown<'a> {
    mistake: &'a Mistake,
    source: &'a Lines<'a>,
}

/// A text that shows the lines of a span and none beside them: neighbours are no help, and might
/// hold what only their owner should see.
struct Lines<'a> {
    file: &'a str,
    text: &'a str,
}

impl SourceCode for Lines<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let bytes = self.text.as_bytes();
        let (from, to) = (span.offset(), span.offset() + span.len());
        let before = bytes.get(..from).ok_or(MietteError::OutOfBounds)?;
        let behind = bytes.get(to..).ok_or(MietteError::OutOfBounds)?;
        let newline = |it: &u8| *it == b'\n';
        let start = before.iter().rposition(newline).map_or(0, |it| it + 1);
        let end = to + behind.iter().position(newline).unwrap_or(behind.len());
        let line = line_of(self.text, start) - 1;
        let column = String::from_utf8_lossy(&bytes[start..from]).chars().count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.to_owned(),
            &bytes[start..end],
            SourceSpan::from(start..end),
            line,
            column,
            line_of(self.text, end) - line,
        )))
    }
}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.mistake.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.mistake.span.as_ref()?;
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.mistake.span.clone()?;
        let label = LabeledSpan::new_primary_with_span(Some(self.mistake.message.clone()), span);
        Some(Box::new(std::iter::once(label)))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With a place, the words stand below the underlined bytes, and here only the key.
        match (&self.mistake.span, self.mistake.path.is_empty()) {
            (Some(_), false) => f.write_str(&self.mistake.path),
            (Some(_), true) => f.write_str("this is not TOML"),
            (None, _) => write!(f, "{}", self.mistake),
        }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Shown<'_> {}
