//! What a scan goes by besides its field, from the settings.

use crate::{
    model::FlowName,
    settings::{Cursors, LateRows, NullRows, ReadFrom, Settings},
    source::{DeduplicationSettings, HoldBack, Late, Nulls, Rules},
};

/// What is done about rows without a value and rows that are sent early. What was sent early is
/// kept in a file, wherever the cursor itself is.
pub(super) fn rules(settings: &Settings, flow: &FlowName, from: &ReadFrom) -> Rules {
    let folder = match &settings.cursors {
        Cursors::File { folder } | Cursors::Database { folder, .. } => folder,
    };
    let name = crate::cursor::file::file_name(&flow.text());
    Rules {
        coalesce: from.coalesce.clone(),
        nulls: match from.nulls {
            NullRows::First => Nulls::First,
            NullRows::EveryRun => Nulls::EveryRun,
            NullRows::Refuse => Nulls::Refuse,
        },
        deduplication: DeduplicationSettings {
            file: Some(folder.join(name).with_extension("early")),
            most: from.re_read_rows,
        },
    }
}

/// How late commits are met.
pub(super) fn late(from: &ReadFrom) -> Late {
    let hold_back = HoldBack {
        max_commit_delay: from.max_commit_delay,
        clock_skew: from.clock_skew.unwrap_or_default(),
    };
    match from.late {
        LateRows::None => Late::None,
        LateRows::HoldBack => Late::HoldBack(hold_back),
        LateRows::ReRead => Late::ReRead(hold_back),
    }
}
