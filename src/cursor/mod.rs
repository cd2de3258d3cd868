//! ④ Stored positions of flows: a `CursorStore` that leases a flow's cursor to one process.
//!
//! Contract, run as a suite against every store (`tests/contracts`):
//!
//! - One flow has one lease at a time, in this process and all others; another one is refused.
//! - A lease that was lost (expired and taken by another) cannot save: `save` answers `Fenced`.
//!   Where leases expire, `lost` reports it even if there is nothing to save.
//! - `save` returns when the position is durable. A crash leaves the old position or the new
//!   one, never a mixture.
//! - A damaged cursor is an error with location and remedy, never "no cursor".

pub mod database;
pub mod failure;
pub mod file;
pub mod history;
#[cfg(any(test, feature = "doubles"))]
pub mod memory;
pub mod older_producer;

use async_trait::async_trait;

use crate::{
    fault::{Cause, Fault, Faulty},
    model::{FlowName, Position},
};

/// Keeps the cursors of many flows.
#[async_trait]
pub trait CursorStore: Send + Sync {
    /// Takes the cursor of `flow` for this process alone, until the lease is released or dropped.
    ///
    /// # Errors
    /// `Leased` where another has it.
    async fn lease(&self, flow: &FlowName) -> Result<Box<dyn CursorLease>, CursorError>;

    /// All stored cursors, by name. Takes no lease.
    ///
    /// # Errors
    /// As `CursorError` says.
    async fn list(&self) -> Result<Vec<StoredCursor>, CursorError>;

    /// Who runs `flow` now; `None` where nobody does. Takes no lease, and keeps nobody from taking it.
    ///
    /// # Errors
    /// As `CursorError` says.
    async fn leased(&self, flow: &FlowName) -> Result<Option<Leased>, CursorError>;

    /// Location of the cursor of `flow`, for people: a path, or a table.
    fn location(&self, flow: &FlowName) -> String;
}

/// The cursor of one flow, leased by this process.
#[async_trait]
pub trait CursorLease: Send + Sync {
    /// The stored position; `None` where the flow has never saved one.
    ///
    /// # Errors
    /// `Damaged` where there is one that cannot be read.
    async fn load(&mut self) -> Result<Option<Position>, CursorError>;

    /// Stores `position`, durably.
    ///
    /// # Errors
    /// `Fenced` where the lease was lost.
    async fn save(&mut self, position: &Position) -> Result<(), CursorError>;

    /// Deletes the position, even a damaged one.
    ///
    /// # Errors
    /// `Fenced` where the lease was lost.
    async fn remove(&mut self) -> Result<(), CursorError>;

    /// Waits until it is known that another has taken the lease; for ever where that cannot be.
    async fn lost(&self);

    /// Releases the lease.
    async fn release(self: Box<Self>);
}

/// A cursor as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCursor {
    /// The flow's name, as text.
    pub flow: String,
    /// Its position; or that it cannot be read: where it is, why not, and what to do.
    pub position: Result<Position, String>,
    /// When it was saved: seconds since the epoch.
    pub saved_at: i64,
    /// Who saved it, if the store knows it.
    pub saved_by: Option<String>,
}

/// Who has a flow's cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The process, and its machine where the store is shared.
    pub by: String,
    /// When another may take it, if it is not renewed: seconds since the epoch. `None` where it is
    /// free as soon as that process ends.
    pub until: Option<i64>,
}

/// What can go wrong with a cursor.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// Another process runs this flow.
    #[error(
        "flow {flow} is running elsewhere ({holder}): stop it first, or wait for its end with `--wait`"
    )]
    Leased {
        /// The flow.
        flow: String,
        /// The process that has the lease, if known.
        holder: String,
    },
    /// The lease was lost; another process has taken the flow over, or may.
    #[error(
        "flow {0} was taken over by another process, or its lock was deleted; this one has stopped"
    )]
    Fenced(String),
    /// What is stored is no cursor.
    #[error("the cursor at {location} is damaged ({reason}): {advice}")]
    Damaged {
        /// Where it is.
        location: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// The store cannot be read or written now.
    #[error("cursors at {location} cannot be reached")]
    Lost {
        /// Where they are.
        location: String,
        /// Why not.
        #[source]
        cause: Cause,
    },
    /// The store refused for good: rights, a full disk, a read-only folder.
    #[error("cursors at {location} cannot be stored: {advice}")]
    Refused {
        /// Where they are.
        location: String,
        /// What to do.
        advice: String,
        /// Why not.
        #[source]
        cause: Cause,
    },
}

impl Faulty for CursorError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lost { .. } => Fault::Transient,
            Self::Leased { .. } | Self::Fenced(_) | Self::Damaged { .. } | Self::Refused { .. } => {
                Fault::Permanent
            }
        }
    }
}
