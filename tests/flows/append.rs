//! A table whose rows are only added: each message once, however often it is repeated.

use std::{collections::BTreeSet, sync::Arc};

use highwater::{
    broker::Publisher,
    codec::json::Json,
    flow::{Consume, Identity, Keys, Replay, Replayed, StoredDeadLetter, Until},
    model::{Messages, RecordOrigin},
    pipeline::Routes,
    sink::Onto,
    source::{ReadMode, Scope},
};

use crate::{
    consume_rig::{DEAD_LETTERS, FLOW, Rig, TOPIC},
    produce_rig,
    scripted_sink::SinkFault::LoseAnswer,
    waiting::within,
};

/// The rows that are there, by their identity.
fn rows(rig: &Rig) -> usize {
    rig.sink.memory.rows().len()
}

/// The sink keeps its rows by `id`.
async fn append(rig: &Rig) {
    let consume = Consume {
        identity: Some(Identity::kept_in("id")),
        ..rig.consume(Until::CaughtUp)
    };
    within(consume.run(&rig.stop)).await.expect("caught up");
}

async fn publish(rig: &Rig, messages: Messages) {
    let publisher = rig.broker.publisher(TOPIC).expect("a topic");
    let delivery = publisher.publish(Arc::new(messages)).await;
    delivery.expect("handed over").await.expect("durable");
}

#[tokio::test(start_paused = true)]
async fn what_a_producer_repeats_is_added_once_and_what_names_nothing_each_time() {
    let rig = Rig::new(1);
    let producer = produce_rig::Rig::new(20, 5);
    let mut all = Messages::default();
    // As after a crash between acknowledgement and save: read again from the beginning.
    for _ in 0..2 {
        within(producer.run_as(Scope::Full, ReadMode::Bounded))
            .await
            .expect("published");
    }
    all.append(&producer.broker.messages(produce_rig::TOPIC, 0));
    assert_eq!(all.len(), 40);
    publish(&rig, all).await;
    append(&rig).await;
    assert_eq!(rows(&rig), 20);
    for _ in 0..2 {
        rig.publish("a", "the same").await;
    }
    append(&rig).await;
    assert_eq!(rows(&rig), 22);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_row_is_added_beside_it() {
    let rig = Rig::new(1);
    let mut producer = produce_rig::Rig::new(3, 5);
    producer.version = vec!["text".to_owned()];
    within(producer.run()).await.expect("published");
    let first = producer.broker.messages(produce_rig::TOPIC, 0);
    publish(&rig, first.clone()).await;
    let mut other = Messages::default();
    for message in first.iter() {
        let headers = message.headers.map(|(name, value)| match name {
            "highwater-version" => (name, Some(&b"changed"[..])),
            _ => (name, value),
        });
        other.push(message.key, message.value, headers, RecordOrigin::default());
    }
    publish(&rig, other).await;
    append(&rig).await;
    assert_eq!(rows(&rig), 6);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_adds_nothing_twice() {
    let rig = Rig::new(1);
    rig.publish("a", "1").await;
    rig.publish("a", "2").await;
    rig.sink.then([LoseAnswer]);
    let consume = Consume {
        identity: Some(Identity::kept_in("id")),
        ..rig.consume(Until::CaughtUp)
    };
    let _ = within(consume.run(&rig.stop)).await;
    append(&rig).await;
    let ids: BTreeSet<_> = rig.sink.applied().into_iter().map(|it| it.0).collect();
    assert_eq!((ids.len(), rows(&rig)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn letters_of_one_key_each_have_their_row() {
    let rig = Rig::new(1);
    rig.publish_value("a", "bad").await;
    rig.publish_value("a", "worse").await;
    append(&rig).await;
    let mut mended = Messages::default();
    for it in rig.broker.messages(DEAD_LETTERS, 0).iter() {
        let value = br#"{"id":"a","text":"mended"}"#;
        mended.push(it.key, Some(value), it.headers, RecordOrigin::default());
    }
    let dead_letters: Vec<_> = mended
        .iter()
        .filter_map(|it| StoredDeadLetter::read(&it))
        .collect();
    let identity = Identity::kept_in("id");
    let replay = Replay {
        flow: FLOW,
        decoder: &Json::PLAIN,
        pipeline: &[],
        identity: Some(&identity),
        routes: &Routes::to_one(),
        sink: &*rig.sink,
        onto: Onto::Absent,
        keys: Keys::Rows,
    };
    for expected in [Replayed::Landed, Replayed::Before] {
        let outcomes = within(replay.run(&dead_letters)).await.expect("replayed");
        assert_eq!(outcomes, [expected.clone(), expected]);
    }
    assert_eq!(rows(&rig), 2);
}
