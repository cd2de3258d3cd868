//! The sources that the contract is run against, each with its own way to change its rows.

use std::time::Duration;

use super::sinks;
use ::mongodb::bson::{Bson, Document, doc, oid::ObjectId};
use async_trait::async_trait;
use highwater::{
    connect::{
        mongodb::{self, MongodbConnection, MongodbSettings},
        mysql::MysqlConnection,
        sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    },
    model::{Batch, Position, Value},
    source::{
        Late, ReadLimits, ReadMode, Scope, Sharing, Source, SourceReader, TableSource,
        memory::MemorySource,
        mongodb::scan::{MongodbScan, MongodbScanSettings},
        mysql::scan::{MysqlScan, MysqlScanSettings},
        sqlite::scan::{SqliteScan, SqliteScanSettings},
    },
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

/// What a source under test reads; `id` is unique, `at` need not be.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: i64,
    pub at: i64,
    pub text: String,
}

/// A source under test and its rows.
#[async_trait]
pub trait Rows: Send + Sync {
    /// The source, in the order of `field` (`at` or `id`) and of the key.
    fn source(&self, field: &str, limits: ReadLimits) -> Box<dyn TableSource>;
    /// Inserts rows, or puts them in the place of those with the same id.
    async fn write(&self, rows: &[Row]);
    /// Removes what the test has made; a test that fails leaves it to be looked at.
    async fn close(&self);
}

/// Its key is `id`, its order is the key alone.
pub struct Memory(MemorySource);

pub struct Sqlite {
    pub connection: SqliteConnection,
    _folder: tempfile::TempDir,
}

/// A database of its own.
pub struct Server(pub MysqlConnection);

pub struct Mongodb {
    pub connection: MongodbConnection,
    id: fn(i64) -> Bson,
    /// What is asked for as `id`.
    id_field: &'static str,
}

/// How long a following read waits before it asks again.
pub const POLL: Duration = Duration::from_millis(5);

/// Small chunks, so that every full read is shared out and cut.
pub const SHARING: Sharing = Sharing {
    workers: 3,
    rows: 6,
};

pub fn limits(rows: usize) -> ReadLimits {
    ReadLimits {
        rows,
        bytes: 1 << 20,
        max_wait: Duration::from_secs(20),
    }
}

pub fn row(id: i64, at: i64) -> Row {
    let text = format!("row {id}");
    Row { id, at, text }
}

/// The rows of `ids`, each at its own id.
pub fn rows(ids: std::ops::RangeInclusive<i64>) -> Vec<Row> {
    ids.map(|id| row(id, id)).collect()
}

pub async fn start(source: &dyn Source, scope: Scope) -> Position {
    source.begin(scope, None).await.expect("begun")
}

pub async fn open(source: &dyn Source, at: &Position, mode: ReadMode) -> Box<dyn SourceReader> {
    source.open(at, mode).await.expect("opened")
}

/// The next batch that is no heartbeat; `None` at the end.
pub async fn next(reader: &mut dyn SourceReader) -> Option<Batch> {
    loop {
        let batch = reader.next_batch().await.expect("read")?;
        if !batch.records.is_empty() {
            return Some(batch);
        }
    }
}

pub fn ids(batch: &Batch) -> Vec<i64> {
    let id = |row: highwater::model::Row<'_>| match row.get("id") {
        Some(Value::I64(id)) => id,
        other => panic!("an id is an integer: {other:?}"),
    };
    batch.records.iter().map(id).collect()
}

/// Reads at most `batches` batches from `position` on; their ids, and where it stands then.
pub async fn read(source: &dyn Source, at: &Position, batches: usize) -> (Vec<i64>, Position) {
    let mut reader = open(source, at, ReadMode::Bounded).await;
    let (mut all, mut position) = (Vec::new(), at.clone());
    for _ in 0..batches {
        // An empty batch may move the position as well.
        let Some(batch) = reader.next_batch().await.expect("read") else {
            break;
        };
        all.extend(ids(&batch));
        position = batch.position;
    }
    (all, position)
}

/// Reads to the end, opening anew after one batch, after two more, after three more.
pub async fn read_with_restarts(source: &dyn Source, at: Position) -> (Vec<i64>, Position) {
    let (mut all, mut position) = (Vec::new(), at);
    for batches in 1.. {
        let (part, next) = read(source, &position, batches).await;
        if part.is_empty() && next == position {
            break;
        }
        all.extend(part);
        position = next;
    }
    (all, position)
}

pub fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids
}

impl Memory {
    pub async fn open() -> Self {
        Self(MemorySource::new(10))
    }
}

#[async_trait]
impl Rows for Memory {
    fn source(&self, _field: &str, limits: ReadLimits) -> Box<dyn TableSource> {
        Box::new(self.0.limited(limits))
    }

    async fn write(&self, rows: &[Row]) {
        for row in rows {
            self.0.insert(row.id, &row.text);
        }
    }

    async fn close(&self) {}
}

impl Sqlite {
    /// A file without tables.
    pub async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SqliteSettings {
            path: folder.path().join("source.db"),
        };
        let opened = sqlite::open("local", &settings, Absent::Create, Durability::Normal).await;
        Self {
            connection: opened.expect("opened"),
            _folder: folder,
        }
    }

    /// With a table of that primary key.
    pub async fn open(key: &str) -> Self {
        let file = Self::empty().await;
        file.run(&create(key, "TEXT")).await;
        file
    }

    pub async fn run(&self, text: &str) {
        let text = AssertSqlSafe(text.to_owned());
        let ran = raw_sql(text).execute(self.connection.writer()).await;
        ran.expect("it is valid");
    }

    pub fn scan(&self, table: &str, incremental: &str, limits: ReadLimits) -> SqliteScan {
        let settings = SqliteScanSettings {
            table: table.to_owned(),
            incremental: incremental.to_owned(),
            key: None,
            limits,
            poll: POLL,
            sharing: SHARING,
            rules: highwater::source::Rules::default(),
        };
        SqliteScan::new(self.connection.clone(), settings)
    }
}

