//! Plans: the index is used by every page where there is one, and its absence is told with the remedy.

use super::{
    sinks::{database, drop_database, on_both_servers},
    source_types::{ON_EVERY_SERVER, ON_MARIADB, ON_MYSQL},
    sources::{Mongodb, POLL, Rows, SHARING, Server, Sqlite, limits, read, row, rows, start},
};
use highwater::{
    connect::mysql::{Flavor, MysqlConnection},
    model::{Finding, Severity},
    source::{
        Counted, InspectableSource, Late, Nulls, Plan, Rules, Scope, TableSource,
        mysql::scan::{MysqlScan, MysqlScanSettings},
        sqlite::scan::{SqliteScan, SqliteScanSettings},
    },
};

on_both_servers!(
    each_type_is_read_by_its_index,
    without_an_index_the_remedy_is_told,
    the_first_of_several_fields_is_read_by_its_index,
    an_index_that_ends_in_part_of_a_text_serves_nothing,
);

fn is_quick(plan: &Plan, index: &str) {
    let access = plan.access.as_ref().expect("the server explains");
    assert!(!access.sorts, "{access:?}");
    assert_eq!(access.index.as_deref(), Some(index), "{access:?}");
    let bad = |it: &Finding| it.severity == Severity::Problem || it.text.contains("no index");
    assert!(!plan.findings.iter().any(bad), "{:?}", plan.findings);
}

fn remedy(plan: &Plan, words: &str) {
    let is_found = plan.findings.iter().any(|it| it.text.contains(words));
    assert!(is_found, "{plan:?}");
}

/// From the beginning, and behind the first page of ties.
async fn both(source: &dyn TableSource) -> [Plan; 2] {
    let first = source.plan(None).await.expect("planned");
    let begun = start(source, Scope::Incremental).await;
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

/// What `check` says of the index.
async fn is_found(source: &dyn TableSource, words: &str) {
    let found = source.check().await.expect("checked");
    let is_found = found.iter().any(|it| it.text.contains(words));
    assert!(is_found, "{words}: {found:?}");
}

fn either() -> Rules {
    Rules {
        nulls: Nulls::First,
        coalesce: vec!["made".to_owned()],
        ..Rules::default()
    }
}

async fn the_first_of_several_fields_is_read_by_its_index(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    let values = |kind: &str, id: u32| match kind.split('(').next() {
        Some("DATETIME") => format!("'2025-08-26 09:30:{id:02}.000001'"),
        Some("VARCHAR") => format!("'word {id:02}'"),
        _ => format!("{id}"),
    };
    for kind in ["BIGINT", "DATETIME(6)", "VARCHAR(40)", "DECIMAL(20,4)"] {
        let mut text = format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (id BIGINT PRIMARY KEY, at {kind}, made {kind}, text VARCHAR(100))"
        );
        for id in 1..=40 {
            let (at, made) = match id % 3 {
                0 => (values(kind, id), "NULL".to_owned()),
                1 => ("NULL".to_owned(), values(kind, id)),
                _ => (values(kind, id), values(kind, 40 - id)),
            };
            text += &format!("; INSERT INTO t VALUES ({id}, {at}, {made}, REPEAT('x', 80))");
        }
        server.run(&text).await;
        let settings = MysqlScanSettings {
            table: "t".to_owned(),
            incremental: "at".to_owned(),
            key: None,
            limits: limits(2),
            poll: POLL,
            late: Late::None,
            time_zone: None,
            sharing: SHARING,
            rules: either(),
        };
        let source = MysqlScan::new(connection.clone(), settings);
        let plan = source.plan(None).await.expect("planned");
        let (remedy_words, made) = match connection.flavor() {
            Flavor::Mysql => (
                "CREATE INDEX highwater_order ON `t` ((COALESCE(`at`, `made`)), `id`)",
                "CREATE INDEX highwater_order ON `t` ((COALESCE(`at`, `made`)), `id`)".to_owned(),
            ),
            Flavor::Mariadb => (
                "make a generated column that is COALESCE(`at`, `made`)",
                format!(
                    "ALTER TABLE t ADD COLUMN either {kind} AS (COALESCE(at, made)) VIRTUAL, ADD INDEX highwater_order (either)"
                ),
            ),
        };
        remedy(&plan, remedy_words);
        is_found(&source, remedy_words).await;
        server.run(&made).await;
        for plan in both(&source).await {
            is_quick(&plan, "highwater_order");
            let access = plan.access.expect("explained");
            assert!(
                plan.bound.is_empty() || !access.reads_all,
                "{kind}: {access:?}"
            );
        }
        is_found(&source, "index `highwater_order` serves this order").await;
    }
}

async fn an_index_that_ends_in_part_of_a_text_serves_nothing(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    server
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, at BIGINT NOT NULL, text TEXT, KEY cut (at, text(10)))")
        .await;
    server
        .run("INSERT INTO t VALUES (1, 1, 'b'), (2, 1, 'a'), (3, 2, 'c')")
        .await;
    let source = server.scan("t", "at", limits(2));
    is_found(
        &source,
        "no index serves this order, so that each page sorts",
    )
    .await;
    let plan = source.plan(None).await.expect("planned");
    assert!(!plan.query.contains("FORCE INDEX"), "{}", plan.query);
    remedy(&plan, "CREATE INDEX highwater_order ON `t` (`at`, `id`)");
}

#[tokio::test]
async fn a_file_is_read_by_an_index_over_the_first_of_several_fields() {
    let it = Sqlite::empty().await;
    it.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, made INTEGER); \
         INSERT INTO t VALUES (1, 10, 1), (2, NULL, 10), (3, NULL, NULL), (4, NULL, 3), (5, 10, 99)",
    )
    .await;
    let settings = SqliteScanSettings {
        table: "t".to_owned(),
        incremental: "at".to_owned(),
        key: None,
        limits: limits(2),
        poll: POLL,
        sharing: SHARING,
        rules: either(),
    };
    let source = SqliteScan::new(it.connection.clone(), settings);
    let text = "CREATE INDEX highwater_order ON \"t\" (COALESCE(\"at\", \"made\"), \"id\")";
    remedy(&source.plan(None).await.expect("planned"), text);
    is_found(&source, text).await;
    is_found(&source, "1 rows have NULL in `coalesce(at, made)`").await;
    it.run(text).await;
    for plan in both(&source).await {
        is_quick(&plan, "highwater_order");
        assert_eq!(plan.nulls, Counted::Exactly(1));
    }
    let found = source.check().await.expect("checked");
    let missing = found.iter().any(|it| it.text.contains("no index"));
    assert!(!missing, "{found:?}");
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
