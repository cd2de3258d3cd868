//! A process that dies at any write: what is written and what is stored agree, and in the end each
//! message is applied exactly once.

use std::future::Future;

use highwater::flow::Until;
use tokio::runtime::Builder;

use crate::{
    consume_rig::{FLOW, Rig},
    scripted_sink::SinkFault::{self, DieAfter, DieBefore, HoldAnswer, LoseAnswer, None as Pass},
    waiting::within,
};

#[test]
fn a_death_at_any_write_loses_nothing_and_repeats_nothing() {
    for fault in [DieBefore, DieAfter] {
        for write in 0.. {
            let rig = alone(async {
                let rig = Rig::new(3).with_rows(4);
                rig.publish_changes(0..50, 11).await;
                rig
            });
            rig.sink.then(vec![Pass; write]);
            rig.sink.then([fault]);
            let died = !alone(until_death(&rig));
            alone(agree(&rig));
            rig.sink.recover();
            alone(async {
                within(rig.catch_up()).await.expect("caught up");
                rig.assert_exactly_once(3, &rig.sink.offsets(FLOW).await);
            });
            if !died {
                assert!(write > 10, "it hardly died at all");
                break;
            }
        }
    }
}

#[test]
fn a_death_with_answers_on_their_way_loses_nothing_and_repeats_nothing() {
    for write in 0..5 {
        let rig = alone(async {
            let rig = Rig::new(3).with_rows(4);
            rig.publish_changes(0..120, 120).await;
            rig
        });
        rig.sink.then(vec![HoldAnswer; 2]);
        rig.sink.then(vec![Pass; write]);
        rig.sink.then([DieBefore]);
        assert!(!alone(until_death(&rig)), "it died");
        alone(agree(&rig));
        rig.sink.recover();
        rig.sink.release(100);
        alone(async {
            within(rig.catch_up()).await.expect("caught up");
            rig.assert_exactly_once(3, &rig.sink.offsets(FLOW).await);
        });
    }
}

#[test]
fn deaths_and_failures_in_a_row_are_survived() {
    let rig = alone(async {
        let rig = Rig::new(2).with_rows(3);
        rig.publish_changes(0..200, 17).await;
        rig
    });
    let faults: [SinkFault; 5] = [DieAfter, LoseAnswer, DieBefore, Pass, LoseAnswer];
    rig.sink.then(faults.into_iter().cycle().take(60));
    let mut deaths = 0;
    while !alone(until_death(&rig)) {
        deaths += 1;
        alone(agree(&rig));
    }
    assert!(deaths > 10, "{deaths} deaths");
    alone(async { rig.assert_exactly_once(2, &rig.sink.offsets(FLOW).await) });
}

/// Runs in a runtime of its own: with it, every task of it ends, as a process does.
fn alone<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// Runs until the sink's script lets the process die; `true` where it caught up before.
async fn until_death(rig: &Rig) -> bool {
    tokio::select! {
        () = rig.sink.died.notified() => false,
        run = within(rig.supervised(Until::CaughtUp)) => {
            run.expect("caught up");
            true
        }
    }
}

/// Each partition's progress is where its writes end, and they follow each other.
async fn agree(rig: &Rig) {
    let offsets = rig.sink.offsets(FLOW).await;
    for (partition, stored) in offsets {
        let mut written = None;
        let writes = rig.sink.writes();
        for write in writes.iter().filter(|it| it.partition == partition) {
            assert_eq!(write.from, written, "partition {partition}");
            written = Some(write.next_offset);
        }
        assert_eq!(written, Some(stored), "partition {partition}");
    }
}
