//! Concurrent loads of a migration: staged side by side, committed in order.

use std::collections::VecDeque;

use futures_util::{future::BoxFuture, stream::FuturesOrdered};

use super::load::Load;
use crate::{
    flow::FlowError,
    model::Position,
    sink::{SinkError, StagedWrite},
};

/// What became of laying a load; `Ok(None)` where the sink does not.
pub(super) type Staging<'s> = Result<Option<Box<dyn StagedWrite + 's>>, SinkError>;

/// Up to so many loads, oldest first.
pub(super) struct Writers<'f> {
    room: usize,
    /// Rows are on their way.
    pub staging: FuturesOrdered<BoxFuture<'f, (Load, Staging<'f>)>>,
    /// Rows are there, and wait for the ends of those before.
    pub staged: VecDeque<(Load, Staging<'f>)>,
    /// The oldest is being ended.
    pub committing: FuturesOrdered<BoxFuture<'f, Result<Position, FlowError>>>,
}

impl Writers<'_> {
    pub fn new(room: usize) -> Self {
        Self {
            room,
            staging: FuturesOrdered::new(),
            staged: VecDeque::new(),
            committing: FuturesOrdered::new(),
        }
    }

    pub fn has_room(&self) -> bool {
        self.staging.len() + self.staged.len() + self.committing.len() < self.room
    }

    pub fn is_empty(&self) -> bool {
        self.staging.is_empty() && self.staged.is_empty() && self.committing.is_empty()
    }
}
