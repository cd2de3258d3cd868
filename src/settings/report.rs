//! The report of mistakes: each with its line of the file, underlined.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use super::{
    excerpt::Excerpt,
    mistake::{Mistake, Mistakes},
};

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
        let mut text = match self.list.len() {
            1 => format!("{} has a mistake\n", self.file),
            many => format!("{} has {many} mistakes\n", self.file),
        };
        for mistake in &self.list {
            let shown = Shown {
                mistake,
                source: mistake.excerpt.as_ref().map(|excerpt| OneLine {
                    file: &self.file,
                    line: mistake.line.unwrap_or(1) - 1,
                    excerpt,
                }),
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

/// One mistake beside the line that it is about.
struct Shown<'a> {
    mistake: &'a Mistake,
    source: Option<OneLine<'a>>,
}

/// A text that is one line of the file and no more: its neighbours are no help.
struct OneLine<'a> {
    file: &'a str,
    /// Counted from 0.
    line: usize,
    excerpt: &'a Excerpt,
}

impl SourceCode for OneLine<'_> {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let bytes = self.excerpt.line.as_bytes();
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.to_owned(),
            bytes,
            SourceSpan::from(0..bytes.len()),
            self.line,
            self.excerpt.column,
            1,
        )))
    }
}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.mistake.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source.as_ref()?)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let marked = self.source.as_ref()?.excerpt.marked.clone();
        let label = LabeledSpan::new_primary_with_span(Some(self.mistake.message.clone()), marked);
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
