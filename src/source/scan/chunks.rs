//! A full read shared out among workers: chunks of the key, and how far each has been read.
//!
//! Chunks are cut while the table is read. A worker that is free asks the server which key is so
//! many rows ahead of the last cut, takes what is up to there, and leaves the rest. So all chunks
//! are of one size, whatever the keys are and in whichever order the server keeps them; nothing is
//! estimated, and what is walked for a cut is read at once, while it is in the server's memory.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::BatchSender;
use crate::model::{Batch, Position, Records};

/// How a full read is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// Chunks that are read at a time, each over a connection of its own.
    pub workers: usize,
    /// Rows of a chunk, about.
    pub rows: usize,
}

impl Sharing {
    /// Among so many workers.
    pub fn with_workers(workers: usize) -> Self {
        Self {
            workers: workers.max(1),
            rows: 10_000,
        }
    }
}

/// Keys of a full read that are still to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Chunk<K> {
    /// Behind this key; from the first one where there is none.
    pub after: Option<K>,
    /// Up to this key; to the last one where there is none.
    pub up_to: Option<K>,
}

impl<K> Chunk<K> {
    /// All keys behind `after`.
    pub fn behind(after: Option<K>) -> Self {
        Self { after, up_to: None }
    }
}

/// Chunks in the order of the key, those that are being read among them.
#[derive(Debug)]
struct Remaining<K> {
    parts: Vec<Part<K>>,
    next: usize,
}

#[derive(Debug)]
struct Part<K> {
    number: usize,
    is_taken: bool,
    chunk: Chunk<K>,
}

impl<K: Clone> Remaining<K> {
    fn of(chunks: Vec<Chunk<K>>) -> Self {
        let numbered = chunks.into_iter().enumerate();
        let parts: Vec<_> = numbered
            .map(|(number, chunk)| Part {
                number,
                is_taken: false,
                chunk,
            })
            .collect();
        let next = parts.len();
        Self { parts, next }
    }

    fn chunks(&self) -> Vec<Chunk<K>> {
        self.parts.iter().map(|it| it.chunk.clone()).collect()
    }

    /// The first that nobody reads.
    fn free(&self) -> Option<&Part<K>> {
        self.parts.iter().find(|it| !it.is_taken)
    }

    /// Takes it, up to `cut`: what is behind that is a chunk of its own.
    fn take(&mut self, number: usize, cut: Option<K>) -> Option<Chunk<K>> {
        let at = self.at(number)?;
        self.parts[at].is_taken = true;
        if let Some(cut) = cut {
            let up_to = self.parts[at].chunk.up_to.replace(cut.clone());
            let rest = Chunk {
                after: Some(cut),
                up_to,
            };
            let part = Part {
                number: self.next,
                is_taken: false,
                chunk: rest,
            };
            self.parts.insert(at + 1, part);
            self.next += 1;
        }
        Some(self.parts[at].chunk.clone())
    }

    fn read_to(&mut self, number: usize, key: K) {
        if let Some(at) = self.at(number) {
            self.parts[at].chunk.after = Some(key);
        }
    }

    fn finish(&mut self, number: usize) {
        self.parts.retain(|it| it.number != number);
    }

    fn at(&self, number: usize) -> Option<usize> {
        self.parts.iter().position(|it| it.number == number)
    }
}

/// How a source writes down where a full read stands: its chunks, and the rows of it so far.
pub(super) type Write<K> = Box<dyn Fn(Vec<Chunk<K>>, u64) -> Position + Send + Sync>;

/// What the workers of one full read share.
pub(in crate::source) struct Shared<K> {
    state: Mutex<ChunkState<K>>,
    /// One at a time: the next cut goes on behind it.
    cutting: Mutex<()>,
    write: Write<K>,
    sender: BatchSender,
}

struct ChunkState<K> {
    remaining: Remaining<K>,
    rows: u64,
}

/// A chunk that a worker may take, and what keeps others from taking it.
pub(in crate::source) struct Offer<'s, K> {
    shared: &'s Shared<K>,
    number: usize,
    pub chunk: Chunk<K>,
    _cutting: MutexGuard<'s, ()>,
}

