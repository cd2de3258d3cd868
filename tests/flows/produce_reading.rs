//! How a source is read: to its end, on and on, in full, and again after a failure.

use async_trait::async_trait;
use highwater::{
    broker::memory::PublishFault::{Hold, LoseAnswer, None as Pass},
    cursor::CursorStore,
    flow::FlowError,
    model::Position,
    source::{Progress, ReadMode, Scope, Source, SourceError, SourceReader, memory::MemorySource},
};

use crate::{
    produce_rig::{Rig, times},
    waiting::{until, until_stuck, within},
};

#[tokio::test(start_paused = true)]
async fn a_run_reads_what_is_past_the_cursor_and_ends() {
    let rig = Rig::new(5, 2);
    assert_eq!(within(rig.run()).await.expect("done").as_str(), "5");
    rig.source.insert(6, "row 6");
    assert_eq!(within(rig.run()).await.expect("done").as_str(), "6");
    assert_eq!(rig.published(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(rig.stats.snapshot().rows, 6);
}

#[tokio::test(start_paused = true)]
async fn a_run_without_new_rows_saves_nothing() {
    let rig = Rig::new(5, 2);
    within(rig.run()).await.expect("done");
    let saves = rig.cursors.saves();
    within(rig.run()).await.expect("done");
    assert_eq!(rig.cursors.saves(), saves);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_loses_its_connection_is_read_on_from_the_cursor() {
    let rig = Rig::new(6, 2).script([Pass, Hold]);
    let checks = async {
        until(|| rig.published().len() == 6).await;
        rig.source.fail(1);
        rig.source.insert(7, "row 7");
        rig.publisher.release(1);
    };
    let run = rig.run_as(Scope::Incremental, ReadMode::Follow);
    let (run, ()) = within(async { tokio::join!(run, checks) }).await;
    let error = run.expect_err("the connection is lost");
    assert!(matches!(error, FlowError::Source(SourceError::Lost(..))));
    assert_eq!(rig.stored(), Some(6), "what was in flight is settled first");
    within(rig.run()).await.expect("done");
    assert_eq!(rig.published(), Vec::from_iter(1..=7));
}

#[tokio::test(start_paused = true)]
async fn following_yields_new_rows_until_it_is_stopped() {
    let rig = Rig::new(2, 10);
    let checks = async {
        for id in 3..=6 {
            until(|| rig.stored() == Some(id - 1)).await;
            rig.source.insert(id, "new");
        }
        until(|| rig.stored() == Some(6)).await;
        rig.stop.cancel();
    };
    let run = rig.run_as(Scope::Incremental, ReadMode::Follow);
    let (run, ()) = within(async { tokio::join!(run, checks) }).await;
    assert_eq!(run.expect("stopped").as_str(), "6");
    assert_eq!(rig.published(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_no_position_is_refused_and_kept() {
    let rig = Rig::new(2, 10);
    let mut cursor = rig.cursors.lease(&rig.flow).await.expect("free");
    cursor
        .save(&Position::new("nonsense"))
        .await
        .expect("saved");
    drop(cursor);
    let error = within(rig.run()).await.expect_err("no position");
    assert!(error.to_string().contains("it is not a number"));
    assert!(rig.published().is_empty());
    let kept = rig.cursors.stored(&rig.flow);
    assert_eq!(kept, Some(Position::new("nonsense")));
}

#[tokio::test(start_paused = true)]
async fn a_full_read_starts_over_and_ends_where_the_source_ends() {
    let rig = Rig::new(4, 2);
    within(rig.run()).await.expect("done");
    let full = rig.run_as(Scope::Full, ReadMode::Bounded);
    assert_eq!(within(full).await.expect("done").as_str(), "4");
    assert_eq!(rig.published(), [1, 2, 3, 4, 1, 2, 3, 4]);
    assert_eq!(rig.stored(), Some(4));
}

#[tokio::test(start_paused = true)]
async fn a_full_read_that_ends_where_the_cursor_stood_is_saved_at_its_end() {
    let mut rig = Rig::new(4, 2);
    within(rig.run()).await.expect("done");
    // No save on the way: only the one at the end.
    rig.save_every = std::time::Duration::from_secs(3600);
    let full = rig.run_as(Scope::Full, ReadMode::Bounded);
    within(full).await.expect("done");
    assert_eq!(
        rig.stored(),
        Some(4),
        "not at the beginning of the full read"
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_read_resumes_after_a_failure_or_a_kill() {
    let rig = Rig::new(8, 2);
    within(rig.run()).await.expect("done");
    rig.publisher.then([Pass, LoseAnswer]);
    within(full(&rig))
        .await
        .expect_err("the second publish is in doubt");
    rig.publisher.then(times(1, Pass));
    rig.publisher.then(times(9, Hold));
    assert!(until_stuck(full(&rig)).await.is_none(), "killed");
    rig.publisher.release(100);
    let end = within(full(&rig)).await.expect("done");
    assert_eq!(end.as_str(), "8");
    let published = rig.published();
    let beginnings = published.iter().filter(|it| **it == 1).count();
    assert_eq!(
        beginnings, 2,
        "one read past the cursor, one full: {published:?}"
    );
    assert_eq!(published[published.len() - 4..], [5, 6, 7, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_full_read_is_known_as_begun_before_its_first_row() {
    let rig = Rig::new(4, 2).script(times(9, Hold));
    assert!(until_stuck(full(&rig)).await.is_none());
    let stored = rig.cursors.stored(&rig.flow);
    assert_eq!(stored, Some(Position::new("full:0")));
}

/// A full read of a source whose positions say whether they are within one, as those of the
/// databases do.
async fn full(rig: &Rig) -> Result<Position, FlowError> {
    let source = Resumable(rig.source.clone());
    let mut cursor = rig.cursors.lease(&rig.flow).await?;
    let (scope, mode) = (Scope::Full, ReadMode::Bounded);
    rig.run_with(&source, &rig.publisher, &mut *cursor, scope, mode)
        .await
}

struct Resumable(MemorySource);

#[async_trait]
impl Source for Resumable {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn begin(&self, _: Scope, stored: Option<&Position>) -> Result<Position, SourceError> {
        let within = stored.filter(|it| it.as_str().starts_with("full:"));
        Ok(within.cloned().unwrap_or_else(|| Position::new("full:0")))
    }

    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        let number = position.as_str().trim_start_matches("full:");
        let reader = self.0.open(&Position::new(number), mode).await?;
        Ok(Box::new(ResumableReader(reader, false)))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        let number = position.as_str().trim_start_matches("full:");
        self.0.progress(&Position::new(number)).await
    }
}

/// The last position, on an empty batch, is that of an incremental read again.
struct ResumableReader(Box<dyn SourceReader>, bool);

#[async_trait]
impl SourceReader for ResumableReader {
    async fn next_batch(&mut self) -> Result<Option<highwater::model::Batch>, SourceError> {
        if self.1 {
            return Ok(None);
        }
        let Some(mut batch) = self.0.next_batch().await? else {
            return Ok(None);
        };
        self.1 = batch.position.as_str() == "8";
        if !self.1 {
            batch.position = Position::new(format!("full:{}", batch.position));
        }
        Ok(Some(batch))
    }
}
