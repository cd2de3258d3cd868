//! Start offsets of a run: the sink's progress; an unusable one is an error.

use highwater::{
    broker::{BrokerError, Subscription},
    fault::{Fault, Faulty},
    flow::FlowError,
    sink::Sink,
};

use crate::{
    consume_rig::{FLOW, GROUP, Rig, TOPIC},
    scripted_sink::SinkFault::{LoseAnswer, None as Pass, Reject},
    waiting::within,
};

#[tokio::test(start_paused = true)]
async fn a_restart_begins_at_the_progress_and_not_at_the_groups_offsets() {
    let rig = Rig::new(1);
    rig.publish_changes(0..6, 6).await;
    within(rig.catch_up()).await.expect("caught up");
    rig.publish_changes(6..9, 9).await;
    commit(&rig, GROUP, &[(0, 2)]).await;
    within(rig.catch_up()).await.expect("caught up");
    commit(&rig, GROUP, &[(0, 100)]).await;
    rig.publish_changes(9..12, 12).await;
    within(rig.catch_up()).await.expect("caught up");
    rig.assert_exactly_once(1, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_progress_beside_others_begins_at_its_beginning() {
    let rig = Rig::new(2);
    // Both of a new topic; then only one has rows at first.
    rig.publish("a", "1").await;
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.offsets(FLOW).await.len(), 1);
    rig.publish_changes(0..20, 20).await;
    within(rig.catch_up()).await.expect("caught up");
    rig.assert_exactly_once(2, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn lost_progress_beside_our_own_groups_offsets_is_loud() {
    for take_over in [None, Some("older")] {
        let mut rig = Rig::new(1);
        rig.take_over = take_over.map(str::to_owned);
        rig.publish_changes(0..5, 5).await;
        commit(&rig, "older", &[(0, 1)]).await;
        within(rig.catch_up()).await.expect("caught up");
        let forgotten = rig.sink.reset(FLOW, None).await.expect("memory");
        assert_eq!(forgotten, 1);
        let error = within(rig.catch_up()).await.expect_err("lost");
        assert_eq!(error.fault(), Fault::Permanent);
        let said = error.to_string();
        for part in [GROUP, "offset 5", "highwater cursor set rows-sink 0:5"] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(
            rig.sink.applied().len(),
            if take_over.is_some() { 4 } else { 5 }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_made_anew_is_loud() {
    let rig = Rig::new(1);
    rig.publish_changes(0..5, 5).await;
    within(rig.catch_up()).await.expect("caught up");
    rig.broker.remove_topic(TOPIC);
    rig.broker.create_topic(TOPIC, 1);
    rig.publish_changes(0..9, 9).await;
    let error = within(rig.catch_up()).await.expect_err("another topic");
    assert!(matches!(error, FlowError::DeadPosition(_)));
    assert_eq!(error.fault(), Fault::Permanent);
    let said = error.to_string();
    assert!(said.contains("deleted and made anew"), "{said}");
    assert!(said.contains("highwater cursor reset rows-sink"), "{said}");
    assert_eq!(rig.sink.applied().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_the_topic_no_longer_holds_is_loud() {
    let rig = Rig::new(1);
    rig.publish_changes(0..5, 5).await;
    within(rig.catch_up()).await.expect("caught up");
    rig.publish_changes(5..20, 20).await;
    rig.broker.forget_before(TOPIC, 0, 10);
    let error = within(rig.catch_up()).await.expect_err("gone");
    let gone = BrokerError::OffsetGone {
        topic: TOPIC.into(),
        partition: 0,
        offset: 5,
        first: 10,
        end: 20,
        advice: String::new(),
    };
    let said = error.to_string();
    assert!(said.starts_with(gone.to_string().as_str()), "{said}");
    assert_eq!(error.fault(), Fault::Permanent);
    assert_eq!(rig.sink.applied().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_older_groups_offsets_are_taken_over_for_all_partitions_once() {
    let mut rig = Rig::new(3);
    rig.take_over = Some("older".into());
    rig.publish_changes(0..60, 60).await;
    let older = [(0, 4), (1, 7), (2, 2)];
    commit(&rig, "older", &older).await;
    within(rig.catch_up()).await.expect("caught up");
    for (partition, offset) in older {
        let began = first_write(&rig, partition);
        assert_eq!(began, Some(offset), "partition {partition}");
    }
    assert_eq!(rig.sink.applied().len(), 60 - 4 - 7 - 2);
    // What the older group does later is its own business.
    commit(&rig, "older", &[(0, 0), (1, 0), (2, 0)]).await;
    rig.publish_changes(60..70, 70).await;
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.applied().len(), 70 - 4 - 7 - 2);
}

#[tokio::test(start_paused = true)]
async fn a_take_over_that_is_cut_short_anywhere_is_completed() {
    for done in 0..3 {
        for fault in [Reject, LoseAnswer] {
            let mut rig = Rig::new(3);
            rig.take_over = Some("older".into());
            rig.publish_changes(0..60, 60).await;
            commit(&rig, "older", &[(0, 4), (1, 7), (2, 2)]).await;
            rig.sink.then(vec![Pass; done]);
            rig.sink.then([fault]);
            within(rig.catch_up()).await.expect_err("cut short");
            within(rig.catch_up()).await.expect("caught up");
            let applied = rig.sink.applied().len();
            assert_eq!(applied, 60 - 13, "{fault:?} after {done}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_members_that_take_over_at_once_begin_at_the_older_offsets() {
    let mut rig = Rig::new(4).with_rows(3);
    rig.take_over = Some("older".into());
    rig.publish_changes(0..100, 100).await;
    commit(&rig, "older", &[(0, 4), (1, 7), (2, 2), (3, 5)]).await;
    let other = rig.member();
    let until = highwater::flow::Until::CaughtUp;
    let both = async { tokio::join!(rig.supervised(until), other.supervised(until)) };
    let (one, another) = within(both).await;
    one.expect("caught up");
    another.expect("caught up");
    assert_eq!(rig.sink.applied().len(), 100 - 18);
}

#[tokio::test(start_paused = true)]
async fn an_older_group_that_has_read_nothing_means_the_beginning() {
    let mut rig = Rig::new(2);
    rig.take_over = Some("older".into());
    rig.publish_changes(0..20, 20).await;
    within(rig.catch_up()).await.expect("caught up");
    rig.assert_exactly_once(2, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn an_older_offset_that_the_topic_no_longer_holds_is_loud() {
    let mut rig = Rig::new(1);
    rig.take_over = Some("older".into());
    rig.publish_changes(0..20, 20).await;
    commit(&rig, "older", &[(0, 4)]).await;
    rig.broker.forget_before(TOPIC, 0, 10);
    let error = within(rig.catch_up()).await.expect_err("gone");
    assert!(error.to_string().contains("offset 4 is stored"), "{error}");
    assert_eq!(rig.sink.applied(), []);
}

/// Where the first write of rows of a partition went on from.
fn first_write(rig: &Rig, partition: i32) -> Option<i64> {
    let writes = rig.sink.writes();
    let of_partition =
        |it: &&crate::scripted_sink::Write| it.partition == partition && !it.rows.is_empty();
    let first = writes.iter().find(of_partition).expect("a write");
    first.from
}

async fn commit(rig: &Rig, group: &str, next_offsets: &[(i32, i64)]) {
    let mut member = rig.broker.subscribe(TOPIC, group).expect("a topic");
    member.commit(next_offsets).await.expect("memory");
}
