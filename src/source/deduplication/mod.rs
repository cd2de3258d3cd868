//! Late-row deduplication window: unsettled rows that were sent already, by key and digest.
//!
//! A position says how many batches of early rows came before it (`Sent`), and each row is
//! remembered with the number of the batch that carried it. So on opening at a position, what was
//! carried later was never acknowledged, and is forgotten. Whatever is wrong with the file, all is
//! forgotten: rows are sent again then, and none is left out.

mod file;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tracing::warn;
use xxhash_rust::xxh3::xxh3_128;

use self::file::DeduplicationFile;
use super::rules::DeduplicationSettings;

/// How many batches of early rows a position is behind, and in which life of the memory: after a
/// reset, what was sent before it counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    pub life: u64,
    pub batch: u64,
}

/// The rows that were sent early.
pub(super) struct DeduplicationWindow {
    source: String,
    rows: HashMap<u128, Remembered>,
    most: usize,
    sent: Sent,
    file: Option<DeduplicationFile>,
    /// Passes through the window so far.
    pass: u32,
    /// Rows in the window that are remembered.
    live: usize,
    /// Rows of this pass that there was no room for.
    over: usize,
    /// Of the batch that is being gathered.
    pending: Vec<(u128, u128)>,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    digest: u128,
    batch: u64,
    /// The pass that last met it.
    met: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// From the file, and not met yet.
    Loaded,
    Live,
    /// Settled, or gone: kept for a while, for a restart at a position from before that.
    Passed,
}

/// Passes for which a row is still known after it was passed.
const KEPT: u32 = 16;

impl DeduplicationWindow {
    /// What is remembered at the position that says `sent`.
    pub async fn open(source: &str, settings: &DeduplicationSettings, sent: Option<Sent>) -> Self {
        let mut window = Self {
            source: source.to_owned(),
            rows: HashMap::new(),
            most: settings.most,
            sent: sent.unwrap_or_else(|| Sent::new(source)),
            file: None,
            pass: 1,
            live: 0,
            over: 0,
            pending: Vec::new(),
        };
        let Some(path) = settings.file.clone() else {
            return window;
        };
        let mut file = DeduplicationFile::at(path);
        let found = match sent {
            Some(sent) => file.load(sent.life).await,
            // Nothing has been sent early before this place.
            None => Ok(Vec::new()),
        };
        match found {
            Ok(found) => {
                for (key, digest, batch) in found {
                    let (met, state) = (0, State::Loaded);
                    let row = Remembered {
                        digest,
                        batch,
                        met,
                        state,
                    };
                    window.rows.insert(key, row);
                }
                // Only now: what came last counts, and it may never have been acknowledged.
                let acknowledged = window.sent.batch;
                window.rows.retain(|_, it| it.batch <= acknowledged);
            }
            Err(reason) => warn!(
                source,
                file = %file.path().display(),
                reason,
                "what was sent early is not known: rows that are not settled are sent again"
            ),
        }
        window.file = Some(file);
        window.rewrite().await;
        window
    }

    /// What a position says of this memory.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether this very row was sent early. It is not settled yet.
    pub fn is_sent(&mut self, key: u128, digest: u128) -> bool {
        let Some(row) = self.rows.get_mut(&key).filter(|it| it.digest == digest) else {
            return false;
        };
        if row.state != State::Live {
            self.live += 1;
        }
        (row.met, row.state) = (self.pass, State::Live);
        true
    }

    /// Whether this very row was sent early. It is settled: the cursor passes it.
    pub fn pass_by(&mut self, key: u128, digest: u128) -> bool {
        let Some(row) = self.rows.get_mut(&key) else {
            return false;
        };
        if row.state == State::Live {
            self.live -= 1;
        }
        (row.met, row.state) = (self.pass, State::Passed);
        row.digest == digest
    }

    /// Whether there is room for one more.
    pub fn has_room(&self) -> bool {
        self.live + self.pending.len() < self.most
    }

    /// A row of the next batch, which is not settled. Without room it is sent all the same, and
    /// again when it is settled.
    pub fn remember(&mut self, key: u128, digest: u128) {
        if self.has_room() || self.rows.contains_key(&key) {
            self.pending.push((key, digest));
        } else {
            self.over += 1;
        }
    }

    /// The next batch goes out: the rows in it are remembered first.
    pub async fn hand_over(&mut self) {
        self.sent.batch += 1;
        let (batch, met, state) = (self.sent.batch, self.pass, State::Live);
        let pending = std::mem::take(&mut self.pending);
        let mut changes = false;
        for (key, digest) in &pending {
            let row = Remembered {
                digest: *digest,
                batch,
                met,
                state,
            };
            let before = self.rows.insert(*key, row);
            changes |= before.is_some();
            if before.is_none_or(|it| it.state != State::Live) {
                self.live += 1;
            }
        }
        if let Some(file) = &mut self.file {
            // What a row was before must not be taken for what it is, not even after a power loss.
            let appended = file.append(&pending, batch, changes).await;
            self.keep(appended);
        }
    }

    /// The whole window has been read: what was not met is settled or gone.
    pub async fn end_pass(&mut self) {
        let (pass, most) = (self.pass, self.most);
        for row in self.rows.values_mut().filter(|it| it.met < pass) {
            row.state = State::Passed;
        }
        let live = |it: &&Remembered| it.state == State::Live;
        self.live = self.rows.values().filter(live).count();
        let is_many = self.rows.len() - self.live > most;
        self.rows.retain(|_, it| {
            it.state == State::Live || (it.met + KEPT > pass && !(is_many && it.met < pass))
        });
        if self.over > 0 {
            warn!(
                source = self.source,
                rows = self.over,
                most,
                "rows are sent early that there is no room to remember: each is sent again when it is settled"
            );
            self.over = 0;
        }
        self.pass += 1;
        let is_long = |it: &DeduplicationFile| it.rows() > 2 * self.rows.len() + 4096;
        if self.file.as_ref().is_some_and(is_long) {
            self.rewrite().await;
        }
    }

    async fn rewrite(&mut self) {
        let rows = self
            .rows
            .iter()
            .map(|(key, it)| (*key, it.digest, it.batch));
        let rows: Vec<_> = rows.collect();
        if let Some(file) = &mut self.file {
            let written = file.replace(self.sent.life, &rows).await;
            self.keep(written);
        }
    }

    /// Without its file, what it has not written must not look as if nothing had been sent: the
    /// next start repeats.
    fn keep(&mut self, written: std::io::Result<()>) {
        if let (Err(error), Some(file)) = (written, self.file.take_if(|it| it.is_broken())) {
            warn!(
                source = self.source,
                file = %file.path().display(),
                %error,
                "what is sent early cannot be written down: a restart will send it again"
            );
            // No position of this life is opened with the file any more.
            self.sent = Sent {
                life: Sent::new(&self.source).life,
                ..self.sent
            };
        }
    }
}

impl Sent {
    /// A life that no other has.
    fn new(source: &str) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let of = (source, now.unwrap_or_default(), std::process::id());
        // As a JSON number it is exact up to 2^53.
        let life = xxh3_128(format!("{of:?}").as_bytes()) as u64 >> 11;
        Self { life, batch: 0 }
    }
}

/// What stands for `bytes`.
pub(super) fn digest(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}

#[cfg(test)]
mod tests;
