//! `[data-types]`: what is read from where, in which form it travels, and where it is written.

use std::{path::PathBuf, time::Duration};

use super::{
    dead_letters_to::DeadLettersTo,
    json_options::JsonOptions,
    messages::Messages,
    read_from::{ReadFrom, Reads},
    references::Connections,
    section::Section,
    steps,
    typed::Choice,
    write_into::WriteInto,
};
use crate::{
    model::{System, topic_problem},
    pipeline::StepSettings,
};

/// A named flow of records: produced where it has `from`, consumed where it has `into`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataType {
    /// Where records are read.
    pub from: Option<ReadFrom>,
    /// How records are written in messages.
    pub format: Format,
    /// What the format `json` makes of values.
    pub json: JsonOptions,
    /// The schema of the format `protobuf`; without one, any row has its own fields.
    pub messages: Option<Messages>,
    /// The connection that has the topic: Kafka or embedded.
    pub broker: String,
    /// The topic.
    pub topic: String,
    /// What a message's key is.
    pub key: MessageKey,
    /// How to make the topic where it is missing; without it, it must be there.
    pub create_topic: Option<CreateTopic>,
    /// Publishes that may wait for their acknowledgement at a time.
    pub in_flight: usize,
    /// How Kafka's batches are compressed.
    pub compression: Compression,
    /// How a key finds its partition.
    pub partitioner: Partitioner,
    /// Where dead letters go, where that is named: see `dead_letters_to`.
    pub dead_letters: Option<DeadLettersTo>,
    /// Dead letters one after another at which the flow stops; 0: never.
    pub stop_after: u64,
    /// The folder of the older producer's cursor files, to be taken over once.
    pub older_cursors: Option<PathBuf>,
    /// What happens to records before they are encoded, in order.
    pub steps: Vec<StepSettings>,
    /// Where records are written.
    pub into: Option<WriteInto>,
}

/// How records are written in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The message of `information`, as JSON.
    InformationJson,
    /// The message of `information`, as protobuf.
    InformationProtobuf,
    /// A JSON object of the record's fields.
    Json,
    /// A protobuf message of the record's fields.
    Protobuf,
}

/// What a message's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKey {
    /// The record's primary key: one row, one partition.
    Primary,
    /// No key, as the older producer sent them.
    None,
}

/// How to make a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateTopic {
    /// Its partitions.
    pub partitions: u32,
    /// Brokers that keep each partition.
    pub replication: u16,
}

/// How batches are compressed on Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// How a key finds its partition. Producers of one topic have to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// As Java's clients and most others do.
    Murmur2,
    /// As Sarama (Go) does.
    Fnv1a,
    /// As librdkafka does by itself.
    Crc32,
}

impl DataType {
    /// Where dead letters go when messages go to, or come from, `topic`.
    pub fn dead_letters_to(&self, topic: &str) -> DeadLettersTo {
        let named = self.dead_letters.clone();
        named.unwrap_or_else(|| DeadLettersTo::Topic(format!("{topic}.dead-letters")))
    }

    pub(super) fn read(name: &str, section: &mut Section<'_>, connections: &Connections) -> Self {
        let format = section.choice("format", "\"json\"");
        let json = JsonOptions::read(section, format);
        let messages = Messages::read(section, format);
        let topic = read_topic(section, "topic", None);
        let older = section.optional_path("older-cursors");
        let mut stop_after = 0;
        let data_type = Self {
            from: section
                .optional_section("from", |it| ReadFrom::read(it, connections, Reads::Past)),
            format: format.unwrap_or(Format::Json),
            json,
            messages,
            broker: connections.broker(section),
            key: section.choice_or("key", MessageKey::Primary),
            create_topic: section.optional_section("create-topic", |it| CreateTopic {
                partitions: it.number("partitions", 1..=10_000),
                replication: it.number("replication", 1..=100),
            }),
            in_flight: section.number_or("max-in-flight", 8, 1..=1_000),
            compression: section.choice_or("compression", Compression::Lz4),
            partitioner: section.choice_or("partitioner", Partitioner::Murmur2),
            dead_letters: section.section("dead-letters", |it| {
                stop_after = it.number_or("stop-after", 0, 0..=1_000_000_000);
                DeadLettersTo::read(it, &topic, connections)
            }),
            stop_after,
            older_cursors: older,
            steps: steps::read(section, connections),
            into: section.optional_section("into", |it| {
                WriteInto::read(name, (format, json), it, connections)
            }),
            topic,
        };
        data_type.check(section, connections);
        data_type
    }

    /// What its parts have to agree about.
    fn check(&self, section: &Section<'_>, connections: &Connections) {
        if section.written("from").is_none() && section.written("into").is_none() {
            let message = "has neither `from` nor `into`: there is nothing to do".to_owned();
            let help = "add `from` to produce, `into` to consume, or both".to_owned();
            section.missing("", message, Some(help));
        }
        let system = |from: &ReadFrom| connections.system(&from.connection);
        let from = self.from.as_ref().and_then(system);
        if let Some(span) = section.written("json")
            && self.json.is_extended()
            && from.is_some_and(|it| !it.keeps_documents())
        {
            let message = "extended JSON has the types of MongoDB alone".to_owned();
            section.wrong("json", &span, message, None);
        }
        if let Some(span) = section.written("older-cursors") {
            let by_id = self.from.as_ref().is_some_and(|it| it.incremental == "_id");
            if !by_id || !from.is_none_or(System::keeps_documents) {
                let message = "older cursors are those of MongoDB read by `_id`".to_owned();
                section.wrong("older-cursors", &span, message, None);
            }
        }
    }
}

impl Format {
    /// Rows and waiting time of a sink's batch where the settings say nothing.
    pub(super) fn sink_batch(self) -> (usize, Duration) {
        match self {
            // As the older consumer of these messages did.
            Self::InformationJson | Self::InformationProtobuf => (10, Duration::from_secs(10)),
            Self::Json | Self::Protobuf => (1_000, Duration::from_secs(1)),
        }
    }
}

pub(super) fn read_topic(
    section: &mut Section<'_>,
    key: &'static str,
    default: Option<&str>,
) -> String {
    let topic = match default {
        Some(default) => section.text_or(key, default),
        None => section.text(key, "\"information\""),
    };
    if let (Some(span), Some(problem)) = (section.written(key), topic_problem(&topic))
        && !topic.is_empty()
    {
        section.wrong(key, &span, problem.to_owned(), None);
    }
    topic
}

impl Choice for Format {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("information-json", Self::InformationJson),
        ("information-protobuf", Self::InformationProtobuf),
        ("json", Self::Json),
        ("protobuf", Self::Protobuf),
    ];
}

impl Choice for MessageKey {
    const WORDS: &'static [(&'static str, Self)] =
        &[("primary", Self::Primary), ("none", Self::None)];
}

impl Choice for Compression {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("gzip", Self::Gzip),
        ("snappy", Self::Snappy),
        ("lz4", Self::Lz4),
        ("zstd", Self::Zstd),
    ];
}

impl Choice for Partitioner {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("murmur2", Self::Murmur2),
        ("fnv1a", Self::Fnv1a),
        ("crc32", Self::Crc32),
    ];
}
