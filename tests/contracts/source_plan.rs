//! Plans: the index is used by every page where there is one, and its absence is told with the remedy.

use highwater::{
    connect::mysql::{Flavor, MysqlConnection},
    model::Severity,
    source::{Counted, Extent, Plan, Source},
};

use super::{
    sinks::{database, drop_database, on_both_servers},
    source_types::{ON_EVERY_SERVER, ON_MARIADB, ON_MYSQL},
    sources::{Mongodb, Rows, Server, Sqlite, limits, read, row, rows, start},
};

on_both_servers!(
    each_type_is_read_by_its_index,
    without_an_index_the_remedy_is_told,
);

fn is_quick(plan: &Plan, index: &str) {
    let access = plan.access.as_ref().expect("the server explains");
    assert!(!access.sorts, "{access:?}");
    assert_eq!(access.index.as_deref(), Some(index), "{access:?}");
    let bad = plan
        .findings
        .iter()
        .any(|it| it.severity == Severity::Problem);
    assert!(!bad, "{:?}", plan.findings);
}

fn remedy(plan: &Plan, words: &str) {
    let told = plan.findings.iter().any(|it| it.text.contains(words));
    assert!(told, "{plan:?}");
}

/// From the beginning, and behind the first page of ties.
async fn both(source: &dyn Source) -> [Plan; 2] {
    let first = source.plan(None).await.expect("planned");
    let begun = start(source, Extent::Incremental).await;
    let (_, behind) = read(source, &begun, 1).await;
    [first, source.plan(Some(&behind)).await.expect("planned")]
}

async fn each_type_is_read_by_its_index(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    let own = match server.0.flavor() {
        Flavor::Mysql => ON_MYSQL,
        Flavor::Mariadb => ON_MARIADB,
    };
    for (kind, values) in ON_EVERY_SERVER.iter().chain(own) {
        // A part of a long text is no index of it. `text` is in no index: those that hold all that is
        // read are used anyhow.
        if kind.starts_with("TEXT") || kind.starts_with("BLOB") || kind.contains("(4000)") {
            continue;
        }
        let create = format!(
            "SET sql_mode = ''; DROP TABLE IF EXISTS t; \
             CREATE TABLE t (part INT NOT NULL, id BIGINT NOT NULL, at {kind}, text VARCHAR(100), PRIMARY KEY (part, id), KEY by_at (at))"
        );
        let mut text = create;
        for (number, value) in values.iter().enumerate() {
            for tie in 0..3 {
                text += &format!(
                    "; INSERT IGNORE INTO t VALUES ({tie}, {number}, {value}, REPEAT('x', 80))"
                );
            }
        }
        server.run(&text).await;
        let source = server.scan("t", "at", limits(2));
        for plan in both(&source).await {
            is_quick(&plan, "by_at");
            let by_number = kind.starts_with("ENUM") || kind.starts_with("SET");
            let access = plan.access.expect("explained");
            assert!(
                by_number || plan.bound.is_empty() || !access.reads_all,
                "{kind}: {access:?}"
            );
        }
    }
}

async fn without_an_index_the_remedy_is_told(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    server
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, at BIGINT NOT NULL)")
        .await;
    server
        .run("INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)")
        .await;
    let plan = server
        .scan("t", "at", limits(2))
        .plan(None)
        .await
        .expect("planned");
    remedy(&plan, "CREATE INDEX highwater_order ON `t` (`at`, `id`)");
    assert_eq!(plan.past, Counted::Exactly(3));
}

#[tokio::test]
async fn a_plan_counts_what_a_read_yields_and_changes_nothing() {
    let it = Sqlite::open("part, id").await;
    it.write(&rows(1..=9)).await;
    let source = it.source("at", limits(4));
    let [first, behind] = both(&*source).await;
    assert_eq!(
        (first.past, behind.past),
        (Counted::Exactly(9), Counted::Exactly(5))
    );
    remedy(
        &first,
        "CREATE INDEX highwater_order ON \"t\" (\"at\", \"part\", \"id\")",
    );
    it.run("CREATE INDEX by_at ON t (at, part, id)").await;
    for plan in both(&*source).await {
        is_quick(&plan, "by_at");
    }
}

#[tokio::test]
async fn a_collection_is_planned_by_the_servers_explain() {
    let it = Mongodb::open(Mongodb::object_id).await;
    it.write(&(1..=9).map(|id| row(id, 42)).collect::<Vec<_>>())
        .await;
    let source = it.source("at", limits(4));
    let [first, behind] = both(&*source).await;
    assert_eq!(
        (first.past, behind.past),
        (Counted::Exactly(9), Counted::Exactly(5))
    );
    remedy(&first, "createIndex({\"at\": 1, \"_id\": 1})");
    let index = mongodb::bson::doc! { "createIndexes": "t", "indexes": [{ "key": { "at": 1, "_id": 1 }, "name": "by_at" }] };
    it.connection
        .database()
        .run_command(index)
        .await
        .expect("made");
    for plan in both(&*source).await {
        is_quick(&plan, "by_at");
    }
    it.close().await;
}
