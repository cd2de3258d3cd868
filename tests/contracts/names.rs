//! Names as hostile as the servers take them: read, planned and written like any other.

use super::{
    sinks::{advance, database, drop_database, on_both_servers, read as rows_of, records},
    sources::{Mongodb, Rows, Server, Sqlite, limits, read, start},
};
use highwater::{
    connect::mysql::MysqlConnection,
    model::{Op, Value},
    sink::{
        Sink,
        mysql::{MysqlSink, MysqlSinkSettings},
    },
    source::{Scope, Source, TableSource},
};

on_both_servers!(a_server_is_read_and_written_by_every_name);

/// Names of tables and columns.
const NAMES: &[&str] = &[
    "a.b",
    "p%c_t",
    "qu'ote\"s",
    "back`tick",
    "`",
    "back\\slash",
    "表 é 😀",
    "select",
    " lead",
    "semi;-- ",
    "que?stion",
];

/// As it is quoted in SQL and, where it must be, in the settings.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

async fn a_server_is_read_and_written_by_every_name(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    let own = connection.database().expect("it has one").to_owned();
    let other = quoted(&format!("{own}.%`x"));
    server.run(&format!("CREATE DATABASE {other}")).await;
    for (number, name) in NAMES.iter().enumerate() {
        // No name ends with a space there, and none goes beyond the first plane.
        let name = name.replace('😀', "").trim_end().to_owned();
        let quoted_name = quoted(&name);
        for (location, setting) in [
            (quoted_name.clone(), quoted_name.clone()),
            (
                format!("{other}.{quoted_name}"),
                format!("{other}.{quoted_name}"),
            ),
        ] {
            server
                .run(&format!(
                    "CREATE TABLE {location} (id BIGINT, {quoted_name} BIGINT NOT NULL, PRIMARY KEY (id), KEY {quoted_name} ({quoted_name})); \
                     INSERT INTO {location} VALUES (1, 10), (2, 5), (3, 10)"
                ))
                .await;
            let source = server.scan(&setting, &name, limits(2));
            let begun = start(&source, Scope::Incremental).await;
            let (ids, position) = read(&source, &begun, usize::MAX).await;
            assert_eq!(ids, [2, 1, 3], "{location}");
            let plan = source.plan(Some(&position)).await.expect("planned");
            assert!(plan.findings.is_empty(), "{location}: {:?}", plan.findings);
            let sink = MysqlSink::open(connection.clone(), MysqlSinkSettings::new(&setting));
            let sink = sink.unwrap_or_else(|error| panic!("{location}: {error}"));
            let row: &[(&str, Value<'_>)] = &[("id", Value::I64(4)), (&name, Value::I64(11))];
            let mut advance = advance(None, 1);
            advance.flow = format!("{number} {setting}");
            let written = sink
                .write(&records(&[(Op::Upsert, row)]), (&advance).into())
                .await;
            written.unwrap_or_else(|error| panic!("{location}: {error}"));
            assert_eq!(
                read(&source, &position, usize::MAX).await.0,
                [4],
                "{location}"
            );
        }
    }
    // Without a dot, a name is taken as it is.
    let source = server.scan("back`tick", "back`tick", limits(2));
    let begun = start(&source, Scope::Incremental).await;
    assert_eq!(read(&source, &begun, usize::MAX).await.0, [2, 1, 3, 4]);
    let many = server.scan("a.b.c", "at", limits(2));
    let refused = many.begin(Scope::Incremental, None).await;
    let said = refused.expect_err("it may mean two tables").to_string();
    assert!(said.contains("in backticks"), "{said}");
    server.run(&format!("DROP DATABASE {other}")).await;
    let left = format!("SELECT CAST(COUNT(*) AS CHAR) FROM {}", quoted("a.b"));
    assert_eq!(rows_of(connection, &left).await, ["4"]);
}

#[tokio::test]
async fn a_file_is_read_by_every_name() {
    let file = Sqlite::empty().await;
    for name in NAMES {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        file.run(&format!(
            "CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, {quoted} INTEGER NOT NULL); \
             INSERT INTO {quoted} VALUES (1, 10), (2, 5), (3, 10)"
        ))
        .await;
        let source = file.scan(name, name, limits(2));
        let begun = start(&source, Scope::Incremental).await;
        assert_eq!(
            read(&source, &begun, usize::MAX).await.0,
            [2, 1, 3],
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_collection_is_read_by_every_name() {
    use highwater::source::mongodb::scan::{MongodbScan, MongodbScanSettings};
    use mongodb::bson::{Document, doc};
    let it = Mongodb::open(Mongodb::object_id).await;
    for name in NAMES {
        let documents = it.connection.database().collection::<Document>(name);
        let made = [1_i64, 2].map(|id| doc! { "_id": id, "id": id, *name: "x" });
        documents.insert_many(made).await.expect(name);
        let settings = MongodbScanSettings {
            collection: (*name).to_owned(),
            incremental: "_id".to_owned(),
            key: None,
            limits: limits(10),
            poll: super::sources::POLL,
            late: highwater::source::Late::None,
            sharing: super::sources::SHARING,
            rules: highwater::source::Rules::default(),
        };
        let source = MongodbScan::new(it.connection.clone(), &settings);
        let begun = start(&source, Scope::Incremental).await;
        assert_eq!(read(&source, &begun, usize::MAX).await.0, [1, 2], "{name}");
    }
    it.close().await;
}
