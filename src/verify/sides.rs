//! Both sides as streams of rows: what the target should hold, and what it holds.

use std::sync::Arc;

use super::VerifyError;
use crate::{
    codec::{Decoder, Encoder},
    model::{Headers, Message, Place, Records, Schema},
    pipeline::{self, Step},
    source::{Extent, Manner, Source, SourceReader},
};

/// The way of a row from its source to the target, as flows go it.
pub struct Way<'a> {
    /// What is read.
    pub source: &'a dyn Source,
    /// The steps before the topic.
    pub out: &'a [Box<dyn Step>],
    /// The format of the topic; `None` where there is none on the way.
    pub wire: Option<Wire<'a>>,
    /// The steps behind it.
    pub into: &'a [Box<dyn Step>],
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

/// Rows of one side, from the first to the last.
pub(super) struct Rows<'a> {
    reader: Box<dyn SourceReader>,
    way: Option<&'a Way<'a>>,
    /// Records that become dead letters on their way: the target has no row of them.
    pub set_aside: u64,
}

impl Way<'_> {
    pub(super) async fn open(&self) -> Result<Rows<'_>, VerifyError> {
        let mut rows = open(self.source).await?;
        rows.way = Some(self);
        Ok(rows)
    }

    async fn expected(&self, records: Records) -> Result<(Records, u64), VerifyError> {
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
        Ok((records, set_aside + failed.len() as u64))
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
                place: Place::default(),
            };
            let decoded = |_| self.decoder.decode(&message, index as u32, &mut behind);
            failed += u64::from(encoded.and_then(decoded).is_err());
        }
        (behind, failed)
    }
}

/// All rows of `source`, as they lie there.
pub(super) async fn open(source: &dyn Source) -> Result<Rows<'static>, VerifyError> {
    let begin = source.begin(Extent::Incremental, None).await?;
    let reader = source.open(&begin, Manner::Bounded).await?;
    Ok(Rows {
        reader,
        way: None,
        set_aside: 0,
    })
}

impl Rows<'_> {
    /// The next rows, and how many were read for them; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<(Records, usize)>, VerifyError> {
        let Some(batch) = self.reader.next_batch().await? else {
            return Ok(None);
        };
        let read = batch.records.len();
        let Some(way) = self.way else {
            return Ok(Some((batch.records, read)));
        };
        let (records, set_aside) = way.expected(batch.records).await?;
        self.set_aside += set_aside;
        Ok(Some((records, read)))
    }
}
