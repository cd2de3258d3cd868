//! The older producer's JSON, byte for byte.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    decoded::{Cell, Decoded, deletion, field_index, fields, undecodable},
    fields::{DATA_TYPE, Form, InformationFields, Written},
    json_text::check_json,
    text::write_escaped,
};
use crate::{
    codec::{CodecError, Decoder, Encoder, TypeTag},
    model::{Kind, Message, Records, Row},
};

/// The format `information-json`.
#[derive(Debug, Clone, Copy, Default)]
pub struct InformationJson;

const FORMAT: &str = "information-json";

impl Encoder for InformationJson {
    fn encode(&self, row: &Row<'_>, topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let fields = InformationFields::of(row);
        text(out, r#"{"uid":""#);
        fields.uid(Form::Json, out)?;
        text(out, r#"","topic":""#);
        write_escaped(topic, out);
        text(out, r#"","name":""#);
        fields.name(Form::Json, out)?;
        text(out, r#"","created_at":""#);
        fields.created_at(Form::Json, out)?;
        text(out, r#"","data_type":""#);
        text(out, DATA_TYPE);
        text(out, r#"","tag_values":""#);
        let start = out.len();
        fields.tag_values(out)?;
        escape_ascii(start, out);
        text(out, r#"","link_data":["#);
        let mut comma = Comma::default();
        fields.link_data(|it| it.write(comma.before(out)))?;
        text(out, r#"],"data":{"info_date":"#);
        nullable(out, |out| fields.info_date(Form::Json, out))?;
        text(out, r#","info_section":["#);
        let mut comma = Comma::default();
        fields.info_section(|it| it.write(comma.before(out)))?;
        text(out, r#"],"info_author":"#);
        nullable(out, |out| fields.info_author(Form::Json, out))?;
        text(out, r#","description":"#);
        nullable(out, |out| fields.description(Form::Json, out))?;
        text(out, r#"},"metadata":{"marc_code":""#);
        fields.marc_code(Form::Json, out)?;
        text(out, r#"","details_page":"#);
        nullable(out, |out| fields.details_page(Form::Json, out))?;
        text(out, "}}");
        Ok(())
    }

    fn type_tag<'m>(&'m self, _row: &Row<'_>) -> Option<TypeTag<'m>> {
        None
    }
}

impl Decoder for InformationJson {
    /// Fields of the message that are not among `fields()` follow behind these, by dotted path
    /// (`data.info_source`), so that a sink can refuse them or drop them by name.
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError> {
        let Some(value) = message.value else {
            return deletion(FORMAT, message, origin, out);
        };
        let wrong = |reason: String| undecodable(FORMAT, reason);
        let value = std::str::from_utf8(value).map_err(|it| wrong(format!("no UTF-8: {it}")))?;
        read(value)
            .and_then(|it| it.push(origin, out))
            .map_err(wrong)
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        Some(fields())
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn nullable(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<Written, CodecError>,
) -> Result<(), CodecError> {
    let start = out.len();
    out.push(b'"');
    match write(out)? {
        Written::Text => out.push(b'"'),
        Written::Null => {
            out.truncate(start);
            text(out, "null");
        }
    }
    Ok(())
}

/// A comma before every element but the first.
#[derive(Default)]
struct Comma(bool);

impl Comma {
    fn before<'o>(&mut self, out: &'o mut Vec<u8>) -> &'o mut Vec<u8> {
        if std::mem::replace(&mut self.0, true) {
            out.push(b',');
        }
        out
    }
}

/// Escapes the quotes and backslashes from `start` on, where nothing else needs it, in place.
fn escape_ascii(start: usize, out: &mut Vec<u8>) {
    let needs = |it: &u8| matches!(it, b'"' | b'\\');
    let extra = out[start..].iter().filter(|it| needs(it)).count();
    let (mut read, mut write) = (out.len(), out.len() + extra);
    out.resize(write, 0);
    // From the end, until what is left needs no room.
    while read < write {
        read -= 1;
        write -= 1;
        let byte = out[read];
        out[write] = byte;
        if needs(&byte) {
            write -= 1;
            out[write] = b'\\';
        }
    }
}

/// An object's members, in order, their values unread.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::with_capacity(12);
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The objects inside of the message.
const INNER: [&str; 2] = ["data", "metadata"];

fn read(value: &str) -> Result<Decoded<'_>, String> {
    let Object(top) = serde_json::from_str(value).map_err(|error| error.to_string())?;
    let mut decoded = Decoded::default();
    let mut seen = [false; 2];
    for (name, value) in top {
        let Some(at) = INNER.iter().position(|it| *it == name) else {
            member("", name, value, &mut decoded)?;
            continue;
        };
        seen[at] = true;
        let Object(members) = serde_json::from_str(value.get())
            .map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        for (inner, value) in members {
            member(INNER[at], inner, value, &mut decoded)?;
        }
    }
    match INNER.iter().zip(seen).find(|(_, seen)| !seen) {
        Some((name, _)) => Err(format!("`{name}` is missing")),
        None => Ok(decoded),
    }
}

fn member<'a>(
    parent: &str,
    name: Cow<'a, str>,
    value: &'a RawValue,
    decoded: &mut Decoded<'a>,
) -> Result<(), String> {
    let path = |name: &str| match parent {
        "" => name.to_owned(),
        parent => format!("{parent}.{name}"),
    };
    let cell = cell(value.get()).map_err(|error| format!("`{}`: {error}", path(&name)))?;
    match field_index(parent, &name) {
        Some(at) => decoded.fields[at] = Some(cell),
        None if parent.is_empty() => decoded.extras.push((name, cell)),
        None => decoded.extras.push((path(&name).into(), cell)),
    }
    Ok(())
}

fn cell(text: &str) -> Result<Cell<'_>, String> {
    Ok(match text.as_bytes().first() {
        Some(b'n') => Cell::Null,
        Some(b't' | b'f') => Cell::Bool(text == "true"),
        Some(b'"') => {
            let Text(text) = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Cell::Text(text)
        }
        Some(b'[' | b'{') => {
            check_json(text)?;
            Cell::Json(text.into())
        }
        _ => match text.parse() {
            Ok(whole) => Cell::I64(whole),
            Err(_) => Cell::Number(text),
        },
    })
}
