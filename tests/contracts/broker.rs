//! The contract of topics, as behaviours of every broker.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use highwater::{
    broker::{BrokerError, Event, Pause, Rejection, Start},
    model::{Messages, RecordOrigin},
};

use super::{
    broker_group::{
        a_commit_is_told_to_others_and_starts_nothing, another_member_takes_over_when_one_leaves,
        partitions_move_to_another_member_only_when_they_are_released,
    },
    broker_reader::{Reader, noise, not_taken, numbered, publish, within},
    brokers::{Brokers, Embedded, Kafka, Memory, name},
    limit::in_time,
};

/// Runs behaviours against a broker.
macro_rules! contract {
    ($broker:ident: $open:expr, $($behaviour:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                in_time(super::$behaviour(&$open)).await;
            }
        )+
    };
}

/// Those that hold for every broker.
macro_rules! whole_contract {
    ($($broker:ident: $open:expr, and $behaviours:tt),+ $(,)?) => {
        $(mod $broker {
            use super::*;
            contract! {
                $broker: $open,
                what_is_published_comes_back_in_order_with_all_its_parts,
                equal_keys_share_a_partition_and_keep_their_order,
                keys_are_placed_as_java_places_them,
                nothing_comes_before_a_partition_is_started,
                a_partition_starts_where_it_is_told,
                a_start_that_is_not_there_is_refused,
                a_partition_held_back_keeps_still_until_it_goes_on,
                a_commit_is_told_to_others_and_starts_nothing,
                a_topic_made_anew_has_another_id,
                a_missing_topic_is_named,
                waiting_can_be_given_up_at_any_time,
                another_member_takes_over_when_one_leaves,
            }
            more! { $broker: $open, $behaviours }
        })+
    };
}

macro_rules! more {
    ($broker:ident: $open:expr, [$($behaviour:ident),*]) => {
        $(contract! { $broker: $open, $behaviour })*
    };
}

// Of the members of a group one reads all embedded topics, and their messages have no limit.
whole_contract! {
    embedded: Embedded::open().await, and [],
    memory: Memory::default(), and [
        partitions_move_to_another_member_only_when_they_are_released,
        a_message_that_is_too_large_is_found_by_sending_one_by_one
    ],
    kafka: Kafka::open(), and [
        partitions_move_to_another_member_only_when_they_are_released,
        a_message_that_is_too_large_is_found_by_sending_one_by_one
    ],
}

async fn what_is_published_comes_back_in_order_with_all_its_parts(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    let mut messages = Messages::default();
    let headers = [("a", Some(&b"1"[..])), ("a", None), ("b", Some(b""))];
    messages.push(Some(b"k"), Some(b"v"), headers, RecordOrigin::default());
    messages.push(None, Some(b""), [], RecordOrigin::default());
    messages.push(Some(b""), None, [], RecordOrigin::default());
    messages.push(None, Some(&[0xff; 3000]), [], RecordOrigin::default());
    publish(brokers, &topic, &messages).await;

    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    let read = reader.read(4).await;
    for (index, (sent, got)) in messages.iter().zip(read.iter()).enumerate() {
        assert_eq!((got.key, got.value), (sent.key, sent.value), "{index}");
        let (sent, read): (Vec<_>, Vec<_>) = (sent.headers.collect(), got.headers.collect());
        assert_eq!(read, sent, "{index}");
        assert_eq!(
            (got.record_origin.partition, got.record_origin.offset),
            (0, index as i64)
        );
    }
    assert_eq!(reader.next_offsets, BTreeMap::from([(0, 4)]));
    assert_eq!(
        within(reader.subscription.bounds(0)).await.expect("bounds"),
        (0, 4)
    );
    reader.close(brokers, &topic).await;
}

