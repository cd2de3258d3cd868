//! `information-json`: the older producer's message, byte for byte, and back into flat fields.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    CodecError, Decoder, Encoder,
    information::{DATA_TYPE, Element, Information, Listed, fields},
    json::pack_raw,
    json_text::{Style, write_text},
};
use crate::model::{Kind, Message, Op, Packer, Records, Row, Value};

/// The format `information-json`.
#[derive(Debug, Clone, Copy, Default)]
pub struct InformationJson;

impl Encoder for InformationJson {
    fn encode(&self, row: &Row<'_>, topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let it = Information::of(row)?;
        member(b"{\"uid\":", &it.uid, out);
        member(b",\"topic\":", topic, out);
        member(b",\"name\":", it.name, out);
        member(b",\"created_at\":", &it.created_at, out);
        member(b",\"data_type\":", DATA_TYPE, out);
        // `tag_values` is ASCII, written by us.
        let tags = std::str::from_utf8(&it.tag_values).unwrap_or_default();
        member(b",\"tag_values\":", tags, out);
        out.extend_from_slice(b",\"link_data\":");
        list("link_data", it.link_data, Element::Document, out)?;
        nullable(b",\"data\":{\"info_date\":", it.info_date.as_deref(), out);
        out.extend_from_slice(b",\"info_section\":");
        list("info_section", it.info_section, Element::Any, out)?;
        nullable(b",\"info_author\":", it.info_author, out);
        nullable(b",\"description\":", it.description, out);
        member(b"},\"metadata\":{\"marc_code\":", it.marc_code, out);
        nullable(b",\"details_page\":", it.details_page, out);
        out.extend_from_slice(b"}}");
        Ok(())
    }
}

fn member(name: &[u8], text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    write_text(text, Style::Message, out);
}

fn nullable(name: &[u8], text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => member(name, text, out),
        None => {
            out.extend_from_slice(name);
            out.extend_from_slice(b"null");
        }
    }
}

fn list(
    field: &'static str,
    listed: Listed<'_>,
    element: Element,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    out.push(b'[');
    let mut first = true;
    listed.for_each(field, element, |item| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(item);
    })?;
    out.push(b']');
    Ok(())
}

impl Decoder for InformationJson {
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError> {
        let Some(value) = message.value else {
            return decode_deletion("information-json", message, origin, out);
        };
        let mut top = Object::parse("", value)?;
        let mut data = top.object("data")?;
        let mut metadata = top.object("metadata")?;
        out.push(Op::Upsert, origin, |packer| {
            for name in ["uid", "topic", "name", "created_at", "data_type"] {
                let text = top.text(name)?;
                put(packer, name, Value::String(&text));
            }
            let tags = top.text("tag_values")?;
            let valid: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&tags);
            valid.map_err(|error| undecodable("tag_values", &error.to_string()))?;
            put(packer, "tag_values", Value::Json(&tags));
            put(packer, "link_data", Value::Json(top.list("link_data")?));
            put_nullable(packer, "info_date", data.nullable("info_date")?.as_deref());
            put(
                packer,
                "info_section",
                Value::Json(data.list("info_section")?),
            );
            for name in ["info_author", "description"] {
                put_nullable(packer, name, data.nullable(name)?.as_deref());
            }
            let marc_code = metadata.text("marc_code")?;
            put(packer, "marc_code", Value::String(&marc_code));
            let page = metadata.nullable("details_page")?;
            put_nullable(packer, "details_page", page.as_deref());
            // What the message has besides is for the sink to know, or to drop by name.
            for object in [top, data, metadata] {
                object.pack_rest(packer)?;
            }
            Ok(())
        })
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        Some(fields())
    }
}

/// A null value deletes what the key names.
pub(super) fn decode_deletion(
    format: &'static str,
    message: &Message<'_>,
    origin: u32,
    out: &mut Records,
) -> Result<(), CodecError> {
    let key = message.key.and_then(|it| std::str::from_utf8(it).ok());
    let key = key.ok_or_else(|| CodecError::Undecodable {
        format,
        reason: "it has neither a value nor a key that is a text".into(),
    })?;
    out.push(Op::Delete, origin, |packer| {
        put(packer, "uid", Value::String(key));
        Ok(())
    })
}

fn put(packer: &mut Packer<'_>, name: &str, value: Value<'_>) {
    packer.name(name);
    packer.value(value);
}

fn put_nullable(packer: &mut Packer<'_>, name: &str, text: Option<&str>) {
    put(packer, name, text.map_or(Value::Null, Value::String));
}

fn undecodable(path: &str, reason: &str) -> CodecError {
    CodecError::Undecodable {
        format: "information-json",
        reason: format!("`{path}`: {reason}"),
    }
}

/// An object's members that have not been taken yet, in order.
struct Object<'m> {
    path: &'static str,
    members: Vec<(Cow<'m, str>, &'m RawValue)>,
}

impl<'m> Object<'m> {
    fn parse(path: &'static str, text: &'m [u8]) -> Result<Self, CodecError> {
        let members: Members<'m> = serde_json::from_slice(text).map_err(|error| {
            let shown = if path.is_empty() { "message" } else { path };
            undecodable(shown, &error.to_string())
        })?;
        Ok(Self {
            path,
            members: members.0,
        })
    }

    fn path(&self, name: &str) -> String {
        match self.path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    fn take(&mut self, name: &str) -> Option<&'m RawValue> {
        let at = self.members.iter().position(|(it, _)| it == name)?;
        Some(self.members.remove(at).1)
    }

    fn object(&mut self, name: &'static str) -> Result<Object<'m>, CodecError> {
        match self.take(name) {
            Some(raw) => Object::parse(name, raw.get().as_bytes()),
            None => Err(undecodable(&self.path(name), "it is missing")),
        }
    }

    fn text(&mut self, name: &str) -> Result<Cow<'m, str>, CodecError> {
        let text = self.nullable(name)?;
        text.ok_or_else(|| undecodable(&self.path(name), "it is missing or null"))
    }

    fn nullable(&mut self, name: &str) -> Result<Option<Cow<'m, str>>, CodecError> {
        let Some(raw) = self.take(name) else {
            return Ok(None);
        };
        let text: Result<Option<Text<'m>>, _> = serde_json::from_str(raw.get());
        match text {
            Ok(text) => Ok(text.map(|it| it.0)),
            Err(_) => Err(undecodable(&self.path(name), "it is not a text")),
        }
    }

    fn list(&mut self, name: &str) -> Result<&'m str, CodecError> {
        match self.take(name).map(RawValue::get) {
            Some(text) if text.starts_with('[') => Ok(text),
            Some(_) => Err(undecodable(&self.path(name), "it is not a list")),
            None => Err(undecodable(&self.path(name), "it is missing")),
        }
    }

    fn pack_rest(self, packer: &mut Packer<'_>) -> Result<(), CodecError> {
        for (name, raw) in &self.members {
            let path = self.path(name);
            packer.name(&path);
            pack_raw(packer, raw.get()).map_err(|error| undecodable(&path, &error.to_string()))?;
        }
        Ok(())
    }
}

/// A text, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'m>(#[serde(borrow)] Cow<'m, str>);

struct Members<'m>(Vec<(Cow<'m, str>, &'m RawValue)>);

impl<'m, 'de: 'm> Deserialize<'de> for Members<'m> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(10);
        while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            members.push((name.0, value));
        }
        Ok(Members(members))
    }
}
