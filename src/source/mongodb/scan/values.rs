//! BSON documents as packed values, straight from the server's bytes.
//!
//! | BSON | value |
//! |---|---|
//! | each type, the old ones too | its own |
//!
//! The server stores text without looking whether it is UTF-8. Such a text becomes `Bytes`, so
//! that nothing is lost and a format of texts refuses that one document; so does the value of a
//! field whose *name* is not UTF-8 (as the whole element's bytes), and what is nested too deep.

use mongodb::bson::Decimal128;

use crate::model::{Instant, Packer, Value};

/// The server takes no more than 200 levels itself.
const DEPTH: usize = 200;

/// The bytes are no BSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Appends the fields of `document`, names and values.
///
/// # Errors
/// Where it is no BSON; what has been appended is of no use then.
pub(super) fn pack_fields(document: &[u8], packer: &mut Packer<'_>) -> Result<(), Malformed> {
    fields(document, packer, 0)
}

fn fields(document: &[u8], packer: &mut Packer<'_>, depth: usize) -> Result<(), Malformed> {
    let mut elements = Elements::of(document)?;
    while let Some(element) = elements.next()? {
        field(&element, packer, depth)?;
    }
    Ok(())
}

/// Appends a field of a document: its name and its value.
///
/// # Errors
/// Where it is no BSON.
pub(super) fn pack_field(element: &Element<'_>, packer: &mut Packer<'_>) -> Result<(), Malformed> {
    field(element, packer, 0)
}

fn field(element: &Element<'_>, packer: &mut Packer<'_>, depth: usize) -> Result<(), Malformed> {
    match std::str::from_utf8(element.name) {
        Ok(name) => {
            packer.name(name);
            value(element, packer, depth)
        }
        Err(_) => {
            packer.name(&String::from_utf8_lossy(element.name));
            packer.value(Value::Bytes(0, element.whole));
            Ok(())
        }
    }
}

fn items(document: &[u8], packer: &mut Packer<'_>, depth: usize) -> Result<(), Malformed> {
    let mut elements = Elements::of(document)?;
    while let Some(element) = elements.next()? {
        value(&element, packer, depth)?;
    }
    Ok(())
}

fn value(element: &Element<'_>, packer: &mut Packer<'_>, depth: usize) -> Result<(), Malformed> {
    let bytes = element.value;
    let packed = match element.tag {
        0x01 => Value::F64(f64::from_le_bytes(array(bytes)?)),
        0x02 => text(sized_text(bytes)?, Value::String),
        0x0e => text(sized_text(bytes)?, Value::Symbol),
        0x03 | 0x04 if depth >= DEPTH => Value::Bytes(0, bytes),
        0x03 => return packer.document(|it| fields(bytes, it, depth + 1)),
        0x04 => return packer.array(|it| items(bytes, it, depth + 1)),
        0x05 => binary(bytes)?,
        0x06 => Value::Undefined,
        0x0a => Value::Null,
        0x07 => Value::ObjectId(array(bytes)?),
        0x08 => Value::Bool(bytes != [0]),
        0x09 => Value::Instant(Instant::from_millis(i64::from_le_bytes(array(bytes)?))),
        0x0b => regex(bytes)?,
        0x0c => db_pointer(bytes)?,
        0x0d => text(sized_text(bytes)?, Value::Code),
        0x0f => return code_with_scope(bytes, packer, depth),
        0x10 => Value::I32(i32::from_le_bytes(array(bytes)?)),
        0x11 => {
            let both = u64::from_le_bytes(array(bytes)?);
            Value::Timestamp((both >> 32) as u32, both as u32)
        }
        0x12 => Value::I64(i64::from_le_bytes(array(bytes)?)),
        0x13 => {
            let digits = Decimal128::from_bytes(array(bytes)?).to_string();
            packer.value(Value::Decimal(&digits));
            return Ok(());
        }
        0xff => Value::MinKey,
        0x7f => Value::MaxKey,
        _ => return Err(Malformed),
    };
    packer.value(packed);
    Ok(())
}

fn text<'a>(bytes: &'a [u8], make: impl FnOnce(&'a str) -> Value<'a>) -> Value<'a> {
    std::str::from_utf8(bytes).map_or(Value::Bytes(0, bytes), make)
}

fn binary(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let (subtype, data) = bytes
        .get(4..)
        .and_then(|it| it.split_first())
        .ok_or(Malformed)?;
    match data.split_first_chunk::<4>() {
        // The old subtype repeats its length inside.
        Some((length, inner)) if *subtype == 2 && length_of(*length)? == inner.len() => {
            Ok(Value::Bytes(2, inner))
        }
        _ => Ok(Value::Bytes(*subtype, data)),
    }
}

