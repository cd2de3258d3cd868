//! Which field of a record becomes which field of the message, and what each refuses.
//!
//! | message | record | missing | null |
//! |---|---|---|---|
//! | uid | `_id` as hex, or `uid` where `_id` is no ObjectId | refused | refused |
//! | name | `info_name`, text | empty | refused |
//! | created_at | `create_time`, text, number or point in time | refused | refused |
//! | tag_values | `column_info`, as Python's `json.dumps` prints it | `[]` | `null` |
//! | link_data | `link_data`, a list of documents | `[]` | `[]` |
//! | info_date | `info_date`, without `来源：`, `日期` and spaces | empty | null |
//! | info_section | `info_section`, a list | `[]` | `[]` |
//! | info_author, description | the same, text | empty | null |
//! | marc_code | `marc_code`, text | `zh` | `zh` |
//! | details_page | `page_url`, text | empty | null |

use serde_json::value::RawValue;

use super::{
    number::{Layout, write_float},
    text::{Refusal, Style, unsupported, write_clock, write_escaped, write_shown},
};
use crate::{
    codec::CodecError,
    model::{Row, Value},
};

/// The constant `data_type`.
pub(super) const DATA_TYPE: &str = "information_nsfc";

/// The fields of a record that the message is made of.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct InformationFields<'a> {
    id: Option<Value<'a>>,
    uid: Option<Value<'a>>,
    info_name: Option<Value<'a>>,
    create_time: Option<Value<'a>>,
    column_info: Option<Value<'a>>,
    link_data: Option<Value<'a>>,
    info_date: Option<Value<'a>>,
    info_section: Option<Value<'a>>,
    info_author: Option<Value<'a>>,
    description: Option<Value<'a>>,
    marc_code: Option<Value<'a>>,
    page_url: Option<Value<'a>>,
}

/// What a field's text is written into: nothing is escaped where the format counts bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Between the quotes of a JSON text.
    Json,
    /// As it is.
    Plain,
}

/// What a field turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Its text has been appended.
    Text,
    /// Null; nothing has been appended.
    Null,
}

type Outcome<T> = Result<T, CodecError>;

impl<'a> InformationFields<'a> {
    /// Those of `row`, in one pass. Of a name that repeats the last one stands, as in the
    /// older producer's dictionary.
    pub fn of(row: &Row<'a>) -> Self {
        let mut all = Self::default();
        for (name, value) in row.fields() {
            let field = match name {
                "_id" => &mut all.id,
                "uid" => &mut all.uid,
                "info_name" => &mut all.info_name,
                "create_time" => &mut all.create_time,
                "column_info" => &mut all.column_info,
                "link_data" => &mut all.link_data,
                "info_date" => &mut all.info_date,
                "info_section" => &mut all.info_section,
                "info_author" => &mut all.info_author,
                "description" => &mut all.description,
                "marc_code" => &mut all.marc_code,
                "page_url" => &mut all.page_url,
                _ => continue,
            };
            *field = Some(value.widened());
        }
        all
    }

    pub fn uid(&self, form: Form, out: &mut Vec<u8>) -> Outcome<()> {
        if let Some(Value::ObjectId(id)) = self.id {
            for byte in id {
                let digit = |it: u8| char::from_digit(u32::from(it), 16).map_or(0, |it| it as u8);
                out.extend([digit(byte >> 4), digit(byte & 0xf)]);
            }
            return Ok(());
        }
        match self.uid {
            Some(Value::String(text)) if !text.is_empty() => form.write(text, out),
            Some(Value::String(_)) => return refused("uid", "is empty"),
            Some(other) => return refused("uid", not_text(other)),
            None => return refused("uid", "is missing, and `_id` is no ObjectId"),
        }
        Ok(())
    }

    pub fn name(&self, form: Form, out: &mut Vec<u8>) -> Outcome<()> {
        match self.info_name {
            None => Ok(()),
            Some(Value::String(text) | Value::Enum(text)) => {
                form.write(text, out);
                Ok(())
            }
            Some(other) => refused("info_name", not_text(other)),
        }
    }

    pub fn created_at(&self, form: Form, out: &mut Vec<u8>) -> Outcome<()> {
        match self.create_time {
            None => refused("create_time", "is missing"),
            Some(Value::Null) => refused("create_time", "is null"),
            Some(value) => printed(value, form, out).or_else(|it| refused("create_time", it)),
        }
    }

    /// JSON text, ASCII only; not escaped yet.
    pub fn tag_values(&self, out: &mut Vec<u8>) -> Outcome<()> {
        match self.column_info {
            None => out.extend_from_slice(b"[]"),
            Some(value) => Style::Python
                .write(value, out, 0)
                .map_err(|it| inside("column_info", it))?,
        }
        Ok(())
    }

    pub fn info_date(&self, form: Form, out: &mut Vec<u8>) -> Outcome<Written> {
        let start = out.len();
        match self.info_date {
            None => {}
            Some(Value::Null) => return Ok(Written::Null),
            Some(value) => printed(value, form, out).or_else(|it| refused("info_date", it))?,
        }
        // No escape holds any of these, so that the order of escaping and removing is free.
        for unwanted in ["来源：", "日期", " "] {
            remove(unwanted.as_bytes(), start, out);
        }
        Ok(Written::Text)
    }

    pub fn info_author(&self, form: Form, out: &mut Vec<u8>) -> Outcome<Written> {
        nullable("info_author", self.info_author, form, out)
    }

