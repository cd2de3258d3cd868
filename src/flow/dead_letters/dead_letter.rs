//! A stored dead letter: what happened, and the original message.

use std::borrow::Cow;

use crate::model::{Headers, Message, RecordOrigin};

pub(super) const FLOW: &str = "highwater-dead-flow";
pub(super) const STEP: &str = "highwater-dead-step";
pub(super) const REASON: &str = "highwater-dead-reason";
pub(super) const TOPIC: &str = "highwater-dead-topic";
pub(super) const TOPIC_ID: &str = "highwater-dead-topic-id";
pub(super) const PARTITION: &str = "highwater-dead-partition";
pub(super) const OFFSET: &str = "highwater-dead-offset";
/// The original's time.
pub(super) const TIMESTAMP: &str = "highwater-dead-timestamp";
/// When it was set aside.
pub(super) const AT: &str = "highwater-dead-at";
/// The file that has the letter itself.
pub(super) const FILE: &str = "highwater-dead-file";

/// What the headers of a letter's own begin with.
pub const OWN: &str = "highwater-dead-";

const NAMES: [&str; 10] = [
    FLOW, STEP, REASON, TOPIC, TOPIC_ID, PARTITION, OFFSET, TIMESTAMP, AT, FILE,
];

/// One letter, borrowed from the message that carries it.
#[derive(Debug, Clone)]
pub struct StoredDeadLetter<'a> {
    /// The flow that set it aside.
    pub flow: Cow<'a, str>,
    /// Where in the flow.
    pub step: Cow<'a, str>,
    /// Why.
    pub reason: Cow<'a, str>,
    /// The topic that it was meant for or read from.
    pub topic: Cow<'a, str>,
    /// That topic's id, where it was read from it.
    pub topic_id: Cow<'a, str>,
    /// Where it stood in it; `None` for what was never published.
    pub record_origin: Option<RecordOrigin>,
    /// When it was set aside: milliseconds since the epoch.
    pub at: i64,
    /// Where the letter itself is, if this only points to it.
    pub file: Option<Cow<'a, str>>,
    /// Its original key.
    pub key: Option<&'a [u8]>,
    /// Its original value.
    pub value: Option<&'a [u8]>,
    /// Its original headers.
    pub headers: Headers<'a>,
}

impl<'a> StoredDeadLetter<'a> {
    /// The letter in `message`; `None` where it is none of ours.
    pub fn read(message: &Message<'a>) -> Option<Self> {
        let mut found = [None; NAMES.len()];
        let mut headers = message.headers;
        loop {
            let mut ahead = headers;
            let Some((name, value)) = ahead.next() else {
                break;
            };
            // What comes a second time is of the original: a letter of a letter.
            match NAMES.iter().position(|it| *it == name) {
                Some(at) if found[at].is_none() => found[at] = Some(value.unwrap_or_default()),
                _ => break,
            }
            headers = ahead;
        }
        let text = |name: &str| {
            let at = NAMES.iter().position(|it| *it == name)?;
            found[at].map(String::from_utf8_lossy)
        };
        let number = |name: &str| text(name)?.parse::<i64>().ok();
        let partition = number(PARTITION).and_then(|it| i32::try_from(it).ok());
        let record_origin = partition
            .zip(number(OFFSET))
            .map(|(partition, offset)| RecordOrigin {
                partition,
                offset,
                timestamp: number(TIMESTAMP).unwrap_or(0),
            });
        Some(Self {
            flow: text(FLOW)?,
            step: text(STEP)?,
            reason: text(REASON)?,
            topic: text(TOPIC)?,
            topic_id: text(TOPIC_ID).unwrap_or_default(),
            record_origin,
            at: number(AT).unwrap_or(message.record_origin.timestamp),
            file: text(FILE),
            key: message.key,
            value: message.value,
            headers,
        })
    }

    /// The message as it was.
    pub fn original(&self) -> Message<'a> {
        Message {
            key: self.key,
            value: self.value,
            headers: self.headers,
            record_origin: self.record_origin.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Messages;

    #[test]
    fn a_letter_of_a_letter_keeps_the_headers_of_the_first() {
        let mut messages = Messages::default();
        let headers = [
            (FLOW, Some(&b"f"[..])),
            (STEP, Some(b"write")),
            (REASON, Some(b"why")),
            (TOPIC, Some(b"t")),
            (PARTITION, Some(b"3")),
            (OFFSET, Some(b"17")),
            (STEP, Some(b"decode")),
            ("other", None),
        ];
        messages.push(Some(b"k"), None, headers, RecordOrigin::default());
        let message = messages.get(0).expect("one");
        let dead_letter = StoredDeadLetter::read(&message).expect("a letter");
        assert_eq!((&*dead_letter.step, &*dead_letter.topic_id), ("write", ""));
        assert_eq!(
            dead_letter
                .record_origin
                .map(|it| (it.partition, it.offset)),
            Some((3, 17))
        );
        let original: Vec<_> = dead_letter.original().headers.collect();
        assert_eq!(original, headers[6..]);
    }

    proptest! {
        #[test]
        fn no_headers_make_it_panic(names in prop::collection::vec((0..12_usize, prop::option::of(any::<Vec<u8>>())), 0..20)) {
            let mut messages = Messages::default();
            let named = names.iter().map(|(at, value)| (*NAMES.get(*at).unwrap_or(&"x"), value.as_deref()));
            messages.push(None, None, named, RecordOrigin::default());
            let _ = StoredDeadLetter::read(&messages.get(0).expect("one"));
        }
    }
}
