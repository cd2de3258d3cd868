//! The contract of a sink whose database keeps the positions of an older version.

use ::mongodb::bson::{Document, doc};
use highwater::{
    fault::{Fault, Faulty, chain},
    model::{Position, Severity},
    sink::{Advance, SinkError},
};

use super::{
    limit::in_time,
    sinks::{Target, fields},
};

const FLOW: &str = "task/to:warehouse.info/crawler.raw";

/// How the two tables are renamed back and forth.
struct Renaming {
    /// Makes the column as it was.
    column_back: &'static str,
    /// Makes the table as it was.
    table_back: &'static str,
    /// An empty table of today beside the older one.
    beside: &'static str,
    /// How the advice to rename the column ends.
    column: &'static str,
    /// How the advice to rename the table ends.
    table: &'static str,
    /// The advice that keeps what is in use.
    remove: &'static str,
}

const MYSQL: Renaming = Renaming {
    column_back: "ALTER TABLE highwater_positions CHANGE `position` place LONGTEXT NOT NULL",
    table_back: "ALTER TABLE highwater_positions RENAME TO highwater_passages",
    beside: "CREATE TABLE highwater_positions AS \
        SELECT flow, place AS `position`, updated_at FROM highwater_passages WHERE 1=0",
    column: "rename its column: ALTER TABLE {}`highwater_positions` \
        CHANGE `place` `position` LONGTEXT NOT NULL",
    table: "rename it: ALTER TABLE {}`highwater_passages` \
        CHANGE `place` `position` LONGTEXT NOT NULL; \
        ALTER TABLE {}`highwater_passages` RENAME TO {}`highwater_positions`",
    remove: "DROP TABLE {}`highwater_passages`",
};

const SQLITE: Renaming = Renaming {
    column_back: "ALTER TABLE highwater_positions RENAME COLUMN position TO place",
    table_back: MYSQL.table_back,
    beside: MYSQL.beside,
    column: "rename its column: ALTER TABLE \"highwater_positions\" \
        RENAME COLUMN \"place\" TO \"position\"",
    table: "rename it: ALTER TABLE \"highwater_passages\" RENAME COLUMN \"place\" TO \"position\"; \
        ALTER TABLE \"highwater_passages\" RENAME TO \"highwater_positions\"",
    remove: "DROP TABLE \"highwater_passages\"",
};

async fn advance(target: &Target, from: Option<&str>, to: &str) -> Result<(), SinkError> {
    let advance = Advance {
        flow: FLOW.to_owned(),
        from: from.map(Position::new),
        to: Position::new(to),
    };
    let database = target.sink.capabilities().database.expect("tables");
    database.advance(&advance).await
}

/// All that reads or makes positions says `part`, and that it will not pass.
async fn is_refused(target: &Target, part: &str) {
    let database = target.sink.capabilities().database.expect("tables");
    let operated = target.sink.operated().expect("a person may");
    let errors = [
        database.prepare(Some(&fields())).await.map(drop),
        target.sink.position("another").await.map(drop),
        advance(target, None, "2").await,
        operated.reset(FLOW, None).await.map(drop),
    ];
    for (at, error) in errors.into_iter().enumerate() {
        let error = error.expect_err(&format!("{at} starts over"));
        let said = chain(&error);
        assert!(said.contains(part), "{at}: {said}");
        assert_ne!(error.fault(), Fault::Transient, "{at}: {said}");
    }
    let findings = database.check(Some(&fields())).await.expect("checked");
    let mut problems = findings
        .iter()
        .filter(|it| it.severity == Severity::Problem);
    assert!(problems.any(|it| it.text.contains(part)), "{findings:?}");
}

async fn is_at(target: &Target, at: Option<&str>) {
    let database = target.sink.capabilities().database.expect("tables");
    let prepared = database.prepare(Some(&fields())).await;
    prepared.expect("all is as it has to be");
    let findings = database.check(Some(&fields())).await.expect("checked");
    let problem = findings.iter().find(|it| it.severity == Severity::Problem);
    assert_eq!(problem, None);
    let stored = target.sink.position(FLOW).await.expect("read");
    assert_eq!(stored, at.map(Position::new));
}

/// What is to be run, with the database that names have in front of them.
fn statement(target: &Target, advice: &str) -> String {
    let database = target.database().map(|it| format!("`{it}`."));
    advice.replace("{}", &database.unwrap_or_default())
}

async fn run_advice(target: &Target, advice: &str) {
    let advice = statement(target, advice);
    let statements = advice.split_once(": ").map_or(&*advice, |it| it.1);
    for statement in statements.split("; ") {
        target.run(statement).await;
    }
}

