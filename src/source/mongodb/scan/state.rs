//! Where an incremental read of a collection stands: with its values, and with what has none.

use super::cursor_values::Marks;
use crate::source::{reread::Sent, scan::Lane};

/// Where an incremental read stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stand {
    /// Documents with a value.
    pub marks: Marks,
    /// Those without one, by their `_id` alone.
    pub nulls: Marks,
    /// What has been sent early.
    pub sent: Option<Sent>,
}

impl Stand {
    /// Behind these documents with a value.
    pub fn behind(marks: Marks) -> Self {
        Self {
            marks,
            ..Self::default()
        }
    }

    /// The marks of a lane.
    pub fn of(&self, lane: Lane) -> &Marks {
        match lane {
            Lane::Nulls => &self.nulls,
            Lane::Values => &self.marks,
        }
    }

    /// The same, to be moved.
    pub fn of_mut(&mut self, lane: Lane) -> &mut Marks {
        match lane {
            Lane::Nulls => &mut self.nulls,
            Lane::Values => &mut self.marks,
        }
    }

    /// Leaves out what was seen and has been read by now.
    pub fn forget_read(&mut self) {
        self.marks.forget_read();
        self.nulls.forget_read();
    }
}
