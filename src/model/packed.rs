//! Values as bytes in a batch's one buffer: a tag, then a payload of known length.
//!
//! It is a format of memory, never of a wire or a file: whoever writes it and reads it are the
//! same process. Readers therefore may rely on what `Packer` wrote.

use super::{Date, DateTime, Fields, Instant, Items, Time, Value};

/// Appends values to a buffer.
pub struct Packer<'b> {
    out: &'b mut Vec<u8>,
}

/// One value as it is packed: to be copied without a look into it, or to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    /// The value.
    pub fn value(self) -> Value<'a> {
        Unpacker::new(self.0).value()
    }

    /// How many bytes it takes.
    pub fn size(self) -> usize {
        self.0.len()
    }
}

/// One value that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct OwnedValue(Vec<u8>);

impl OwnedValue {
    /// A copy of `value`.
    pub fn new(value: Value<'_>) -> Self {
        let mut bytes = Vec::new();
        Packer::new(&mut bytes).value(value);
        Self(bytes)
    }

    /// What `fill` appends, which must be one value.
    pub fn of(fill: impl FnOnce(&mut Packer<'_>)) -> Self {
        let mut bytes = Vec::new();
        fill(&mut Packer::new(&mut bytes));
        Self(bytes)
    }

    /// The same, where it may fail.
    ///
    /// # Errors
    /// That of `fill`.
    pub fn filled<E>(fill: impl FnOnce(&mut Packer<'_>) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Vec::new();
        fill(&mut Packer::new(&mut bytes))?;
        Ok(Self(bytes))
    }

    /// It, packed.
    pub fn packed(&self) -> Packed<'_> {
        Packed(&self.0)
    }
}

impl From<Packed<'_>> for OwnedValue {
    fn from(packed: Packed<'_>) -> Self {
        Self(packed.0.to_vec())
    }
}

mod tag {
    pub const NULL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const I64: u8 = 3;
    pub const U64: u8 = 4;
    pub const F32: u8 = 5;
    pub const F64: u8 = 6;
    pub const DECIMAL: u8 = 7;
    pub const STRING: u8 = 8;
    pub const BYTES: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const INSTANT: u8 = 13;
    pub const YEAR: u8 = 14;
    pub const BIT: u8 = 15;
    pub const ENUM: u8 = 16;
    pub const JSON: u8 = 17;
    pub const GEOMETRY: u8 = 18;
    pub const OBJECT_ID: u8 = 19;
    pub const TIMESTAMP: u8 = 20;
    pub const REGEX: u8 = 21;
    pub const CODE: u8 = 22;
    pub const MIN_KEY: u8 = 23;
    pub const MAX_KEY: u8 = 24;
    pub const ARRAY: u8 = 25;
    pub const DOCUMENT: u8 = 26;
    pub const I32: u8 = 27;
    pub const SYMBOL: u8 = 28;
    pub const UNDEFINED: u8 = 29;
    pub const DB_POINTER: u8 = 30;
    pub const CODE_WITH_SCOPE: u8 = 31;
}

impl<'b> Packer<'b> {
    /// Appends to `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Appends a field's name; its value must follow.
    pub fn name(&mut self, name: &str) {
        self.sized(name.as_bytes());
    }