async fn equal_keys_share_a_partition_and_keep_their_order(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(4).await;
    let publisher = brokers.publisher(&topic).await.expect("a publisher");
    let mut deliveries = Vec::new();
    for round in 0..40_u32 {
        let mut messages = Messages::default();
        for key in 0..25_u32 {
            let (key, value) = (key.to_string(), round.to_string());
            messages.push(
                Some(key.as_bytes()),
                Some(value.as_bytes()),
                [],
                RecordOrigin::default(),
            );
        }
        deliveries.push(
            publisher
                .publish(Arc::new(messages))
                .await
                .expect("handed over"),
        );
    }
    for delivery in deliveries {
        within(delivery).await.expect("delivered");
    }
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    let read = reader.read(1000).await;
    let mut places = BTreeMap::<Vec<u8>, (i32, u32)>::new();
    for it in read.iter() {
        let text = std::str::from_utf8(it.value.expect("a value")).expect("text");
        let round: u32 = text.parse().expect("a number");
        let key = it.key.expect("a key").to_vec();
        let (partition, next) = places.entry(key).or_insert((it.record_origin.partition, 0));
        assert_eq!((*partition, *next), (it.record_origin.partition, round));
        *next += 1;
    }
    assert_eq!(places.len(), 25);
    assert!(places.values().all(|it| it.1 == 40));
    assert!(reader.next_offsets.len() > 1, "all keys share a partition");
    reader.close(brokers, &topic).await;
}

async fn keys_are_placed_as_java_places_them(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(8).await;
    let mut messages = Messages::default();
    for key in ["user", "blog", "comment"] {
        messages.push(Some(key.as_bytes()), Some(b""), [], RecordOrigin::default());
    }
    publish(brokers, &topic, &messages).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    reader.read(3).await;
    assert_eq!(reader.next_offsets.keys().collect::<Vec<_>>(), [&2, &4, &6]);
    reader.close(brokers, &topic).await;
}

async fn nothing_comes_before_a_partition_is_started(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(2).await;
    publish(brokers, &topic, &numbered(10)).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    let assigned = reader.wait_assigned().await;
    assert_eq!(assigned, [0, 1]);
    reader.expect_quiet().await;
    let starts = [(0, Start::Earliest), (1, Start::Earliest)];
    reader.subscription.start(&starts).await.expect("started");
    reader.read(10).await;
    reader.close(brokers, &topic).await;
}

async fn a_partition_starts_where_it_is_told(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    publish(brokers, &topic, &numbered(10)).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::At(7)).await;
    let read = reader.read(3).await;
    assert_eq!(read.get(0).expect("first").record_origin.offset, 7);
    reader.close(brokers, &topic).await;

    // The end is a place to start from as well.
    let topic = brokers.make_topic(1).await;
    publish(brokers, &topic, &numbered(10)).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::At(10)).await;
    reader.expect_quiet().await;
    publish(brokers, &topic, &numbered(1)).await;
    assert_eq!(
        reader
            .read(1)
            .await
            .get(0)
            .expect("one")
            .record_origin
            .offset,
        10
    );
    reader.close(brokers, &topic).await;
}

async fn a_start_that_is_not_there_is_refused(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    publish(brokers, &topic, &numbered(10)).await;
    brokers.forget_before(&topic, 0, 4).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.wait_assigned().await;
    for wrong in [3, 11] {
        let refused = reader.subscription.start(&[(0, Start::At(wrong))]).await;
        match refused.expect_err("refused") {
            BrokerError::OffsetGone {
                offset, first, end, ..
            } => {
                assert_eq!((offset, first, end), (wrong, 4, 10));
            }
            other => panic!("{other:?}"),
        }
    }
    let started = reader.subscription.start(&[(0, Start::Earliest)]).await;
    started.expect("started");
    assert_eq!(
        reader
            .read(6)
            .await
            .get(0)
            .expect("one")
            .record_origin
            .offset,
        4
    );
    reader.close(brokers, &topic).await;
}

