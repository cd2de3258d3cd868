//! A run that is killed anywhere repeats rather than skips.

use std::time::Duration;

use async_trait::async_trait;
use highwater::{
    broker::memory::PublishFault,
    cursor::{CursorError, CursorLease, CursorStore},
    flow::FlowError,
    model::Position,
    source::{ReadMode, Scope},
};

use tokio_util::sync::CancellationToken;

use crate::{
    produce_rig::{DEAD_LETTERS, Rig, times},
    stepping::{Stepping, killed_after},
    waiting::{until_stuck, within},
};

#[tokio::test(start_paused = true)]
async fn a_kill_after_any_acknowledgement_repeats_rather_than_skips() {
    for acknowledged in 0..=7 {
        let rig = Rig::new(14, 2).script(times(7, PublishFault::Hold));
        rig.publisher.release(acknowledged);
        let run = until_stuck(rig.run()).await;
        assert_eq!(run.is_some(), acknowledged == 7);
        let durable = (acknowledged as i64 * 2).max(0);
        assert_eq!(rig.stored().unwrap_or(0), durable, "stored at the kill");

        rig.publisher.release(100);
        within(rig.run()).await.expect("done");
        assert_eq!(rig.first_published(), Vec::from_iter(1..=14));
        assert_eq!(rig.stored(), Some(14));
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_step_repeats_rather_than_skips() {
    let faults = [
        PublishFault::None,
        PublishFault::Spoil,
        PublishFault::None,
        PublishFault::Refuse(1),
    ];
    for polls in 0.. {
        let rig = Rig::new(17, 2).script(faults.clone());
        rig.source.insert(18, "bad");
        rig.source.insert(19, "row 19");
        let killed = killed_after(polls, run_in_steps(&rig)).await;
        let done = killed.is_some();
        at_or_before_the_cursor_nothing_is_missing(&rig, polls);

        within(run_in_steps(&rig)).await.expect("done");
        assert_eq!(rig.stored(), Some(19), "killed after {polls} steps");
        at_or_before_the_cursor_nothing_is_missing(&rig, polls);
        if done {
            assert!(polls > 40, "the run was hardly killed at all");
            return;
        }
    }
}

/// However fast the rows come: so much is read again, and no more.
#[tokio::test(start_paused = true)]
async fn a_kill_repeats_what_is_in_flight_and_what_went_out_since_a_save_was_due() {
    const BATCH: usize = 5;
    for in_flight in [1, 2, 8] {
        for killed_at in [300, 999, 1_001, 1_990, 2_500, 3_990] {
            let mut rig = Rig::new(10_000, BATCH);
            rig.in_flight = in_flight;
            rig.delay = Duration::from_millis(20);
            rig.save_every = Duration::from_secs(1);
            let time = Duration::from_millis(killed_at);
            let killed = tokio::time::timeout(time, rig.run()).await;
            assert!(killed.is_err(), "it has ended before it could be killed");
            let again = rig.published().len() - rig.stored().unwrap_or(0) as usize;
            // What is answered in a second, what is in flight, and what comes until a save is noticed.
            let window = in_flight * BATCH;
            let most = window * 50 + 2 * window;
            assert!(
                again <= most,
                "{again} of {window} in flight at {killed_at}"
            );
            if killed_at > 1_100 {
                assert!(rig.stored().is_some(), "nothing saved at {killed_at}");
            }
        }
    }
}

/// A flow that follows and has nothing to save would go on beside the one that has taken it over.
#[tokio::test(start_paused = true)]
async fn a_flow_whose_lease_was_lost_ends_also_while_there_is_nothing_to_save() {
    let rig = Rig::new(0, 2);
    let lost = CancellationToken::new();
    let cursor = rig.cursors.lease(&rig.flow).await.expect("free");
    let mut cursor = Losing(cursor, lost.clone());
    let (scope, mode) = (Scope::Incremental, ReadMode::Follow);
    let mut run = Box::pin(rig.run_with(&rig.source, &rig.publisher, &mut cursor, scope, mode));
    assert!(until_stuck(&mut run).await.is_none(), "it follows");
    lost.cancel();
    let ended = within(run).await;
    let fenced = FlowError::Cursor(CursorError::Fenced(rig.flow.text()));
    assert_eq!(ended.map_err(|it| it.to_string()), Err(fenced.to_string()));
}

/// A lease that another takes when it is told so.
struct Losing(Box<dyn CursorLease>, CancellationToken);

#[async_trait]
impl CursorLease for Losing {
    async fn load(&mut self) -> Result<Option<Position>, CursorError> {
        self.0.load().await
    }

    async fn save(&mut self, position: &Position) -> Result<(), CursorError> {
        self.0.save(position).await
    }

    async fn remove(&mut self) -> Result<(), CursorError> {
        self.0.remove().await
    }

    async fn lost(&self) {
        self.1.cancelled().await;
    }

    async fn release(self: Box<Self>) {}
}

/// Every row is on the topic or among the dead letters.
#[track_caller]
fn at_or_before_the_cursor_nothing_is_missing(rig: &Rig, polls: usize) {
    let published = rig.published();
    let dead_letters = rig.dead_letters(DEAD_LETTERS);
    for id in 1..=rig.stored().unwrap_or(0) {
        let aside = dead_letters.iter().any(|(key, _)| *key == id.to_string());
        assert!(
            published.contains(&id) || aside,
            "row {id} is skipped: killed after {polls} steps"
        );
    }
}

async fn run_in_steps(rig: &Rig) -> Result<Position, FlowError> {
    let cursor = rig.cursors.lease(&rig.flow).await?;
    let source = Stepping(rig.source.clone());
    let publisher = Stepping(rig.publisher.clone());
    let (scope, mode) = (Scope::Incremental, ReadMode::Bounded);
    rig.run_with(&source, &publisher, &mut Stepping(cursor), scope, mode)
        .await
}
