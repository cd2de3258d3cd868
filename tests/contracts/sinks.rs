//! The sinks that the contract is run against, each with its own way to read rows back.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use ::mongodb::bson::{Bson, Document, doc};
use futures_util::{TryStreamExt, future::BoxFuture};
use highwater::{
    connect::{
        mongodb::{self, MongodbConnection, MongodbSettings},
        mysql::{self, MysqlConnection, MysqlSettings},
        sqlite::{self, Absent, Durability, SqliteSettings},
    },
    model::{Kind, Op, Records, Schema, Value},
    sink::{
        Advance, DatabaseSink, Progress, RowRules, Sink, SinkError,
        memory::MemorySink,
        mongodb::{MongodbSink, MongodbSinkSettings},
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
    /// A value that it can hold in no field.
    pub unsupported: Value<'static>,
    /// Where it is, until the test is over.
    storage: Storage,
}

enum Storage {
    Memory,
    Folder(tempfile::TempDir),
    Database(MysqlConnection),
    Documents(MongodbConnection),
}

/// A row: its operation, and its fields in any order.
pub type Written<'v> = (Op, &'v [(&'v str, Value<'v>)]);

pub const FLOW: &str = "information/information/crawler.raw";

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

pub fn advance(from: Option<i64>, next_offset: i64) -> Advance<Progress> {
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
        self.sink
            .write(&records(rows), (&advance(from, to)).into())
            .await
    }

    /// Leaves nothing behind; a test that fails leaves its database to be looked at.
    pub async fn close(self) {
        match self.storage {
            Storage::Memory => {}
            Storage::Folder(folder) => folder.close().expect("removed"),
            Storage::Database(connection) => drop_database(&connection).await,
            Storage::Documents(connection) => connection.database().drop().await.expect("dropped"),
        }
    }

    /// The database of one that keeps documents.
    pub fn documents(&self) -> &::mongodb::Database {
        match &self.storage {
            Storage::Documents(connection) => connection.database(),
            _ => panic!("it keeps rows"),
        }
    }

    /// The name of its database, on a server of rows.
    pub fn database(&self) -> Option<&str> {
        match &self.storage {
            Storage::Database(connection) => connection.database(),
            _ => None,
        }
    }

    /// Runs statements in its database of rows.
    pub async fn run(&self, text: &str) {
        match &self.storage {
            Storage::Folder(folder) => {
                let settings = SqliteSettings {
                    path: folder.path().join("target.db"),
                };
                let opened = sqlite::open("local", &settings, Absent::Create, Durability::Normal);
                let file = opened.await.expect("opened");
                let text = raw_sql(AssertSqlSafe(text.to_owned()));
                let done = file.writer().execute(text).await;
                done.expect("it is valid");
            }
            Storage::Database(connection) => run(connection, text).await,
            Storage::Memory | Storage::Documents(_) => panic!("it keeps no rows in a database"),
        }
    }

    /// The one partition's next offset.
    pub async fn offset(&self) -> Option<i64> {
        let progress = self.sink.progress(FLOW).await.expect("progress is read");
        assert!(progress.len() < 2, "{progress:?}");
        progress.first().map(|it| it.next_offset)
    }

    pub async fn holds(&self, rows: &[&str], offset: Option<i64>) {
        assert_eq!((self.rows)().await, rows);
        assert_eq!(self.offset().await, offset);
    }
}

pub async fn memory() -> Target {
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
        unsupported: Value::MinKey,
        storage: Storage::Memory,
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

pub async fn sqlite() -> Target {
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
        unsupported: Value::MinKey,
        storage: Storage::Folder(folder),
    }
}

pub async fn server(variable: &str) -> Target {
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
        unsupported: Value::MinKey,
        storage: Storage::Database(server),
    }
}

/// A collection whose `_id` is the field `uid`.
pub async fn mongodb() -> Target {
    mongodb_by(RowRules::default()).await
}

