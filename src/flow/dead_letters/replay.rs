//! Replay of dead letters to the sink: each is written once, however often it is replayed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{
    codec::Decoder,
    fault::{Fault, Faulty, chain},
    flow::{FlowError, Identity, StoredDeadLetter},
    model::{Records, Schema},
    pipeline::{self, Routes, Step},
    sink::{Advance, Landing, Onto, Progress, Sink, SinkError},
};

/// A sink's way, for letters instead of a topic's messages.
pub struct Replay<'r> {
    /// The sink's name, as its progress is kept under.
    pub flow: &'r str,
    /// How letters are read.
    pub decoder: &'r dyn Decoder,
    /// What happens to their records.
    pub pipeline: &'r [Box<dyn Step>],
    /// Where an append-only table keeps which message a row is of.
    pub identity: Option<&'r Identity>,
    /// Which of the sink's tables they are for.
    pub routes: &'r Routes,
    /// Where they go.
    pub sink: &'r dyn Sink,
    /// Whether they may change rows that are there.
    pub onto: Onto,
    /// What a message's key names.
    pub keys: Keys,
}

/// What the keys of messages name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Rows: letters of one key are of one row.
    Rows,
    /// Types of messages, which have many rows.
    Types,
}

/// What became of one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It is written.
    Landed,
    /// It had been replayed before, and nothing was done.
    Before,
    /// Its row is there, or a newer letter of its key landed: nothing was done.
    Superseded,
    /// It is as bad as before.
    Bad {
        /// Where.
        step: String,
        /// Why.
        reason: String,
    },
}

/// Times that a write which may pass is tried.
const TRIES: u32 = 5;
/// The wait behind the first of them.
const WAIT: Duration = Duration::from_millis(200);

