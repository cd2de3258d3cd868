//! Random batches, faults and rebalances: in the end every message is applied exactly once, in
//! order within its key; and every row is on its topic.

use std::{env, time::Duration};

use highwater::{broker::memory::PublishFault, flow::Until};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Builder;

use crate::{
    consume_rig::{GROUP, Rig, TOPIC},
    produce_rig,
    scripted_sink::SinkFault,
    waiting::{pass, until, until_stuck, within},
};

/// What happens next to a group that consumes.
#[derive(Debug, Clone)]
enum Happening {
    Publish(usize),
    Rebalance,
    /// Another member joins and leaves at its will.
    Member(Duration),
    /// A member is killed without a word, its writes still on their way.
    Killed(Duration),
    Skip(i32),
    Pass(Duration),
}

#[derive(Debug, Clone)]
struct Schedule {
    partitions: usize,
    keys: usize,
    rows: usize,
    polled: usize,
    faults: Vec<SinkFault>,
    happenings: Vec<Happening>,
}

#[test]
fn every_message_is_applied_exactly_once_in_order_within_its_key() {
    check(schedule(), |schedule| alone(consumed(schedule)));
}

#[test]
fn every_row_reaches_its_topic_and_no_cursor_passes_one_that_has_not() {
    let fault = prop_oneof![
        6 => Just(PublishFault::None),
        1 => Just(PublishFault::Reject),
        1 => Just(PublishFault::LoseAnswer),
        1 => Just(PublishFault::Spoil),
        1 => Just(PublishFault::Hold),
        2 => millis(300).prop_map(PublishFault::Late),
    ];
    let faults = prop::collection::vec(fault, 0..60);
    let schedule = (1..60_i64, 1..9_usize, 1..6_usize, millis(500), faults);
    check(schedule, |(rows, batch, in_flight, save_every, faults)| {
        alone(async move {
            let mut rig = produce_rig::Rig::new(rows, batch).script(faults);
            rig.in_flight = in_flight;
            rig.save_every = save_every;
            // What is held back for ever ends in a kill.
            for _ in 0..100 {
                let run = until_stuck(rig.run()).await;
                let published = rig.published();
                let dead_letters = rig.dead_letters(produce_rig::DEAD_LETTERS);
                let aside = |id: i64| dead_letters.iter().any(|(key, _)| *key == id.to_string());
                let stored = rig.stored().unwrap_or(0);
                for id in 1..=stored {
                    assert!(
                        published.contains(&id) || aside(id),
                        "row {id} before {stored} is skipped"
                    );
                }
                if run.is_some_and(|it| it.is_ok()) {
                    assert_eq!(stored, rows);
                    return;
                }
            }
            panic!("it never got through");
        });
    });
}

async fn consumed(schedule: Schedule) {
    let mut rig = Rig::new(schedule.partitions).with_rows(schedule.rows);
    rig.limits.wait = Duration::from_millis(100);
    rig.polled = schedule.polled;
    rig.sink.then(schedule.faults.clone());
    let first = rig.member();
    let mut members = vec![tokio::spawn({
        let first = first.clone();
        async move { first.supervised(Until::Stopped).await }
    })];
    let mut published = 0;
    for happening in schedule.happenings {
        match happening {
            Happening::Publish(changes) => {
                rig.publish_changes(published..published + changes, schedule.keys)
                    .await;
                published += changes;
            }
            Happening::Rebalance => rig.broker.rebalance(TOPIC, GROUP),
            Happening::Member(time) => {
                let member = rig.member();
                members.push(tokio::spawn(async move {
                    let leaving = async {
                        pass(time).await;
                        member.stop.cancel();
                    };
                    tokio::join!(member.supervised(Until::Stopped), leaving).0
                }));
            }
            Happening::Killed(time) => {
                let member = rig.member();
                let killed = async move {
                    let _ = tokio::time::timeout(time, member.supervised(Until::Stopped)).await;
                };
                drop(tokio::spawn(killed));
            }
            Happening::Skip(partition) => rig.broker.skip_offsets(TOPIC, partition, 2),
            Happening::Pass(time) => pass(time).await,
        }
    }
    until(|| rig.sink.applied().len() >= published).await;
    first.stop.cancel();
    for member in members {
        within(member)
            .await
            .expect("no panic")
            .expect("nothing is permanent");
    }
    let last = rig.member();
    within(last.supervised(Until::CaughtUp))
        .await
        .expect("caught up");
    rig.assert_applied_once(schedule.partitions as i32);
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let fault = prop_oneof![
        8 => Just(SinkFault::None),
        1 => Just(SinkFault::Reject),
        1 => Just(SinkFault::LoseAnswer),
        3 => millis(400).prop_map(SinkFault::Slow),
    ];
    let happening = prop_oneof![
        4 => (1..30_usize).prop_map(Happening::Publish),
        2 => Just(Happening::Rebalance),
        1 => millis(2000).prop_map(Happening::Member),
        1 => millis(2000).prop_map(Happening::Killed),
        1 => (0..4_i32).prop_map(Happening::Skip),
        4 => millis(500).prop_map(Happening::Pass),
    ];
    let faults = prop::collection::vec(fault, 0..40);
    let happenings = prop::collection::vec(happening, 1..25);
    (
        1..5_usize,
        1..9_usize,
        1..8_usize,
        1..12_usize,
        faults,
        happenings,
    )
        .prop_map(
            |(partitions, keys, rows, polled, faults, happenings)| Schedule {
                partitions,
                keys,
                rows,
                polled,
                faults,
                happenings,
            },
        )
}

fn millis(most: u64) -> impl Strategy<Value = Duration> + Clone {
    (0..most).prop_map(Duration::from_millis)
}

/// Tries 1,000 schedules, or as many as `PROPTEST_CASES` says.
#[track_caller]
fn check<S: Strategy>(schedules: S, test: impl Fn(S::Value)) {
    let mut config = Config {
        failure_persistence: None,
        ..Config::with_cases(1000)
    };
    if let Some(cases) = env::var("PROPTEST_CASES")
        .ok()
        .and_then(|it| it.parse().ok())
    {
        config.cases = cases;
    }
    let outcome = TestRunner::new(config).run(&schedules, |schedule| {
        test(schedule);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn alone<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(future)
}