    pub fn description(&self, form: Form, out: &mut Vec<u8>) -> Outcome<Written> {
        nullable("description", self.description, form, out)
    }

    pub fn marc_code(&self, form: Form, out: &mut Vec<u8>) -> Outcome<()> {
        match self.marc_code {
            None | Some(Value::Null | Value::String("") | Value::Enum("")) => {
                out.extend_from_slice(b"zh");
                Ok(())
            }
            given => nullable("marc_code", given, form, out).map(drop),
        }
    }

    pub fn details_page(&self, form: Form, out: &mut Vec<u8>) -> Outcome<Written> {
        nullable("page_url", self.page_url, form, out)
    }

    /// Hands `each` one attachment after the other, to be appended as JSON text.
    pub fn link_data(&self, each: impl FnMut(Element<'_>) -> Outcome<()>) -> Outcome<()> {
        elements("link_data", self.link_data, each)
    }

    /// Hands `each` one section after the other, to be appended as JSON text.
    pub fn info_section(&self, each: impl FnMut(Element<'_>) -> Outcome<()>) -> Outcome<()> {
        elements("info_section", self.info_section, each)
    }
}

impl Form {
    fn write(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Self::Json => write_escaped(text, out),
            Self::Plain => out.extend_from_slice(text.as_bytes()),
        }
    }
}

/// One element of a list.
pub(super) struct Element<'a> {
    list: &'static str,
    index: usize,
    value: Value<'a>,
}

impl Element<'_> {
    /// Appends its JSON text.
    pub fn write(&self, out: &mut Vec<u8>) -> Outcome<()> {
        let path_of = |it| inside(&format!("{}.{}", self.list, self.index), it);
        Style::Compact.write(self.value, out, 1).map_err(path_of)
    }

    fn must_be_document(&self) -> Outcome<()> {
        let is_document = match self.value {
            Value::Document(_) => true,
            Value::Json(text) => text.trim_start().starts_with('{'),
            _ => false,
        };
        if is_document {
            return Ok(());
        }
        let field = format!("{}.{}", self.list, self.index);
        let reason = format!("is {}, not a document", self.value.type_name());
        Err(CodecError::Unencodable { field, reason })
    }
}

fn elements(
    list: &'static str,
    value: Option<Value<'_>>,
    mut each: impl FnMut(Element<'_>) -> Outcome<()>,
) -> Outcome<()> {
    let mut hand = |index, value| {
        let element = Element { list, index, value };
        if list == "link_data" {
            element.must_be_document()?;
        }
        each(element)
    };
    match value {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(items)) => items.enumerate().try_for_each(|(at, it)| hand(at, it)),
        Some(Value::Json(text)) => {
            // `None` is JSON's null.
            let items: Option<Vec<&RawValue>> = serde_json::from_str(text)
                .or_else(|error| refused(list, format!("is no JSON list: {error}")))?;
            let mut items = items.unwrap_or_default().into_iter().enumerate();
            items.try_for_each(|(at, it)| hand(at, Value::Json(it.get())))
        }
        Some(other) => refused(list, format!("is {}, not a list", other.type_name())),
    }
}

fn nullable(
    field: &str,
    value: Option<Value<'_>>,
    form: Form,
    out: &mut Vec<u8>,
) -> Outcome<Written> {
    match value {
        None => {}
        Some(Value::Null) => return Ok(Written::Null),
        Some(Value::String(text) | Value::Enum(text)) => form.write(text, out),
        Some(other) => return refused(field, not_text(other)),
    }
    Ok(Written::Text)
}

/// Text as it is, numbers as Python prints them, points in time as their UTC wall clock.
fn printed(value: Value<'_>, form: Form, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::String(text) | Value::Enum(text) => form.write(text, out),
        Value::I64(it) => write_shown(it, out),
        Value::U64(it) => write_shown(it, out),
        Value::Year(it) => write_shown(it, out),
        Value::F32(it) if it.is_finite() => write_float(it, Layout::Python, out),
        Value::F64(it) if it.is_finite() => write_float(it, Layout::Python, out),
        Value::Decimal(it) if it.bytes().any(|it| it.is_ascii_digit()) => form.write(it, out),
        Value::Date(_) | Value::DateTime(_) | Value::Instant(_) => write_clock(value, b' ', out)?,
        Value::F32(_) | Value::F64(_) | Value::Decimal(_) => {
            return Err("is no finite number".into());
        }
        other => return Err(unsupported(other)),
    }
    Ok(())
}

/// Takes every `unwanted` out of `out`, from `start` on.
fn remove(unwanted: &[u8], start: usize, out: &mut Vec<u8>) {
    let (mut read, mut write) = (start, start);
    while read < out.len() {
        if out[read..].starts_with(unwanted) {
            read += unwanted.len();
        } else {
            out[write] = out[read];
            read += 1;
            write += 1;
        }
    }
    out.truncate(write);
}

fn not_text(value: Value<'_>) -> String {
    format!("is {}, not text", value.type_name())
}

fn refused<T>(field: &str, reason: impl Into<String>) -> Outcome<T> {
    Err(CodecError::Unencodable {
        field: field.to_owned(),
        reason: reason.into(),
    })
}

fn inside(field: &str, refusal: Refusal) -> CodecError {
    let field = match refusal.path.as_str() {
        "" => field.to_owned(),
        path => format!("{field}.{path}"),
    };
    CodecError::Unencodable {
        field,
        reason: refusal.reason,
    }
}
