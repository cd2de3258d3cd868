//! Message identity: the ids that a producer sends in headers, and the column that keeps them.

use std::{convert::Infallible, fmt::Write, sync::Arc};

use sha2::{Digest, Sha256};

use crate::model::{Field, Headers, Kind, Message, Records, Row, Schema, Value, write_first};

/// The header that says where a record comes from.
pub(super) const SOURCE: &str = "highwater-source";
/// The header that says which record it is there.
pub(super) const KEY: &str = "highwater-key";
/// The header that says which state of the record it is.
pub(super) const VERSION: &str = "highwater-version";
/// The header of all but the first message that were made of one state: its number.
pub(super) const PART: &str = "highwater-part";

/// The column in which an append-only table keeps the identity of each message.
///
/// A message whose headers name source, key and version is the same wherever it stands: a producer
/// that repeats it after a crash adds nothing. Every other one is known by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    column: String,
}

impl Identity {
    /// Kept in this column.
    pub fn kept_in(column: impl Into<String>) -> Self {
        Self {
            column: column.into(),
        }
    }

    /// The same of the records of each table.
    pub(super) fn stamp_all<'m>(
        &self,
        tables: &mut [Records],
        topic: (&str, &str),
        message: impl Fn(u32) -> Option<Message<'m>> + Copy,
    ) {
        for records in tables {
            *records = self.stamp(records, topic, message);
        }
    }

    /// The records with the identity of each in that column: that of its message, and behind it a
    /// number where the message has several records.
    fn stamp<'m>(
        &self,
        records: &Records,
        (topic, topic_id): (&str, &str),
        message: impl Fn(u32) -> Option<Message<'m>>,
    ) -> Records {
        let room = records.bytes() + records.len() * 80;
        let mut out = Records::with_capacity(self.schema(records.schema()), records.len(), room);
        let mut parts = Parts::default();
        let mut id = String::new();
        for row in records.iter() {
            id.clear();
            let part = parts.next(row.origin());
            if let Some(message) = message(row.origin()) {
                write_identity(&message, (topic, topic_id), &mut id);
            }
            if part > 0 {
                // Writing to a text does not fail.
                let _ = write!(id, "#{part}");
            }
            self.push(&row, &id, &mut out);
        }
        out
    }

    fn push(&self, row: &Row<'_>, id: &str, out: &mut Records) {
        let named = out.schema().names().is_none();
        let pushed: Result<(), Infallible> = out.push(row.op(), row.origin(), |packer| {
            let others = row.packed_fields().filter(|(name, _)| *name != self.column);
            for (name, value) in others {
                if named {
                    packer.name(name);
                }
                packer.packed(value);
            }
            if named {
                packer.name(&self.column);
            }
            packer.value(Value::String(id));
            Ok(())
        });
        let Ok(()) = pushed;
    }

    fn schema(&self, schema: &Arc<Schema>) -> Arc<Schema> {
        let Some(fields) = schema.names() else {
            return schema.clone();
        };
        let others = fields.iter().filter(|it| it.name != self.column).cloned();
        let own = Field {
            name: self.column.clone(),
            kind: Kind::String,
        };
        let fields = others.chain([own]).collect();
        Arc::new(Schema::table(schema.name(), fields, schema.key()))
    }
}

/// What a producer says of one record.
#[derive(Default)]
pub(super) struct Said {
    version: Vec<u8>,
    part: String,
    parts: Parts,
}

impl Said {
    /// The headers of the next record. `of` is the record as it was read, and its number, where
    /// several may have been made of it.
    pub(super) fn headers<'a>(
        &'a mut self,
        source: &'a str,
        key: Option<&'a [u8]>,
        row: &Row<'_>,
        (of, fields): (Option<&Records>, &[String]),
    ) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        self.version.clear();
        let read = of.and_then(|it| it.get(row.origin() as usize));
        let versioned = write_first(&read.unwrap_or(*row), fields, &mut self.version);
        let part = of.map_or(0, |_| self.parts.next(row.origin()));
        self.part = part.to_string();
        let several = part > 0;
        let all = [
            Some((SOURCE, Some(source.as_bytes()))),
            Some((KEY, key)),
            versioned.then_some((VERSION, Some(&self.version[..]))),
            several.then_some((PART, Some(self.part.as_bytes()))),
        ];
        all.into_iter().flatten()
    }
}

/// Counts the records of one origin, which stand together.
#[derive(Default)]
struct Parts {
    of: Option<u32>,
    count: u32,
}

impl Parts {
    /// How many there were before this one.
    fn next(&mut self, origin: u32) -> u32 {
        self.count = if self.of == Some(origin) {
            self.count + 1
        } else {
            0
        };
        self.of = Some(origin);
        self.count
    }
}

