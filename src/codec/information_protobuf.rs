//! `information-protobuf`: the same message in the contract of `proto/information.proto`.

use prost::Message as _;

use super::{
    CodecError, Decoder, Encoder,
    information::{DATA_TYPE, Element, Information, Listed, fields},
    information_json::decode_deletion,
};
use crate::model::{Kind, Message, Op, Records, Row, Value};

#[allow(missing_docs)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/highwater.information.v1.rs"));
}

const FORMAT: &str = "information-protobuf";

/// The format `information-protobuf`.
#[derive(Debug, Clone, Copy, Default)]
pub struct InformationProtobuf;

impl Encoder for InformationProtobuf {
    fn encode(&self, row: &Row<'_>, topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let it = Information::of(row)?;
        let message = wire::Information {
            uid: it.uid.into_owned(),
            topic: topic.to_owned(),
            name: it.name.to_owned(),
            created_at: it.created_at.into_owned(),
            data_type: DATA_TYPE.to_owned(),
            tag_values: text(&it.tag_values),
            link_data: texts("link_data", it.link_data, Element::Document)?,
            data: Some(wire::Data {
                info_date: it.info_date.map(Into::into),
                info_section: texts("info_section", it.info_section, Element::Any)?,
                info_author: it.info_author.map(Into::into),
                description: it.description.map(Into::into),
            }),
            metadata: Some(wire::Metadata {
                marc_code: it.marc_code.to_owned(),
                details_page: it.details_page.map(Into::into),
            }),
        };
        // Only a buffer of fixed size can be too small.
        let _ = message.encode(out);
        Ok(())
    }
}

impl Decoder for InformationProtobuf {
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError> {
        let Some(value) = message.value else {
            return decode_deletion(FORMAT, message, origin, out);
        };
        let it =
            wire::Information::decode(value).map_err(|error| undecodable(error.to_string()))?;
        if it.uid.is_empty() {
            return Err(undecodable("`uid`: it is missing".into()));
        }
        let data = it.data.unwrap_or_default();
        let metadata = it.metadata.unwrap_or_default();
        check("tag_values", &it.tag_values)?;
        let link_data = joined("link_data", &it.link_data)?;
        let info_section = joined("data.info_section", &data.info_section)?;
        out.push(Op::Upsert, origin, |packer| {
            let values = [
                ("uid", Value::String(&it.uid)),
                ("topic", Value::String(&it.topic)),
                ("name", Value::String(&it.name)),
                ("created_at", Value::String(&it.created_at)),
                ("data_type", Value::String(&it.data_type)),
                ("tag_values", Value::Json(&it.tag_values)),
                ("link_data", Value::Json(&link_data)),
                ("info_date", value_of(data.info_date.as_deref())),
                ("info_section", Value::Json(&info_section)),
                ("info_author", value_of(data.info_author.as_deref())),
                ("description", value_of(data.description.as_deref())),
                ("marc_code", Value::String(&metadata.marc_code)),
                ("details_page", value_of(metadata.details_page.as_deref())),
            ];
            for (name, value) in values {
                packer.name(name);
                packer.value(value);
            }
            Ok(())
        })
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        Some(fields())
    }
}

fn value_of(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::String)
}

fn texts(
    field: &'static str,
    listed: Listed<'_>,
    element: Element,
) -> Result<Vec<String>, CodecError> {
    let mut texts = Vec::new();
    listed.for_each(field, element, |item| texts.push(text(item)))?;
    Ok(texts)
}

/// JSON that we have written, which is UTF-8.
fn text(json: &[u8]) -> String {
    String::from_utf8_lossy(json).into_owned()
}

fn joined(field: &str, texts: &[String]) -> Result<String, CodecError> {
    let mut list = String::from("[");
    for (index, text) in texts.iter().enumerate() {
        check(&format!("{field}.{index}"), text)?;
        if index > 0 {
            list.push(',');
        }
        list.push_str(text);
    }
    list.push(']');
    Ok(list)
}

fn check(field: &str, json: &str) -> Result<(), CodecError> {
    let valid: Result<serde::de::IgnoredAny, _> = serde_json::from_str(json);
    match valid {
        Ok(_) => Ok(()),
        Err(error) => Err(undecodable(format!("`{field}`: not JSON: {error}"))),
    }
}

fn undecodable(reason: String) -> CodecError {
    CodecError::Undecodable {
        format: FORMAT,
        reason,
    }
}