async fn an_older_table_of_positions_is_refused_until_it_is_renamed(
    target: &Target,
    renaming: &Renaming,
) {
    advance(target, None, "1").await.expect("stored");
    target.run(renaming.column_back).await;
    target.run(renaming.table_back).await;
    is_refused(target, &statement(target, renaming.table)).await;
    let stored = target.sink.position(FLOW).await;
    stored.expect_err("it is not where it is looked for");
    run_advice(target, renaming.table).await;
    is_at(target, Some("1")).await;
}

async fn an_older_column_of_positions_is_refused_until_it_is_renamed(
    target: &Target,
    renaming: &Renaming,
) {
    advance(target, None, "1").await.expect("stored");
    target.run(renaming.column_back).await;
    is_refused(target, &statement(target, renaming.column)).await;
    run_advice(target, renaming.column).await;
    is_at(target, Some("1")).await;
}

async fn positions_of_both_versions_are_refused_until_one_is_removed(
    target: &Target,
    renaming: &Renaming,
) {
    advance(target, None, "1").await.expect("stored");
    target.run(renaming.column_back).await;
    target.run(renaming.table_back).await;
    target.run(renaming.beside).await;
    is_refused(target, "is in use, and").await;
    is_refused(target, &statement(target, renaming.remove)).await;
    run_advice(target, renaming.remove).await;
    is_at(target, None).await;
}

macro_rules! every_table {
    ($($adapter:ident: $open:expr, $renaming:expr => $behaviours:tt)*) => {
        $(every_table!(@one $adapter $open, $renaming, $behaviours);)*
    };
    (@one $adapter:ident $open:expr, $renaming:expr, [$($behaviour:ident)*]) => {
        mod $adapter {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    super::in_time(async {
                        let target = $open.await;
                        super::$behaviour(&target, &$renaming).await;
                        target.close().await;
                    })
                    .await;
                }
            )*
        }
    };
}

macro_rules! behaviours {
    ($($adapter:ident: $open:expr, $renaming:expr;)*) => {
        every_table! {
            $($adapter: $open, $renaming => [
                an_older_table_of_positions_is_refused_until_it_is_renamed
                an_older_column_of_positions_is_refused_until_it_is_renamed
                positions_of_both_versions_are_refused_until_one_is_removed
            ])*
        }
    };
}

behaviours! {
    on_sqlite: crate::sinks::sqlite(), super::SQLITE;
    on_mysql: crate::sinks::server("HIGHWATER_TEST_MYSQL_URL"), super::MYSQL;
    on_mariadb: crate::sinks::server("HIGHWATER_TEST_MARIADB_URL"), super::MYSQL;
}

const RENAME_FIELD: &str = "updateMany({}, {$rename: {place: \"position\"}})";

async fn rename_field(target: &Target, collection: &str, from: &str, to: &str) {
    let documents = target.documents().collection::<Document>(collection);
    let rename = doc! { "$rename": { from: to } };
    let renamed = documents.update_many(doc! {}, rename).await;
    assert_eq!(renamed.expect("renamed").modified_count, 1);
}

async fn rename_collection(target: &Target, from: &str, to: &str) {
    let database = target.documents();
    let full = |collection: &str| format!("{}.{collection}", database.name());
    let command = doc! { "renameCollection": full(from), "to": full(to) };
    let admin = database.client().database("admin");
    admin.run_command(command).await.expect("renamed");
}

/// Both remedies, one after the other, and both collections at once.
#[tokio::test]
async fn older_positions_of_documents_are_refused_until_they_are_renamed() {
    in_time(async {
        let (older, current) = ("highwater_passages", "highwater_positions");
        let target = crate::sinks::mongodb().await;
        advance(&target, None, "1").await.expect("stored");
        rename_field(&target, current, "position", "place").await;
        is_refused(&target, &format!("db.{current}.{RENAME_FIELD}")).await;
        rename_collection(&target, current, older).await;
        let remedy =
            format!("db.{older}.{RENAME_FIELD}; db.{older}.renameCollection(\"{current}\")");
        is_refused(&target, &format!("rename it: {remedy}")).await;
        let made = target.documents().create_collection(current);
        made.await.expect("it was not made by what was refused");
        is_refused(&target, "is in use, and").await;
        is_refused(&target, &format!("db.{older}.drop()")).await;
        let documents = target.documents().collection::<Document>(current);
        documents.drop().await.expect("dropped");
        rename_field(&target, older, "place", "position").await;
        rename_collection(&target, older, current).await;
        is_at(&target, Some("1")).await;
        target.close().await;
    })
    .await;
}
