//! One bad record or message costs itself, and nothing else.

use std::time::Duration;

use highwater::{
    broker::{
        BrokerError,
        memory::PublishFault::{None as Pass, Refuse, Reject, Spoil},
    },
    codec::{Decoder, json::Json},
    flow::FlowError,
    model::{Records, Schema, Value},
    pipeline::{Else, Expression, StepSettings, steps},
};

use crate::{
    produce_rig::{DEAD_LETTERS, LAST_RESORT, Rig, TOPIC},
    waiting::within,
};

#[tokio::test(start_paused = true)]
async fn a_record_that_a_step_refuses_is_a_letter_as_it_was_read() {
    let mut rig = Rig::new(3, 10);
    let expression = Expression::parse("id != 2").expect("CEL");
    rig.pipeline = steps(&[
        StepSettings::Set(vec![(
            "text".into(),
            Expression::parse("'new ' + text").expect("CEL"),
        )]),
        StepSettings::Filter(expression, Else::DeadLetter),
    ]);
    within(rig.run()).await.expect("done");
    assert_eq!(rig.published(), [1, 3]);
    assert_eq!(rig.stored(), Some(3));
    let dead_letters = rig.broker.messages(DEAD_LETTERS, 0);
    let dead_letter = dead_letters.get(0).expect("one letter");
    assert_eq!((dead_letters.len(), dead_letter.key), (1, Some(&b"2"[..])));
    let text = String::from_utf8_lossy(dead_letter.value.expect("its fields")).into_owned();
    assert!(!text.contains("new"), "as it was read: {text}");
    let step = dead_letter.headers.get("highwater-dead-step").flatten();
    assert_eq!(step, Some(&b"filter"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_encoded_is_set_aside_with_all_that_is_known_of_it() {
    let rig = Rig::new(2, 10);
    rig.source.insert(3, "bad");
    rig.source.insert(4, "row 4");
    within(rig.run()).await.expect("done");
    assert_eq!(rig.published(), [1, 2, 4]);
    assert_eq!(rig.stored(), Some(4));
    assert_eq!(rig.stats.snapshot().dead_letters, 1);

    let dead_letters = rig.broker.messages(DEAD_LETTERS, 0);
    assert_eq!(dead_letters.len(), 1);
    let dead_letter = dead_letters.get(0).expect("one letter");
    let header = |name: &str| dead_letter.headers.get(name).flatten();
    assert_eq!(dead_letter.key, Some(&b"3"[..]));
    let fields = fields(dead_letter.value.expect("its fields"));
    assert_eq!(
        fields,
        [("id".into(), "3".into()), ("text".into(), "bad".into())]
    );
    assert_eq!(header("highwater-dead-step"), Some(&b"encode"[..]));
    assert_eq!(
        header("highwater-dead-reason"),
        Some(&b"field `text`: it is bad"[..])
    );
    assert_eq!(header("highwater-dead-topic"), Some(TOPIC.as_bytes()));
    assert_eq!(
        header("highwater-dead-flow"),
        Some(rig.flow.text().as_bytes())
    );
}

#[tokio::test(start_paused = true)]
async fn a_cursor_passes_a_bad_record_only_when_its_letter_is_durable() {
    let rig = Rig::new(2, 1);
    rig.source.insert(3, "bad");
    rig.dead_letters.then([Reject]);
    within(rig.run())
        .await
        .expect_err("the letter cannot be sent");
    assert_eq!(rig.stored(), Some(2));
    within(rig.run()).await.expect("done");
    assert_eq!(rig.stored(), Some(3));
    assert_eq!(rig.dead_letters(DEAD_LETTERS).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_bad_records_alone_is_passed() {
    let rig = Rig::new(0, 2);
    for id in 1..=5 {
        rig.source.insert(id, "bad");
    }
    within(rig.run()).await.expect("done");
    assert_eq!((rig.published(), rig.stored()), (vec![], Some(5)));
    assert_eq!(rig.dead_letters(DEAD_LETTERS).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_found_among_its_neighbours() {
    let rig = Rig::new(4, 10);
    rig.source.insert(5, "x".repeat(1000));
    rig.source.insert(6, "row 6");
    rig.broker.limit_messages(TOPIC, 500);
    within(rig.run()).await.expect("done");
    assert_eq!(rig.published(), [1, 2, 3, 4, 6]);
    assert_eq!(
        rig.dead_letters(DEAD_LETTERS),
        [("5".into(), "message too large".into())]
    );
    assert_eq!(rig.stored(), Some(6));

    let dead_letters = rig.broker.messages(DEAD_LETTERS, 0);
    let dead_letter = dead_letters.get(0).expect("one letter");
    let step = dead_letter.headers.get("highwater-dead-step").flatten();
    assert_eq!(step, Some(&b"publish"[..]));
    let identity = dead_letter.headers.get("highwater-key").flatten();
    assert_eq!(identity, Some(&b"5"[..]), "its own headers are kept");
    assert!(dead_letter.value.is_some_and(|it| it.len() > 1000));
}

#[tokio::test(start_paused = true)]
async fn the_last_message_of_a_key_stands_last_after_an_earlier_one_was_spoiled() {
    let mut rig = Rig::new(0, 2).script([Spoil, Pass, Pass]);
    rig.source = rig.source.keyed_by("text");
    // All are in flight before the first answer comes.
    rig.delay = Duration::from_secs(1);
    for (id, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "a")] {
        rig.source.insert(id, key);
    }
    within(rig.run()).await.expect("done");
    let changes = changes(&rig);
    let of_key = |key: &str| -> Vec<&str> {
        let of_key = changes.iter().filter(|(it, _)| it == key);
        of_key.map(|(_, id)| id.as_str()).collect()
    };
    // The first was spoiled when the others had arrived: it is sent again, and they behind it.
    assert_eq!(of_key("a"), ["3", "5", "1", "3", "5"]);
    assert_eq!(of_key("b"), ["2"], "spoiled, and sent again");
    assert_eq!(of_key("c"), ["4"], "it shares no key with a spoiled one");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_by_itself_leaves_the_others_alone() {
    let rig = Rig::new(6, 3).script([Refuse(1)]);
    within(rig.run()).await.expect("done");
    assert_eq!(rig.published(), [1, 3, 4, 5, 6], "nothing is sent twice");
    let reason = "as the script says".to_owned();
    assert_eq!(rig.dead_letters(DEAD_LETTERS), [("2".to_owned(), reason)]);
    assert_eq!(rig.stored(), Some(6));
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_its_topic_refuses_goes_to_the_last_resort() {
    let rig = Rig::new(1, 10);
    rig.source.insert(2, "x".repeat(1000));
    rig.broker.limit_messages(TOPIC, 500);
    rig.broker.limit_messages(DEAD_LETTERS, 500);
    within(rig.run()).await.expect("done");
    let dead_letter = [("2".into(), "message too large".into())];
    assert_eq!(rig.dead_letters(LAST_RESORT), dead_letter);
    assert_eq!(
        rig.dead_letters(DEAD_LETTERS),
        dead_letter,
        "a pointer to it"
    );
    let pointer = rig.broker.messages(DEAD_LETTERS, 0);
    let pointer = pointer.get(0).expect("one");
    let file = pointer.headers.get("highwater-dead-file").flatten();
    assert_eq!((pointer.value, file), (None, Some(LAST_RESORT.as_bytes())));
    assert_eq!(rig.stored(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_nobody_takes_stops_the_flow_before_it() {
    let rig = Rig::new(1, 1);
    rig.source.insert(2, "x".repeat(1000));
    for topic in [TOPIC, DEAD_LETTERS, LAST_RESORT] {
        rig.broker.limit_messages(topic, 500);
    }
    let error = within(rig.run())
        .await
        .expect_err("there is no place for it");
    assert!(matches!(
        error,
        FlowError::Broker(BrokerError::Refused { .. })
    ));
    assert_eq!(rig.stored(), Some(1));
}

/// The keys and ids on the topic, in order.
fn changes(rig: &Rig) -> Vec<(String, String)> {
    let messages = rig.broker.messages(TOPIC, 0);
    let change = |it: highwater::model::Message<'_>| {
        let key = String::from_utf8_lossy(it.key.expect("keyed")).into_owned();
        (key, fields(it.value.expect("a value"))[0].1.clone())
    };
    messages.iter().map(change).collect()
}

/// The names and values of a JSON message, as text.
fn fields(value: &[u8]) -> Vec<(String, String)> {
    let mut messages = highwater::model::Messages::default();
    messages.push(
        None,
        Some(value),
        [],
        highwater::model::RecordOrigin::default(),
    );
    let mut records = Records::new(std::sync::Arc::new(Schema::document("rows", ["id"])));
    let message = messages.get(0).expect("one message");
    Json::PLAIN.decode(&message, 0, &mut records).expect("JSON");
    let row = records.get(0).expect("one record");
    let text = |value: Value<'_>| match value {
        Value::I64(it) => it.to_string(),
        Value::String(it) => it.to_owned(),
        other => panic!("{other:?}"),
    };
    row.fields()
        .map(|(name, it)| (name.to_owned(), text(it)))
        .collect()
}