fn write_identity(message: &Message<'_>, (topic, topic_id): (&str, &str), out: &mut String) {
    // Writing to a text does not fail.
    let _ = match named(message.headers) {
        Some(named) => {
            let mut hash = Sha256::new();
            for part in [topic.as_bytes()].iter().chain(&named) {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            hash.finalize()
                .iter()
                .try_for_each(|it| write!(out, "{it:02x}"))
        }
        None => {
            let record_origin = message.record_origin;
            write!(
                out,
                "{topic_id}/{}/{}",
                record_origin.partition, record_origin.offset
            )
        }
    };
}

/// What the headers say, where that is enough.
fn named(headers: Headers<'_>) -> Option<[&[u8]; 4]> {
    let part = headers.get(PART).flatten().unwrap_or_default();
    let value = |name| headers.get(name).flatten();
    Some([value(SOURCE)?, value(KEY)?, value(VERSION)?, part])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Messages, Op, RecordOrigin};

    fn messages(all: &[&[(&'static str, Option<&'static str>)]]) -> Messages {
        let mut messages = Messages::default();
        for (offset, headers) in all.iter().enumerate() {
            let headers = headers
                .iter()
                .map(|(name, it)| (*name, it.map(str::as_bytes)));
            let record_origin = RecordOrigin {
                partition: 2,
                offset: offset as i64,
                timestamp: 0,
            };
            messages.push(None, Some(b"v"), headers, record_origin);
        }
        messages
    }

    fn stamped(messages: &Messages, origins: &[u32]) -> Vec<String> {
        let mut records = Records::new(Arc::new(Schema::document("t", [] as [&str; 0])));
        for origin in origins {
            let pushed: Result<(), ()> = records.push(Op::Upsert, *origin, |packer| {
                packer.name("id");
                packer.value(Value::String("of the message"));
                packer.name("n");
                packer.value(Value::I64(7));
                Ok(())
            });
            pushed.expect("nothing fails");
        }
        let of = |origin| messages.get(origin as usize);
        let stamped = Identity::kept_in("id").stamp(&records, ("t", "topic-id"), of);
        let id = |row: Row<'_>| {
            assert_eq!(
                row.fields().count(),
                2,
                "its own field stands for another's"
            );
            assert_eq!(row.get("n"), Some(Value::I64(7)));
            match row.get("id") {
                Some(Value::String(id)) => id.to_owned(),
                other => panic!("{other:?}"),
            }
        };
        stamped.iter().map(id).collect()
    }

    #[test]
    fn a_message_that_names_itself_is_the_same_at_any_place() {
        let first = [(SOURCE, Some("s")), (KEY, Some("k")), (VERSION, Some("1"))];
        let next = [(SOURCE, Some("s")), (KEY, Some("k")), (VERSION, Some("2"))];
        // Joined, the texts are those of the first.
        let alike = [(SOURCE, Some("sk")), (KEY, Some("")), (VERSION, Some("1"))];
        let ids = stamped(&messages(&[&first, &next, &first, &alike]), &[0, 1, 2, 3]);
        assert_eq!(ids[0], ids[2]);
        assert_eq!(ids[0].len(), 64);
        for other in [1, 3] {
            assert_ne!(ids[0], ids[other], "{other}");
        }
    }

    #[test]
    fn every_other_message_is_known_by_its_place() {
        let unversioned = [(SOURCE, Some("s")), (KEY, Some("k"))];
        let keyless = [(SOURCE, Some("s")), (KEY, None), (VERSION, Some("1"))];
        let ids = stamped(&messages(&[&unversioned, &keyless, &[]]), &[0, 1, 2]);
        assert_eq!(ids, ["topic-id/2/0", "topic-id/2/1", "topic-id/2/2"]);
    }

    #[test]
    fn records_of_one_message_are_told_apart() {
        let ids = stamped(&messages(&[&[], &[]]), &[0, 0, 0, 1]);
        let expected = [
            "topic-id/2/0",
            "topic-id/2/0#1",
            "topic-id/2/0#2",
            "topic-id/2/1",
        ];
        assert_eq!(ids, expected);
    }

    #[test]
    fn a_producer_tells_the_records_of_one_row_apart_and_their_version_as_it_was_read() {
        let mut read = Records::new(Arc::new(Schema::document("t", ["id"])));
        let pushed: Result<(), ()> = read.push(Op::Upsert, 0, |packer| {
            packer.name("at");
            packer.value(Value::I64(5));
            Ok(())
        });
        pushed.expect("nothing fails");
        let fields = ["none".to_owned(), "at".to_owned()];
        let row = read.get(0).expect("one");
        let mut said = Said::default();
        let mut named = |of| {
            let headers = said.headers("s", Some(b"k"), &row, (of, &fields));
            let value = |(name, value): (&str, Option<&[u8]>)| {
                let text = value.map(|it| String::from_utf8_lossy(it).into_owned());
                format!("{name}={}", text.unwrap_or_default())
            };
            headers.map(value).collect::<Vec<_>>().join(" ")
        };
        let all = "highwater-source=s highwater-key=k highwater-version=5";
        assert_eq!(named(None), all);
        assert_eq!(named(None), all);
        assert_eq!(named(Some(&read)), all);
        assert_eq!(named(Some(&read)), format!("{all} highwater-part=1"));
    }
}
