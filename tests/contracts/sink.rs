//! The contract of a sink: behaviours by name, each run against every sink.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::BoxFuture;
use highwater::{
    connect::{
        mysql::{self, MysqlConnection, MysqlSettings},
        sqlite::{self, Absent, Durability, SqliteSettings},
    },
    model::{Kind, Op, Records, Schema, Value},
    sink::{
        Advance, Progress, Sink, SinkError,
        memory::MemorySink,
        mysql::{MysqlSink, MysqlSinkSettings},
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

/// A sink for an empty table of `FIELDS`, with a way to read its rows back.
pub struct Target {
    pub sink: Arc<dyn Sink>,
    /// uid, name, size and tags of each row, as text, by uid.
    pub rows: Box<dyn Fn() -> BoxFuture<'static, Vec<String>> + Send + Sync>,
    /// Where it is, until the test is over.
    place: Place,
}

enum Place {
    Memory,
    Folder(tempfile::TempDir),
    Database(MysqlConnection),
}

/// A row: its operation, and its fields in any order.
pub type Written<'v> = (Op, &'v [(&'v str, Value<'v>)]);

const FLOW: &str = "information/information/crawler.raw";

pub fn fields() -> Vec<(String, Kind)> {
    let fields = [
        ("uid", Kind::String),
        ("name", Kind::String),
        ("size", Kind::I64),
        ("tags", Kind::Json),
    ];
    fields.map(|(name, kind)| (name.to_owned(), kind)).into()
}

pub fn records(rows: &[Written<'_>]) -> Vec<Records> {
    let mut records = Records::new(Arc::new(Schema::document("information", ["uid"])));
    for (origin, (op, fields)) in rows.iter().enumerate() {
        let pushed: Result<(), ()> = records.push(*op, origin as u32, |packer| {
            for (name, value) in *fields {
                packer.name(name);
                packer.value(*value);
            }
            Ok(())
        });
        pushed.expect("nothing fails");
    }
    vec![records]
}

pub fn advance(from: Option<i64>, next_offset: i64) -> Advance {
    Advance {
        flow: FLOW.to_owned(),
        from,
        to: Progress {
            topic: "information".to_owned(),
            topic_id: "mVb0uCz6Q".to_owned(),
            partition: 3,
            next_offset,
        },
    }
}

impl Target {
    pub async fn write(
        &self,
        rows: &[Written<'_>],
        (from, to): (Option<i64>, i64),
    ) -> Result<(), SinkError> {
        self.sink.write(&records(rows), &advance(from, to)).await
    }

    /// Leaves nothing behind; a test that fails leaves its database to be looked at.
    pub async fn close(self) {
        match self.place {
            Place::Memory => {}
            Place::Folder(folder) => folder.close().expect("removed"),
            Place::Database(connection) => drop_database(&connection).await,
        }
    }

    /// The one partition's next offset.
    pub async fn offset(&self) -> Option<i64> {
        let progress = self.sink.progress(FLOW).await.expect("progress is read");
        assert!(progress.len() < 2, "{progress:?}");
        progress.first().map(|it| it.next_offset)
    }

    async fn holds(&self, rows: &[&str], offset: Option<i64>) {
        assert_eq!((self.rows)().await, rows);
        assert_eq!(self.offset().await, offset);
    }
}

const fn text(text: &str) -> Value<'_> {
    Value::String(text)
}

async fn rows_and_progress_are_read_back(target: &Target) {
    target.holds(&[], None).await;
    let first = [
        ("uid", text("a")),
        ("name", text("x")),
        ("size", Value::I64(1)),
    ];
    let second = [
        ("tags", Value::Json("[1]")),
        ("uid", text("b")),
        ("size", Value::Null),
    ];
    let rows = [(Op::Upsert, &first[..]), (Op::Upsert, &second[..])];
    target.write(&rows, (None, 7)).await.expect("written");
    target
        .holds(&["a x 1 NULL", "b NULL NULL [1]"], Some(7))
        .await;
    let others = target.sink.progress("another").await.expect("read");
    assert_eq!(others, []);
}

async fn a_writer_who_is_behind_is_fenced_and_writes_nothing(target: &Target) {
    let row = [("uid", text("a")), ("name", text("x"))];
    let newer = [("uid", text("a")), ("name", text("y"))];
    target
        .write(&[(Op::Upsert, &row)], (None, 5))
        .await
        .expect("written");
    for from in [None, Some(4), Some(6)] {
        let error = target
            .write(&[(Op::Upsert, &newer)], (from, 9))
            .await
            .expect_err("another writer owns it");
        assert!(matches!(error, SinkError::Fenced(_)), "{from:?}: {error:?}");
    }
    target.holds(&["a x NULL NULL"], Some(5)).await;
    target
        .write(&[(Op::Upsert, &newer)], (Some(5), 9))
        .await
        .expect("written");
    target.holds(&["a y NULL NULL"], Some(9)).await;
}

async fn a_writer_expecting_progress_where_there_is_none_is_fenced(target: &Target) {
    let error = target
        .write(&[], (Some(1), 2))
        .await
        .expect_err("there is none");
    assert!(matches!(error, SinkError::Fenced(_)), "{error:?}");
    target.holds(&[], None).await;
}

async fn progress_may_stand_still(target: &Target) {
    target.write(&[], (None, 5)).await.expect("written");
    target
        .write(&[], (Some(5), 5))
        .await
        .expect("the same is no other writer's");
    target.holds(&[], Some(5)).await;
}

async fn of_equal_keys_the_last_one_stands(target: &Target) {
    let rows: Vec<_> = (0..100)
        .map(|it| {
            [
                ("uid", text(["a", "b"][it as usize % 2])),
                ("size", Value::I64(it)),
            ]
        })
        .collect();
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    target.write(&rows, (None, 1)).await.expect("written");
    target
        .holds(&["a NULL 98 NULL", "b NULL 99 NULL"], Some(1))
        .await;
}

async fn deletions_between_upserts_keep_their_place(target: &Target) {
    let (a, b) = (
        [("uid", text("a")), ("size", Value::I64(1))],
        [("uid", text("b"))],
    );
    let again = [("uid", text("a")), ("name", text("again"))];
    let rows = [
        (Op::Upsert, &a[..]),
        (Op::Upsert, &b[..]),
        (Op::Delete, &a[..]),
        (Op::Upsert, &again[..]),
        (Op::Delete, &b[..]),
        (Op::Delete, &b[..]),
    ];
    target.write(&rows, (None, 1)).await.expect("written");
    target.holds(&["a again NULL NULL"], Some(1)).await;
}

async fn a_field_that_is_missing_leaves_its_column_alone(target: &Target) {
    let full = [
        ("uid", text("a")),
        ("name", text("x")),
        ("size", Value::I64(1)),
    ];
    let part = [("size", Value::I64(2)), ("uid", text("a"))];
    let null = [
        ("uid", text("b")),
        ("size", Value::Null),
        ("name", text("z")),
    ];
    let rows = [
        (Op::Upsert, &full[..]),
        (Op::Upsert, &part[..]),
        (Op::Upsert, &null[..]),
    ];
    target.write(&rows, (None, 1)).await.expect("written");
    target
        .holds(&["a x 2 NULL", "b z NULL NULL"], Some(1))
        .await;
}

async fn a_record_that_cannot_be_held_leaves_nothing(target: &Target) {
    let good = [("uid", text("a"))];
    let bad = [("uid", text("b")), ("size", Value::MinKey)];
    let rows = [
        (Op::Upsert, &good[..]),
        (Op::Upsert, &bad[..]),
        (Op::Upsert, &good[..]),
    ];
    let error = target
        .write(&rows, (None, 3))
        .await
        .expect_err("no column holds it");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    assert!(
        highwater::fault::chain(&error).contains("`size`"),
        "{error:?}"
    );
    target.holds(&[], None).await;
    target
        .write(&rows[..1], (None, 1))
        .await
        .expect("its neighbour can be written");
    target.holds(&["a NULL NULL NULL"], Some(1)).await;
}

async fn a_record_without_its_key_is_at_fault_by_itself(target: &Target) {
    for fields in [&[("name", text("x"))][..], &[("uid", Value::Null)]] {
        for op in [Op::Upsert, Op::Delete] {
            let error = target
                .write(&[(op, fields)], (None, 1))
                .await
                .expect_err("no key");
            assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
        }
    }
    target.holds(&[], None).await;
}

async fn many_rows_are_all_there(target: &Target) {
    let names: Vec<_> = (0..3001).map(|it| format!("{it:06}")).collect();
    let rows: Vec<_> = names
        .iter()
        .map(|it| {
            [
                ("uid", text(it)),
                ("name", text("x")),
                ("size", Value::I64(1)),
            ]
        })
        .collect();
    let upserts: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    target.write(&upserts, (None, 1)).await.expect("written");
    assert_eq!((target.rows)().await.len(), 3001);
    let deletes: Vec<Written<'_>> = rows[1..].iter().map(|it| (Op::Delete, &it[..])).collect();
    target.write(&deletes, (Some(1), 2)).await.expect("written");
    target.holds(&["000000 x 1 NULL"], Some(2)).await;
}

async fn progress_can_be_set_and_forgotten(target: &Target) {
    target.write(&[], (None, 5)).await.expect("written");
    let elsewhere = Progress {
        topic_id: "made-anew".to_owned(),
        ..advance(None, 2).to
    };
    let set = target
        .sink
        .reset(FLOW, Some(&elsewhere))
        .await
        .expect("set");
    assert_eq!(set, 1);
    let progress = target.sink.progress(FLOW).await.expect("read");
    assert_eq!(progress, [elsewhere], "the topic id of old is gone");
    assert_eq!(
        target.sink.reset("another", None).await.expect("nothing"),
        0
    );
    assert_eq!(target.sink.reset(FLOW, None).await.expect("forgotten"), 1);
    target.holds(&[], None).await;
}

/// The behaviours of every sink, each a test by its own name.
macro_rules! suite {
    ($adapter:ident, $open:expr, $($behaviour:ident),* $(,)?) => {
        mod $adapter {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let target = $open.await;
                    super::$behaviour(&target).await;
                    target.close().await;
                }
            )*
        }
    };
}