impl<K: Clone + Send> Shared<K> {
    pub fn new(
        chunks: Vec<Chunk<K>>,
        rows: u64,
        write: Write<K>,
        sender: BatchSender,
    ) -> Arc<Self> {
        let remaining = Remaining::of(chunks);
        Arc::new(Self {
            state: Mutex::new(ChunkState { remaining, rows }),
            cutting: Mutex::new(()),
            write,
            sender,
        })
    }

    /// The next chunk that nobody reads; `None` where there is no more.
    pub async fn next(&self) -> Option<Offer<'_, K>> {
        let cutting = self.cutting.lock().await;
        let state = self.state.lock().await;
        let free = state.remaining.free()?;
        Some(Offer {
            shared: self,
            number: free.number,
            chunk: free.chunk.clone(),
            _cutting: cutting,
        })
    }

    /// Hands over records of the chunk `number`, which is read up to `key` by them. The position
    /// says how far all chunks are, so that batches settle in the order in which they go out here.
    pub async fn send(&self, number: usize, key: K, records: Records) {
        let mut state = self.state.lock().await;
        state.rows += records.len() as u64;
        state.remaining.read_to(number, key);
        self.hand_over(&state, records).await;
    }

    /// The chunk `number` is read to its end, by the last `records`.
    pub async fn finish(&self, number: usize, records: Records) {
        let mut state = self.state.lock().await;
        state.rows += records.len() as u64;
        state.remaining.finish(number);
        if !records.is_empty() || state.remaining.parts.is_empty() {
            self.hand_over(&state, records).await;
        }
    }

    async fn hand_over(&self, state: &ChunkState<K>, records: Records) {
        let position = (self.write)(state.remaining.chunks(), state.rows);
        self.sender.send(Batch { records, position }).await;
    }
}

