//! When a batch is written, and when a run ends.

use std::{sync::Arc, time::Duration};

use highwater::flow::Until;
use tokio::time::Instant;

use crate::{
    consume_rig::{FLOW, GROUP, Rig, TOPIC},
    scripted_sink::{ScriptedSink, SinkFault::Hold},
    subscriptions::{Ahead, Counting},
    waiting::{pass, until, within},
};

#[tokio::test(start_paused = true)]
async fn rows_and_offsets_move_together() {
    let rig = Rig::new(3).with_rows(4);
    rig.publish_changes(0..100, 7).await;
    within(rig.catch_up()).await.expect("caught up");
    rig.assert_exactly_once(3, &rig.sink.offsets(FLOW).await);
    let mut stored = [None; 3];
    for write in rig.sink.writes() {
        let before = &mut stored[write.partition as usize];
        assert_eq!(write.from, *before);
        let step = write.next_offset - before.unwrap_or(0);
        assert_eq!(step, write.rows.len() as i64, "as far as its rows, no more");
        *before = Some(write.next_offset);
    }
    assert_eq!(rig.stats.snapshot().rows, 100);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_full_by_count() {
    let rig = Rig::new(1).with_rows(10);
    rig.publish_changes(0..25, 25).await;
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(sizes(&rig.sink), [10, 10, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_full_by_bytes() {
    let mut rig = Rig::new(1).with_rows(1000);
    rig.limits.bytes = 500;
    for id in ["a", "b", "c", "d", "e", "f"] {
        rig.publish(id, &"x".repeat(200)).await;
    }
    rig.publish("large", &"x".repeat(5000)).await;
    rig.publish("g", "small").await;
    within(rig.catch_up()).await.expect("caught up");
    // Never more than the limit but for the message that fills it.
    assert_eq!(sizes(&rig.sink), [3, 3, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn limits_of_nothing_write_one_by_one() {
    let mut rig = Rig::new(1).with_rows(0);
    rig.limits.bytes = 0;
    rig.publish_changes(0..3, 3).await;
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(sizes(&rig.sink), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_first_message_of_a_batch_waits_exactly_so_long() {
    let rig = Rig::new(1);
    let checks = async {
        pass(Duration::from_secs(3)).await;
        rig.publish("a", "first").await;
        let first = Instant::now();
        pass(Duration::from_secs(7)).await;
        rig.publish("b", "later").await;
        until(|| rig.sink.writes().len() == 1).await;
        assert_eq!(rig.sink.writes()[0].at - first, rig.limits.wait);
        pass(Duration::from_secs(30)).await;
        rig.publish("c", "alone").await;
        let alone = Instant::now();
        until(|| rig.sink.writes().len() == 2).await;
        assert_eq!(rig.sink.writes()[1].at - alone, rig.limits.wait);
        rig.stop.cancel();
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    run.expect("stopped");
    assert_eq!(sizes(&rig.sink), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_during_a_write_are_the_next_batch() {
    let mut rig = Rig::new(1).with_rows(2);
    rig.polled = 1;
    rig.sink.then([Hold]);
    rig.publish_changes(0..7, 7).await;
    let checks = async {
        pass(Duration::from_secs(60)).await;
        assert!(rig.sink.writes().is_empty());
        rig.sink.release(1);
        until(|| rig.sink.applied().len() == 6).await;
        rig.stop.cancel();
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    run.expect("stopped");
    assert_eq!(sizes(&rig.sink), [2, 2, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_writes_what_is_buffered_at_once() {
    let rig = Rig::new(2);
    rig.publish_changes(0..5, 5).await;
    let begun = Instant::now();
    let checks = async {
        pass(Duration::from_secs(1)).await;
        assert!(
            rig.sink.writes().is_empty(),
            "neither ten rows nor ten seconds"
        );
        rig.stop.cancel();
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    run.expect("stopped");
    assert!(begun.elapsed() < Duration::from_secs(2));
    rig.assert_exactly_once(2, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn the_group_is_told_what_is_written_and_no_more() {
    let rig = Rig::new(1).with_rows(5);
    rig.sink.then([crate::scripted_sink::SinkFault::None, Hold]);
    rig.publish_changes(0..10, 10).await;
    let checks = async {
        pass(Duration::from_secs(10)).await;
        assert_eq!(committed(&rig).await, [(0, 5)]);
        rig.sink.release(1);
        rig.stop.cancel();
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    run.expect("stopped");
    assert_eq!(committed(&rig).await, [(0, 10)]);
}

#[tokio::test(start_paused = true)]
async fn catching_up_writes_a_tail_without_waiting_for_more() {
    let rig = Rig::new(4);
    rig.publish_changes(0..3, 3).await;
    let begun = Instant::now();
    within(rig.catch_up()).await.expect("caught up");
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "not the ten seconds of a batch"
    );
    rig.assert_exactly_once(4, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn an_empty_topic_is_caught_up_with() {
    let rig = Rig::new(3);
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn offsets_without_messages_are_caught_up_with() {
    let rig = Rig::new(2).with_rows(3);
    // Gaps at the beginning, in the middle, and at the end; and a partition of nothing else.
    rig.broker.skip_offsets(TOPIC, 0, 2);
    for change in 0..8 {
        rig.publish(&format!("{change}"), "x").await;
        rig.broker.skip_offsets(TOPIC, 0, 1);
    }
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.applied().len(), 8);
    let rig = Rig::new(1);
    rig.broker.skip_offsets(TOPIC, 0, 5);
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.offsets(FLOW).await, [(0, 5)]);
}

#[tokio::test(start_paused = true)]
async fn catching_up_twice_writes_nothing_the_second_time() {
    let rig = Rig::new(2);
    rig.publish_changes(0..30, 30).await;
    within(rig.catch_up()).await.expect("caught up");
    let writes = rig.sink.writes().len();
    within(rig.catch_up()).await.expect("caught up");
    assert_eq!(rig.sink.writes().len(), writes);
}

#[tokio::test(start_paused = true)]
async fn catching_up_ends_although_more_and_more_is_published() {
    let rig = Rig::new(1).with_rows(2);
    rig.publish_changes(0..10, 10).await;
    let publishing = async {
        for change in 10.. {
            pass(Duration::from_millis(50)).await;
            rig.publish(&format!("{change}"), "later").await;
        }
    };
    let run = async {
        tokio::select! {
            run = rig.catch_up() => run,
            () = publishing => unreachable!("it goes on and on"),
        }
    };
    within(run).await.expect("caught up");
    assert!(rig.sink.applied().len() >= 10);
}

#[tokio::test(start_paused = true)]
async fn a_slow_lane_does_not_stop_the_others_and_loses_nothing() {
    let mut rig = Rig::new(2).with_rows(5);
    rig.polled = 5;
    rig.publish_changes(0..200, 50).await;
    rig.sink.hold_partition(Some(0));
    let of_other = rig.broker.messages(TOPIC, 1).len();
    assert!(of_other > 50);
    let checks = async {
        until(|| rig.sink.applied().len() == of_other).await;
        rig.publish_changes(200..300, 50).await;
        let of_other = rig.broker.messages(TOPIC, 1).len();
        until(|| rig.sink.applied().len() == of_other).await;
        rig.sink.hold_partition(None);
        rig.sink.release(1);
        until(|| rig.sink.applied().len() == 300).await;
        rig.stop.cancel();
    };
    let (run, ()) = within(async { tokio::join!(rig.run(), checks) }).await;
    run.expect("stopped");
    rig.assert_exactly_once(2, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn messages_on_their_way_when_a_partition_is_held_back_are_kept() {
    let mut rig = Rig::new(1).with_rows(5);
    rig.polled = 5;
    rig.publish_changes(0..200, 50).await;
    rig.sink.hold_partition(Some(0));
    let subscription = rig.broker.subscribe(TOPIC, GROUP).expect("a topic");
    let ahead = Ahead {
        inner: Box::new(subscription.at_most(5)),
        polls: 4,
        held_back: Vec::new(),
    };
    let checks = async {
        pass(Duration::from_secs(60)).await;
        rig.sink.hold_partition(None);
        rig.sink.release(1);
        until(|| rig.sink.applied().len() == 200).await;
        rig.stop.cancel();
    };
    let run = rig.consume_from(Box::new(ahead), Until::Stopped);
    let (run, ()) = within(async { tokio::join!(run.run(&rig.stop), checks) }).await;
    run.expect("stopped");
    rig.assert_exactly_once(1, &rig.sink.offsets(FLOW).await);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_full_reads_no_further() {
    let mut rig = Rig::new(1).with_rows(5);
    rig.polled = 5;
    rig.publish_changes(0..1000, 50).await;
    rig.sink.hold_partition(Some(0));
    let subscription = rig
        .broker
        .subscribe(TOPIC, GROUP)
        .expect("a topic")
        .at_most(5);
    let polled = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counting = Counting(Box::new(subscription), polled.clone());
    let checks = async {
        pass(Duration::from_secs(60)).await;
        let polled = polled.load(std::sync::atomic::Ordering::Relaxed);
        // Being written, buffered, waiting, in the inbox, and what came before it was held back.
        assert!(polled <= 30, "{polled} messages in memory");
        rig.sink.hold_partition(None);
        rig.sink.release(1);
        until(|| rig.sink.applied().len() == 1000).await;
        rig.stop.cancel();
    };
    let run = rig.consume_from(Box::new(counting), Until::Stopped);
    let (run, ()) = within(async { tokio::join!(run.run(&rig.stop), checks) }).await;
    run.expect("stopped");
}

fn sizes(sink: &ScriptedSink) -> Vec<usize> {
    sink.writes().iter().map(|it| it.rows.len()).collect()
}

async fn committed(rig: &Rig) -> Vec<(i32, i64)> {
    let mut other = rig.broker.subscribe(TOPIC, "another").expect("a topic");
    let committed = highwater::broker::Subscription::committed(&mut other, GROUP);
    committed.await.expect("memory")
}
