//! A position in a source, opaque outside the source that made it.

use std::fmt;

/// A token that a source can open at again. Its text is JSON, so that a cursor file can be read
/// by a person; what it says is the source's own business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position(String);

impl Position {
    /// Wraps the text that a source made.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for its source and for stores.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