impl<K: Clone + Send> Offer<'_, K> {
    /// Takes it, up to `cut` where there is one. Answers its number and what it is.
    pub async fn take(self, cut: Option<K>) -> (usize, Chunk<K>) {
        let mut state = self.shared.state.lock().await;
        let taken = state.remaining.take(self.number, cut);
        (self.number, taken.unwrap_or(self.chunk))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        model::{Op, Schema, Value},
        source::{SourceReader, scan::ReadAhead},
    };

    fn keys(chunks: &[Chunk<u32>], most: u32) -> Vec<u32> {
        let inside = |it: &u32, chunk: &Chunk<u32>| {
            chunk.after.is_none_or(|after| *it > after)
                && chunk.up_to.is_none_or(|up_to| *it <= up_to)
        };
        let all = 0..most;
        all.filter(|it| chunks.iter().any(|chunk| inside(it, chunk)))
            .collect()
    }

    #[test]
    fn a_chunk_that_is_taken_leaves_the_rest() {
        let mut remaining = Remaining::of(vec![Chunk::behind(None)]);
        let first = remaining.free().expect("all of it").number;
        let taken = remaining.take(first, Some(10)).expect("it is there");
        assert_eq!((taken.after, taken.up_to), (None, Some(10)));
        let second = remaining.free().expect("the rest").number;
        assert_eq!(remaining.take(second, None), Some(Chunk::behind(Some(10))));
        assert!(remaining.free().is_none());
        remaining.read_to(first, 4);
        remaining.finish(second);
        assert_eq!(
            remaining.chunks(),
            [Chunk {
                after: Some(4),
                up_to: Some(10)
            }]
        );
    }

    proptest! {
        /// Whatever the workers do in whichever order, and wherever they are interrupted: what has
        /// been read and what remains are all keys, none of them twice.
        #[test]
        fn what_was_read_and_what_remains_is_everything_once(
            steps in prop::collection::vec((0_usize..5, 1_u32..9, 0_u8..8), 1..200),
        ) {
            const MOST: u32 = 300;
            let mut read = Vec::new();
            let mut remaining = Remaining::of(vec![Chunk::behind(None)]);
            let mut workers: [Option<usize>; 5] = [None; 5];
            for (worker, rows, fate) in steps {
                let Some(number) = workers[worker] else {
                    let Some(free) = remaining.free() else { continue };
                    let number = free.number;
                    let cut = keys(std::slice::from_ref(&free.chunk), MOST).get(rows as usize).copied();
                    let cut = cut.filter(|_| free.chunk.up_to.is_none());
                    remaining.take(number, cut);
                    workers[worker] = Some(number);
                    continue;
                };
                let at = remaining.at(number).expect("it is taken");
                let mut left = keys(&[remaining.parts[at].chunk.clone()], MOST);
                let is_end = left.len() <= rows as usize;
                left.truncate(rows as usize);
                match left.last() {
                    Some(last) if !is_end => remaining.read_to(number, *last),
                    _ => {
                        remaining.finish(number);
                        workers[worker] = None;
                    }
                }
                read.extend(left);
                if fate == 0 {
                    // Killed, and opened again with what the position says.
                    remaining = Remaining::of(remaining.chunks());
                    workers = [None; 5];
                }
            }
            let chunks = remaining.chunks();
            prop_assert!(chunks.len() <= 1 + 5 * 200);
            let left = keys(&chunks, MOST);
            let counted: usize = chunks.iter().map(|it| keys(std::slice::from_ref(it), MOST).len()).sum();
            prop_assert_eq!(counted, left.len(), "chunks overlap");
            read.extend(left);
            read.sort_unstable();
            prop_assert_eq!(read, (0..MOST).collect::<Vec<_>>());
        }
    }
    /// The most keys that two workers are asked to read.
    const KEYS: u32 = 200;

    /// Keys of a chunk, a few at a time, by as many workers as read at a time.
    async fn work(shared: Arc<Shared<u32>>, schema: Arc<Schema>, rows: usize) {
        while let Some(offer) = shared.next().await {
            let ahead = keys(std::slice::from_ref(&offer.chunk), KEYS);
            let cut = ahead.get(16).copied();
            let (number, chunk) = offer.take(cut).await;
            let keys = keys(&[chunk], KEYS);
            for some in keys.chunks(rows) {
                let mut records = Records::new(schema.clone());
                for key in some {
                    let pushed = records.push(Op::Upsert, 0, |packer| {
                        packer.name("id");
                        packer.value(Value::U64((*key).into()));
                        Ok::<_, ()>(())
                    });
                    pushed.expect("nothing fails");
                }
                shared.send(number, some[some.len() - 1], records).await;
                tokio::task::yield_now().await;
            }
            shared.finish(number, Records::new(schema.clone())).await;
        }
    }

    /// So a kill reads nothing again that went out before the position that was saved, whichever
    /// worker had read it.
    #[tokio::test]
    async fn what_a_position_leaves_is_what_has_not_gone_out() {
        let schema = Arc::new(Schema::document("t", ["id"]));
        let write = |chunks: Vec<Chunk<u32>>, rows: u64| {
            let left = keys(&chunks, KEYS);
            Position::new(format!("{rows} {left:?}"))
        };
        let of = schema.clone();
        let read = |sender| async move {
            let all = vec![Chunk::behind(None)];
            let shared = Shared::new(all, 0, Box::new(write), sender);
            let works = [1, 3, 5, 16].map(|rows| work(shared.clone(), of.clone(), rows));
            futures_util::future::join_all(works).await;
            Ok(())
        };
        let wait = Duration::from_secs(10);
        let mut reader = ReadAhead::start("t", schema, Position::new("0"), wait, read);
        // The keys' own beginning is before the first, which is 0.
        let mut left: BTreeSet<u64> = (0..u64::from(KEYS)).collect();
        let mut rows = 0;
        while let Some(batch) = reader.next_batch().await.expect("no error") {
            for row in batch.records.iter() {
                let Some(Value::U64(key)) = row.get("id") else {
                    panic!("a record without its key");
                };
                assert!(left.remove(&key), "{key} went out twice");
                rows += 1;
            }
            let expected = format!("{rows} {left:?}").replace(['{', '}'], "");
            let said = batch.position.as_str().replace(['[', ']'], "");
            assert_eq!(said, expected);
        }
        assert!(left.is_empty(), "{left:?}");
    }
}
