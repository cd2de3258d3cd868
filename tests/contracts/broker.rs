//! The contract of topics: what every broker does, and what Kafka alone can do.

use std::{collections::BTreeMap, panic::Location, sync::Arc, time::Duration};

use highwater::{
    broker::{BrokerError, DeliveryError, Event, NotTaken, Pause, Start, Subscription, Verdict},
    model::{Messages, Place},
};

use super::brokers::{Brokers, Embedded, Kafka, Memory, name};

/// Runs every behaviour against a broker.
macro_rules! contract {
    ($broker:ident, $open:expr, $($behaviour:ident),+ $(,)?) => {
        mod $broker {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    super::$behaviour(&$open).await;
                }
            )+
        }
    };
    ($($broker:ident: $open:expr),+ $(,)?) => {
        $(contract!(
            $broker,
            $open,
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
            partitions_move_to_another_member_only_when_they_are_released,
            another_member_takes_over_when_one_leaves,
            a_message_that_is_too_large_is_found_by_sending_one_by_one,
        );)+
    };
}

contract! {
    memory: Memory::default(),
    embedded: Embedded::open().await,
    kafka: Kafka::open(),
}

async fn what_is_published_comes_back_in_order_with_all_its_parts(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    let mut messages = Messages::default();
    let headers = [("a", Some(&b"1"[..])), ("a", None), ("b", Some(b""))];
    messages.push(Some(b"k"), Some(b"v"), headers, Place::default());
    messages.push(None, Some(b""), [], Place::default());
    messages.push(Some(b""), None, [], Place::default());
    messages.push(None, Some(&[0xff; 3000]), [], Place::default());
    publish(brokers, &topic, &messages).await;

    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    let read = reader.read(4).await;
    for (index, (sent, got)) in messages.iter().zip(read.iter()).enumerate() {
        assert_eq!((got.key, got.value), (sent.key, sent.value), "{index}");
        let (sent, read): (Vec<_>, Vec<_>) = (sent.headers.collect(), got.headers.collect());
        assert_eq!(read, sent, "{index}");
        assert_eq!((got.place.partition, got.place.offset), (0, index as i64));
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
                Place::default(),
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
        let (partition, next) = places.entry(key).or_insert((it.place.partition, 0));
        assert_eq!((*partition, *next), (it.place.partition, round));
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
        messages.push(Some(key.as_bytes()), Some(b""), [], Place::default());
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
    assert_eq!(read.get(0).expect("first").place.offset, 7);
    reader.close(brokers, &topic).await;

    // The end is a place to start from as well.
    let topic = brokers.make_topic(1).await;
    publish(brokers, &topic, &numbered(10)).await;
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::At(10)).await;
    reader.expect_quiet().await;
    publish(brokers, &topic, &numbered(1)).await;
    assert_eq!(reader.read(1).await.get(0).expect("one").place.offset, 10);
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
    assert_eq!(reader.read(6).await.get(0).expect("one").place.offset, 4);
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
    let offsets: Vec<_> = read.iter().map(|it| it.place.offset).collect();
    assert_eq!(offsets, (0..20).collect::<Vec<_>>());
    reader.close(brokers, &topic).await;
}

async fn a_commit_is_told_to_others_and_starts_nothing(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(2).await;
    let group = name();
    publish(brokers, &topic, &numbered(10)).await;
    let mut reader = Reader::join(brokers, &topic, &group).await;
    reader.assigned(Start::Earliest).await;
    reader.read(10).await;
    let next_offsets: Vec<_> = reader.next_offsets.clone().into_iter().collect();
    reader
        .subscription
        .commit(&next_offsets)
        .await
        .expect("committed");
    until(async || {
        let told = reader.subscription.committed(&group).await.expect("asked");
        told == next_offsets
    })
    .await;
    let nobody = reader.subscription.committed(&name()).await;
    assert_eq!(nobody.expect("asked"), []);
    reader.subscription.close().await;

    let mut reader = Reader::join(brokers, &topic, &group).await;
    reader.assigned(Start::Earliest).await;
    reader.read(10).await;
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
            let next = counts.entry(it.place.partition).or_default();
            assert_eq!(it.place.offset, *next);
            *next += 1;
        }
    }
    sending.await.expect("sent");
    reader.close(brokers, &topic).await;
}

