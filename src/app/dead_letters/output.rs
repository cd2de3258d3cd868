//! Dead letters on stdout: a line each, or all of one.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use crate::{
    app::output::print,
    broker::dead_letters::{file::named, file_reader::FILE},
    cli::LetterPlace,
    flow::Letter,
    model::Message,
};

/// One line.
pub(in crate::app) fn line(
    letter: &Letter<'_>,
    message: &Message<'_>,
    json: bool,
) -> io::Result<()> {
    let mut out = print::Out;
    if json {
        return writeln!(out, "{}", Value::Object(object(letter, message)));
    }
    let from = letter
        .place
        .map_or_else(String::new, |it| format!(" {}:{}", it.partition, it.offset));
    let (at, place) = (at(letter), name(message));
    writeln!(
        out,
        "{place}  {at}  {}  {}{from}  {}",
        letter.step,
        letter.topic,
        printable(&letter.reason)
    )
}

/// All of it.
pub(in crate::app) fn whole(
    letter: &Letter<'_>,
    message: &Message<'_>,
    json: bool,
) -> io::Result<()> {
    let mut out = print::Out;
    let headers = letter.headers.map(|(name, value)| (name, told(value)));
    if json {
        let mut object = object(letter, message);
        for (name, bytes) in [("key", letter.key), ("value", letter.value)] {
            let (name, value) = named(name, bytes);
            object.insert(name, value);
        }
        let headers = letter.headers.map(|(name, value)| {
            let (name, value) = named(name, value);
            json!({ name: value })
        });
        object.insert("headers".to_owned(), Value::Array(headers.collect()));
        return writeln!(out, "{}", Value::Object(object));
    }
    writeln!(out, "letter     {}", name(message))?;
    writeln!(out, "set aside  {} by {}", at(letter), letter.flow)?;
    writeln!(out, "step       {}", letter.step)?;
    writeln!(out, "reason     {}", printable(&letter.reason))?;
    match letter.place {
        Some(it) => writeln!(
            out,
            "from       {}, partition {}, offset {}",
            letter.topic, it.partition, it.offset
        )?,
        None => writeln!(out, "meant for  {}", letter.topic)?,
    }
    if let Some(file) = &letter.file {
        writeln!(out, "kept in    {file}")?;
    }
    for (name, value) in headers {
        writeln!(out, "header     {} = {value}", printable(name))?;
    }
    writeln!(out, "key        {}", told(letter.key))?;
    writeln!(out, "value      {}", told(letter.value))
}

/// A letter's name: where it is.
pub(in crate::app) fn name(message: &Message<'_>) -> String {
    match message.place.partition {
        FILE => format!("file:{}", message.place.offset),
        partition => format!("{partition}:{}", message.place.offset),
    }
}

/// Whether the letter is there.
pub(super) fn is_at(message: &Message<'_>, place: LetterPlace) -> bool {
    let (partition, offset) = match place {
        LetterPlace::Topic(partition, offset) => (partition, offset),
        LetterPlace::File(line) => (FILE, line),
    };
    (message.place.partition, message.place.offset) == (partition, offset)
}

/// What is said of a letter, without its message.
pub(in crate::app) fn object(letter: &Letter<'_>, message: &Message<'_>) -> Map<String, Value> {
    let place = letter.place;
    let object = json!({
        "letter": name(message),
        "at": at(letter),
        "flow": letter.flow,
        "step": letter.step,
        "reason": letter.reason,
        "topic": letter.topic,
        "partition": place.map(|it| it.partition),
        "offset": place.map(|it| it.offset),
        "file": letter.file,
        "bytes": letter.value.map(<[u8]>::len),
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn at(letter: &Letter<'_>) -> String {
    DateTime::from_timestamp_millis(letter.at).map_or_else(
        || "-".to_owned(),
        |it| it.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// Bytes as a person reads them: text where they are, else hexadecimal.
fn told(bytes: Option<&[u8]>) -> String {
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
        match it.is_control() {
            true => out.extend(it.escape_default()),
            false => out.push(it),
        }
    }
    out
}