/// The same by such rules.
pub async fn mongodb_by(rules: RowRules) -> Target {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = env::var("HIGHWATER_TEST_MONGODB_URL").expect("run `cargo xtask test`");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let settings = MongodbSettings {
        url: url.into(),
        database: Some(format!("highwater_sink_{}_{count}", std::process::id())),
    };
    let connection = mongodb::open("documents", &settings).await;
    let connection = connection.expect("the server answers");
    let settings = MongodbSinkSettings {
        key: Some(vec!["uid".to_owned()]),
        rules,
        ..MongodbSinkSettings::new("info")
    };
    let sink = MongodbSink::open(connection.clone(), settings).expect("named");
    sink.prepare(Some(&fields())).await.expect("made");
    let server = connection.clone();
    let rows = move || -> BoxFuture<'static, Vec<String>> {
        let connection = connection.clone();
        Box::pin(async move {
            let documents = connection.database().collection::<Document>("info");
            let found = documents.find(doc! {}).sort(doc! { "_id": 1 });
            let found: Vec<Document> = found.await.expect("read").try_collect().await.expect("all");
            found.iter().map(shown).collect()
        })
    };
    Target {
        sink: Arc::new(sink),
        rows: Box::new(rows),
        // It has every type of BSON; 34 digits is as many as a decimal has.
        unsupported: Value::Decimal("1111111111111111111111111111111111111111"),
        storage: Storage::Documents(server),
    }
}

fn shown(document: &Document) -> String {
    assert_eq!(document.get("_id"), document.get("uid"));
    let field = |name: &str| match document.get(name) {
        None | Some(Bson::Null) => "NULL".to_owned(),
        Some(Bson::String(text)) => text.clone(),
        Some(other) => other.clone().into_relaxed_extjson().to_string(),
    };
    ["uid", "name", "size", "tags"].map(field).join(" ")
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

pub async fn run(connection: &MysqlConnection, text: &str) {
    let text = AssertSqlSafe(text.to_owned());
    connection
        .pool()
        .execute(raw_sql(text))
        .await
        .expect("it is valid");
}

/// One text for each row of the query's one column.
pub async fn read(connection: &MysqlConnection, query: &str) -> Vec<String> {
    let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
    query
        .fetch_all(connection.pool())
        .await
        .expect("it is valid")
}

pub fn table_sink(connection: &MysqlConnection, key: Option<&[&str]>) -> MysqlSink {
    let settings = MysqlSinkSettings {
        key: key.map(|it| it.iter().map(|it| (*it).to_owned()).collect()),
        ..MysqlSinkSettings::new("t")
    };
    MysqlSink::open(connection.clone(), settings).expect("named")
}

pub async fn write(
    sink: &MysqlSink,
    rows: &[Written<'_>],
    from: Option<i64>,
) -> Result<(), SinkError> {
    let to = from.unwrap_or(0) + 1;
    sink.write(&records(rows), (&advance(from, to)).into())
        .await
}

/// The behaviours, each a test by its own name on either server.
macro_rules! on_both_servers {
    ($($behaviour:ident),* $(,)?) => {
        on_both_servers!(@ mysql, "HIGHWATER_TEST_MYSQL_URL", $($behaviour),*);
        on_both_servers!(@ mariadb, "HIGHWATER_TEST_MARIADB_URL", $($behaviour),*);
    };
    (@ $server:ident, $variable:expr, $($behaviour:ident),*) => {
        mod $server {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let connection = super::database($variable).await;
                    super::$behaviour(&connection).await;
                    super::drop_database(&connection).await;
                }
            )*
        }
    };
}

pub(crate) use on_both_servers;

/// Why a record was refused, alone or by name.
pub fn reason(error: &SinkError) -> String {
    match error {
        SinkError::Data { .. } => highwater::fault::chain(error),
        SinkError::Rows { faults, .. } => {
            let said = faults.first().map(|it| it.cause.to_string());
            said.expect("one of them")
        }
        other => panic!("no record is refused: {other:?}"),
    }
}