async fn partitions_move_to_another_member_only_when_they_are_released(brokers: &dyn Brokers) {
    if !brokers.shares_partitions() {
        return;
    }
    let topic = brokers.make_topic(4).await;
    let group = name();
    publish(brokers, &topic, &numbered(40)).await;
    let mut first = Reader::join(brokers, &topic, &group).await;
    first.assigned(Start::Earliest).await;
    first.read(40).await;
    let mut second = Reader::join(brokers, &topic, &group).await;

    // The second member hears of nothing while the first has not released.
    let moving = tokio::select! {
        revoked = first.wait_revoked() => revoked,
        event = second.subscription.next() => panic!("{event:?}"),
    };
    assert_eq!(moving.len(), 2);
    second.expect_quiet().await;
    first.subscription.release(&moving).await.expect("released");
    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(tokio::select! {
            assigned = second.wait_assigned() => assigned,
            event = first.subscription.next() => panic!("{event:?}"),
        });
    }
    told.sort_unstable();
    assert_eq!(told, moving);
    let starts: Vec<_> = told
        .iter()
        .map(|it| {
            (
                *it,
                Start::At(first.next_offsets.get(it).copied().unwrap_or(0)),
            )
        })
        .collect();
    second.subscription.start(&starts).await.expect("started");

    // Each reads its own, and no partition is read twice.
    publish(brokers, &topic, &numbered(40)).await;
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    while mine.len() + theirs.len() < 40 {
        let (reader, event) = tokio::select! {
            event = first.subscription.next() => (&mut mine, event),
            event = second.subscription.next() => (&mut theirs, event),
        };
        if let Event::Messages(polled) = event.expect("read") {
            reader.extend(polled.messages.iter().map(|it| it.place.partition));
        }
    }
    assert!(
        mine.iter().all(|it| !moving.contains(it)),
        "{mine:?} {moving:?}"
    );
    assert!(
        theirs.iter().all(|it| moving.contains(it)),
        "{theirs:?} {moving:?}"
    );
    second.subscription.close().await;
    first.close(brokers, &topic).await;
}

async fn another_member_takes_over_when_one_leaves(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(2).await;
    let group = name();
    let mut first = Reader::join(brokers, &topic, &group).await;
    first.assigned(Start::Earliest).await;
    publish(brokers, &topic, &numbered(10)).await;
    first.read(10).await;
    let next_offsets = first.next_offsets.clone();
    first.subscription.close().await;
    let mut second = Reader::join(brokers, &topic, &group).await;
    let mut assigned = Vec::new();
    while assigned.len() < 2 {
        let told = second.wait_assigned().await;
        let at = |it: &i32| Start::At(next_offsets.get(it).copied().unwrap_or(0));
        let starts: Vec<_> = told.iter().map(|it| (*it, at(it))).collect();
        second.subscription.start(&starts).await.expect("started");
        assigned.extend(told);
    }
    publish(brokers, &topic, &numbered(6)).await;
    let read = second.read(6).await;
    assert!(
        read.iter()
            .all(|it| it.place.offset >= next_offsets[&it.place.partition])
    );
    second.close(brokers, &topic).await;
}

async fn a_message_that_is_too_large_is_found_by_sending_one_by_one(brokers: &dyn Brokers) {
    let topic = brokers.make_topic(1).await;
    if !brokers.limit_messages(&topic, 20_000).await {
        return;
    }
    let publisher = brokers.publisher(&topic).await.expect("a publisher");
    let noise = noise(30_000);
    let mut messages = numbered(3);
    messages.push(None, Some(&noise), [], Place::default());
    messages.append(&numbered(2));
    let delivery = publisher.publish(Arc::new(messages.clone())).await;
    let spoiled = not_taken(within(delivery.expect("handed over")).await);
    assert!(spoiled.iter().any(|it| it.index == 3), "{spoiled:?}");
    assert!(
        spoiled.iter().all(|it| it.verdict == Verdict::Spoiled),
        "{spoiled:?}"
    );

    let mut refused = Vec::new();
    for it in spoiled {
        let mut alone = Messages::default();
        let message = messages.get(it.index).expect("published");
        alone.push(message.key, message.value, message.headers, message.place);
        let delivery = publisher
            .publish(Arc::new(alone))
            .await
            .expect("handed over");
        match within(delivery).await {
            Ok(()) => (),
            error => refused.push((it.index, not_taken(error)[0].verdict)),
        }
    }
    assert_eq!(refused, [(3, Verdict::Refused)]);
    let mut reader = Reader::join(brokers, &topic, &name()).await;
    reader.assigned(Start::Earliest).await;
    assert_eq!(reader.read(5).await.len(), 5);
    reader.close(brokers, &topic).await;
}

