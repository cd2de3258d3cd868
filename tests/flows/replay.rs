//! Dead letters are replayed: each lands once, whatever happens meanwhile.

use highwater::{
    codec::json::Json,
    flow::{Keys, Replay, Replayed, StoredDeadLetter},
    model::{Messages, RecordOrigin},
    pipeline::Routes,
    sink::Onto,
};

use crate::{
    consume_rig::{DEAD_LETTERS, FLOW, Rig},
    scripted_sink::SinkFault::{LoseAnswer, Reject},
    waiting::within,
};

/// What became of all letters in the rig's topic, read as they would be after a fix of the bytes.
async fn replay(rig: &Rig, onto: Onto, mend: &[(&str, &str)]) -> Vec<Replayed> {
    replay_of(rig, onto, Keys::Rows, mend).await
}

async fn replay_of(rig: &Rig, onto: Onto, keys: Keys, mend: &[(&str, &str)]) -> Vec<Replayed> {
    let messages = rig.broker.messages(DEAD_LETTERS, 0);
    let mut mended = Messages::default();
    for it in messages.iter() {
        let value = std::str::from_utf8(it.value.expect("a value")).expect("text");
        let value = mend
            .iter()
            .find(|(bad, _)| *bad == value)
            .map_or(value, |it| it.1);
        mended.push(
            it.key,
            Some(value.as_bytes()),
            it.headers,
            RecordOrigin::default(),
        );
    }
    let dead_letters: Vec<_> = mended
        .iter()
        .filter_map(|it| StoredDeadLetter::read(&it))
        .collect();
    let replay = Replay {
        flow: FLOW,
        decoder: &Json::PLAIN,
        pipeline: &[],
        identity: None,
        routes: &Routes::to_one(),
        sink: &*rig.sink,
        onto,
        keys,
    };
    within(replay.run(&dead_letters)).await.expect("replayed")
}

async fn rig(values: &[(&str, &str)]) -> Rig {
    let rig = Rig::new(1);
    for (key, value) in values {
        rig.publish_value(key, value).await;
    }
    within(rig.catch_up()).await.expect("caught up");
    rig
}

fn rows(rig: &Rig) -> Vec<String> {
    let row =
        |it: Vec<(String, String)>| it.into_iter().map(|it| it.1).collect::<Vec<_>>().join(" ");
    let mut rows: Vec<_> = rig.sink.memory.rows().into_iter().map(row).collect();
    rows.sort();
    rows
}

const GOOD: &str = r#"{"id":"a","text":"mended"}"#;

#[tokio::test(start_paused = true)]
async fn a_mended_letter_lands_once_and_a_second_replay_changes_nothing() {
    let rig = rig(&[("a", "bad"), ("b", r#"{"id":"b","text":"1"}"#)]).await;
    let still = replay(&rig, Onto::Absent, &[]).await;
    assert!(matches!(&still[..], [Replayed::Bad { step, .. }] if step == "decode"));
    assert_eq!(
        replay(&rig, Onto::Absent, &[("bad", GOOD)]).await,
        [Replayed::Landed]
    );
    assert_eq!(rows(&rig), ["a mended", "b 1"]);
    // The row moves on; the letter must not come back, not even where it may overwrite.
    rig.publish("a", "newer").await;
    within(rig.catch_up()).await.expect("caught up");
    for onto in [Onto::Absent, Onto::Any] {
        assert_eq!(
            replay(&rig, onto, &[("bad", GOOD)]).await,
            [Replayed::Before]
        );
    }
    assert_eq!(rows(&rig), ["a newer", "b 1"]);
    assert_eq!(
        rig.sink.offsets(FLOW).await,
        [(0, 3)],
        "the sink's own progress stays"
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_there_stays_unless_it_may_be_overwritten() {
    let rig = rig(&[("a", "bad"), ("a", r#"{"id":"a","text":"newer"}"#)]).await;
    for _ in 0..2 {
        assert_eq!(
            replay(&rig, Onto::Absent, &[("bad", GOOD)]).await,
            [Replayed::Superseded]
        );
        assert_eq!(rows(&rig), ["a newer"]);
    }
    assert_eq!(
        replay(&rig, Onto::Any, &[("bad", GOOD)]).await,
        [Replayed::Landed]
    );
    assert_eq!(rows(&rig), ["a mended"]);
}

#[tokio::test(start_paused = true)]
async fn of_letters_of_one_key_the_last_one_stands() {
    let rig = rig(&[("a", "bad"), ("a", "worse")]).await;
    let last = r#"{"id":"a","text":"last"}"#;
    let outcomes = replay(&rig, Onto::Absent, &[("bad", GOOD), ("worse", last)]).await;
    assert_eq!(outcomes, [Replayed::Landed, Replayed::Landed]);
    assert_eq!(rows(&rig), ["a last"]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_bad_again_does_not_hold_back_an_older_one_of_its_key() {
    let rig = rig(&[("a", "bad"), ("a", "worse")]).await;
    let no_id = r#"{"text":"no id"}"#;
    let outcomes = replay(&rig, Onto::Absent, &[("bad", GOOD), ("worse", no_id)]).await;
    assert_eq!(outcomes[0], Replayed::Landed);
    assert!(matches!(&outcomes[1], Replayed::Bad { step, .. } if step == "write"));
    assert_eq!(rows(&rig), ["a mended"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_repeats_nothing() {
    for fault in [Reject, LoseAnswer] {
        let rig = rig(&[("a", "bad")]).await;
        let before = rig.sink.memory.applied();
        rig.sink.then([fault]);
        let outcomes = replay(&rig, Onto::Any, &[("bad", GOOD)]).await;
        assert!(
            matches!(outcomes[..], [Replayed::Landed | Replayed::Before]),
            "{outcomes:?}"
        );
        assert_eq!(rig.sink.memory.applied(), before + 1);
        assert_eq!(rows(&rig), ["a mended"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_was_sent_twice_is_one() {
    let rig = rig(&[("a", "bad")]).await;
    let twice = rig.broker.messages(DEAD_LETTERS, 0);
    let publisher = rig.broker.publisher(DEAD_LETTERS).expect("a topic");
    let again = highwater::broker::Publisher::publish(&publisher, std::sync::Arc::new(twice));
    again.await.expect("handed over").await.expect("durable");
    let outcomes = replay(&rig, Onto::Any, &[("bad", GOOD)]).await;
    assert_eq!(outcomes, [Replayed::Landed, Replayed::Before]);
    assert_eq!(rig.sink.memory.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn letters_whose_key_is_the_type_of_many_rows_stand_each_for_itself() {
    let (other, newer) = (r#"{"id":"b","text":"2"}"#, r#"{"id":"a","text":"newer"}"#);
    for (onto, left) in [(Onto::Absent, "a newer"), (Onto::Any, "a newer")] {
        let rig = rig(&[
            ("t", "bad"),
            ("t", "bad b"),
            ("t", "bad still"),
            ("t", "bad a"),
        ])
        .await;
        let mend = [("bad", GOOD), ("bad b", other), ("bad a", newer)];
        let outcomes = replay_of(&rig, onto, Keys::Types, &mend).await;
        assert_eq!(rows(&rig), [left, "b 2"], "{outcomes:?}");
        assert_eq!(outcomes[1], Replayed::Landed);
        assert!(matches!(outcomes[2], Replayed::Bad { .. }));
        assert_eq!(outcomes[3], Replayed::Landed);
    }
}
