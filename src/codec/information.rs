//! The message of `information`: which field of a crawled document becomes what.
//!
//! The rules are those of the older producer, byte for byte; what its form cannot hold is refused
//! here, so that it becomes a dead letter instead of a wrong row. The two formats write these
//! parts as JSON (`information_json`) and as protobuf (`information_protobuf`).

use std::borrow::Cow;

use super::{
    CodecError,
    json_text::{Style, write_json_value, write_value},
};
use crate::model::{Kind, Row, Value};

pub use super::{information_json::InformationJson, information_protobuf::InformationProtobuf};

/// What every message says of its kind.
pub(super) const DATA_TYPE: &str = "information_nsfc";

/// A message's parts, borrowed from the row where they are in it as they are sent.
pub(super) struct Information<'a> {
    pub uid: Cow<'a, str>,
    pub name: &'a str,
    pub created_at: Cow<'a, str>,
    /// JSON text as Python's `json.dumps` writes it.
    pub tag_values: Vec<u8>,
    pub link_data: Listed<'a>,
    /// `None` is null.
    pub info_date: Option<Cow<'a, str>>,
    pub info_section: Listed<'a>,
    /// `None` is null.
    pub info_author: Option<&'a str>,
    /// `None` is null.
    pub description: Option<&'a str>,
    pub marc_code: &'a str,
    /// `None` is null.
    pub details_page: Option<&'a str>,
}

/// A list of any values.
#[derive(Clone, Copy)]
pub(super) enum Listed<'a> {
    None,
    Items(crate::model::Items<'a>),
    /// JSON text that may or may not be a list.
    Json(&'a str),
}

/// The document's fields that a message is made from.
#[derive(Default)]
struct Found<'a> {
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

impl<'a> Information<'a> {
    /// Takes a document's row apart.
    pub fn of(row: &Row<'a>) -> Result<Self, CodecError> {
        let found = Found::of(row);
        let name = match found.info_name {
            None => "",
            Some(Value::String(it) | Value::Enum(it)) => it,
            Some(other) => return Err(refused("info_name", other, "a text")),
        };
        let marc_code = match nullable_text("marc_code", found.marc_code)? {
            None | Some("") => "zh",
            Some(it) => it,
        };
        Ok(Self {
            uid: uid(found.id, found.uid)?,
            name,
            created_at: created_at(found.create_time)?,
            tag_values: tag_values(found.column_info)?,
            link_data: list("link_data", found.link_data)?,
            info_date: info_date(found.info_date)?,
            info_section: list("info_section", found.info_section)?,
            info_author: nullable_text("info_author", found.info_author)?,
            description: nullable_text("description", found.description)?,
            marc_code,
            details_page: nullable_text("page_url", found.page_url)?,
        })
    }
}

/// What a message has, in the order in which a decoder yields it.
pub(super) fn fields() -> Vec<(String, Kind)> {
    let kinds = [
        ("uid", Kind::String),
        ("topic", Kind::String),
        ("name", Kind::String),
        ("created_at", Kind::String),
        ("data_type", Kind::String),
        ("tag_values", Kind::Json),
        ("link_data", Kind::Json),
        ("info_date", Kind::String),
        ("info_section", Kind::Json),
        ("info_author", Kind::String),
        ("description", Kind::String),
        ("marc_code", Kind::String),
        ("details_page", Kind::String),
    ];
    kinds.map(|(name, kind)| (name.to_owned(), kind)).into()
}

impl<'a> Found<'a> {
    fn of(row: &Row<'a>) -> Self {
        let mut found = Self::default();
        for (name, value) in row.fields() {
            let place = match name {
                "_id" => &mut found.id,
                "uid" => &mut found.uid,
                "info_name" => &mut found.info_name,
                "create_time" => &mut found.create_time,
                "column_info" => &mut found.column_info,
                "link_data" => &mut found.link_data,
                "info_date" => &mut found.info_date,
                "info_section" => &mut found.info_section,
                "info_author" => &mut found.info_author,
                "description" => &mut found.description,
                "marc_code" => &mut found.marc_code,
                "page_url" => &mut found.page_url,
                _ => continue,
            };
            // A name that repeats: the last one stands, as in the older producer's dictionary.
            *place = Some(value);
        }
        found
    }
}

impl<'a> Listed<'a> {
    /// Calls `each` with the JSON text of each element, written into one scratch buffer.
    pub fn for_each(
        self,
        field: &'static str,
        element: Element,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), CodecError> {
        let mut scratch = Vec::new();
        let fits = |scratch: &[u8]| element == Element::Any || scratch.first() == Some(&b'{');
        let mut write = |index: usize, written: Result<(), String>, scratch: &mut Vec<u8>| {
            let path = || format!("{field}.{index}");
            written.map_err(|reason| unencodable(path(), reason))?;
            if !fits(scratch) {
                return Err(unencodable(path(), "it is not a document".into()));
            }
            each(scratch);
            scratch.clear();
            Ok(())
        };
        match self {
            Self::None => Ok(()),
            Self::Items(items) => items.enumerate().try_for_each(|(index, item)| {
                let written = write_value(item, Style::Message, &mut scratch);
                write(index, written, &mut scratch)
            }),
            Self::Json(text) => {
                let list: Option<Vec<&serde_json::value::RawValue>> = serde_json::from_str(text)
                    .map_err(|error| {
                        unencodable(field.into(), format!("not a JSON list: {error}"))
                    })?;
                let list = list.unwrap_or_default();
                list.iter().enumerate().try_for_each(|(index, item)| {
                    let written = write_json_value(item.get(), Style::Message, &mut scratch);
                    write(index, written, &mut scratch)
                })
            }
        }
    }
}

/// What a list may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Any,
    Document,
}

