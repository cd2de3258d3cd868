//! A position past the newest value of its source is told: nothing with a smaller value is read.

use crate::{
    fault::chain,
    model::Position,
    source::{InspectableSource, SourceStatus},
};

/// What is said of it; nothing where the position is where it should be.
pub(in crate::app) fn advice(status: &SourceStatus) -> Option<String> {
    if !status.is_past_newest {
        return None;
    }
    let at = status.at.as_deref().unwrap_or_default();
    let newest = match &status.newest {
        Some(newest) => format!("the newest value there is {newest}"),
        None => "nothing is there".to_owned(),
    };
    Some(format!(
        "the position {at} is past the newest value of the source: {newest}. Rows were deleted, or the source was emptied or made again. Rows with smaller values are not read: if there are such, `--full-amount` reads everything, and `highwater cursor reset` starts again from the beginning"
    ))
}

/// Logs it as a warning. A status that cannot be had is left to the read, which fails as well.
pub(in crate::app) async fn warn(source: &dyn InspectableSource, flow: &str, position: &Position) {
    match source.status(Some(position)).await {
        Ok(status) => {
            if let Some(advice) = advice(&status) {
                tracing::warn!(flow, "{advice}");
            }
        }
        Err(error) => tracing::debug!(flow, error = chain(&error), "no status of the source"),
    }
}
