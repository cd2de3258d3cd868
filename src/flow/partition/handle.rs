//! Handle of a partition worker: its inbox, its written offset, and its overflow.

use std::{collections::BTreeMap, time::Duration};

use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use tokio_util::sync::DropGuard;

use crate::broker::Polled;

/// The flow's end of a lane.
pub(in crate::flow) struct WorkerHandle {
    inbox: mpsc::Sender<Polled>,
    /// The next offset that is stored.
    pub written: watch::Receiver<i64>,
    /// The next offset that the group was told.
    pub committed: i64,
    /// Where the partition ended when it was assigned; `None` where nothing is to be waited for.
    pub end: Option<i64>,
    overflow: Option<Overflow>,
    /// Dropped with this: a lane that waits for another row then waits no more.
    _closing: DropGuard,
}

/// What a lane had no room for.
struct Overflow {
    polled: Polled,
    since: Instant,
    /// The partition is held back at the broker, so that the others can go on.
    paused: bool,
}

/// How long a full lane may keep all others waiting. Holding a partition back makes the client
/// throw away what it has read ahead, so it is no means against an ordinary full lane.
const PATIENCE: Duration = Duration::from_secs(1);

impl WorkerHandle {
    pub fn new(
        inbox: mpsc::Sender<Polled>,
        written: watch::Receiver<i64>,
        end: Option<i64>,
        closing: DropGuard,
    ) -> Self {
        let committed = *written.borrow();
        Self {
            inbox,
            written,
            committed,
            end,
            overflow: None,
            _closing: closing,
        }
    }

    /// Hands messages to the lane, or keeps them until it has room.
    pub fn hand_over(&mut self, polled: Polled) {
        if let Some(overflow) = &mut self.overflow {
            overflow.polled.messages.append(&polled.messages);
            overflow.polled.next_offset = polled.next_offset;
            return;
        }
        // Where the inbox is closed, the lane has ended and its error is on its way to the flow.
        if let Err(mpsc::error::TrySendError::Full(polled)) = self.inbox.try_send(polled) {
            self.overflow = Some(Overflow {
                polled,
                since: Instant::now(),
                paused: false,
            });
        }
    }

    /// Hands over what was kept; answers whether the partition was held back and may go on.
    pub fn refill(&mut self) -> bool {
        let Some(overflow) = self.overflow.take() else {
            return false;
        };
        match self.inbox.try_send(overflow.polled) {
            Err(mpsc::error::TrySendError::Full(polled)) => {
                self.overflow = Some(Overflow { polled, ..overflow });
                false
            }
            _ => overflow.paused,
        }
    }

    /// Whether the lane has been full for too long; asked once, the partition is to be held back.
    pub fn lose_patience(&mut self) -> bool {
        match &mut self.overflow {
            Some(it) if !it.paused && it.since.elapsed() >= PATIENCE => {
                it.paused = true;
                true
            }
            _ => false,
        }
    }

    /// Whether nothing was kept.
    pub fn has_room(&self) -> bool {
        self.overflow.is_none()
    }

    /// Whether others may go on: nothing was kept, or no more of it comes.
    pub fn lets_others_go_on(&self) -> bool {
        self.overflow.as_ref().is_none_or(|it| it.paused)
    }

    /// Whether everything is written that was there when the partition was assigned.
    pub fn caught_up(&self) -> bool {
        self.end.is_none_or(|end| *self.written.borrow() >= end)
    }
}

/// Resolves when a lane that was full has room again.
pub(in crate::flow) async fn freed(workers: &BTreeMap<i32, WorkerHandle>) {
    let full = workers.values().filter(|it| !it.has_room());
    let rooms: Vec<_> = full.map(|it| it.inbox.reserve().boxed()).collect();
    if rooms.is_empty() {
        return std::future::pending().await;
    }
    drop(futures_util::future::select_all(rooms).await);
}
