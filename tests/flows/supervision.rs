//! Failing, waiting, and beginning again.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use highwater::{
    broker::{
        BrokerError,
        memory::PublishFault::{Hold, Late, LoseAnswer, None as Pass, Reject},
    },
    flow::{FlowError, FlowStats, Retry, supervise},
    model::Position,
    source::{ReadMode, Scope},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    produce_rig::{Rig, TOPIC, times},
    waiting::{until, within},
};

const RETRY: Retry = Retry {
    first: Duration::from_millis(100),
    most: Duration::from_secs(10),
    give_up_after: None,
};

#[tokio::test(start_paused = true)]
async fn a_flow_goes_on_from_the_cursor_until_it_is_through() {
    let faults = [Pass, LoseAnswer, Reject, Pass, Reject, Reject, LoseAnswer];
    let rig = Rig::new(20, 2).script(faults);
    let end = within(supervised(&rig, RETRY)).await.expect("through");
    assert_eq!(end, Some(Position::new("20")));
    assert_eq!(rig.first_published(), Vec::from_iter(1..=20));
    assert_eq!(rig.stats.snapshot().retries, 5);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_for_a_while_is_waited_for() {
    let rig = Rig::new(5, 2);
    rig.source.fail(20);
    let end = within(supervised(&rig, RETRY)).await.expect("through");
    assert_eq!(end, Some(Position::new("5")));
    assert_eq!(rig.published(), [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_pass_stops_the_flow_at_once() {
    let rig = Rig::new(5, 2);
    rig.broker.remove_topic(TOPIC);
    let begun = Instant::now();
    let error = within(supervised(&rig, RETRY)).await.expect_err("no topic");
    assert!(matches!(error, FlowError::Broker(BrokerError::NoTopic(_))));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(rig.stats.snapshot().retries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_flow_without_progress_gives_up_after_its_time() {
    let rig = Rig::new(5, 2).script(times(1000, Reject));
    let retry = Retry {
        give_up_after: Some(Duration::from_secs(60)),
        ..RETRY
    };
    let begun = Instant::now();
    let error = within(supervised(&rig, retry)).await.expect_err("given up");
    assert!(matches!(error, FlowError::Broker(BrokerError::Lost(_))));
    let took = begun.elapsed().as_secs();
    assert!((60..=71).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_gets_on_is_never_given_up() {
    // Each attempt delivers one batch, slowly, and fails at the next.
    let slowly = [Late(Duration::from_secs(5)), Reject];
    let rig = Rig::new(40, 1).script(slowly.into_iter().cycle().take(80));
    let retry = Retry {
        give_up_after: Some(Duration::from_secs(3)),
        ..RETRY
    };
    within(supervised(&rig, retry)).await.expect("through");
    assert_eq!(rig.first_published(), Vec::from_iter(1..=40));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_is_no_failing_hour() {
    let stats = FlowStats::default();
    let attempts = Cell::new(0);
    let attempt = || async {
        attempts.set(attempts.get() + 1);
        match attempts.get() {
            1 => {
                let quiet = tokio::time::timeout(Duration::from_secs(3600), idle()).await;
                assert!(quiet.is_err());
                Err(lost())
            }
            _ => Ok(()),
        }
    };
    let retry = Retry {
        give_up_after: Some(Duration::from_secs(60)),
        ..RETRY
    };
    let stop = CancellationToken::new();
    let end = supervise("quiet", retry, &stats, &stop, attempt).await;
    assert_eq!(end.expect("one failure is no reason"), Some(()));
}

#[tokio::test(start_paused = true)]
async fn waits_grow_up_to_the_longest_and_shrink_after_progress() {
    let begun = RefCell::new(Vec::new());
    let rig = Rig::new(100, 1);
    rig.publisher.then(times(12, Reject));
    rig.publisher.then([Pass, Reject, Reject]);
    let attempt = || async {
        begun.borrow_mut().push(Instant::now());
        rig.run().await
    };
    let end = supervise("rows", RETRY, &rig.stats, &rig.stop, attempt);
    within(end).await.expect("through");
    let begun = begun.into_inner();
    let waits: Vec<_> = begun.windows(2).map(|it| it[1] - it[0]).collect();
    assert_eq!(waits.len(), 14);
    let about = |wait: Duration, from: Duration| (from..=from * 2).contains(&wait);
    assert!(about(waits[0], RETRY.first), "{waits:?}");
    assert!(about(waits[4], RETRY.first * 16), "{waits:?}");
    assert!(waits.iter().all(|it| *it <= RETRY.most), "{waits:?}");
    assert_eq!(waits[11], RETRY.most);
    assert!(about(waits[12], RETRY.first), "after progress: {waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_waiting() {
    let rig = Rig::new(5, 2).script(times(1000, Reject));
    let long = Retry {
        first: Duration::from_secs(1000),
        most: Duration::from_secs(1000),
        ..RETRY
    };
    let begun = Instant::now();
    let checks = async {
        until(|| rig.stats.snapshot().retries == 0 && begun.elapsed().as_secs() >= 1).await;
        rig.stop.cancel();
    };
    let (end, ()) = within(async { tokio::join!(supervised(&rig, long), checks) }).await;
    assert_eq!(end.expect("stopped"), None);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_nothing_can_be_delivered_ends_with_the_answer_of_the_broker() {
    // The client gives a message up after half a minute; nothing is tried again then.
    let rig = Rig::new(8, 2);
    rig.publisher.then([Pass]);
    let given_up = Failing(Duration::from_secs(30));
    let begun = Instant::now();
    let checks = async {
        until(|| begun.elapsed().as_secs() >= 1).await;
        rig.stop.cancel();
    };
    let attempt = || async {
        let mut cursor = highwater::cursor::CursorStore::lease(&rig.cursors, &rig.flow).await?;
        let (scope, mode) = (Scope::Incremental, ReadMode::Follow);
        rig.run_with(&rig.source, &given_up, &mut *cursor, scope, mode)
            .await
    };
    let end = supervise("rows", RETRY, &rig.stats, &rig.stop, attempt);
    let (end, ()) = within(async { tokio::join!(end, checks) }).await;
    assert_eq!(end.expect("stopped"), None);
    assert!(
        begun.elapsed() <= Duration::from_secs(31),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(rig.stored(), None);
}

#[tokio::test(start_paused = true)]
async fn a_killed_flow_gives_its_cursor_back() {
    let rig = Rig::new(5, 2).script(times(9, Hold));
    let run = crate::waiting::until_stuck(supervised(&rig, RETRY)).await;
    assert!(run.is_none(), "killed");
    rig.publisher.release(100);
    within(supervised(&rig, RETRY)).await.expect("through");
    assert_eq!(rig.stored(), Some(5));
}

/// A topic whose client never reaches its broker, and says so after a while.
struct Failing(Duration);

#[async_trait::async_trait]
impl highwater::broker::Publisher for Failing {
    fn topic(&self) -> &str {
        TOPIC
    }

    async fn publish(
        &self,
        _: std::sync::Arc<highwater::model::Messages>,
    ) -> Result<highwater::broker::Delivery, BrokerError> {
        let patience = self.0;
        Ok(Box::pin(async move {
            let _ = tokio::time::timeout(patience, idle()).await;
            Err(BrokerError::Lost("message timed out".into()).into())
        }))
    }
}

async fn idle() {
    std::future::pending::<()>().await;
}

fn lost() -> FlowError {
    BrokerError::Lost("gone".into()).into()
}

async fn supervised(rig: &Rig, retry: Retry) -> Result<Option<Position>, FlowError> {
    supervise("rows", retry, &rig.stats, &rig.stop, || rig.run()).await
}