/// What is left to say of Kafka alone.
mod kafka_only {
    use highwater::{
        broker::kafka::{KafkaBroker, KafkaPublisherSettings, KafkaSubscriptionSettings},
        connect::kafka::KafkaSettings,
        fault::chain,
    };

    use super::*;

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
            messages.push(None, Some(&noise), [], Place::default());
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
}

/// A subscription, and where it stands.
struct Reader {
    subscription: Box<dyn Subscription>,
    next_offsets: BTreeMap<i32, i64>,
}

impl Reader {
    async fn join(brokers: &dyn Brokers, topic: &str, group: &str) -> Self {
        let subscription = within(brokers.subscribe(topic, group)).await;
        Self {
            subscription: subscription.expect("subscribed"),
            next_offsets: BTreeMap::new(),
        }
    }

    #[track_caller]
    fn wait_assigned(&mut self) -> impl Future<Output = Vec<i32>> {
        let next = within(self.subscription.next());
        async {
            match next.await.expect("read") {
                Event::Assigned(partitions) => partitions,
                other => panic!("{other:?}"),
            }
        }
    }

    #[track_caller]
    fn wait_revoked(&mut self) -> impl Future<Output = Vec<i32>> {
        let next = within(self.subscription.next());
        async {
            match next.await.expect("read") {
                Event::Revoked(partitions) => partitions,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for partitions, and starts all of them.
    async fn assigned(&mut self, start: Start) {
        let partitions = self.wait_assigned().await;
        let starts: Vec<_> = partitions.iter().map(|it| (*it, start)).collect();
        self.subscription.start(&starts).await.expect("started");
    }

    async fn read(&mut self, count: usize) -> Messages {
        let mut read = Messages::default();
        while read.len() < count {
            match within(self.subscription.next()).await.expect("read") {
                Event::Messages(polled) => {
                    self.next_offsets
                        .insert(polled.partition, polled.next_offset);
                    read.append(&polled.messages);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(read.len(), count);
        read
    }

    /// Half a second in which nothing may come is all that can be said of "never".
    async fn expect_quiet(&mut self) {
        let waited = tokio::time::timeout(Duration::from_millis(500), self.subscription.next());
        if let Ok(event) = waited.await {
            panic!("{event:?}");
        }
    }

    async fn close(self, brokers: &dyn Brokers, topic: &str) {
        within(self.subscription.close()).await;
        brokers.clean_up(topic).await;
    }
}

async fn publish(brokers: &dyn Brokers, topic: &str, messages: &Messages) {
    let publisher = brokers.publisher(topic).await.expect("a publisher");
    let delivery = publisher.publish(Arc::new(messages.clone())).await;
    within(delivery.expect("handed over"))
        .await
        .expect("delivered");
}

/// Messages with keys of their own, which spread over partitions.
fn numbered(count: u32) -> Messages {
    let mut messages = Messages::default();
    for number in 0..count {
        let key = number.to_le_bytes();
        messages.push(Some(&key), Some(b"value"), [], Place::default());
    }
    messages
}

/// Bytes without a pattern, which no compression makes small.
fn noise(count: usize) -> Vec<u8> {
    let mut seed = 1_u32;
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(count)
    .collect()
}

#[track_caller]
fn not_taken(delivered: Result<(), DeliveryError>) -> Vec<NotTaken> {
    match delivered {
        Err(DeliveryError::NotTaken(not_taken)) => not_taken,
        other => panic!("{other:?}"),
    }
}

/// Ends a test that waits for what never comes, and says where.
#[track_caller]
fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = Location::caller();
    async move {
        let limit = Duration::from_secs(30);
        match tokio::time::timeout(limit, future).await {
            Ok(value) => value,
            Err(_) => panic!("waited for nothing at {place}"),
        }
    }
}

#[track_caller]
fn until(mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    within(async move {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}
