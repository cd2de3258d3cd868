//! A source that is no table, in a producing flow: read, restarted at its position, read in full.

use highwater::{
    broker::{
        Publisher,
        memory::PublishFault::{Hold, None as Pass},
    },
    cursor::CursorStore,
    flow::FlowError,
    model::Position,
    source::{ReadMode, Scope},
};

use crate::{
    lines::Lines,
    produce_rig::Rig,
    waiting::{until_stuck, within},
};

async fn run(rig: &Rig, lines: &Lines, scope: Scope) -> Result<Position, FlowError> {
    let mut cursor = rig.cursors.lease(&rig.flow).await?;
    let publisher: &dyn Publisher = &rig.publisher;
    rig.run_with(lines, publisher, &mut *cursor, scope, ReadMode::Bounded)
        .await
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_no_table_is_read_on_from_its_position_after_a_kill() {
    let rig = Rig::new(0, 1).script([Pass, Pass, Hold, Hold]);
    let lines = Lines(["one", "two", "three", "four"].into());
    assert!(
        until_stuck(run(&rig, &lines, Scope::Incremental))
            .await
            .is_none(),
        "killed while the third line is under way"
    );
    assert_eq!(rig.stored(), Some(2));
    rig.publisher.release(100);
    let before = rig.published().len();
    let end = within(run(&rig, &lines, Scope::Incremental)).await;
    assert_eq!(end.expect("done").as_str(), "4");
    assert_eq!(
        rig.published()[before..],
        [3, 4],
        "only what is past the cursor"
    );
    assert_eq!(rig.first_published(), [1, 2, 3, 4]);

    let longer = Lines(["one", "two", "three", "four", "five"].into());
    let end = within(run(&rig, &longer, Scope::Incremental)).await;
    assert_eq!(end.expect("done").as_str(), "5");
    assert_eq!(rig.published().last(), Some(&5));
}

#[tokio::test(start_paused = true)]
async fn a_full_read_of_a_source_that_is_no_table_starts_over() {
    let rig = Rig::new(0, 1);
    let lines = Lines(["one", "two"].into());
    within(run(&rig, &lines, Scope::Incremental))
        .await
        .expect("done");
    within(run(&rig, &lines, Scope::Full)).await.expect("done");
    assert_eq!(rig.published(), [1, 2, 1, 2]);
    assert_eq!(rig.stored(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_position_of_another_source_is_refused_by_a_source_that_is_no_table() {
    let rig = Rig::new(0, 1);
    let mut cursor = rig.cursors.lease(&rig.flow).await.expect("free");
    cursor.save(&Position::new("id:7")).await.expect("saved");
    drop(cursor);
    let lines = Lines(["one"].into());
    let error = within(run(&rig, &lines, Scope::Incremental))
        .await
        .expect_err("no position of lines");
    assert!(
        error.to_string().contains("it is no number of lines"),
        "{error}"
    );
    assert!(rig.published().is_empty());
}
