//! The format of a data type, both ways.

use std::sync::Arc;

use crate::{
    codec::{
        Decoder, Encoder,
        information::{InformationJson, InformationProtobuf},
        json::{Binary, Decimals, Documents, Instants, Json},
        proto::{By, Proto, ProtoSettings},
        protobuf::Protobuf,
    },
    fault::Fault,
    flow::{FlowError, Keys},
    settings::{self, DataType, Format, JsonOptions, MessageBy, Messages},
};

/// Both directions of a format.
pub(in crate::app) struct Codec {
    pub encoder: Arc<dyn Encoder>,
    pub decoder: Arc<dyn Decoder>,
}

/// Opens the format of `data_type`.
pub(in crate::app) fn codec(data_type: &DataType) -> Result<Codec, FlowError> {
    Ok(match (data_type.format, &data_type.messages) {
        (Format::InformationJson, _) => both(InformationJson),
        (Format::InformationProtobuf, _) => both(InformationProtobuf),
        (Format::Json, _) => both(json(data_type.json)),
        (Format::Protobuf, None) => both(Protobuf),
        (Format::Protobuf, Some(messages)) => both(proto(messages)?),
    })
}

fn both<T: Encoder + Decoder + 'static>(format: T) -> Codec {
    let format = Arc::new(format);
    Codec {
        encoder: format.clone(),
        decoder: format,
    }
}

/// The field that identifies a row, where the format itself says so.
pub(in crate::app) fn known_key(format: Format) -> Option<Vec<String>> {
    match format {
        Format::InformationJson | Format::InformationProtobuf => Some(vec!["uid".into()]),
        Format::Json | Format::Protobuf => None,
    }
}

/// What the keys of its messages name.
pub(in crate::app) fn keys(data_type: &DataType) -> Keys {
    match &data_type.messages {
        Some(messages) if messages.by == MessageBy::Key => Keys::Types,
        _ => Keys::Rows,
    }
}

fn proto(messages: &Messages) -> Result<Proto, FlowError> {
    let settings = ProtoSettings {
        set: messages.set.clone(),
        by: match &messages.by {
            MessageBy::Nothing => By::Nothing,
            MessageBy::Key => By::Key,
            MessageBy::Topic => By::Topic,
            MessageBy::Header(name) => By::Header(name.clone()),
        },
        types: messages.types.clone(),
        pass: messages.pass.clone(),
        field: messages.field.clone(),
    };
    Proto::new(&settings).map_err(|error| FlowError::Opening {
        fault: Fault::Permanent,
        cause: error.into(),
    })
}

fn json(options: JsonOptions) -> Json {
    Json {
        documents: match options.documents {
            settings::Documents::Plain => Documents::Plain,
            settings::Documents::Relaxed => Documents::Relaxed,
            settings::Documents::Canonical => Documents::Canonical,
        },
        decimals: match options.decimals {
            settings::Decimals::Text => Decimals::Text,
            settings::Decimals::Number => Decimals::Number,
        },
        instants: match options.instants {
            settings::Instants::Text => Instants::Text,
            settings::Instants::EpochMillis => Instants::EpochMillis,
            settings::Instants::EpochMicros => Instants::EpochMicros,
        },
        binary: match options.binary {
            settings::BytesIn::Base64 => Binary::Base64,
            settings::BytesIn::Hex => Binary::Hex,
        },
    }
}