macro_rules! every_sink {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        $(suite!(
            $adapter, $open,
            rows_and_progress_are_read_back,
            a_writer_who_is_behind_is_fenced_and_writes_nothing,
            a_writer_expecting_progress_where_there_is_none_is_fenced,
            progress_may_stand_still,
            of_equal_keys_the_last_one_stands,
            deletions_between_upserts_keep_their_place,
            a_field_that_is_missing_leaves_its_column_alone,
            a_record_that_cannot_be_held_leaves_nothing,
            a_record_without_its_key_is_at_fault_by_itself,
            many_rows_are_all_there,
            progress_can_be_set_and_forgotten,
        );)*
    };
}

every_sink! {
    on_memory: super::memory(),
    on_sqlite: super::sqlite(),
    on_mysql: super::server("HIGHWATER_TEST_MYSQL_URL"),
    on_mariadb: super::server("HIGHWATER_TEST_MARIADB_URL"),
}

/// Behaviours of the sinks that keep their rows in tables.
async fn a_field_without_a_column_is_a_mistake_of_the_settings(target: &Target) {
    let row = [("uid", text("a")), ("colour", text("red"))];
    let error = target
        .write(&[(Op::Upsert, &row)], (None, 1))
        .await
        .expect_err("no column");
    assert!(matches!(error, SinkError::Unfit { .. }), "{error:?}");
    let said = error.to_string();
    for part in ["`colour`", "add the column", "drop = [\"colour\"]"] {
        assert!(said.contains(part), "{said}");
    }
    let mut fields = fields();
    fields.push(("colour".to_owned(), Kind::String));
    let error = target
        .sink
        .prepare(Some(&fields))
        .await
        .expect_err("no column");
    assert!(matches!(error, SinkError::Unfit { .. }), "{error:?}");
    target.holds(&[], None).await;
}

