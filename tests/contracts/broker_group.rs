//! The contract of topics, as far as it is about groups and their members.

use highwater::broker::{Event, Start};

use super::{
    broker_reader::{Reader, numbered, publish, until},
    brokers::{Brokers, name},
};

pub async fn a_commit_is_told_to_others_and_starts_nothing(brokers: &dyn Brokers) {
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
        let answers = reader.subscription.committed(&group).await.expect("asked");
        answers == next_offsets
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

pub async fn partitions_move_to_another_member_only_when_they_are_released(brokers: &dyn Brokers) {
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
    let mut answers = Vec::new();
    while answers.len() < 2 {
        answers.extend(tokio::select! {
            assigned = second.wait_assigned() => assigned,
            event = first.subscription.next() => panic!("{event:?}"),
        });
    }
    answers.sort_unstable();
    assert_eq!(answers, moving);
    let starts: Vec<_> = answers
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
            reader.extend(polled.messages.iter().map(|it| it.record_origin.partition));
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

pub async fn another_member_takes_over_when_one_leaves(brokers: &dyn Brokers) {
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
        let answers = second.wait_assigned().await;
        let at = |it: &i32| Start::At(next_offsets.get(it).copied().unwrap_or(0));
        let starts: Vec<_> = answers.iter().map(|it| (*it, at(it))).collect();
        second.subscription.start(&starts).await.expect("started");
        assigned.extend(answers);
    }
    publish(brokers, &topic, &numbered(6)).await;
    let read = second.read(6).await;
    assert!(
        read.iter()
            .all(|it| it.record_origin.offset >= next_offsets[&it.record_origin.partition])
    );
    second.close(brokers, &topic).await;
}
