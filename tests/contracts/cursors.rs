//! The stores of cursors that the contract is run against, and another process that uses them.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use highwater::{
    connect::{
        mongodb::{self, MongodbConnection, MongodbSettings},
        mysql::{self, MysqlConnection, MysqlSettings},
        sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    },
    cursor::{CursorStore, database::DatabaseCursors, file::FileCursors, memory::MemoryCursors},
    model::FlowName,
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

use super::sinks;

/// Stores under test, all over the same cursors.
#[async_trait]
pub trait Stores: Send + Sync {
    /// A store with leases of `lease`, as another process would open it.
    async fn store(&self, lease: Duration) -> Box<dyn CursorStore>;
    /// Writes something else in the place of a stored position.
    async fn damage(&self, flow: &FlowName, with: &str);
    /// Deletes what says that `flow` is held, as a person does who takes it for left behind.
    async fn forget(&self, flow: &FlowName);
    /// Where another process finds them; `None` where it cannot.
    fn address(&self) -> Option<String>;
    /// Removes what the test has made.
    async fn close(&self) {}
}

/// Longer than any test.
pub const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Memory(MemoryCursors);

pub struct Files(tempfile::TempDir);

pub struct Sqlite(tempfile::TempDir);

pub struct Server {
    connection: MysqlConnection,
    variable: &'static str,
}

pub fn flow(topic: &str) -> FlowName {
    FlowName {
        data_type: "information".to_owned(),
        topic: topic.to_owned(),
        source: "crawler.raw_list".to_owned(),
    }
}

#[async_trait]
impl Stores for Memory {
    async fn store(&self, _lease: Duration) -> Box<dyn CursorStore> {
        Box::new(self.0.clone())
    }

    async fn damage(&self, _flow: &FlowName, _with: &str) {}

    async fn forget(&self, _flow: &FlowName) {}

    fn address(&self) -> Option<String> {
        None
    }
}

impl Files {
    pub fn open() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
}

#[async_trait]
impl Stores for Files {
    async fn store(&self, _lease: Duration) -> Box<dyn CursorStore> {
        Box::new(FileCursors::new(self.0.path()))
    }

    async fn damage(&self, flow: &FlowName, with: &str) {
        let path = PathBuf::from(FileCursors::new(self.0.path()).location(flow));
        assert!(path.exists());
        fs::write(path, with).expect("damaged");
    }

    async fn forget(&self, flow: &FlowName) {
        let path = PathBuf::from(FileCursors::new(self.0.path()).location(flow));
        fs::remove_file(path.with_extension("lock")).expect("deleted");
    }

    fn address(&self) -> Option<String> {
        Some(format!("file:{}", self.0.path().display()))
    }
}

async fn cursors_file(folder: PathBuf) -> SqliteConnection {
    let settings = SqliteSettings {
        path: folder.join("cursors.db"),
    };
    let opened = sqlite::open("local", &settings, Absent::Create, Durability::Full).await;
    opened.expect("opened")
}

impl Sqlite {
    pub fn open() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
}

#[async_trait]
impl Stores for Sqlite {
    async fn store(&self, lease: Duration) -> Box<dyn CursorStore> {
        let connection = cursors_file(self.0.path().to_owned()).await;
        let store = DatabaseCursors::in_sqlite(connection, "machine").await;
        Box::new(store.expect("opened").lasting(lease))
    }

    async fn damage(&self, flow: &FlowName, with: &str) {
        let connection = cursors_file(self.0.path().to_owned()).await;
        let update = "UPDATE highwater_cursors SET position = ? WHERE flow = ?";
        let query = sqlx::query(update).bind(with.to_owned()).bind(flow.text());
        let updated = query.execute(connection.writer()).await.expect("damaged");
        assert_eq!(updated.rows_affected(), 1);
    }

    async fn forget(&self, flow: &FlowName) {
        let connection = cursors_file(self.0.path().to_owned()).await;
        let delete = sqlx::query("DELETE FROM highwater_cursors WHERE flow = ?").bind(flow.text());
        let deleted = delete.execute(connection.writer()).await.expect("deleted");
        assert_eq!(deleted.rows_affected(), 1);
    }

    fn address(&self) -> Option<String> {
        Some(format!("sqlite:{}", self.0.path().display()))
    }
}

/// With a pool of its own.
async fn connect(variable: &str, database: &str) -> MysqlConnection {
    let url = std::env::var(variable).expect("the test has it");
    let settings = MysqlSettings {
        url: format!("{}/{database}", url.trim_end_matches('/')).into(),
        pool: 4,
        tls_ca: None,
    };
    let opened = mysql::open("warehouse", &settings).await;
    opened.expect("the server answers")
}

impl Server {
    pub async fn open(variable: &'static str) -> Self {
        Self {
            connection: sinks::database(variable).await,
            variable,
        }
    }

    fn database(&self) -> &str {
        self.connection.database().expect("it has one")
    }
}

#[async_trait]
impl Stores for Server {
    async fn store(&self, lease: Duration) -> Box<dyn CursorStore> {
        let connection = connect(self.variable, self.database()).await;
        let store = DatabaseCursors::in_mysql(connection, "machine").await;
        Box::new(store.expect("opened").lasting(lease))
    }

