//! Steps about topics: make, fill, compare.

use anyhow::{Context, Result, bail};
use rdkafka::{Message, message::OwnedMessage};

use crate::{
    case::first_line,
    difference::difference,
    kafka::{Outgoing, header},
    wait,
    world::World,
};

/// Does what each line says: `create NAME PARTITIONS setting=value…`, `remove NAME`, or
/// `truncate NAME PARTITION OFFSET`, as retention does.
///
/// # Errors
/// The line is none, or the brokers refuse.
pub async fn change(world: &World, text: &str) -> Result<()> {
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["create", name, partitions, ref settings @ ..] => {
                let settings: Option<Vec<_>> =
                    settings.iter().map(|it| it.split_once('=')).collect();
                let settings = settings.context("settings are `name=value`")?;
                world
                    .kafka
                    .create(name, partitions.parse()?, &settings)
                    .await?;
            }
            ["remove", name] => {
                world.kafka.remove(name).await?;
                wait::until("the topic is gone", wait::SOON, async || {
                    Ok((!world.kafka.exists(name)?).then_some(()))
                })
                .await?;
            }
            ["truncate", name, partition, offset] => {
                let (partition, offset) = (partition.parse()?, offset.parse()?);
                world.kafka.truncate(name, partition, offset).await?;
            }
            _ => bail!("`{line}` is nothing to do with a topic"),
        }
    }
    Ok(())
}

/// Publishes messages: the topic in the first line, then key, value and partition between tabs;
/// `-` is none, `0x…` are bytes.
///
/// # Errors
/// A message is not taken.
pub fn produce(world: &World, text: &str) -> Result<()> {
    let (topic, lines) = first_line(text);
    let mut messages = Vec::new();
    for line in lines.lines() {
        let mut parts = line.split('\t');
        let key = bytes(parts.next().unwrap_or("-"))?;
        let value = bytes(parts.next().context("a value")?)?;
        let partition = parts.next().map(str::parse).transpose()?;
        messages.push((key, value, partition));
    }
    let messages = messages.iter().map(|(key, value, partition)| Outgoing {
        partition: *partition,
        key: key.as_deref(),
        value: value.as_deref(),
    });
    world.kafka.produce(topic, messages)
}

/// Commits where groups go on: group, topic, partition, offset.
///
/// # Errors
/// The brokers refuse.
pub fn offsets(world: &World, text: &str) -> Result<()> {
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [group, topic, partition, offset] = words[..] else {
            bail!("`{line}` is not group, topic, partition, offset");
        };
        world
            .kafka
            .commit(group, topic, partition.parse()?, offset.parse()?)?;
    }
    Ok(())
}

/// Compares a whole topic, partition by partition, in order of offsets.
///
/// `topic NAME` in the first line, where it is not the test's own, and `is absent` for one that
/// must not be there; then a line for each message: key and value, then headers that have to be
/// there, `name=value` or `name~part of the value`, all between tabs. Bytes that are no text are
/// `0x…`, none is `-`, and `*` is anything. Where a topic has several partitions, a line
/// `partition N` stands before its messages.
///
/// # Errors
/// They differ.
pub async fn expect(world: &World, text: &str) -> Result<()> {
    let (first, rest) = first_line(text);
    let (topic, lines) = match first.strip_prefix("topic ") {
        Some(topic) => (topic, rest),
        None => (&world.topic[..], text),
    };
    if lines.trim() == "is absent" {
        if world.kafka.exists(topic)? {
            bail!("topic {topic} is there");
        }
        return Ok(());
    }
    let expected: Vec<_> = lines.lines().map(str::to_owned).collect();
    let same = |_: &[String]| expected.clone();
    let look = async || {
        let partitioned = expected.iter().any(|it| it.starts_with("partition "));
        Ok(shown(&world.kafka.read(topic)?, &expected, partitioned))
    };
    let found = wait::until_equal(same, wait::SOON, look).await?;
    match difference(&expected, &found) {
        None => Ok(()),
        Some(text) => bail!("topic {topic}\n{text}"),
    }
}

fn shown(messages: &[OwnedMessage], expected: &[String], partitioned: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut partition = None;
    for message in messages {
        if partitioned && partition != Some(message.partition()) {
            partition = Some(message.partition());
            lines.push(format!("partition {}", message.partition()));
        }
        let like = expected.get(lines.len()).map_or("", |it| &it[..]);
        lines.push(line(message, like));
    }
    lines
}

/// A message as a line like the expected one.
fn line(message: &OwnedMessage, like: &str) -> String {
    let mut like = like.split('\t');
    let mut parts = Vec::new();
    for bytes in [message.key(), message.payload()] {
        parts.push(match like.next() {
            Some("*") => "*".to_owned(),
            _ => text(bytes),
        });
    }
    for wanted in like {
        let at = wanted.find(['=', '~']).unwrap_or(wanted.len());
        let (name, value) = wanted.split_at(at);
        let found = header(message, name).unwrap_or_else(|| "-".to_owned());
        let part = value.strip_prefix('~');
        parts.push(match part {
            Some(part) if found.contains(part) => wanted.to_owned(),
            _ => format!("{name}={found}"),
        });
    }
    parts.join("\t")
}

fn text(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else {
        return "-".to_owned();
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => {
            let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
            format!("0x{hex}")
        }
    }
}

fn bytes(text: &str) -> Result<Option<Vec<u8>>> {
    if text == "-" {
        return Ok(None);
    }
    let Some(hex) = text.strip_prefix("0x") else {
        return Ok(Some(text.as_bytes().to_owned()));
    };
    let digits = hex.as_bytes().chunks(2);
    let bytes: Result<Vec<_>> = digits
        .map(|it| Ok(u8::from_str_radix(std::str::from_utf8(it)?, 16)?))
        .collect();
    Ok(Some(bytes?))
}
