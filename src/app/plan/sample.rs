//! The next records of a flow as they would be published, for `plan --sample`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::{
    app::open::{self, Codec},
    codec::{Encoder, TypeTag, json::Json},
    flow::FlowError,
    model::{Message, Messages, Position, Records, Row, Schema, write_key},
    pipeline::{self, Step},
    settings::{Chosen, MessageKey},
    source::{ReadMode, Scope, Source},
};

/// A record as a message: its key and value as text.
pub(super) struct Sampled {
    key: Option<String>,
    value: Result<String, String>,
}

/// What a step made of the records.
pub(super) struct Stage {
    step: String,
    before: Vec<String>,
    after: Vec<String>,
    failed: Vec<String>,
}

/// How long rows are waited for: those of open transactions may take longer, and are not shown.
const PATIENCE: Duration = Duration::from_secs(15);

/// The records behind `stored`, no more than `most`, and what each step made of them. Stores
/// nothing.
pub(in crate::app) async fn take(
    source: &dyn Source,
    chosen: &Chosen<'_>,
    steps: &[Box<dyn Step>],
    stored: Option<&Position>,
    most: usize,
) -> Result<(Vec<Sampled>, Vec<Stage>), FlowError> {
    let codec = open::codec(chosen.data_type)?;
    let begun = source.begin(Scope::Incremental, stored).await?;
    let mut reader = source.open(&begun, ReadMode::Bounded).await?;
    let (mut samples, mut stages) = (Vec::new(), Vec::new());
    let (mut left, deadline) = (most, Instant::now() + PATIENCE);
    while left > 0 {
        let Ok(batch) = timeout_at(deadline, reader.next_batch()).await else {
            break;
        };
        let Some(batch) = batch? else { break };
        let mut records = batch.records;
        records.retain(|_| {
            let taken = left > 0;
            left -= usize::from(taken);
            taken
        });
        pipeline::prepare(steps).await?;
        let (records, stepped) = pipeline::sample(steps, records.numbered())?;
        stages.extend(
            stepped
                .into_iter()
                .filter(|it| !it.before.is_empty())
                .map(stage),
        );
        samples.extend(records.iter().map(|row| sampled(&row, chosen, &codec)));
    }
    Ok((samples, stages))
}

fn stage(it: pipeline::Sampled) -> Stage {
    let texts = |records: &Records| records.iter().map(|row| record(&row)).collect();
    Stage {
        before: texts(&it.before),
        after: texts(&it.after),
        failed: it.failed.into_iter().map(|it| it.reason).collect(),
        step: it.step,
    }
}

/// A record's fields in JSON.
fn record(row: &Row<'_>) -> String {
    let mut shown = Vec::new();
    match Json::PLAIN.encode(row, "", &mut shown) {
        Ok(()) => String::from_utf8_lossy(&shown).into_owned(),
        Err(error) => error.to_string(),
    }
}

impl Stage {
    /// For a person: the records before and after, one in each line.
    pub fn lines(&self) -> Vec<String> {
        let line = |sign: &str, it: &String| format!("{:<11} {sign} {it}", self.step);
        let before = self.before.iter().map(|it| line("-", it));
        let after = self.after.iter().map(|it| line("+", it));
        let failed = self.failed.iter().map(|it| line("✗", it));
        before.chain(after).chain(failed).collect()
    }

    /// For a script.
    pub fn as_json(&self) -> Value {
        json!({ "step": self.step, "before": self.before, "after": self.after,
                "failed": self.failed })
    }
}

fn sampled(row: &Row<'_>, chosen: &Chosen<'_>, codec: &Codec) -> Sampled {
    let mut own = Vec::new();
    let is_keyed = write_key(row, &mut own) && chosen.data_type.key == MessageKey::Primary;
    let type_tag = codec.encoder.type_tag(row);
    let (key, header) = match type_tag {
        Some(TypeTag::Key(word)) => (Some(word.as_bytes()), None),
        Some(TypeTag::Header(name, word)) => (None, Some((name, Some(word.as_bytes())))),
        None => (None, None),
    };
    let key = key.or_else(|| is_keyed.then_some(&own[..]));
    let mut messages = Messages::default();
    let encode = |out: &mut Vec<u8>| codec.encoder.encode(row, &chosen.topic, out);
    let key_bytes = |out: &mut Vec<u8>| {
        out.extend_from_slice(key.unwrap_or_default());
        key.is_some()
    };
    let encoded = messages.write(key_bytes, encode, header);
    Sampled {
        key: key.map(|it| String::from_utf8_lossy(it).into_owned()),
        value: match (encoded, messages.get(0)) {
            (Ok(()), Some(message)) => text(&message, &chosen.topic, codec),
            (Ok(()), None) => Ok(String::new()),
            (Err(error), _) => Err(format!("it would be a dead letter: {error}")),
        },
    }
}

/// A value of JSON as it is; of any other format, the JSON of what a consumer would read.
fn text(message: &Message<'_>, topic: &str, codec: &Codec) -> Result<String, String> {
    let bytes = message.value.unwrap_or_default();
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    if is_json && let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let mut records = Records::new(Arc::new(Schema::document(topic, [""; 0])));
    let decoded = codec.decoder.decode(message, 0, &mut records);
    decoded.map_err(|error| error.to_string())?;
    let mut shown = Vec::new();
    for row in records.iter() {
        let written = Json::PLAIN.encode(&row, "", &mut shown);
        written.map_err(|error| error.to_string())?;
    }
    Ok(String::from_utf8_lossy(&shown).into_owned())
}

impl Sampled {
    /// For a person: key and value in one line.
    pub fn line(&self) -> String {
        let key = self.key.as_deref().unwrap_or("without a key");
        match &self.value {
            Ok(value) => format!("sample      {key} → {value}"),
            Err(error) => format!("sample      {key} ✗ {error}"),
        }
    }

    /// For a script. The value is a text: its digits and their order are the message's own.
    pub fn as_json(&self) -> Value {
        json!({
            "key": self.key,
            "value": self.value.as_ref().ok(),
            "error": self.value.as_ref().err(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::protobuf::Protobuf,
        model::{Headers, Op, RecordOrigin, Value as ModelValue},
    };

    #[test]
    fn a_protobuf_value_is_shown_as_json_and_json_as_it_is() {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
            packer.name("id");
            packer.value(ModelValue::I64(7));
            packer.name("price");
            packer.value(ModelValue::Decimal("1.50"));
            Ok(())
        });
        pushed.expect("nothing fails");
        let row = records.get(0).expect("a row");
        let protobuf = Codec {
            encoder: Arc::new(Protobuf),
            decoder: Arc::new(Protobuf),
        };
        let json = Codec {
            encoder: Arc::new(Json::PLAIN),
            decoder: Arc::new(Json::PLAIN),
        };
        for codec in [protobuf, json] {
            let mut bytes = Vec::new();
            codec
                .encoder
                .encode(&row, "t", &mut bytes)
                .expect("encoded");
            let message = Message {
                key: None,
                value: Some(&bytes),
                headers: Headers::default(),
                record_origin: RecordOrigin::default(),
            };
            let shown = text(&message, "t", &codec).expect("shown");
            assert_eq!(shown, r#"{"id":7,"price":"1.50"}"#);
        }
    }
}
