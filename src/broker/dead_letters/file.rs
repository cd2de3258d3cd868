//! The last resort of dead letters: a file of JSON lines for each topic.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::{
    broker::{BrokerError, Delivery, Publisher},
    model::{Message, Messages},
};

/// Appends messages to `<folder>/<topic>.jsonl`, durably.
///
/// Each line is an object: `key` and `value` as text where they are UTF-8, else `key_hex` and
/// `value_hex`; `headers` by name, or as a list of such objects where a name stands twice. A name
/// that itself ends in `_hex` has another behind it.
pub struct FilePublisher {
    topic: String,
    path: PathBuf,
}

impl FilePublisher {
    /// Appends to a file in `folder`, which is made with the first message.
    pub fn new(folder: &Path, topic: &str) -> Self {
        let safe = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
        let name: String = topic
            .chars()
            .map(|it| if safe(it) { it } else { '_' })
            .collect();
        let path = folder.join(format!("{name}.jsonl"));
        Self {
            topic: path.display().to_string(),
            path,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append(&self, messages: &Messages) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut lines = Vec::new();
        for message in messages.iter() {
            serde_json::to_writer(&mut lines, &line(&message))?;
            lines.push(b'\n');
        }
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&self.path)?;
        if ends_torn(&mut file)? {
            lines.insert(0, b'\n');
        }
        file.write_all(&lines)?;
        file.sync_data()
    }
}

#[async_trait]
impl Publisher for FilePublisher {
    fn topic(&self) -> &str {
        &self.topic
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        self.append(&messages)
            .map_err(|cause| BrokerError::Refused {
                advice: format!("see to {}: is the disk full?", self.path.display()),
                cause: cause.into(),
            })?;
        Ok(Box::pin(std::future::ready(Ok(()))))
    }
}

fn line(message: &Message<'_>) -> Value {
    let mut object = Map::new();
    put(&mut object, "key", message.key);
    put(&mut object, "value", message.value);
    let mut names: Vec<_> = message.headers.map(|(name, _)| name).collect();
    names.sort_unstable();
    let repeated = names.windows(2).any(|it| it[0] == it[1]);
    let headers = if repeated {
        let one = |(name, value): (&str, Option<&[u8]>)| {
            let mut header = Map::new();
            put(&mut header, name, value);
            Value::Object(header)
        };
        Value::Array(message.headers.map(one).collect())
    } else {
        let mut headers = Map::new();
        for (name, value) in message.headers {
            put(&mut headers, name, value);
        }
        Value::Object(headers)
    };
    object.insert("headers".into(), headers);
    Value::Object(object)
}

/// Whether a kill has left half a line: the next letter must not become a part of it.
fn ends_torn(file: &mut fs::File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn put(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    let (name, value) = named(name, bytes);
    object.insert(name, value);
}

/// Text, or hexadecimal digits under a name that ends in `_hex`. A name that itself ends so would be taken
/// for that: it has another behind it.
pub(crate) fn named(name: &str, bytes: Option<&[u8]>) -> (String, Value) {
    let is_hexed = name.ends_with("_hex");
    let hexed = || format!("{name}_hex");
    match bytes.map(|it| (it, std::str::from_utf8(it))) {
        None if is_hexed => (hexed(), Value::Null),
        None => (name.to_owned(), Value::Null),
        Some((_, Ok(text))) if !is_hexed => (name.to_owned(), json!(text)),
        Some((bytes, _)) => (hexed(), json!(hex::encode(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RecordOrigin;

    #[test]
    fn bytes_are_told_from_a_text_under_a_name_that_ends_as_theirs_do() {
        let shown = |name: &str, bytes| {
            let (name, value) = named(name, bytes);
            json!({ name: value }).to_string()
        };
        assert_eq!(shown("h", Some(b"ff00")), r#"{"h":"ff00"}"#);
        assert_eq!(shown("h", Some(b"\xff\x00")), r#"{"h_hex":"ff00"}"#);
        assert_eq!(shown("h", None), r#"{"h":null}"#);
        assert_eq!(shown("h_hex", Some(b"ff00")), r#"{"h_hex_hex":"66663030"}"#);
        assert_eq!(shown("h_hex", None), r#"{"h_hex_hex":null}"#);
    }

    #[tokio::test]
    async fn a_letter_is_a_line_that_a_person_can_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let publisher = FilePublisher::new(folder.path(), "a/b");
        let mut messages = Messages::default();
        let headers = [("why", Some(&b"too large"[..])), ("none", None)];
        messages.push(
            Some(b"k"),
            Some(b"\xff\x00"),
            headers,
            RecordOrigin::default(),
        );
        let messages = Arc::new(messages);
        for _ in 0..2 {
            let delivery = publisher.publish(messages.clone()).await.expect("written");
            delivery.await.expect("durable");
        }
        let text = fs::read_to_string(folder.path().join("a_b.jsonl")).expect("a file");
        let one = r#"{"headers":{"none":null,"why":"too large"},"key":"k","value_hex":"ff00"}"#;
        assert_eq!(text, format!("{one}\n{one}\n"));
    }
}
