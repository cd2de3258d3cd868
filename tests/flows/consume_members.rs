//! Partitions that move between the members of a group, and writers that were taken over.

use std::time::Duration;

use highwater::{
    broker::{Event, Subscription},
    flow::{FlowError, Until},
    model::Records,
    sink::{Advance, Progress, Sink, SinkError},
};

use crate::{
    consume_rig::{FLOW, GROUP, Rig, TOPIC},
    scripted_sink::SinkFault::{Hold, HoldAnswer, LoseAnswer, None as Pass, Reject, Slow},
    subscriptions::Dawdling,
    waiting::{pass, until, until_stuck, within},
};

#[tokio::test(start_paused = true)]
async fn members_share_partitions_and_apply_every_message_once() {
    let mut rig = Rig::new(4).with_rows(3);
    rig.polled = 2;
    let slow = Slow(Duration::from_millis(20));
    rig.sink.then(vec![slow; 500]);
    let other = rig.member();
    let checks = async {
        for round in 0..20 {
            rig.publish_changes(round * 20..(round + 1) * 20, 13).await;
            pass(Duration::from_millis(37)).await;
            rig.broker.rebalance(TOPIC, GROUP);
        }
        until(|| rig.sink.applied().len() == 400).await;
        rig.stop.cancel();
        other.stop.cancel();
    };
    let all = async { tokio::join!(rig.run(), other.run(), checks) };
    let (one, another, ()) = within(all).await;
    one.expect("never fenced: a partition moves when it is written");
    another.expect("never fenced: a partition moves when it is written");
    rig.assert_exactly_once(4, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn a_lane_writes_what_it_holds_before_its_partition_goes() {
    let rig = Rig::new(1);
    let other = rig.member();
    rig.publish_changes(0..3, 3).await;
    rig.sink.then([Hold]);
    let checks = async {
        // Buffered: neither ten rows nor ten seconds.
        pass(Duration::from_secs(1)).await;
        rig.broker.rebalance(TOPIC, GROUP);
        pass(Duration::from_secs(1)).await;
        assert!(rig.sink.writes().is_empty(), "being written");
        rig.publish_changes(3..6, 6).await;
        pass(Duration::from_secs(15)).await;
        assert!(rig.sink.writes().is_empty(), "nobody has the partition yet");
        rig.sink.release(1);
        until(|| rig.sink.applied().len() == 6).await;
        rig.stop.cancel();
        other.stop.cancel();
    };
    let all = async { tokio::join!(rig.run(), other.run(), checks) };
    let (one, another, ()) = within(all).await;
    one.expect("stopped");
    another.expect("stopped");
    let ends: Vec<_> = rig.sink.writes().iter().map(|it| it.next_offset).collect();
    assert_eq!(ends, [3, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_stops_hands_its_partitions_over() {
    let rig = Rig::new(4).with_rows(5);
    let other = rig.member();
    rig.publish_changes(0..50, 50).await;
    let checks = async {
        until(|| rig.sink.applied().len() >= 20).await;
        other.stop.cancel();
        rig.publish_changes(50..100, 50).await;
        until(|| rig.sink.applied().len() == 100).await;
        rig.stop.cancel();
    };
    let all = async { tokio::join!(rig.run(), other.run(), checks) };
    let (one, another, ()) = within(all).await;
    one.expect("stopped");
    another.expect("stopped");
    rig.assert_exactly_once(4, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_was_taken_over_stops_and_nothing_is_written_twice() {
    let rig = Rig::new(1).with_rows(3);
    rig.publish_changes(0..6, 6).await;
    rig.sink.then([Hold]);
    let checks = async {
        pass(Duration::from_secs(1)).await;
        // Another process has got the partition, and writes the same three rows and more.
        write_as_another(&rig, 4).await;
        rig.sink.release(1);
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    let error = run.expect_err("it is fenced");
    assert!(matches!(error, FlowError::Sink(SinkError::Fenced(_))));
    assert_eq!(rig.sink.applied(), [], "nothing of the fenced batch");
    // It begins again behind what the other has written.
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.applied().len(), 2);
    assert_eq!(rig.sink.offsets(FLOW).await, [(0, 6)]);
}

#[tokio::test(start_paused = true)]
async fn a_fenced_lane_of_many_leaves_the_others_consistent() {
    let rig = Rig::new(3).with_rows(2);
    rig.publish_changes(0..60, 60).await;
    rig.sink.then([Pass, Hold, Hold, Hold]);
    let checks = async {
        pass(Duration::from_secs(1)).await;
        let offsets = rig.sink.offsets(FLOW).await;
        assert_eq!(offsets.len(), 1, "one lane has written");
        rig.sink.release(1000);
    };
    let run = async { tokio::join!(rig.supervised(Until::CaughtUp), checks) };
    within(run).await.0.expect("caught up");
    rig.assert_exactly_once(3, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn an_old_run_that_still_writes_does_no_harm() {
    // The process hangs in a write while its successor reads on; then it wakes.
    for hang in [Hold, HoldAnswer] {
        let rig = Rig::new(1).with_rows(3);
        rig.publish_changes(0..9, 9).await;
        rig.sink.then([hang]);
        assert!(
            until_stuck(rig.run()).await.is_none(),
            "killed in its write"
        );
        within(rig.catch_up()).await.expect("caught up");
        rig.sink.release(10);
        pass(Duration::from_secs(60)).await;
        rig.assert_exactly_once(1, &rig.sink.offsets(FLOW).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_for_a_time_is_retried_from_the_progress() {
    let rig = Rig::new(3).with_rows(4);
    rig.publish_changes(0..100, 9).await;
    rig.sink.then([
        Pass, Reject, LoseAnswer, Pass, Pass, LoseAnswer, Reject, Reject,
    ]);
    within(rig.supervised(Until::CaughtUp))
        .await
        .expect("caught up");
    rig.assert_exactly_once(3, &rig.sink.offsets(FLOW).await);
    assert!(rig.stats.snapshot().retries >= 2);
    assert_eq!(rig.stats.snapshot().dead_letters, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_stops_the_flow_with_its_sentence_and_no_letter() {
    let rig = Rig::new(1).with_rows(4);
    rig.publish_changes(0..10, 10).await;
    rig.sink
        .then([Pass, crate::scripted_sink::SinkFault::Refuse]);
    let error = within(rig.supervised(Until::CaughtUp)).await;
    let said = error.expect_err("refused").to_string();
    assert_eq!(said, "sink memory.rows: there is no column `text`: add it");
    assert_eq!(rig.stats.snapshot().dead_letters, 0);
    assert_eq!(rig.sink.offsets(FLOW).await, [(0, 4)]);
}

#[tokio::test(start_paused = true)]
async fn catching_up_is_not_over_while_a_partition_is_on_its_way() {
    // Everything is taken from the only member in the middle, and comes back later.
    let rig = Rig::new(2).with_rows(5);
    rig.publish_changes(0..100, 50).await;
    rig.sink.then(vec![Slow(Duration::from_millis(100)); 3]);
    let subscription = rig
        .broker
        .subscribe(TOPIC, GROUP)
        .expect("a topic")
        .at_most(5);
    let dawdling = Dawdling(Box::new(subscription), None);
    let consume = rig.consume_from(Box::new(dawdling), Until::CaughtUp);
    let checks = async {
        until(|| !rig.sink.writes().is_empty()).await;
        rig.broker.rebalance(TOPIC, GROUP);
    };
    let run = async { tokio::join!(consume.run(&rig.stop), checks) };
    within(run).await.0.expect("caught up");
    rig.assert_exactly_once(2, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn catching_up_waits_for_the_member_that_got_the_partition() {
    let rig = Rig::new(1).with_rows(5);
    let other = rig.member();
    rig.publish_changes(0..20, 20).await;
    rig.sink.then([Pass, Hold, Hold, Hold]);
    let caught_up = async {
        within(rig.catch_up()).await.expect("caught up");
        assert_eq!(rig.sink.applied().len(), 20);
        other.stop.cancel();
    };
    let checks = async {
        pass(Duration::from_secs(1)).await;
        rig.sink.release(1);
        rig.broker.rebalance(TOPIC, GROUP);
        pass(Duration::from_secs(10)).await;
        rig.sink.release(10);
    };
    let all = async { tokio::join!(caught_up, other.run(), checks) };
    within(all).await.1.expect("stopped");
}

#[tokio::test(start_paused = true)]
async fn catching_up_waits_for_partitions_of_a_member_that_was_killed() {
    let rig = Rig::new(4).with_rows(5);
    rig.publish_changes(0..100, 50).await;
    let mut killed = rig.broker.subscribe(TOPIC, GROUP).expect("a topic");
    let consume = rig.consume(Until::CaughtUp);
    // It gives the other its share, and does nothing more; the group still takes it for a member.
    for _ in 0..2 {
        if let Event::Revoked(share) = killed.next().await.expect("heard") {
            killed.release(&share).await.expect("released");
        }
    }
    let checks = async {
        pass(Duration::from_secs(30)).await;
        let applied = rig.sink.applied().len();
        assert!((1..100).contains(&applied), "its own partitions: {applied}");
        drop(killed);
    };
    let run = async { tokio::join!(consume.run(&rig.stop), checks) };
    within(run).await.0.expect("caught up");
    rig.assert_exactly_once(4, &rig.sink.offsets(FLOW).await);
}

/// Moves the progress as another writer would, without a row.
async fn write_as_another(rig: &Rig, next_offset: i64) {
    let advance = Advance {
        flow: FLOW.into(),
        from: None,
        to: Progress {
            topic: TOPIC.into(),
            topic_id: rig.broker.topic(TOPIC).expect("a topic").id,
            partition: 0,
            next_offset,
        },
    };
    let none: &[Records] = &[];
    rig.sink
        .memory
        .write(none, &advance)
        .await
        .expect("written");
}
