//! Both sides as streams of rows: what the target should hold, and what it holds.

use std::{collections::VecDeque, sync::Arc};

use super::VerifyError;
use crate::{
    codec::{Decoder, Encoder},
    digest::Range,
    model::{Headers, Message, Op, RecordOrigin, Records, Schema, Value},
    pipeline::{self, Routes, Step},
    source::{ReadMode, Scope, SourceReader, TableSource},
};

/// The way of a row from its source to the target, as flows go it.
pub struct Way<'a> {
    /// What is read.
    pub source: &'a dyn TableSource,
    /// The steps before the topic.
    pub out: &'a [Box<dyn Step>],
    /// The format of the topic; `None` where there is none on the way.
    pub wire: Option<Wire<'a>>,
    /// The steps behind it that are common to all tables.
    pub into: &'a [Box<dyn Step>],
    /// The ways from there to the tables.
    pub routes: &'a Routes,
    /// Which of the tables this is about.
    pub table: usize,
}

/// What a topic does to a row.
#[derive(Clone, Copy)]
pub struct Wire<'a> {
    /// Before it.
    pub encoder: &'a dyn Encoder,
    /// Behind it.
    pub decoder: &'a dyn Decoder,
    /// Its name, which some formats write into messages.
    pub topic: &'a str,
}

/// Which rows of a table are read.
#[derive(Debug, Clone)]
pub(super) struct Within {
    /// Ranges of its key, none of which meets another.
    pub ranges: Vec<Range>,
    /// The key's first column.
    pub key: String,
}

impl Within {
    /// All of them.
    pub fn everything() -> Self {
        Self {
            ranges: vec![Range::default()],
            key: String::new(),
        }
    }

    /// And those of `range`, which is behind all others.
    pub fn add(&mut self, range: Range) {
        match self.ranges.last_mut() {
            Some(last) if last.up_to == range.after && range.after.is_some() => {
                last.up_to = range.up_to;
            }
            _ => self.ranges.push(range),
        }
    }
}

/// Rows of one side, from the first to the last.
pub(super) struct Rows<'a> {
    source: &'a dyn TableSource,
    way: Option<&'a Way<'a>>,
    key: &'a str,
    left: VecDeque<Range>,
    /// The reading of a range, and where it ends.
    reading: Option<(Box<dyn SourceReader>, Option<i128>)>,
    /// Records that become dead letters on their way: the target has no row of them.
    pub set_aside: u64,
}

impl<'a> Way<'a> {
    /// The expected rows.
    pub(super) fn rows(&'a self, within: &'a Within) -> Rows<'a> {
        Rows {
            way: Some(self),
            ..rows(self.source, within)
        }
    }

    /// The records of each table, and how many are dead letters. Where a table's rows are replaced by
    /// their parent, its removal stands in front of them.
    async fn parts(&self, records: Records) -> Result<(Vec<Records>, u64), VerifyError> {
        let mut set_aside = 0;
        pipeline::prepare(self.out).await?;
        let (records, failed) = pipeline::run(self.out, records.numbered())?;
        set_aside += failed.len() as u64;
        let records = match &self.wire {
            None => records,
            Some(wire) => {
                let (decoded, failed) = wire.through(&records.numbered());
                set_aside += failed;
                decoded
            }
        };
        pipeline::prepare(self.into).await?;
        let (records, failed) = pipeline::run(self.into, records.numbered())?;
        set_aside += failed.len() as u64;
        self.routes.prepare().await?;
        // Routes that ask for more of a message than its record are refused before.
        let (parts, failed) = self.routes.apply(records, |_| None)?;
        Ok((parts, set_aside + failed.len() as u64))
    }

    /// The rows of the table that this is about, and how many records are dead letters.
    async fn expected(&self, records: Records) -> Result<(Records, u64), VerifyError> {
        let schema = records.schema().clone();
        let (mut parts, set_aside) = self.parts(records).await?;
        let mut rows = if self.table < parts.len() {
            parts.swap_remove(self.table)
        } else {
            Records::new(schema)
        };
        rows.retain(|row| row.op() == Op::Upsert);
        Ok((rows, set_aside))
    }
}

impl Wire<'_> {
    /// The records as they are behind the topic, and how many cannot be there.
    fn through(&self, records: &Records) -> (Records, u64) {
        let schema = Schema::document(self.topic, [] as [&str; 0]);
        let mut behind = Records::with_capacity(Arc::new(schema), records.len(), records.bytes());
        let (mut bytes, mut failed) = (Vec::new(), 0);
        for (index, row) in records.iter().enumerate() {
            bytes.clear();
            let encoded = self.encoder.encode(&row, self.topic, &mut bytes);
            let message = Message {
                key: None,
                value: Some(&bytes),
                headers: Headers::default(),
                record_origin: RecordOrigin::default(),
            };
            let decoded = |_| self.decoder.decode(&message, index as u32, &mut behind);
            failed += u64::from(encoded.and_then(decoded).is_err());
        }
        (behind, failed)
    }
}

/// The rows of `source`, as they lie there.
pub(super) fn rows<'a>(source: &'a dyn TableSource, within: &'a Within) -> Rows<'a> {
    Rows {
        source,
        way: None,
        key: &within.key,
        left: within.ranges.iter().copied().collect(),
        reading: None,
        set_aside: 0,
    }
}

impl Rows<'_> {
    /// The next rows, and how many were read for them; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<(Records, usize)>, VerifyError> {
        let Some(records) = self.read().await? else {
            return Ok(None);
        };
        let read = records.len();
        let Some(way) = self.way else {
            return Ok(Some((records, read)));
        };
        let (records, set_aside) = way.expected(records).await?;
        self.set_aside += set_aside;
        Ok(Some((records, read)))
    }

    /// What the next records become in every table, and how many were read for them; `None` behind the
    /// last.
    pub async fn next_parts(&mut self) -> Result<Option<(Vec<Records>, usize)>, VerifyError> {
        let Some(records) = self.read().await? else {
            return Ok(None);
        };
        let read = records.len();
        Ok(Some(match self.way {
            Some(way) => (way.parts(records).await?.0, read),
            None => (vec![records], read),
        }))
    }

    async fn read(&mut self) -> Result<Option<Records>, VerifyError> {
        loop {
            let (reader, up_to) = match &mut self.reading {
                Some((reader, up_to)) => (reader, *up_to),
                None => {
                    let Some(range) = self.left.pop_front() else {
                        return Ok(None);
                    };
                    let begin = match range.after {
                        None => self.source.begin(Scope::Incremental, None).await?,
                        Some(after) => self.source.position_at(&after.to_string()).await?,
                    };
                    let reader = self.source.open(&begin, ReadMode::Bounded).await?;
                    let (reader, up_to) = self.reading.insert((reader, range.up_to));
                    (reader, *up_to)
                }
            };
            let Some(batch) = reader.next_batch().await? else {
                self.reading = None;
                continue;
            };
            let mut records = batch.records;
            if let Some(up_to) = up_to {
                let before = records.len();
                records.retain(|row| {
                    row.get(self.key)
                        .and_then(whole)
                        .is_none_or(|it| it <= up_to)
                });
                if records.len() < before {
                    self.reading = None;
                }
            }
            return Ok(Some(records));
        }
    }
}

fn whole(value: Value<'_>) -> Option<i128> {
    match value {
        Value::I64(it) => Some(it.into()),
        Value::U64(it) => Some(it.into()),
        _ => None,
    }
}