impl Replay<'_> {
    /// Replays letters that have a place; those of one key together, so that the last one stands.
    ///
    /// # Errors
    /// What is none of the letters' fault: nothing of the letter at hand is written then, and all
    /// before it are.
    pub async fn run(
        &self,
        dead_letters: &[StoredDeadLetter<'_>],
    ) -> Result<Vec<Replayed>, FlowError> {
        let mut outcomes = vec![Replayed::Before; dead_letters.len()];
        let groups = match (self.identity, self.keys) {
            // Each has a row of its own there, which no other can stand for.
            (Some(_), _) => (0..dead_letters.len()).map(|it| vec![it]).collect(),
            (None, Keys::Rows) => groups(dead_letters),
            (None, Keys::Types) => one_by_one(dead_letters, self.onto),
        };
        for group in groups {
            self.group(dead_letters, group, &mut outcomes).await?;
        }
        Ok(outcomes)
    }

    async fn group(
        &self,
        dead_letters: &[StoredDeadLetter<'_>],
        group: Vec<usize>,
        outcomes: &mut [Replayed],
    ) -> Result<(), FlowError> {
        let (records, mut alive) = self.records(dead_letters, group, outcomes).await?;
        for it in &alive {
            outcomes[*it] = Replayed::Superseded;
        }
        while !alive.is_empty() {
            let markers: Vec<_> = alive
                .iter()
                .map(|it| self.marker(&dead_letters[*it]))
                .collect();
            match self
                .write(&of_dead_letters(&records, &alive), &markers)
                .await
            {
                Ok(Landing::Written) => {
                    alive.iter().for_each(|it| outcomes[*it] = Replayed::Landed);
                    break;
                }
                // All of them stay what they were said to be at first.
                Ok(Landing::Superseded) => break,
                // Those in front of it are older than what has landed.
                Ok(Landing::Before(at)) => {
                    outcomes[alive[at]] = Replayed::Before;
                    alive.drain(..=at);
                }
                Err(error) if error.fault() == Fault::Data && alive.len() > 1 => {
                    return self.newest(dead_letters, &records, &alive, outcomes).await;
                }
                Err(error) if error.fault() == Fault::Data => {
                    outcomes[alive[0]] = bad("write", chain(&error));
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// One of several is bad: the newest that can be written stands for all before it.
    async fn newest(
        &self,
        dead_letters: &[StoredDeadLetter<'_>],
        records: &[Records],
        alive: &[usize],
        outcomes: &mut [Replayed],
    ) -> Result<(), FlowError> {
        for last in (0..alive.len()).rev() {
            let markers = alive[..=last]
                .iter()
                .map(|it| self.marker(&dead_letters[*it]));
            let markers: Vec<_> = markers.collect();
            let only = of_dead_letters(records, &alive[last..=last]);
            match self.write(&only, &markers).await {
                Ok(Landing::Written) => {
                    outcomes[alive[last]] = Replayed::Landed;
                    return Ok(());
                }
                Ok(Landing::Superseded) => return Ok(()),
                Ok(Landing::Before(at)) => {
                    outcomes[alive[at]] = Replayed::Before;
                    return Ok(());
                }
                Err(error) if error.fault() == Fault::Data => {
                    outcomes[alive[last]] = bad("write", chain(&error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The records of a group, and those of its letters that have come so far.
    async fn records(
        &self,
        dead_letters: &[StoredDeadLetter<'_>],
        group: Vec<usize>,
        outcomes: &mut [Replayed],
    ) -> Result<(Vec<Records>, Vec<usize>), FlowError> {
        let schema = Schema::document(&*dead_letters[group[0]].topic, [] as [&str; 0]);
        let mut records = Records::new(Arc::new(schema));
        let mut alive = Vec::new();
        for index in group {
            let message = dead_letters[index].original();
            match self.decoder.decode(&message, index as u32, &mut records) {
                Ok(()) => alive.push(index),
                Err(error) => outcomes[index] = bad("decode", error.to_string()),
            }
        }
        pipeline::prepare(self.pipeline).await?;
        self.routes.prepare().await?;
        let (records, mut failed) = pipeline::run(self.pipeline, records)?;
        let message = |origin: u32| {
            dead_letters
                .get(origin as usize)
                .map(StoredDeadLetter::original)
        };
        let (mut records, astray) = self.routes.apply(records, message)?;
        failed.extend(astray);
        if let (Some(identity), Some(first)) = (self.identity, alive.first()) {
            let topic = (
                &*dead_letters[*first].topic,
                &*dead_letters[*first].topic_id,
            );
            identity.stamp_all(&mut records, topic, message);
        }
        for it in failed {
            let index = it.origin as usize;
            alive.retain(|alive| *alive != index);
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = bad(&it.step, it.reason);
            }
        }
        Ok((records, alive))
    }

    /// A letter is known by where its original stood: a letter that was sent twice is one.
    fn marker(&self, dead_letter: &StoredDeadLetter<'_>) -> Advance {
        let record_origin = dead_letter.record_origin.unwrap_or_default();
        Advance {
            flow: format!("{} letter {}", self.flow, record_origin.offset),
            from: None,
            to: Progress {
                topic: dead_letter.topic.to_string(),
                topic_id: dead_letter.topic_id.to_string(),
                partition: record_origin.partition,
                next_offset: record_origin.offset.saturating_add(1),
            },
        }
    }

    async fn write(&self, records: &[Records], markers: &[Advance]) -> Result<Landing, SinkError> {
        let mut tries = 1;
        loop {
            match self.sink.replay(records, markers, self.onto).await {
                // A deadlock with the sink that runs beside, mostly.
                Err(error) if error.fault() == Fault::Transient && tries < TRIES => {
                    tokio::time::sleep(WAIT * tries).await;
                    tries += 1;
                }
                done => return done,
            }
        }
    }
}

/// The records of these letters, in parts as they were.
fn of_dead_letters(records: &[Records], dead_letters: &[usize]) -> Vec<Records> {
    let mut parts = records.to_vec();
    for part in &mut parts {
        part.retain(|row| dead_letters.contains(&(row.origin() as usize)));
    }
    parts
}

fn bad(step: &str, reason: String) -> Replayed {
    let step = step.to_owned();
    Replayed::Bad { step, reason }
}

/// Each letter alone, as nothing tells which of them are of one row before they are read. Where
/// the first one stands, that is to be the newest; where the last one does, the newest is last.
fn one_by_one(dead_letters: &[StoredDeadLetter<'_>], onto: Onto) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..dead_letters.len()).collect();
    order.sort_by_key(|it| {
        dead_letters[*it]
            .record_origin
            .map(|it| (it.partition, it.offset))
    });
    if onto == Onto::Absent {
        order.reverse();
    }
    order.into_iter().map(|it| vec![it]).collect()
}

/// The letters of one key of one partition, in order; one without a key is alone.
fn groups(dead_letters: &[StoredDeadLetter<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known = HashMap::new();
    for (index, dead_letter) in dead_letters.iter().enumerate() {
        let Some(key) = dead_letter.key else {
            groups.push(vec![index]);
            continue;
        };
        let partition = dead_letter.record_origin.map(|it| it.partition);
        let group = *known
            .entry((&*dead_letter.topic, &*dead_letter.topic_id, partition, key))
            .or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
        groups[group].push(index);
    }
    for group in &mut groups {
        // A letter that was sent twice would else be in the way of itself.
        group.sort_by_key(|it| dead_letters[*it].record_origin.map(|it| it.offset));
        group.dedup_by_key(|it| dead_letters[*it].record_origin.map(|it| it.offset));
    }
    groups
}
