//! One message into two tables: routed, halved, replayed as one.

use std::sync::Arc;

use highwater::{
    codec::json::Json,
    flow::{Consume, Keys, Replay, Replayed, StoredDeadLetter, Until},
    pipeline::{
        Deletions, ExplodeStep, Replaces, RouteBy, Routes, StepSettings, TableRoute, steps,
    },
    sink::{
        Onto, Sink,
        memory::{MemorySink, MemoryTable},
    },
};

use crate::{
    consume_rig::{DEAD_LETTERS, FLOW, Rig},
    waiting::within,
};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|it| (*it).to_owned()).collect()
}

/// Rows by `id`, and those of their lists by `parent` and `list`, replaced by `parent`.
fn sink() -> Arc<MemorySink> {
    let table = |key: &[&str], by: &[&str]| MemoryTable {
        key: names(key),
        replace_by: names(by),
    };
    let tables = vec![table(&["id"], &[]), table(&["parent", "list"], &["parent"])];
    Arc::new(MemorySink::of_tables("memory", tables))
}

fn routes() -> Routes {
    let route = |table: &str, settings: &[StepSettings], replaces| TableRoute {
        table: table.to_owned(),
        when: names(&["both"]),
        steps: steps(settings),
        replaces,
    };
    let children = [
        StepSettings::Rename(vec![("id".to_owned(), "parent".to_owned())]),
        StepSettings::Explode(ExplodeStep {
            field: "list".to_owned(),
            number: None,
            keep_empty: false,
        }),
        StepSettings::Keep(names(&["parent", "list"])),
    ];
    let replaces = Replaces {
        by: names(&["parent"]),
        in_front_of: 1,
        deletions: Deletions::Follow,
    };
    let parents = [StepSettings::Keep(names(&["id"]))];
    let tables = vec![
        route("parents", &parents, None),
        route("children", &children, Some(replaces)),
    ];
    Routes::new(Some(RouteBy::Field("kind".to_owned())), tables)
}

async fn publish(rig: &Rig, id: &str, kind: &str, list: &str) {
    let value = format!(r#"{{"id":"{id}","kind":"{kind}","list":{list}}}"#);
    rig.publish_value(id, &value).await;
}

async fn catch_up(rig: &Rig, sink: &Arc<MemorySink>) {
    let consume = Consume {
        routes: Arc::new(routes()),
        sink: sink.clone(),
        ..rig.consume(Until::CaughtUp)
    };
    within(consume.run(&rig.stop)).await.expect("caught up");
}

/// The rows of both tables.
fn rows(sink: &MemorySink) -> [Vec<String>; 2] {
    [0, 1].map(|table| {
        let shown = |row: Vec<(String, String)>| {
            let texts: Vec<String> = row.into_iter().map(|it| it.1).collect();
            texts.join(" ")
        };
        sink.rows_of(table).into_iter().map(shown).collect()
    })
}

/// Key, step and reason of each letter.
fn dead_letters(rig: &Rig) -> Vec<(String, String, String)> {
    let messages = rig.broker.messages(DEAD_LETTERS, 0);
    let dead_letter = |it| {
        let dead_letter = StoredDeadLetter::read(&it).expect("a letter");
        let key = String::from_utf8_lossy(dead_letter.key.expect("a key")).into_owned();
        (
            key,
            dead_letter.step.to_string(),
            dead_letter.reason.to_string(),
        )
    };
    messages.iter().map(dead_letter).collect()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_one_table_refuses_is_in_none_and_its_neighbours_are_in_both() {
    let (rig, sink) = (Rig::new(1), sink());
    publish(&rig, "a", "both", r#"["1","2"]"#).await;
    // The second row of its list has no key.
    publish(&rig, "b", "both", r#"["1",null]"#).await;
    publish(&rig, "c", "both", r#"["1"]"#).await;
    publish(&rig, "d", "both", "7").await;
    publish(&rig, "e", "neither", "[]").await;
    publish(&rig, "f", "both", "[]").await;
    catch_up(&rig, &sink).await;
    let expected = [vec!["a", "c", "f"], vec!["a 1", "a 2", "c 1"]];
    assert_eq!(rows(&sink), expected);
    let mut dead_letters = dead_letters(&rig);
    dead_letters.sort();
    let steps: Vec<_> = dead_letters
        .iter()
        .map(|it| (it.0.as_str(), it.1.as_str()))
        .collect();
    assert_eq!(steps, [("b", "write"), ("d", "explode"), ("e", "route")]);
    assert!(
        dead_letters[1].2.starts_with("table children: "),
        "{dead_letters:?}"
    );
    let progress = sink.progress(FLOW).await.expect("read");
    assert_eq!(progress.len(), 1);
    assert_eq!(progress[0].next_offset, 6);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_shrinks_or_goes_leaves_no_rows_behind() {
    let (rig, sink) = (Rig::new(1).with_rows(2), sink());
    for list in [r#"["1","2"]"#, r#"["2"]"#] {
        publish(&rig, "a", "both", list).await;
        publish(&rig, "b", "both", list).await;
        publish(&rig, "c", "both", list).await;
    }
    publish(&rig, "b", "both", "[]").await;
    catch_up(&rig, &sink).await;
    assert_eq!(rows(&sink), [vec!["a", "b", "c"], vec!["a 2", "c 2"]]);
    assert!(dead_letters(&rig).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_replayed_into_all_its_tables_or_none() {
    let (rig, sink) = (Rig::new(1), sink());
    publish(&rig, "a", "neither", r#"["1","2"]"#).await;
    publish(&rig, "b", "neither", r#"["1"]"#).await;
    catch_up(&rig, &sink).await;
    publish(&rig, "b", "both", r#"["new"]"#).await;
    catch_up(&rig, &sink).await;
    let messages = rig.broker.messages(DEAD_LETTERS, 0);
    let mut mended = highwater::model::Messages::default();
    for it in messages.iter() {
        let value = String::from_utf8_lossy(it.value.expect("a value")).replace("neither", "both");
        let record_origin = highwater::model::RecordOrigin::default();
        mended.push(it.key, Some(value.as_bytes()), it.headers, record_origin);
    }
    let dead_letters: Vec<_> = mended
        .iter()
        .filter_map(|it| StoredDeadLetter::read(&it))
        .collect();
    let routes = routes();
    let replay = Replay {
        flow: FLOW,
        decoder: &Json::PLAIN,
        pipeline: &[],
        identity: None,
        routes: &routes,
        sink: &*sink,
        onto: Onto::Absent,
        keys: Keys::Rows,
    };
    for outcome in [Replayed::Landed, Replayed::Before] {
        let outcomes = within(replay.run(&dead_letters)).await.expect("replayed");
        assert_eq!(outcomes, [outcome, Replayed::Superseded]);
        assert_eq!(rows(&sink), [vec!["a", "b"], vec!["a 1", "a 2", "b new"]]);
    }
}
