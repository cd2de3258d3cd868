//! What each attempt of a flow goes by: when it is tried again, and where its dead letters go.

use super::context::App;
use crate::{
    fault::{Fault, Faulty},
    flow::{DeadLetters, FlowError, Retry},
    settings::Chosen,
};

/// Whether a flow that has failed so may be tried again by itself, later. Not where the settings have
/// said when to give up (`give-up-after`, `stop-after`).
pub(super) fn is_transient(error: &FlowError) -> bool {
    error.fault() != Fault::Transient && !matches!(error, FlowError::AllBad(_))
}

pub(super) fn retry(app: &App) -> Retry {
    let retry = &app.settings.retry;
    Retry {
        first: retry.first,
        most: retry.most,
        give_up_after: retry.give_up_after,
    }
}

pub(super) async fn dead_letters(app: &App, chosen: &Chosen<'_>) -> Result<DeadLetters, FlowError> {
    let to = chosen.data_type.dead_letters_to(&chosen.topic);
    let publisher = app.open.dead_letters_publisher(chosen, &to).await?;
    let folder = &app.settings.dead_letters;
    let last_resort = crate::broker::dead_letters::file::FilePublisher::new(folder, &to.name());
    let stop_after = std::num::NonZeroU64::new(chosen.data_type.stop_after);
    let dead_letters =
        DeadLetters::new(publisher, Box::new(last_resort)).stopping_after(stop_after);
    Ok(dead_letters.shown_by("highwater dead-letters list"))
}