/// A table of rows; `part` makes a key of several columns.
fn create(key: &str, text: &str) -> String {
    format!(
        "CREATE TABLE t (part VARCHAR(10) NOT NULL, id BIGINT NOT NULL UNIQUE, at BIGINT NOT NULL, \
         text {text}, PRIMARY KEY ({key}))"
    )
}

/// The rows as SQL; they hold nothing that would have to be quoted.
fn values(rows: &[Row]) -> String {
    let value = |row: &Row| {
        let part = ["b", "a", "c"][row.id.rem_euclid(3) as usize];
        format!("('{part}', {}, {}, '{}')", row.id, row.at, row.text)
    };
    rows.iter().map(value).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Rows for Sqlite {
    fn source(&self, field: &str, limits: ReadLimits) -> Box<dyn TableSource> {
        Box::new(self.scan("t", field, limits))
    }

    async fn write(&self, rows: &[Row]) {
        let values = values(rows);
        self.run(&format!("REPLACE INTO t VALUES {values}")).await;
    }

    async fn close(&self) {}
}

impl Server {
    /// A database without tables.
    pub async fn empty(variable: &str) -> Self {
        Self(sinks::database(variable).await)
    }

    /// With a table of that primary key.
    pub async fn open(variable: &str, key: &str) -> Self {
        let server = Self::empty(variable).await;
        server.run(&create(key, "LONGTEXT")).await;
        server
    }

    pub async fn run(&self, text: &str) {
        let statement = AssertSqlSafe(text.to_owned());
        let ran = self.0.pool().execute(raw_sql(statement)).await;
        if let Err(error) = ran {
            panic!("{error}: {text}");
        }
    }

    pub fn scan(&self, table: &str, incremental: &str, limits: ReadLimits) -> MysqlScan {
        let settings = MysqlScanSettings {
            table: table.to_owned(),
            incremental: incremental.to_owned(),
            key: None,
            limits,
            poll: POLL,
            late: Late::None,
            time_zone: None,
            sharing: SHARING,
            rules: highwater::source::Rules::default(),
        };
        MysqlScan::new(self.0.clone(), settings)
    }
}

#[async_trait]
impl Rows for Server {
    fn source(&self, field: &str, limits: ReadLimits) -> Box<dyn TableSource> {
        Box::new(self.scan("t", field, limits))
    }

    async fn write(&self, rows: &[Row]) {
        let values = values(rows);
        self.run(&format!("REPLACE INTO t VALUES {values}")).await;
    }

    async fn close(&self) {
        sinks::drop_database(&self.0).await;
    }
}

impl Mongodb {
    /// Documents whose `_id` is made from their `id` in this way.
    pub async fn open(id: fn(i64) -> Bson) -> Self {
        let variable = "HIGHWATER_TEST_MONGODB_URL";
        let url = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: run `cargo xtask test`, or `eval \"$(cargo xtask services status --env)\"` first")
        });
        let settings = MongodbSettings {
            url: url.into(),
            database: Some(super::brokers::name()),
        };
        let connection = mongodb::open("crawler", &settings).await;
        Self {
            connection: connection.expect("the server answers"),
            id,
            id_field: "id",
        }
    }

    /// Documents whose `_id` is their `id`, and read by it.
    pub async fn by_id() -> Self {
        Self {
            id_field: "_id",
            ..Self::open(Bson::Int64).await
        }
    }

    pub fn object_id(id: i64) -> Bson {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&id.to_be_bytes());
        ObjectId::from_bytes(bytes).into()
    }

    pub fn document_id(id: i64) -> Bson {
        let part = ["b", "a", "c"][id.rem_euclid(3) as usize];
        doc! { "part": part, "id": id }.into()
    }

    pub fn scan(&self, incremental: &str, limits: ReadLimits) -> MongodbScan {
        let settings = MongodbScanSettings {
            collection: "t".to_owned(),
            incremental: incremental.to_owned(),
            key: None,
            limits,
            poll: POLL,
            late: Late::None,
            sharing: SHARING,
            rules: highwater::source::Rules::default(),
        };
        MongodbScan::new(self.connection.clone(), &settings)
    }

    /// Documents in the place of those with the same `_id`.
    pub async fn put(&self, documents: Vec<Document>) {
        let update = |it: Document| doc! { "q": { "_id": it.get("_id") }, "u": it, "upsert": true };
        let updates: Vec<Document> = documents.into_iter().map(update).collect();
        let command = doc! { "update": "t", "updates": updates };
        let answer = self.connection.database().run_command(command).await;
        let answer = answer.expect("it is valid");
        assert!(!answer.contains_key("writeErrors"), "{answer}");
    }
}

#[async_trait]
impl Rows for Mongodb {
    fn source(&self, field: &str, limits: ReadLimits) -> Box<dyn TableSource> {
        let field = if field == "id" { self.id_field } else { field };
        Box::new(self.scan(field, limits))
    }

    async fn write(&self, rows: &[Row]) {
        let document = |row: &Row| {
            let id = (self.id)(row.id);
            doc! { "_id": id, "id": row.id, "at": row.at, "text": row.text.as_str() }
        };
        self.put(rows.iter().map(document).collect()).await;
    }

    async fn close(&self) {
        self.connection.database().drop().await.expect("dropped");
    }
}
