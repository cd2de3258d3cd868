//! A run that is killed anywhere repeats rather than skips.

use highwater::{
    broker::memory::PublishFault,
    cursor::CursorStore,
    flow::FlowError,
    model::Position,
    source::{Extent, Manner},
};

use crate::{
    produce_rig::{LETTERS, Rig, times},
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

/// Every row is on the topic or among the dead letters.
#[track_caller]
fn at_or_before_the_cursor_nothing_is_missing(rig: &Rig, polls: usize) {
    let published = rig.published();
    let letters = rig.letters(LETTERS);
    for id in 1..=rig.stored().unwrap_or(0) {
        let aside = letters.iter().any(|(key, _)| *key == id.to_string());
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
    let (extent, manner) = (Extent::Incremental, Manner::Bounded);
    rig.run_with(&source, &publisher, &mut Stepping(cursor), extent, manner)
        .await
}
