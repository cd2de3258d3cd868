//! Filter of dead letters, from the flags of the command.

use crate::{
    cli::{DeadLetterFilter, DeadLetterId},
    flow::StoredDeadLetter,
    model::Message,
};

/// What a letter has to be like.
pub(super) struct Filter<'f> {
    asked: &'f DeadLetterFilter,
    reason: Option<String>,
    id: Option<DeadLetterId>,
}

impl<'f> Filter<'f> {
    pub(in crate::app) fn new(asked: &'f DeadLetterFilter, id: Option<DeadLetterId>) -> Self {
        Self {
            asked,
            reason: asked.reason.as_ref().map(|it| it.to_lowercase()),
            id,
        }
    }

    /// Whether it is the one letter, if one was named.
    pub(in crate::app) fn names(&self, message: &Message<'_>) -> bool {
        self.id.is_none_or(|it| super::output::is_at(message, it))
    }

    pub(in crate::app) fn takes(&self, dead_letter: &StoredDeadLetter<'_>) -> bool {
        let asked = self.asked;
        let data_type = dead_letter.flow.split('/').next();
        let offset = dead_letter.record_origin.map(|it| it.offset);
        asked
            .data_type
            .as_deref()
            .is_none_or(|it| data_type == Some(it))
            && asked
                .topic
                .as_deref()
                .is_none_or(|it| dead_letter.topic == it)
            && asked
                .step
                .as_deref()
                .is_none_or(|it| dead_letter.step == it)
            && self
                .reason
                .as_ref()
                .is_none_or(|it| dead_letter.reason.to_lowercase().contains(it))
            && asked.since.is_none_or(|it| dead_letter.at >= it)
            && asked.until.is_none_or(|it| dead_letter.at < it)
            && asked
                .partition
                .is_none_or(|it| dead_letter.record_origin.map(|it| it.partition) == Some(it))
            && asked
                .offset
                .is_none_or(|(from, to)| offset.is_some_and(|it| (from..=to).contains(&it)))
    }
}