    async fn damage(&self, flow: &FlowName, with: &str) {
        let text = format!(
            "UPDATE highwater_cursors SET position = '{with}' WHERE flow = '{}'",
            flow.text()
        );
        let ran = self.connection.pool().execute(raw_sql(AssertSqlSafe(text)));
        assert_eq!(ran.await.expect("damaged").rows_affected(), 1);
    }

    async fn forget(&self, flow: &FlowName) {
        let text = format!(
            "DELETE FROM highwater_cursors WHERE flow = '{}'",
            flow.text()
        );
        let ran = self.connection.pool().execute(raw_sql(AssertSqlSafe(text)));
        assert_eq!(ran.await.expect("deleted").rows_affected(), 1);
    }

    fn address(&self) -> Option<String> {
        Some(format!("mysql:{}:{}", self.variable, self.database()))
    }

    async fn close(&self) {
        sinks::drop_database(&self.connection).await;
    }
}

/// A database of its own.
pub struct Mongodb(MongodbConnection);

async fn connect_mongodb(database: &str) -> MongodbConnection {
    let settings = MongodbSettings {
        url: std::env::var("HIGHWATER_TEST_MONGODB_URL")
            .expect("the server's address")
            .into(),
        database: Some(database.to_owned()),
    };
    let opened = mongodb::open("crawler", &settings).await;
    opened.expect("the server answers")
}

impl Mongodb {
    pub async fn open() -> Self {
        let number = std::collections::hash_map::RandomState::new();
        let number = std::hash::BuildHasher::hash_one(&number, std::process::id());
        Self(connect_mongodb(&format!("contract_cursors_{number:016x}")).await)
    }

    pub fn database(&self) -> &::mongodb::Database {
        self.0.database()
    }

    /// Writes any value in the place of a stored position.
    pub async fn damage_with(&self, flow: &FlowName, with: Bson) {
        let cursors = self.database().collection::<Document>("highwater_cursors");
        let update = doc! { "$set": { "position": with } };
        let updated = cursors
            .update_one(doc! { "_id": flow.text() }, update)
            .await;
        assert_eq!(updated.expect("damaged").matched_count, 1);
    }
}

#[async_trait]
impl Stores for Mongodb {
    async fn store(&self, lease: Duration) -> Box<dyn CursorStore> {
        let connection = connect_mongodb(self.database().name()).await;
        let store = DatabaseCursors::in_mongodb(connection, "machine").await;
        Box::new(store.expect("opened").lasting(lease))
    }

    async fn damage(&self, flow: &FlowName, with: &str) {
        self.damage_with(flow, with.into()).await;
    }

    async fn forget(&self, flow: &FlowName) {
        let cursors = self.database().collection::<Document>("highwater_cursors");
        let deleted = cursors.delete_one(doc! { "_id": flow.text() }).await;
        assert_eq!(deleted.expect("deleted").deleted_count, 1);
    }

    fn address(&self) -> Option<String> {
        Some(format!("mongodb:{}", self.database().name()))
    }

    async fn close(&self) {
        self.database().drop().await.expect("dropped");
    }
}

/// Another process that holds the cursor of the flow `t`. Dropping it is a kill -9.
pub struct Holder(Child);

const ADDRESS: &str = "HIGHWATER_CONTRACT_CURSORS";

impl Holder {
    /// This very program, as the test below.
    pub fn start(address: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args([
                "cursors::another_process",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(ADDRESS, address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let held = lines.any(|line| line.is_ok_and(|it| it.contains("the cursor is held")));
        assert!(held, "the other process has ended");
        Self(child)
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
    }
}

/// How long the other process's leases outlive it, in a database.
pub const SHORT: Duration = Duration::from_secs(2);

/// Started by `Holder` alone: saves a position, says so, and waits to be killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of other tests"]
async fn another_process() {
    let address = std::env::var(ADDRESS).expect("`Holder` names it");
    let (kind, location) = address.split_once(':').expect("kind and place");
    let store: Box<dyn CursorStore> = match kind {
        "file" => Box::new(FileCursors::new(location)),
        "sqlite" => {
            let store = DatabaseCursors::in_sqlite(cursors_file(location.into()).await, "machine");
            Box::new(store.await.expect("opened").lasting(SHORT))
        }
        "mongodb" => {
            let store = DatabaseCursors::in_mongodb(connect_mongodb(location).await, "machine");
            Box::new(store.await.expect("opened").lasting(SHORT))
        }
        _ => {
            let (variable, database) = location.split_once(':').expect("variable and database");
            let connection = connect(variable, database).await;
            let store = DatabaseCursors::in_mysql(connection, "machine");
            Box::new(store.await.expect("opened").lasting(SHORT))
        }
    };
    let mut lease = store.lease(&flow("t")).await.expect("free");
    let position = highwater::model::Position::new("[\"theirs\"]");
    lease.save(&position).await.expect("saved");
    println!("the cursor is held");
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(wait).await;
}
