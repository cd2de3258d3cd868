//! Output of dead letters: one line each, or one in full.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use crate::{
    app::output::print,
    broker::dead_letters::{file::named, file_reader::FILE},
    cli::DeadLetterId,
    flow::StoredDeadLetter,
    model::Message,
};

/// One line.
pub(in crate::app) fn line(
    dead_letter: &StoredDeadLetter<'_>,
    message: &Message<'_>,
    json: bool,
) -> io::Result<()> {
    let mut out = print::Out;
    if json {
        return writeln!(out, "{}", Value::Object(object(dead_letter, message)));
    }
    let from = dead_letter
        .record_origin
        .map_or_else(String::new, |it| format!(" {}:{}", it.partition, it.offset));
    let (at, id) = (at(dead_letter), name(message));
    writeln!(
        out,
        "{id}  {at}  {}  {}{from}  {}",
        dead_letter.step,
        dead_letter.topic,
        printable(&dead_letter.reason)
    )
}

/// All of it.
pub(in crate::app) fn whole(
    dead_letter: &StoredDeadLetter<'_>,
    message: &Message<'_>,
    json: bool,
) -> io::Result<()> {
    let mut out = print::Out;
    let headers = dead_letter
        .headers
        .map(|(name, value)| (name, readable(value)));
    if json {
        let mut object = object(dead_letter, message);
        for (name, bytes) in [("key", dead_letter.key), ("value", dead_letter.value)] {
            let (name, value) = named(name, bytes);
            object.insert(name, value);
        }
        let headers = dead_letter.headers.map(|(name, value)| {
            let (name, value) = named(name, value);
            json!({ name: value })
        });
        object.insert("headers".to_owned(), Value::Array(headers.collect()));
        return writeln!(out, "{}", Value::Object(object));
    }
    writeln!(out, "id         {}", name(message))?;
    writeln!(
        out,
        "rejected   {} by {}",
        at(dead_letter),
        dead_letter.flow
    )?;
    writeln!(out, "step       {}", dead_letter.step)?;
    writeln!(out, "reason     {}", printable(&dead_letter.reason))?;
    match dead_letter.record_origin {
        Some(it) => writeln!(
            out,
            "from       {}, partition {}, offset {}",
            dead_letter.topic, it.partition, it.offset
        )?,
        None => writeln!(out, "topic      {}", dead_letter.topic)?,
    }
    if let Some(file) = &dead_letter.file {
        writeln!(out, "file       {file}")?;
    }
    for (name, value) in headers {
        writeln!(out, "header     {} = {value}", printable(name))?;
    }
    writeln!(out, "key        {}", readable(dead_letter.key))?;
    writeln!(out, "value      {}", readable(dead_letter.value))
}

/// A letter's name: where it is.
pub(in crate::app) fn name(message: &Message<'_>) -> String {
    match message.record_origin.partition {
        FILE => format!("file:{}", message.record_origin.offset),
        partition => format!("{partition}:{}", message.record_origin.offset),
    }
}

/// Whether the letter is there.
pub(super) fn is_at(message: &Message<'_>, id: DeadLetterId) -> bool {
    let (partition, offset) = match id {
        DeadLetterId::Topic(partition, offset) => (partition, offset),
        DeadLetterId::File(line) => (FILE, line),
    };
    (
        message.record_origin.partition,
        message.record_origin.offset,
    ) == (partition, offset)
}

/// What is said of a letter, without its message.
pub(in crate::app) fn object(
    dead_letter: &StoredDeadLetter<'_>,
    message: &Message<'_>,
) -> Map<String, Value> {
    let record_origin = dead_letter.record_origin;
    let object = json!({
        "id": name(message),
        "at": at(dead_letter),
        "flow": dead_letter.flow,
        "step": dead_letter.step,
        "reason": dead_letter.reason,
        "topic": dead_letter.topic,
        "partition": record_origin.map(|it| it.partition),
        "offset": record_origin.map(|it| it.offset),
        "file": dead_letter.file,
        "bytes": dead_letter.value.map(<[u8]>::len),
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn at(dead_letter: &StoredDeadLetter<'_>) -> String {
    DateTime::from_timestamp_millis(dead_letter.at).map_or_else(
        || "-".to_owned(),
        |it| it.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// Bytes as a person reads them: text where they are, else hexadecimal.
fn readable(bytes: Option<&[u8]>) -> String {
    match bytes.map(|it| (it, std::str::from_utf8(it))) {
        None => "null".to_owned(),
        Some((_, Ok(text))) => printable(text),
        Some((bytes, Err(_))) => format!("0x{}", hex::encode(bytes)),
    }
}

/// Without what would move a terminal's cursor: the bytes are a stranger's.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        if it.is_control() {
            out.extend(it.escape_default())
        } else {
            out.push(it)
        }
    }
    out
}