async fn what_the_server_refuses_of_a_record_leaves_nothing(target: &Target) {
    let good = [("uid", text("a")), ("size", Value::I64(1))];
    let bad = [("uid", text("b")), ("size", text("abc"))];
    let rows = [(Op::Upsert, &good[..]), (Op::Upsert, &bad[..])];
    let error = target.write(&rows, (None, 3)).await.expect_err("no number");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    target.holds(&[], None).await;
    target
        .write(&rows[..1], (None, 1))
        .await
        .expect("its neighbour can be written");
    target.holds(&["a NULL 1 NULL"], Some(1)).await;
}

async fn keys_that_differ_by_case_or_a_space_are_two_rows(target: &Target) {
    let keys = ["a", "A", "a ", "á"].map(|it| [("uid", text(it))]);
    let rows: Vec<Written<'_>> = keys.iter().map(|it| (Op::Upsert, &it[..])).collect();
    target.write(&rows, (None, 1)).await.expect("written");
    assert_eq!((target.rows)().await.len(), 4);
    target
        .write(&[(Op::Delete, &keys[0])], (Some(1), 2))
        .await
        .expect("written");
    assert_eq!((target.rows)().await.len(), 3);
}

async fn a_check_changes_nothing_and_finds_no_problem(target: &Target) {
    use highwater::model::Severity;
    let findings = target.sink.check(Some(&fields())).await.expect("checked");
    assert!(
        findings.iter().all(|it| it.severity != Severity::Problem),
        "{findings:?}"
    );
    let findings = target
        .sink
        .check(Some(&fields()[1..]))
        .await
        .expect("checked");
    assert!(
        findings.iter().any(|it| it.severity == Severity::Problem),
        "{findings:?}"
    );
    target.holds(&[], None).await;
}

