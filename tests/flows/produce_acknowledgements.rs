//! The cursor is behind what is acknowledged, and nowhere else.

use std::time::Duration;

use highwater::broker::memory::PublishFault::{
    Hold, Late, LoseAnswer, None as Pass, Reject, Spoil,
};
use highwater::{
    flow::FlowError,
    source::{ReadMode, Scope},
};

use crate::{
    produce_rig::{Rig, TOPIC, times},
    waiting::{pass, until, within},
};

#[tokio::test(start_paused = true)]
async fn a_cursor_waits_for_the_answer() {
    let rig = Rig::new(4, 2).script(times(2, Hold));
    let checks = async {
        until(|| rig.published().len() == 4).await;
        assert_eq!(rig.stored(), None, "published, but not acknowledged");
        rig.publisher.release(1);
        until(|| rig.stored() == Some(2)).await;
        rig.publisher.release(1);
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    assert_eq!(run.expect("done").as_str(), "4");
    assert_eq!(rig.stored(), Some(4));
}

#[tokio::test(start_paused = true)]
async fn deliveries_out_of_order_settle_in_order() {
    let rig = Rig::new(6, 2).script([Hold, Pass, Late(Duration::from_secs(1))]);
    let checks = async {
        until(|| rig.published().len() == 6).await;
        pass(Duration::from_secs(5)).await;
        assert_eq!(rig.stored(), None, "the first is not durable yet");
        rig.publisher.release(1);
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    run.expect("done");
    assert_eq!(rig.stored(), Some(6));
}

#[tokio::test(start_paused = true)]
async fn a_full_window_holds_the_source_back() {
    let mut rig = Rig::new(10, 1).script(times(10, Hold));
    rig.in_flight = 3;
    let checks = async {
        until(|| rig.published().len() == 3).await;
        pass(Duration::from_secs(60)).await;
        assert_eq!(rig.published().len(), 3, "no more than fits the window");
        rig.publisher.release(1);
        until(|| rig.published().len() == 4).await;
        rig.publisher.release(9);
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    run.expect("done");
    assert_eq!(rig.published(), Vec::from_iter(1..=10));
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_before_a_failure_is_saved() {
    for fault in [LoseAnswer, Reject] {
        let rig = Rig::new(10, 2).script([Late(Duration::from_secs(1)), Pass, fault.clone()]);
        within(rig.run())
            .await
            .expect_err("the third publish is lost");
        assert_eq!(rig.stored(), Some(4), "{fault:?}");
        within(rig.run()).await.expect("done");
        assert_eq!(rig.first_published(), Vec::from_iter(1..=10), "{fault:?}");
        assert_eq!(rig.stored(), Some(10), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_saved_past_a_publish_whose_answer_was_lost() {
    let late = Late(Duration::from_secs(1));
    let rig = Rig::new(8, 2).script([late.clone(), LoseAnswer, Pass, late]);
    within(rig.run())
        .await
        .expect_err("the second publish is in doubt");
    assert_eq!(rig.stored(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_saved_past_a_failure_met_while_spoiled_messages_are_sent_again() {
    // The first publish is spoiled, the second in doubt, the third durable.
    let mut rig = Rig::new(6, 2).script([Spoil, LoseAnswer, Pass]);
    rig.delay = Duration::from_secs(1);
    within(rig.run())
        .await
        .expect_err("the second publish is in doubt");
    assert_eq!(rig.stored(), None);
    within(rig.run()).await.expect("done");
    let mut all = rig.first_published();
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(1..=6));
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_a_spoiled_message_is_sent_alone_loses_nothing() {
    let rig = Rig::new(2, 2).script([Spoil, Pass, Reject]);
    within(rig.run())
        .await
        .expect_err("the second message cannot be sent alone");
    assert_eq!((rig.published(), rig.stored()), (vec![1], None));
    within(rig.run()).await.expect("done");
    assert_eq!(rig.published(), [1, 1, 2]);
    assert_eq!(rig.stored(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_is_saved_no_more_often_than_asked() {
    let mut rig = Rig::new(100, 1).script(times(100, Late(Duration::from_millis(100))));
    rig.in_flight = 1;
    rig.save_every = Duration::from_secs(1);
    within(rig.run()).await.expect("done");
    // Ten seconds of publishes, and the end.
    let saves = rig.cursors.saves();
    assert!((9..=11).contains(&saves), "{saves} saves");
    assert_eq!(rig.stored(), Some(100));
}

#[tokio::test(start_paused = true)]
async fn following_saves_what_it_has_read_without_another_row() {
    let mut rig = Rig::new(3, 10);
    rig.save_every = Duration::from_secs(1);
    let checks = async {
        until(|| rig.stored() == Some(3)).await;
        rig.stop.cancel();
    };
    let run = rig.run_as(Scope::Incremental, ReadMode::Follow);
    let (run, ()) = within(async { tokio::join!(run, checks) }).await;
    run.expect("stopped");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_answers_and_saves() {
    let rig = Rig::new(9, 3).script(times(3, Hold));
    let checks = async {
        until(|| rig.published().len() == 9).await;
        rig.stop.cancel();
        pass(Duration::from_secs(1)).await;
        assert_eq!(rig.stored(), None);
        rig.publisher.release(3);
    };
    let run = rig.run_as(Scope::Incremental, ReadMode::Follow);
    let (run, ()) = within(async { tokio::join!(run, checks) }).await;
    assert_eq!(run.expect("stopped").as_str(), "9");
    assert_eq!(rig.stored(), Some(9));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_gone_stops_the_flow_with_its_name() {
    let rig = Rig::new(3, 1);
    rig.broker.remove_topic(TOPIC);
    let error = within(rig.run()).await.expect_err("nowhere to publish to");
    assert!(matches!(error, FlowError::Broker(_)));
    assert!(error.to_string().contains("topic `rows` does not exist"));
    assert_eq!(rig.stored(), None);
}