fn regex(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let mut rest = Cut(bytes);
    let (pattern, options) = (rest.until_zero()?, rest.until_zero()?);
    Ok(
        match (std::str::from_utf8(pattern), std::str::from_utf8(options)) {
            (Ok(pattern), Ok(options)) => Value::Regex(pattern, options),
            _ => Value::Bytes(0, bytes),
        },
    )
}

fn db_pointer(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let middle = bytes.len().checked_sub(12).ok_or(Malformed)?;
    let (namespace, id) = bytes.split_at(middle);
    let (namespace, id) = (sized_text(namespace)?, array(id)?);
    let namespace = std::str::from_utf8(namespace);
    Ok(namespace.map_or(Value::Bytes(0, bytes), |it| Value::DbPointer(it, id)))
}

fn code_with_scope(bytes: &[u8], packer: &mut Packer<'_>, depth: usize) -> Result<(), Malformed> {
    let mut rest = Cut(bytes.get(4..).ok_or(Malformed)?);
    let code = sized_text(rest.sized_text()?)?;
    match std::str::from_utf8(code) {
        Ok(code) if depth < DEPTH => {
            packer.code_with_scope(code, |it| fields(rest.0, it, depth + 1))
        }
        _ => {
            packer.value(Value::Bytes(0, bytes));
            Ok(())
        }
    }
}

/// The bytes of a text behind its length, without the zero at its end.
fn sized_text(bytes: &[u8]) -> Result<&[u8], Malformed> {
    match bytes.get(4..) {
        Some([text @ .., 0]) => Ok(text),
        _ => Err(Malformed),
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed)
}

fn length_of(bytes: [u8; 4]) -> Result<usize, Malformed> {
    usize::try_from(i32::from_le_bytes(bytes)).map_err(|_| Malformed)
}

/// One element: its tag, its name, and the bytes of its value (lengths included).
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub tag: u8,
    pub name: &'a [u8],
    pub value: &'a [u8],
    whole: &'a [u8],
}

impl Element<'_> {
    /// The same value by another name.
    pub fn named<'n>(self, name: &'n [u8]) -> Element<'n>
    where
        Self: 'n,
    {
        Element { name, ..self }
    }
}

/// The elements of a document, in order.
pub(super) struct Elements<'a>(Cut<'a>);

impl<'a> Elements<'a> {
    pub fn of(document: &'a [u8]) -> Result<Self, Malformed> {
        match document.split_first_chunk::<4>() {
            Some((length, [elements @ .., 0])) if length_of(*length)? == document.len() => {
                Ok(Self(Cut(elements)))
            }
            _ => Err(Malformed),
        }
    }

    pub fn next(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        let start = self.0.0;
        let Some((tag, rest)) = start.split_first() else {
            return Ok(None);
        };
        self.0 = Cut(rest);
        let name = self.0.until_zero()?;
        let value = self.0.value(*tag)?;
        let whole = &start[..start.len() - self.0.0.len()];
        let tag = *tag;
        Ok(Some(Element {
            tag,
            name,
            value,
            whole,
        }))
    }
}

/// Bytes that are cut off from the front.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn value(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match tag {
            0x06 | 0x0a | 0x7f | 0xff => self.take(0),
            0x08 => self.take(1),
            0x10 => self.take(4),
            0x01 | 0x09 | 0x11 | 0x12 => self.take(8),
            0x07 => self.take(12),
            0x13 => self.take(16),
            0x02 | 0x0d | 0x0e => self.sized_text(),
            0x03 | 0x04 | 0x0f => self.sized(0),
            0x05 => self.sized(5),
            0x0c => self.sized(16),
            0x0b => {
                let mut rest = Cut(self.0);
                rest.until_zero()?;
                rest.until_zero()?;
                self.take(self.0.len() - rest.0.len())
            }
            _ => Err(Malformed),
        }
    }

    fn sized_text(&mut self) -> Result<&'a [u8], Malformed> {
        self.sized(4)
    }

    /// What says its own length in its first four bytes; `beyond` bytes are not counted in it.
    fn sized(&mut self, beyond: usize) -> Result<&'a [u8], Malformed> {
        let length = self.0.first_chunk::<4>().ok_or(Malformed)?;
        let length = length_of(*length)?.checked_add(beyond).ok_or(Malformed)?;
        if length < 4 {
            return Err(Malformed);
        }
        self.take(length)
    }

    fn until_zero(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|it| *it == 0).ok_or(Malformed)?;
        let taken = self.take(end)?;
        self.take(1)?;
        Ok(taken)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
