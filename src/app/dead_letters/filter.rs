//! Which dead letters a person asks for.

use crate::{
    cli::{LetterFilter, LetterPlace},
    flow::Letter,
    model::Message,
};

/// What a letter has to be like.
pub(super) struct Filter<'f> {
    asked: &'f LetterFilter,
    reason: Option<String>,
    letter: Option<LetterPlace>,
}

impl<'f> Filter<'f> {
    pub(in crate::app) fn new(asked: &'f LetterFilter, letter: Option<LetterPlace>) -> Self {
        Self {
            asked,
            reason: asked.reason.as_ref().map(|it| it.to_lowercase()),
            letter,
        }
    }

    /// Whether it is the one letter, if one was named.
    pub(in crate::app) fn names(&self, message: &Message<'_>) -> bool {
        self.letter
            .is_none_or(|it| super::output::is_at(message, it))
    }

    pub(in crate::app) fn takes(&self, letter: &Letter<'_>) -> bool {
        let asked = self.asked;
        let data_type = letter.flow.split('/').next();
        let offset = letter.place.map(|it| it.offset);
        asked
            .data_type
            .as_deref()
            .is_none_or(|it| data_type == Some(it))
            && asked.topic.as_deref().is_none_or(|it| letter.topic == it)
            && asked.step.as_deref().is_none_or(|it| letter.step == it)
            && self
                .reason
                .as_ref()
                .is_none_or(|it| letter.reason.to_lowercase().contains(it))
            && asked.since.is_none_or(|it| letter.at >= it)
            && asked.until.is_none_or(|it| letter.at < it)
            && asked
                .partition
                .is_none_or(|it| letter.place.map(|it| it.partition) == Some(it))
            && asked
                .offset
                .is_none_or(|(from, to)| offset.is_some_and(|it| (from..=to).contains(&it)))
    }
}