    /// Appends one value.
    pub fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.out.push(tag::NULL),
            Value::Bool(false) => self.out.push(tag::FALSE),
            Value::Bool(true) => self.out.push(tag::TRUE),
            Value::I32(it) => self.fixed(tag::I32, &it.to_le_bytes()),
            Value::I64(it) => self.fixed(tag::I64, &it.to_le_bytes()),
            Value::U64(it) => self.fixed(tag::U64, &it.to_le_bytes()),
            Value::F32(it) => self.fixed(tag::F32, &it.to_le_bytes()),
            Value::F64(it) => self.fixed(tag::F64, &it.to_le_bytes()),
            Value::Decimal(it) => self.text(tag::DECIMAL, it),
            Value::String(it) => self.text(tag::STRING, it),
            Value::Bytes(subtype, it) => {
                self.fixed(tag::BYTES, &[subtype]);
                self.sized(it);
            }
            Value::Date(it) => {
                self.out.push(tag::DATE);
                self.date(it);
            }
            Value::Time(it) => {
                self.fixed(tag::TIME, &[u8::from(it.negative), it.minutes, it.seconds]);
                self.out.extend_from_slice(&it.hours.to_le_bytes());
                self.out.extend_from_slice(&it.micros.to_le_bytes());
            }
            Value::DateTime(it) => {
                self.fixed(tag::DATETIME, &[it.hour, it.minute, it.second]);
                self.out.extend_from_slice(&it.micros.to_le_bytes());
                self.date(it.date);
            }
            Value::Instant(it) => {
                self.fixed(tag::INSTANT, &it.seconds.to_le_bytes());
                self.out.extend_from_slice(&it.micros.to_le_bytes());
            }
            Value::Year(it) => self.fixed(tag::YEAR, &it.to_le_bytes()),
            Value::Bit(it) => self.fixed(tag::BIT, &it.to_le_bytes()),
            Value::Enum(it) => self.text(tag::ENUM, it),
            Value::Json(it) => self.text(tag::JSON, it),
            Value::Geometry(it) => {
                self.out.push(tag::GEOMETRY);
                self.sized(it);
            }
            Value::ObjectId(it) => self.fixed(tag::OBJECT_ID, &it),
            Value::Timestamp(seconds, increment) => {
                self.fixed(tag::TIMESTAMP, &seconds.to_le_bytes());
                self.out.extend_from_slice(&increment.to_le_bytes());
            }
            Value::Regex(pattern, options) => {
                self.text(tag::REGEX, pattern);
                self.sized(options.as_bytes());
            }
            Value::Code(it) => self.text(tag::CODE, it),
            Value::CodeWithScope(code, scope) => self.code_with_scope(code, |packer| {
                scope.for_each(|(name, value)| {
                    packer.name(name);
                    packer.value(value);
                });
            }),
            Value::Symbol(it) => self.text(tag::SYMBOL, it),
            Value::Undefined => self.out.push(tag::UNDEFINED),
            Value::DbPointer(namespace, id) => {
                self.fixed(tag::DB_POINTER, &id);
                self.sized(namespace.as_bytes());
            }
            Value::MinKey => self.out.push(tag::MIN_KEY),
            Value::MaxKey => self.out.push(tag::MAX_KEY),
            Value::Array(items) => self.array(|packer| items.for_each(|it| packer.value(it))),
            Value::Document(fields) => self.document(|packer| {
                fields.for_each(|(name, value)| {
                    packer.name(name);
                    packer.value(value);
                });
            }),
        }
    }

    /// Appends a value as it is packed elsewhere, byte for byte.
    pub fn packed(&mut self, packed: Packed<'_>) {
        self.out.extend_from_slice(packed.0);
    }

    /// Appends a list; `fill` appends its values.
    pub fn array<R>(&mut self, fill: impl FnOnce(&mut Packer<'_>) -> R) -> R {
        self.nested(tag::ARRAY, fill)
    }

    /// Appends a document; `fill` appends a name and a value, again and again.
    pub fn document<R>(&mut self, fill: impl FnOnce(&mut Packer<'_>) -> R) -> R {
        self.nested(tag::DOCUMENT, fill)
    }

    /// Appends code; `fill` appends its variables, a name and a value, again and again.
    pub fn code_with_scope<R>(&mut self, code: &str, fill: impl FnOnce(&mut Packer<'_>) -> R) -> R {
        self.text(tag::CODE_WITH_SCOPE, code);
        self.measured(fill)
    }

    fn nested<R>(&mut self, tag: u8, fill: impl FnOnce(&mut Packer<'_>) -> R) -> R {
        self.out.push(tag);
        self.measured(fill)
    }

    /// What `fill` appends, behind its length.
    fn measured<R>(&mut self, fill: impl FnOnce(&mut Packer<'_>) -> R) -> R {
        self.out.extend_from_slice(&[0; 4]);
        let start = self.out.len();
        let filled = fill(&mut Packer::new(self.out));
        let length = (self.out.len() - start) as u32;
        self.out[start - 4..start].copy_from_slice(&length.to_le_bytes());
        filled
    }

    fn fixed(&mut self, tag: u8, payload: &[u8]) {
        self.out.push(tag);
        self.out.extend_from_slice(payload);
    }

    fn text(&mut self, tag: u8, text: &str) {
        self.out.push(tag);
        self.sized(text.as_bytes());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.out
            .extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.out.extend_from_slice(bytes);
    }

    fn date(&mut self, date: Date) {
        self.out.extend_from_slice(&date.year.to_le_bytes());
        self.out.extend_from_slice(&[date.month, date.day]);
    }
}

/// Reads values back, front to back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(packed: &'a [u8]) -> Self {
        Self { rest: packed }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn name(&mut self) -> &'a str {
        self.text()
    }

    /// The next value. Its bytes were written by `Packer`, which only takes `&str` for text.
    pub(super) fn value(&mut self) -> Value<'a> {
        let [tag] = self.array();
        match tag {
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::I32 => Value::I32(i32::from_le_bytes(self.array())),
            tag::I64 => Value::I64(i64::from_le_bytes(self.array())),
            tag::U64 => Value::U64(u64::from_le_bytes(self.array())),
            tag::F32 => Value::F32(f32::from_le_bytes(self.array())),
            tag::F64 => Value::F64(f64::from_le_bytes(self.array())),
            tag::DECIMAL => Value::Decimal(self.text()),
            tag::STRING => Value::String(self.text()),
            tag::BYTES => {
                let [subtype] = self.array();
                Value::Bytes(subtype, self.sized())
            }
            tag::DATE => Value::Date(self.date()),
            tag::TIME => {
                let [negative, minutes, seconds] = self.array();
                Value::Time(Time {
                    negative: negative == 1,
                    minutes,
                    seconds,
                    hours: u16::from_le_bytes(self.array()),
                    micros: u32::from_le_bytes(self.array()),
                })
            }
            tag::DATETIME => {
                let [hour, minute, second] = self.array();
                let micros = u32::from_le_bytes(self.array());
                Value::DateTime(DateTime {
                    date: self.date(),
                    hour,
                    minute,
                    second,
                    micros,
                })
            }
            tag::INSTANT => Value::Instant(Instant {
                seconds: i64::from_le_bytes(self.array()),
                micros: u32::from_le_bytes(self.array()),
            }),
            tag::YEAR => Value::Year(u16::from_le_bytes(self.array())),
            tag::BIT => Value::Bit(u64::from_le_bytes(self.array())),
            tag::ENUM => Value::Enum(self.text()),
            tag::JSON => Value::Json(self.text()),
            tag::GEOMETRY => Value::Geometry(self.sized()),
            tag::OBJECT_ID => Value::ObjectId(self.array()),
            tag::TIMESTAMP => Value::Timestamp(
                u32::from_le_bytes(self.array()),
                u32::from_le_bytes(self.array()),
            ),
            tag::REGEX => Value::Regex(self.text(), self.text()),
            tag::CODE => Value::Code(self.text()),
            tag::CODE_WITH_SCOPE => Value::CodeWithScope(self.text(), Fields::named(self.sized())),
            tag::SYMBOL => Value::Symbol(self.text()),
            tag::UNDEFINED => Value::Undefined,
            tag::DB_POINTER => {
                let id = self.array();
                Value::DbPointer(self.text(), id)
            }
            tag::MIN_KEY => Value::MinKey,
            tag::MAX_KEY => Value::MaxKey,
            tag::ARRAY => Value::Array(Items::packed(self.sized())),
            tag::DOCUMENT => Value::Document(Fields::named(self.sized())),
            _ => Value::Null,
        }
    }

    /// The next value, as it is packed.
    pub(super) fn packed(&mut self) -> Packed<'a> {
        let before = self.rest;
        self.value();
        Packed(&before[..before.len() - self.rest.len()])
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                *taken
            }
            None => [0; N],
        }
    }

    fn sized(&mut self) -> &'a [u8] {
        let length = u32::from_le_bytes(self.array()) as usize;
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn text(&mut self) -> &'a str {
        let bytes = self.sized();
        // SAFETY: `Packer` writes text only from `&str`, and nothing else makes these bytes.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }

    fn date(&mut self) -> Date {
        let year = u16::from_le_bytes(self.array());
        let [month, day] = self.array();
        Date { year, month, day }
    }
}
