//! The files of dead letters, read back line by line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    broker::{BrokerError, Polled, Reader},
    model::{Messages, RecordOrigin},
};

/// The partition that stands for the file.
pub const FILE: i32 = -1;

/// Bytes of lines read at once, about.
const BYTES: usize = 1 << 20;

/// Reads what `FilePublisher` wrote; a message's offset is its line.
pub struct FileReader {
    path: String,
    lines: BufReader<File>,
    line: i64,
    /// Headers with this beginning come first, as they were written: an object has no order.
    first: &'static str,
}

impl FileReader {
    /// `None` where there is no such file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(path: &Path, first: &'static str) -> Result<Option<Self>, BrokerError> {
        let path_text = path.display().to_string();
        match File::open(path) {
            Ok(file) => Ok(Some(Self {
                path: path_text,
                lines: BufReader::new(file),
                line: 0,
                first,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused(&path_text, error)),
        }
    }

    fn page(&mut self) -> io::Result<Messages> {
        let (mut messages, mut line) = (Messages::default(), Vec::new());
        while messages.bytes() < BYTES {
            line.clear();
            if self.lines.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            self.line += 1;
            let record_origin = RecordOrigin {
                partition: FILE,
                offset: self.line,
                timestamp: 0,
            };
            if read(&line, self.first, record_origin, &mut messages).is_none() {
                let (file, line) = (&self.path, self.line);
                tracing::warn!(
                    file,
                    line,
                    "this line is not a complete dead letter: skipped"
                );
            }
        }
        Ok(messages)
    }
}

#[async_trait]
impl Reader for FileReader {
    async fn next(&mut self) -> Result<Option<Polled>, BrokerError> {
        let messages = self.page().map_err(|error| refused(&self.path, error))?;
        let next_offset = self.line + 1;
        Ok((!messages.is_empty()).then_some(Polled {
            partition: FILE,
            messages,
            next_offset,
        }))
    }
}

fn refused(path: &str, error: io::Error) -> BrokerError {
    BrokerError::Refused {
        advice: format!("{path} cannot be read"),
        cause: error.into(),
    }
}

fn read(
    line: &[u8],
    first: &str,
    record_origin: RecordOrigin,
    messages: &mut Messages,
) -> Option<()> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let object = value.as_object()?;
    let part = |name: &str| -> Option<Option<Vec<u8>>> {
        let found = object.iter().find(|(it, _)| plain(it) == name)?;
        bytes(found.0, found.1)
    };
    let mut headers = Vec::new();
    let objects: Vec<_> = match object.get("headers")? {
        Value::Object(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_object).collect(),
        _ => return None,
    };
    for (name, value) in objects.iter().flat_map(|it| it.iter()) {
        headers.push((plain(name), bytes(name, value)?));
    }
    if objects.len() == 1 {
        headers.sort_by_key(|(name, _)| !name.starts_with(first));
    }
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, value.as_deref()));
    messages.push(
        part("key")?.as_deref(),
        part("value")?.as_deref(),
        headers,
        record_origin,
    );
    Some(())
}

fn plain(name: &str) -> &str {
    name.strip_suffix("_hex").unwrap_or(name)
}

fn bytes(name: &str, value: &Value) -> Option<Option<Vec<u8>>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if !name.ends_with("_hex") => Some(Some(text.clone().into_bytes())),
        Value::String(text) => hex::decode(text).ok().map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write, sync::Arc};

    use super::*;
    use crate::broker::{Publisher, dead_letters::file::FilePublisher};

    #[tokio::test]
    async fn what_was_written_is_read_back_and_half_a_line_costs_only_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let publisher = FilePublisher::new(folder.path(), "t");
        let path = folder.path().join("t.jsonl");
        let mut all = Messages::default();
        let headers = [
            ("own-z", Some(&b"1"[..])),
            ("a", None),
            ("b", Some(b"\xff")),
            ("b_hex", Some(b"text")),
            ("c_hex", None),
            ("d_hex_hex", Some(b"\xff")),
        ];
        all.push(
            Some(b"k"),
            Some(b"\xff\x00"),
            headers,
            RecordOrigin::default(),
        );
        let repeated = [("a", Some(&b"1"[..])), ("a", Some(b"2"))];
        all.push(None, Some(b""), repeated, RecordOrigin::default());
        let publish = async || {
            let delivery = publisher.publish(Arc::new(all.clone())).await;
            delivery.expect("written").await.expect("durable");
        };
        publish().await;
        let torn = OpenOptions::new().append(true).open(&path);
        torn.expect("opened")
            .write_all(b"{\"key\":\"k")
            .expect("written");
        publish().await;
        let mut reader = FileReader::open(&path, "own-")
            .expect("read")
            .expect("there");
        let polled = reader.next().await.expect("read").expect("letters");
        let fields = |it: crate::model::Message<'_>| {
            let headers: Vec<_> = it
                .headers
                .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
                .collect();
            (
                it.key.map(<[u8]>::to_vec),
                it.value.map(<[u8]>::to_vec),
                headers,
            )
        };
        let read: Vec<_> = polled.messages.iter().map(fields).collect();
        let written: Vec<_> = all.iter().chain(all.iter()).map(fields).collect();
        assert_eq!(read, written);
        let lines: Vec<_> = polled
            .messages
            .iter()
            .map(|it| it.record_origin.offset)
            .collect();
        assert_eq!(lines, [1, 2, 4, 5]);
        assert!(reader.next().await.expect("read").is_none());
    }
}
