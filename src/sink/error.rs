//! What can go wrong with a sink, and with one record in it.

use crate::fault::{Cause, Fault, Faulty};

/// What can go wrong with a sink.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The connection broke, a deadlock or a lock wait: it may pass.
    #[error("sink {0} cannot be written now")]
    Lost(String, #[source] Cause),
    /// The progress is not this writer's to move.
    #[error(transparent)]
    Fenced(#[from] Fence),
    /// One record can never be written.
    #[error("sink {name} cannot hold a record")]
    Data {
        /// The sink.
        name: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// These records cannot be written; all others of the batch can.
    #[error("sink {name} cannot hold {} of the records", faults.len())]
    Rows {
        /// The sink.
        name: String,
        /// Which, and why.
        faults: Vec<RowFault>,
    },
    /// The server refused for good: a missing table or column, rights, read-only, a full disk.
    #[error("sink {name} refused: {advice}")]
    Refused {
        /// The sink.
        name: String,
        /// What to do about it.
        advice: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// It was asked for what only other sinks can do.
    #[error("sink {name} has no {capability}")]
    Unsupported {
        /// The sink.
        name: String,
        /// What it was asked for.
        capability: &'static str,
    },
    /// The records and the table do not fit together.
    #[error("sink {name}: {advice}")]
    Incompatible {
        /// The sink.
        name: String,
        /// What is wrong and what to do.
        advice: String,
    },
}

/// Why the progress is not a writer's to move. It may pass: what is stored is read anew.
#[derive(Debug, thiserror::Error)]
pub enum Fence {
    /// Another writer has moved it.
    #[error("sink {0}: another writer has taken over this partition")]
    Moved(String),
    /// A transaction that is not over yet is moving it.
    #[error("sink {name}: {advice}")]
    Open {
        /// The sink.
        name: String,
        /// Whose it is, as far as it is known, and when it ends.
        advice: &'static str,
    },
}

/// What is wrong with one record.
#[derive(Debug)]
pub struct RowFault {
    /// The index of the message that it was made from.
    pub origin: u32,
    /// Whether it may be written later: another row holds a value that is unique, and may let go.
    pub may_pass: bool,
    /// Why it was refused.
    pub cause: Cause,
}

impl Faulty for SinkError {
    fn fault(&self) -> Fault {
        match self {
            // The partition is assigned anew to whoever owns it: this writer begins again.
            Self::Lost(..) | Self::Fenced(_) => Fault::Transient,
            Self::Data { .. } | Self::Rows { .. } => Fault::Data,
            Self::Refused { .. } | Self::Unsupported { .. } | Self::Incompatible { .. } => {
                Fault::Permanent
            }
        }
    }
}