async fn a_partition_held_back_keeps_still_until_it_goes_on(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    reader
        .subscription
        .pause(0, Pause::Hold)
        .expect("held back");
    publish(brokers, &topic, &numbered(20)).await;
    reader.expect_quiet().await;
    reader
        .subscription
        .pause(0, Pause::Resume)
        .expect("goes on");
    let read = reader.read(20).await;
    let offsets: Vec<_> = read.iter().map(|it| it.record_origin.offset).collect();
    assert_eq!(offsets, (0..20).collect::<Vec<_>>());
    reader.close(brokers, &topic).await;
}

async fn a_topic_made_anew_has_another_id(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    let before = reader.subscription.topic().await.expect("there");
    assert_eq!(before.name, topic);
    let again = reader.subscription.topic().await.expect("there");
    assert_eq!(again, before);
    reader.subscription.close().await;
    brokers.make_anew(&topic).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    let after = reader.subscription.topic().await.expect("there");
    assert_ne!(after.id, before.id);
    reader.close(brokers, &topic).await;
}

async fn a_missing_topic_is_named(brokers: &dyn Brokers) {
    let missing = name();
    let named = |error: BrokerError| match error {
        BrokerError::NoTopic(topic) => assert_eq!(topic, missing),
        other => panic!("{other:?}"),
    };
    named(brokers.publisher(&missing).await.err().expect("no topic"));
    let subscribed = brokers.subscribe(&missing, &name()).await;
    named(subscribed.err().expect("no topic"));
}

async fn waiting_can_be_given_up_at_any_time(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(2).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    let publisher = brokers.publisher(&topic).await.expect("a publisher");
    let sending = tokio::spawn(async move {
        for _ in 0..200 {
            let delivery = publisher.publish(Arc::new(numbered(5))).await;
            delivery.expect("handed over").await.expect("delivered");
        }
    });
    let mut counts = BTreeMap::<i32, i64>::new();
    while counts.values().sum::<i64>() < 1000 {
        let waited = tokio::time::timeout(Duration::from_micros(300), reader.subscription.next());
        let Ok(event) = waited.await else { continue };
        let Event::Messages(polled) = event.expect("read") else {
            panic!("a rebalance");
        };
        for it in polled.messages.iter() {
            let next = counts.entry(it.record_origin.partition).or_default();
            assert_eq!(it.record_origin.offset, *next);
            *next += 1;
        }
    }
    sending.await.expect("sent");
    reader.close(brokers, &topic).await;
}

async fn a_message_that_is_too_large_is_found_by_sending_one_by_one(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    brokers.limit_messages(&topic, 20_000).await;
    let publisher = brokers.publisher(&topic).await.expect("a publisher");
    let noise = noise(30_000);
    let mut messages = numbered(3);
    messages.push(None, Some(&noise), [], RecordOrigin::default());
    messages.append(&numbered(2));
    let delivery = publisher.publish(Arc::new(messages.clone())).await;
    let batch_rejected = not_taken(within(delivery.expect("handed over")).await);
    assert!(
        batch_rejected.iter().any(|it| it.index == 3),
        "{batch_rejected:?}"
    );
    assert!(
        batch_rejected
            .iter()
            .all(|it| it.rejection == Rejection::BatchRejected),
        "{batch_rejected:?}"
    );

    let mut refused = Vec::new();
    for it in batch_rejected {
        let mut alone = Messages::default();
        let message = messages.get(it.index).expect("published");
        alone.push(
            message.key,
            message.value,
            message.headers,
            message.record_origin,
        );
        let delivery = publisher
            .publish(Arc::new(alone))
            .await
            .expect("handed over");
        match within(delivery).await {
            Ok(()) => (),
            error => refused.push((it.index, not_taken(error)[0].rejection)),
        }
    }
    assert_eq!(refused, [(3, Rejection::Refused)]);
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    assert_eq!(reader.read(5).await.len(), 5);
    reader.close(brokers, &topic).await;
}