macro_rules! every_table {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        $(suite!(
            $adapter, $open,
            a_field_without_a_column_is_a_mistake_of_the_settings,
            what_the_server_refuses_of_a_record_leaves_nothing,
            keys_that_differ_by_case_or_a_space_are_two_rows,
            a_check_changes_nothing_and_finds_no_problem,
        );)*
    };
}

every_table! {
    in_a_table_of_sqlite: super::sqlite(),
    in_a_table_of_mysql: super::server("HIGHWATER_TEST_MYSQL_URL"),
    in_a_table_of_mariadb: super::server("HIGHWATER_TEST_MARIADB_URL"),
}

async fn memory() -> Target {
    let sink = Arc::new(MemorySink::new("memory", ["uid"]));
    let read = sink.clone();
    let rows = move || -> BoxFuture<'static, Vec<String>> {
        let shown = |row: Vec<(String, String)>| {
            let of = |name: &str| row.iter().find(|(it, _)| it == name).map(|it| it.1.clone());
            let shown = ["uid", "name", "size", "tags"].map(|it| of(it).unwrap_or("NULL".into()));
            shown.join(" ")
        };
        let rows: Vec<_> = read.rows().into_iter().map(shown).collect();
        Box::pin(async { rows })
    };
    Target {
        sink,
        rows: Box::new(rows),
        place: Place::Memory,
    }
}

/// What is read back from the table `info`, in SQL that all three know but for the type.
fn select(text_type: &str) -> String {
    let columns = ["uid", "name", "size", "tags"]
        .map(|it| format!("COALESCE(CAST({it} AS {text_type}),'NULL')"));
    format!("SELECT {} FROM info ORDER BY 1", columns.join(", "))
}

type Shown = (String, String, String, String);

fn joined(rows: Vec<Shown>) -> Vec<String> {
    rows.into_iter()
        .map(|(a, b, c, d)| format!("{a} {b} {c} {d}"))
        .collect()
}

async fn sqlite() -> Target {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SqliteSettings {
        path: folder.path().join("target.db"),
    };
    let connection = sqlite::open("local", &settings, Absent::Create, Durability::Normal)
        .await
        .expect("opened");
    let settings = SqliteSinkSettings {
        key: Some(vec!["uid".to_owned()]),
        ..SqliteSinkSettings::new("info")
    };
    let sink = SqliteSink::open(connection.clone(), settings).expect("named");
    sink.prepare(Some(&fields())).await.expect("made");
    let rows = move || -> BoxFuture<'static, Vec<String>> {
        let connection = connection.clone();
        Box::pin(async move {
            let rows = sqlx::query_as(AssertSqlSafe(select("TEXT")));
            joined(rows.fetch_all(connection.readers()).await.expect("read"))
        })
    };
    Target {
        sink: Arc::new(sink),
        rows: Box::new(rows),
        place: Place::Folder(folder),
    }
}

async fn server(variable: &str) -> Target {
    let connection = database(variable).await;
    let server = connection.clone();
    let settings = MysqlSinkSettings {
        key: Some(vec!["uid".to_owned()]),
        ..MysqlSinkSettings::new("info")
    };
    let sink = MysqlSink::open(connection.clone(), settings).expect("named");
    sink.prepare(Some(&fields())).await.expect("made");
    let rows = move || -> BoxFuture<'static, Vec<String>> {
        let connection = connection.clone();
        Box::pin(async move {
            let rows = sqlx::query_as(AssertSqlSafe(select("CHAR")));
            joined(rows.fetch_all(connection.pool()).await.expect("read"))
        })
    };
    Target {
        sink: Arc::new(sink),
        rows: Box::new(rows),
        place: Place::Database(server),
    }
}

/// A connection to a database of its own, empty.
pub async fn database(variable: &str) -> MysqlConnection {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask test`, or `eval \"$(cargo xtask services status --env)\"` first")
    });
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let database = format!("highwater_sink_{}_{count}", std::process::id());
    let open = async |url: String| {
        let settings = MysqlSettings {
            url: url.into(),
            pool: 4,
            tls_ca: None,
        };
        mysql::open("warehouse", &settings)
            .await
            .expect("the server answers")
    };
    let make = AssertSqlSafe(format!("CREATE DATABASE {database}"));
    let server = open(url.clone()).await;
    server.pool().execute(raw_sql(make)).await.expect("made");
    open(format!("{}/{database}", url.trim_end_matches('/'))).await
}

/// Removes what `database` has made.
pub async fn drop_database(connection: &MysqlConnection) {
    let name = connection.database().expect("it has one");
    let drop = AssertSqlSafe(format!("DROP DATABASE {name}"));
    connection
        .pool()
        .execute(raw_sql(drop))
        .await
        .expect("dropped");
}
