//! What Kafka alone can do wrong, beyond the contract of every broker.

use std::collections::BTreeMap;

use highwater::{
    broker::{
        BrokerError, Event, Start,
        kafka::{KafkaBroker, KafkaPublisherSettings, KafkaSubscriptionSettings},
    },
    connect::kafka::KafkaSettings,
    fault::chain,
    model::{Messages, RecordOrigin},
};

use super::{
    broker_reader::{Reader, noise, publish, within},
    brokers::{Brokers, Kafka, name},
};

#[tokio::test]
async fn asking_for_a_missing_topic_does_not_make_it() {
    let kafka = Kafka::open();
    let missing = name();
    let asked = kafka.broker.topic(&missing).await;
    assert!(matches!(asked, Err(BrokerError::NoTopic(_))), "{asked:?}");
    assert!(kafka.publisher(&missing).await.is_err());
    assert!(kafka.subscribe(&missing, &name()).await.is_err());
    assert!(!kafka.topics().contains(&missing));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_expire_before_they_are_read_are_no_silent_gap() {
    let kafka = Kafka::open();
    let topic = kafka.make_topic(1).await;
    let noise = noise(10_000);
    let mut messages = Messages::default();
    for _ in 0..2000 {
        messages.push(None, Some(&noise), [], RecordOrigin::default());
    }
    publish(&kafka, &topic, &messages).await;
    // Far less is read ahead than there is.
    let settings = KafkaSubscriptionSettings {
        queue_bytes: 1,
        messages: 1,
        ..KafkaSubscriptionSettings::default()
    };
    let subscribed = kafka.broker.subscribe(&topic, &name(), &settings).await;
    let mut reader = Reader {
        subscription: Box::new(subscribed.expect("subscribed")),
        next_offsets: BTreeMap::new(),
    };
    reader.assigned(Start::Earliest).await;
    reader.read(1).await;
    kafka.forget_before(&topic, 0, 2000).await;
    let mut read = 1;
    let error = loop {
        match within(reader.subscription.next()).await {
            Ok(Event::Messages(polled)) => {
                assert_eq!(polled.next_offset, read + 1);
                read += 1;
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    match error {
        BrokerError::OffsetGone {
            offset, first, end, ..
        } => {
            assert_eq!((offset, first, end), (read, 2000, 2000));
        }
        other => panic!("{other:?}"),
    }
    reader.close(&kafka, &topic).await;
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_lost_and_says_why() {
    let settings = KafkaSettings {
        brokers: "127.0.0.1:1".to_owned(),
        ..KafkaSettings::default()
    };
    let broker = KafkaBroker::new("gone", &settings).expect("settings");
    let lost = broker
        .publisher("t", &KafkaPublisherSettings::default())
        .await;
    let error = lost.err().expect("nobody there");
    assert!(matches!(error, BrokerError::Lost(_)), "{error:?}");
    assert!(
        chain(&error).contains("Connection refused"),
        "{}",
        chain(&error)
    );
    let settings = KafkaSubscriptionSettings::default();
    let lost = broker.subscribe("t", "g", &settings).await;
    assert!(matches!(lost, Err(BrokerError::Lost(_))));
}

#[tokio::test]
async fn a_subscription_that_is_dropped_leaves_the_group() {
    let kafka = Kafka::open();
    let topic = kafka.make_topic(2).await;
    let group = name();
    let mut first = Reader::join(&kafka, &topic, &group).await;
    first.wait_assigned().await;
    drop(first);
    let mut second = Reader::join(&kafka, &topic, &group).await;
    second.assigned(Start::Earliest).await;
    second.close(&kafka, &topic).await;
}
