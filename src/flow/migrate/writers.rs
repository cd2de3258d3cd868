//! Loads of a migration under way: staged side by side, committed one behind the other.

use std::collections::VecDeque;

use futures_util::{future::BoxFuture, stream::FuturesOrdered};

use super::load::Load;
use crate::{
    flow::FlowError,
    model::Position,
    sink::{SinkError, StagedWrite},
};

/// What became of staging a load; `Ok(None)` where it is written with its commit.
pub(super) type Staging<'s> = Result<Option<Box<dyn StagedWrite + 's>>, SinkError>;

/// Up to so many loads, oldest first.
pub(super) struct Writers<'f> {
    room: usize,
    /// Rows are on their way.
    pub staging: FuturesOrdered<BoxFuture<'f, (Load, Staging<'f>)>>,
    /// Rows are there, and wait for the commits of those before.
    pub staged: VecDeque<(Load, Staging<'f>)>,
    /// The oldest is being committed.
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