fn uid<'a>(id: Option<Value<'a>>, own: Option<Value<'a>>) -> Result<Cow<'a, str>, CodecError> {
    if let Some(Value::ObjectId(bytes)) = id {
        let hex = bytes.iter().map(|it| format!("{it:02x}")).collect();
        return Ok(Cow::Owned(hex));
    }
    match own {
        Some(Value::String(it) | Value::Enum(it)) => Ok(Cow::Borrowed(it)),
        Some(other) => Err(refused("uid", other, "a text")),
        None => Err(unencodable(
            "uid".into(),
            "`_id` is no ObjectId, and the document has no `uid`".into(),
        )),
    }
}

fn created_at(value: Option<Value<'_>>) -> Result<Cow<'_, str>, CodecError> {
    let field = "create_time";
    match value {
        None | Some(Value::Null) => Err(unencodable(field.into(), "it is missing".into())),
        Some(it) => shown(field, it),
    }
}

fn info_date(value: Option<Value<'_>>) -> Result<Option<Cow<'_, str>>, CodecError> {
    let text = match value {
        None => return Ok(Some("".into())),
        Some(Value::Null) => return Ok(None),
        Some(it) => shown("info_date", it)?,
    };
    if !text.contains("来源：") && !text.contains("日期") && !text.contains(' ') {
        return Ok(Some(text));
    }
    // One after the other, as the older producer has it: what one removal joins, the next sees.
    let text = text.replace("来源：", "").replace("日期", "");
    Ok(Some(text.replace(' ', "").into()))
}

/// A text as it is; dates and numbers as Python's `str` shows them.
fn shown<'a>(field: &'static str, value: Value<'a>) -> Result<Cow<'a, str>, CodecError> {
    Ok(match value {
        Value::String(it) | Value::Enum(it) | Value::Decimal(it) => it.into(),
        Value::Instant(it) => match it.to_utc() {
            Some(clock) => clock.to_string().into(),
            None => {
                let reason = "it lies outside the years 1 to 9999".into();
                return Err(unencodable(field.into(), reason));
            }
        },
        Value::DateTime(it) => it.to_string().into(),
        Value::Date(it) => it.to_string().into(),
        Value::I64(it) => it.to_string().into(),
        Value::U64(it) => it.to_string().into(),
        Value::F64(_) => {
            let mut out = Vec::new();
            write_value(value, Style::Python, &mut out)
                .map_err(|reason| unencodable(field.into(), reason))?;
            String::from_utf8_lossy(&out).into_owned().into()
        }
        other => return Err(refused(field, other, "a date or a text")),
    })
}

fn tag_values(value: Option<Value<'_>>) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    match value {
        None => out.extend_from_slice(b"[]"),
        Some(it) => write_value(it, Style::Python, &mut out)
            .map_err(|reason| unencodable("column_info".into(), reason))?,
    }
    Ok(out)
}

fn list<'a>(field: &'static str, value: Option<Value<'a>>) -> Result<Listed<'a>, CodecError> {
    match value {
        None | Some(Value::Null) => Ok(Listed::None),
        Some(Value::Array(items)) => Ok(Listed::Items(items)),
        Some(Value::Json(text)) => Ok(Listed::Json(text)),
        Some(other) => Err(refused(field, other, "a list")),
    }
}

/// Missing is empty, null stays null.
fn nullable_text<'a>(
    field: &'static str,
    value: Option<Value<'a>>,
) -> Result<Option<&'a str>, CodecError> {
    match value {
        None => Ok(Some("")),
        Some(Value::Null) => Ok(None),
        Some(Value::String(it) | Value::Enum(it)) => Ok(Some(it)),
        Some(other) => Err(refused(field, other, "a text")),
    }
}

fn refused(field: &str, value: Value<'_>, wanted: &str) -> CodecError {
    let reason = format!("it is of type {}, not {wanted}", value.type_name());
    unencodable(field.into(), reason)
}

fn unencodable(field: String, reason: String) -> CodecError {
    CodecError::Unencodable { field, reason }
}
