//! Values of columns of text: by their length and by the characters that the column has.

use super::{Admitted, Refusal};
use crate::model::Value;

/// How long a text may be, and of which characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextWidth {
    /// So many at most.
    pub most: u64,
    /// Of what.
    pub unit: Unit,
    /// Whether blanks at the end are filled up, and are no part of a value.
    pub is_fixed: bool,
    /// The characters that it can have.
    pub repertoire: Repertoire,
}

/// In what a text is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// In characters.
    Characters,
    /// In bytes of UTF-8.
    Utf8,
    /// In bytes of UTF-16.
    Utf16,
    /// In bytes of UTF-32.
    Utf32,
}

/// The characters that a column can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repertoire {
    /// Every one.
    All,
    /// Those of a character set that the server alone knows.
    Servers,
    /// Those up to U+FFFF.
    Basic,
    /// Those of Windows-1252, which the servers call latin1.
    Latin1,
    /// Those of ASCII.
    Ascii,
}

impl TextWidth {
    /// Any text.
    pub const ANY: Self = Self {
        most: u64::MAX,
        unit: Unit::Characters,
        is_fixed: false,
        repertoire: Repertoire::All,
    };

    fn check(&self, text: &str) -> Result<(), Refusal> {
        // No text has more characters than bytes of UTF-8.
        let may_be_short = text.len() as u64 <= self.most;
        let is_short = match self.unit {
            Unit::Utf8 => may_be_short,
            Unit::Characters => may_be_short || text.chars().count() as u64 <= self.most,
            Unit::Utf16 => text.encode_utf16().count() as u64 * 2 <= self.most,
            Unit::Utf32 => text.chars().count() as u64 * 4 <= self.most,
        };
        if !is_short {
            let (most, unit) = (self.most, self.unit.shown());
            return Err(format!("it is too long: the column has {most} {unit}").into());
        }
        if self.is_fixed && text.ends_with(' ') {
            return Err("it ends with a blank, which a column of fixed length loses".into());
        }
        if self.repertoire == Repertoire::All || text.is_ascii() {
            return Ok(());
        }
        match text.chars().find(|it| !self.repertoire.has(*it)) {
            Some(character) => Err(format!(
                "the column's character set lacks the character U+{:04X}",
                u32::from(character)
            )
            .into()),
            None => Ok(()),
        }
    }
}

impl Unit {
    fn shown(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Utf8 | Self::Utf16 | Self::Utf32 => "bytes",
        }
    }
}

impl Repertoire {
    fn has(self, character: char) -> bool {
        match self {
            Self::All | Self::Servers => true,
            Self::Basic => u32::from(character) <= 0xffff,
            Self::Ascii => character.is_ascii(),
            Self::Latin1 => {
                character.is_ascii()
                    || matches!(character, '\u{a0}'..='\u{ff}')
                    || WINDOWS.contains(character)
            }
        }
    }
}

/// What Windows-1252 has between 0x80 and 0x9F; the servers have the five that are not assigned, too.
const WINDOWS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Text, or what is written as text.
pub(super) fn text(value: Value<'_>, width: TextWidth) -> Result<Admitted<'_>, Refusal> {
    let text = match value {
        Value::String(it) | Value::Enum(it) | Value::Json(it) | Value::Decimal(it) => it,
        // As bytes the server would take them for those of the column's own character set.
        Value::Bytes(_, it) | Value::Geometry(it) => utf8(it)?,
        Value::Array(_) | Value::Document(_) | Value::DbPointer(..) => {
            return Ok(Admitted::Json(value));
        }
        other => return Ok(Admitted::Written(other)),
    };
    width.check(text)?;
    Ok(Admitted::Text(text))
}

/// Bytes that are text.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| "it is bytes that are not UTF-8".into())
}
