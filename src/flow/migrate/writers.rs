//! Loads of a migration under way: laid side by side, ended one behind the other.

use std::collections::VecDeque;

use futures_util::{future::BoxFuture, stream::FuturesOrdered};

use super::load::Load;
use crate::{
    flow::FlowError,
    model::Position,
    sink::{Laid, SinkError},
};

/// What became of laying a load; `Ok(None)` where the sink does not.
pub(super) type Laying<'s> = Result<Option<Box<dyn Laid + 's>>, SinkError>;

/// Up to so many loads, oldest first.
pub(super) struct Writers<'f> {
    room: usize,
    /// Rows are on their way.
    pub laying: FuturesOrdered<BoxFuture<'f, (Load, Laying<'f>)>>,
    /// Rows are there, and wait for the ends of those before.
    pub laid: VecDeque<(Load, Laying<'f>)>,
    /// The oldest is being ended.
    pub settling: FuturesOrdered<BoxFuture<'f, Result<Position, FlowError>>>,
}

impl Writers<'_> {
    pub fn new(room: usize) -> Self {
        Self {
            room,
            laying: FuturesOrdered::new(),
            laid: VecDeque::new(),
            settling: FuturesOrdered::new(),
        }
    }

    pub fn has_room(&self) -> bool {
        self.laying.len() + self.laid.len() + self.settling.len() < self.room
    }

    pub fn is_empty(&self) -> bool {
        self.laying.is_empty() && self.laid.is_empty() && self.settling.is_empty()
    }
}
