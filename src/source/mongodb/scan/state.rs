//! Scan state of an incremental read: documents with a value, and those without.

use super::cursor_values::CursorValues;
use crate::source::{deduplication::Sent, scan::ScanPhase};

/// Where an incremental read stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ScanState {
    /// Documents with a value.
    pub cursor_values: CursorValues,
    /// Those without one, by their `_id` alone.
    pub nulls: CursorValues,
    /// What has been sent early.
    pub sent: Option<Sent>,
}

impl ScanState {
    /// Behind these documents with a value.
    pub fn behind(cursor_values: CursorValues) -> Self {
        Self {
            cursor_values,
            ..Self::default()
        }
    }

    /// The marks of a lane.
    pub fn of(&self, phase: ScanPhase) -> &CursorValues {
        match phase {
            ScanPhase::Nulls => &self.nulls,
            ScanPhase::Values => &self.cursor_values,
        }
    }

    /// The same, to be moved.
    pub fn of_mut(&mut self, phase: ScanPhase) -> &mut CursorValues {
        match phase {
            ScanPhase::Nulls => &mut self.nulls,
            ScanPhase::Values => &mut self.cursor_values,
        }
    }

    /// Leaves out what was seen and has been read by now.
    pub fn forget_read(&mut self) {
        self.cursor_values.forget_read();
        self.nulls.forget_read();
    }
}
