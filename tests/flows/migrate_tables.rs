//! Migrations into several tables over memory: one row is in all of its tables, or in none.

use std::{sync::atomic::AtomicBool, time::Duration};

use highwater::{
    broker::memory::MemoryBroker,
    codec::json::Json,
    flow::{DeadLetters, FlowStats, LoadLimits, Migrate, MigrateScope},
    pipeline::{
        Deletions, Else, Expression, Replaces, RouteBy, Routes, StepSettings, TableRoute, steps,
    },
    sink::memory::{MemorySink, MemoryTable},
    source::memory::MemorySource,
};
use tokio_util::sync::CancellationToken;

use crate::scripted_sink::{ScriptedSink, SinkFault};

const DEAD_LETTERS: &str = "task.dead-letters";

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|it| (*it).to_owned()).collect()
}

/// Rows by `id`, and their texts by `parent`, replaced by it.
fn sink() -> ScriptedSink {
    let table = |key: &[&str], by: &[&str]| MemoryTable {
        key: names(key),
        replace_by: names(by),
    };
    let tables = vec![table(&["id"], &[]), table(&["parent", "text"], &["parent"])];
    ScriptedSink::over(MemorySink::of_tables("memory", tables))
}

fn route(table: &str, settings: &[StepSettings], replaces: Option<Replaces>) -> TableRoute {
    TableRoute {
        table: table.to_owned(),
        when: Vec::new(),
        steps: steps(settings),
        replaces,
    }
}

/// Of the second table's own steps, one fails for the text `bad`, and drops the text `none`.
fn routes(by: Option<RouteBy>) -> Routes {
    let filter = |text: &str, otherwise| {
        StepSettings::Filter(Expression::parse(text).expect("CEL"), otherwise)
    };
    let children = [
        StepSettings::Rename(vec![("id".to_owned(), "parent".to_owned())]),
        filter("text != 'bad'", Else::DeadLetter),
        filter("text != 'none'", Else::Drop),
    ];
    let replaces = Replaces {
        by: names(&["parent"]),
        in_front_of: 1,
        deletions: Deletions::Follow,
    };
    let parents = TableRoute {
        when: by.iter().map(|_| "one".to_owned()).collect(),
        ..route("parents", &[StepSettings::Keep(names(&["id"]))], None)
    };
    let children = TableRoute {
        when: by.iter().map(|_| "two".to_owned()).collect(),
        ..route("children", &children, Some(replaces))
    };
    Routes::new(by, vec![parents, children])
}

/// Runs a migration, and answers the reasons of its dead letters.
async fn run(source: &MemorySource, routes: &Routes, sink: &ScriptedSink) -> Vec<String> {
    let broker = MemoryBroker::default();
    broker.create_topic(DEAD_LETTERS, 1);
    let dead_letters = || Box::new(broker.publisher(DEAD_LETTERS).expect("a topic"));
    let dead_letters = DeadLetters::new(dead_letters(), dead_letters());
    let migrate = Migrate {
        flow: "task",
        dead_letters_of: "task",
        source,
        pipeline: &[],
        routes,
        sink,
        describer: &Json::PLAIN,
        dead_letters: &dead_letters,
        limits: LoadLimits {
            rows: 100,
            bytes: 1 << 20,
        },
        writers: 1,
        stats: &FlowStats::default(),
        begun: &AtomicBool::new(false),
    };
    let stop = CancellationToken::new();
    migrate.run(MigrateScope::Full, &stop).await.expect("done");
    let messages = broker.messages(DEAD_LETTERS, 0);
    let reasons = messages.iter().map(|it| {
        let reason = it.headers.get("highwater-dead-reason").flatten();
        String::from_utf8_lossy(reason.unwrap_or(b"")).into_owned()
    });
    reasons.collect()
}

/// The rows of both tables.
fn rows(sink: &ScriptedSink) -> [Vec<String>; 2] {
    [0, 1].map(|table| {
        let shown = |row: Vec<(String, String)>| {
            let texts: Vec<String> = row.into_iter().map(|it| it.1).collect();
            texts.join(" ")
        };
        sink.memory.rows_of(table).into_iter().map(shown).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn rows_of_many_batches_are_written_together_while_a_write_takes_its_time() {
    let (source, sink) = (MemorySource::new(2), sink());
    for id in 1..=9 {
        source.insert(id, format!("text {id}"));
    }
    let slow = SinkFault::Slow(Duration::from_secs(1));
    sink.then([slow; 3]);
    let dead_letters = run(&source, &routes(None), &sink).await;
    assert_eq!(dead_letters, [""; 0]);
    let [parents, children] = rows(&sink);
    assert_eq!(parents.len(), 9);
    assert_eq!(children.len(), 9);
    assert_eq!(children[8], "9 text 9");
    assert_eq!(
        sink.memory.writes(),
        3,
        "the place, one batch, and all others"
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_that_one_table_refuses_is_in_none_and_a_second_run_changes_nothing() {
    let (source, sink) = (MemorySource::new(2), sink());
    for (id, text) in [(1, "a"), (2, "bad"), (3, "none"), (4, "b")] {
        source.insert(id, text);
    }
    let dead_letters = run(&source, &routes(None), &sink).await;
    assert_eq!(dead_letters.len(), 1);
    assert!(
        dead_letters[0].starts_with("table children: "),
        "{dead_letters:?}"
    );
    let expected = [vec!["1", "3", "4"], vec!["1 a", "4 b"]];
    assert_eq!(rows(&sink), expected);
    run(&source, &routes(None), &sink).await;
    assert_eq!(rows(&sink), expected);
    let source = MemorySource::new(2);
    source.insert(1, "new");
    run(&source, &routes(None), &sink).await;
    assert_eq!(rows(&sink)[1], ["1 new", "4 b"], "the older child went");
}

#[tokio::test(start_paused = true)]
async fn a_field_says_which_table_a_row_is_for() {
    let (source, sink) = (MemorySource::new(2), sink());
    for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
        source.insert(id, text);
    }
    let by = Some(RouteBy::Field("text".to_owned()));
    let dead_letters = run(&source, &routes(by), &sink).await;
    assert_eq!(dead_letters.len(), 1);
    assert!(dead_letters[0].contains("`three`"), "{dead_letters:?}");
    assert_eq!(rows(&sink), [vec!["1"], vec!["2 two"]]);
}
