//! `trim`, `replace` and `mask`, and the text of a value.

use std::borrow::Cow;

use super::edit::{FieldStep, On};
use crate::model::{Kind, Packed, Packer, Value};

/// What is done with texts.
pub(super) enum TextChange {
    /// Blanks at both ends go.
    Trim,
    /// Every `find` becomes `with`.
    Replace { find: String, with: String },
    /// Every letter becomes `with`, but for the last `keep_last`.
    Mask { with: char, keep_last: usize },
}

/// A change of some fields' texts.
pub(super) struct Texts {
    pub fields: Vec<String>,
    pub change: TextChange,
}

impl FieldStep for Texts {
    fn on(&self, name: &str) -> On<'_> {
        if self.fields.iter().any(|it| it == name) {
            On::Change
        } else {
            On::Copy
        }
    }

    fn named(&self) -> Vec<&str> {
        self.fields.iter().map(String::as_str).collect()
    }

    fn kind(&self, _name: &str, before: Kind) -> Kind {
        match self.change {
            TextChange::Mask { .. } => Kind::String,
            TextChange::Trim | TextChange::Replace { .. } => before,
        }
    }

    fn change(&self, _: &str, packed: Packed<'_>, out: &mut Packer<'_>) -> Result<(), String> {
        let value = packed.value();
        let changed = match (&self.change, value.widened()) {
            (_, Value::Null) => None,
            (TextChange::Trim, Value::String(text)) => Some(Cow::Borrowed(text.trim())),
            (TextChange::Replace { find, with }, Value::String(text)) => {
                Some(Cow::Owned(text.replace(find.as_str(), with)))
            }
            (TextChange::Mask { with, keep_last }, value) => {
                let text = plain_text(value)?;
                Some(Cow::Owned(masked(&text, *with, *keep_last)))
            }
            // What is no text has no blanks and nothing to find.
            (TextChange::Trim | TextChange::Replace { .. }, _) => None,
        };
        match changed {
            Some(text) if !is_text(value, &text) => out.value(Value::String(&text)),
            _ => out.packed(packed),
        }
        Ok(())
    }
}

/// Whether `value` is this text already, of whichever type.
fn is_text(value: Value<'_>, text: &str) -> bool {
    matches!(value, Value::String(it) | Value::Symbol(it) if it == text)
}

/// A text that is no longer than what may be seen of it is masked as a whole.
fn masked(text: &str, with: char, keep_last: usize) -> String {
    let characters = text.chars().count();
    let hidden = if characters > keep_last {
        characters - keep_last
    } else {
        characters
    };
    let seen = text.chars().skip(hidden);
    std::iter::repeat_n(with, hidden).chain(seen).collect()
}

/// The text of a value that has one, as in a message's key; bytes are in hex.
pub(super) fn plain_text(value: Value<'_>) -> Result<Cow<'_, str>, String> {
    Ok(match value.widened() {
        Value::String(it) | Value::Decimal(it) | Value::Enum(it) | Value::Json(it) => it.into(),
        Value::Bool(it) => it.to_string().into(),
        Value::I64(it) => it.to_string().into(),
        Value::U64(it) | Value::Bit(it) => it.to_string().into(),
        Value::F32(it) => it.to_string().into(),
        Value::F64(it) => it.to_string().into(),
        Value::Year(it) => it.to_string().into(),
        Value::Date(it) => it.to_string().into(),
        Value::Time(it) => it.to_string().into(),
        Value::DateTime(it) => it.to_string().into(),
        Value::Instant(it) => it.to_string().into(),
        Value::ObjectId(it) => hex(&it).into(),
        Value::Bytes(_, it) => hex(it).into(),
        other => return Err(format!("a value of type {} has no text", other.type_name())),
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from_digit(it.into(), 16).unwrap_or('0');
    let digits = bytes.iter().flat_map(|it| [digit(it >> 4), digit(it & 15)]);
    digits.collect()
}
