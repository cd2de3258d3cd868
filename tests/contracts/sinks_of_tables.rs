//! Sinks of two tables, parents and their children, each with its own way to read rows back.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use highwater::{
    connect::{
        mysql::MysqlConnection,
        sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    },
    model::{Op, Records, Value},
    sink::{
        RowRules, Sink, SinkError,
        memory::{MemorySink, MemoryTable},
        mysql::{MysqlSink, MysqlSinkSettings},
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
};
use sqlx::{Executor, raw_sql};

use super::sinks::{FLOW, advance, database, drop_database, records};

/// `parents` by `id`, and `children`, which are replaced by `parent`.
pub struct Family {
    pub sink: Arc<dyn Sink>,
    storage: Storage,
}

enum Storage {
    Memory(Arc<MemorySink>),
    Sqlite(SqliteConnection, tempfile::TempDir),
    Server(MysqlConnection),
}

/// A message: a parent and its children by number and text, or a parent that is deleted.
#[derive(Clone, Copy)]
pub enum Message<'m> {
    Of(&'m str, &'m str, &'m [(i64, &'m str)]),
    Gone(&'m str),
}

const TABLES: &str = "CREATE TABLE parents (id VARCHAR(50) PRIMARY KEY, name VARCHAR(20)); \
    CREATE TABLE children (parent VARCHAR(50) NOT NULL, number INTEGER NOT NULL, text VARCHAR(20), \
    PRIMARY KEY (parent, number))";

fn by_parent() -> RowRules {
    RowRules {
        replace_by: vec!["parent".to_owned()],
        ..RowRules::default()
    }
}

/// The parts of both tables, as the flow makes them of these messages.
pub fn parts(messages: &[Message<'_>]) -> Vec<Records> {
    let text = |it| Value::String(it);
    let (mut parents, mut children) = (records(&[]), records(&[]));
    let mut push = |part: usize, op, origin: usize, fields: &[(&str, Value<'_>)]| {
        let records = [&mut parents, &mut children];
        let [parents, children] = records;
        let part = if part == 0 { parents } else { children };
        let pushed: Result<(), ()> = part[0].push(op, origin as u32, |packer| {
            for (name, value) in fields {
                packer.name(name);
                packer.value(*value);
            }
            Ok(())
        });
        pushed.expect("nothing fails");
    };
    for (origin, message) in messages.iter().enumerate() {
        match message {
            Message::Of(id, name, list) => {
                let parent = [("id", text(id)), ("name", text(name))];
                push(0, Op::Upsert, origin, &parent);
                push(1, Op::Delete, origin, &[("parent", text(id))]);
                for (number, of) in *list {
                    let number = Value::I64(*number);
                    let row = [("parent", text(id)), ("number", number), ("text", text(of))];
                    push(1, Op::Upsert, origin, &row);
                }
            }
            Message::Gone(id) => {
                push(0, Op::Delete, origin, &[("id", text(id))]);
                push(1, Op::Delete, origin, &[("key", text(id))]);
            }
        }
    }
    parents.append(&mut children);
    parents
}

impl Family {
    pub async fn write(
        &self,
        messages: &[Message<'_>],
        (from, to): (Option<i64>, i64),
    ) -> Result<(), SinkError> {
        self.sink.write(&parts(messages), &advance(from, to)).await
    }

    /// The rows of both tables, and the next offset.
    pub async fn holds(&self, parents: &[&str], children: &[&str], offset: Option<i64>) {
        assert_eq!(self.rows(0).await, parents);
        assert_eq!(self.rows(1).await, children);
        let progress = self.sink.progress(FLOW).await.expect("read");
        assert_eq!(progress.first().map(|it| it.next_offset), offset);
    }

    fn rows(&self, table: usize) -> BoxFuture<'_, Vec<String>> {
        let query = match table {
            0 => "SELECT CONCAT(id, ' ', name) FROM parents ORDER BY 1",
            _ => "SELECT CONCAT(parent, ' ', number, ' ', text) FROM children ORDER BY 1",
        };
        Box::pin(async move {
            match &self.storage {
                Storage::Memory(sink) => {
                    let rows = sink.rows_of(table);
                    let shown = rows.iter().map(|row| {
                        let texts: Vec<_> = row.iter().map(|it| it.1.as_str()).collect();
                        texts.join(" ")
                    });
                    shown.collect()
                }
                Storage::Sqlite(connection, _) => {
                    let query = sqlx::query_scalar(query);
                    query.fetch_all(connection.readers()).await.expect("read")
                }
                Storage::Server(connection) => super::sinks::read(connection, query).await,
            }
        })
    }

    pub async fn close(self) {
        match self.storage {
            Storage::Memory(_) => {}
            Storage::Sqlite(_, folder) => folder.close().expect("removed"),
            Storage::Server(connection) => drop_database(&connection).await,
        }
    }
}

pub async fn memory() -> Family {
    let table = |key: &[&str], by: &[&str]| MemoryTable {
        key: key.iter().map(|it| (*it).to_owned()).collect(),
        replace_by: by.iter().map(|it| (*it).to_owned()).collect(),
    };
    let tables = vec![
        table(&["id"], &[]),
        table(&["parent", "number"], &["parent"]),
    ];
    let sink = Arc::new(MemorySink::of_tables("memory", tables));
    Family {
        sink: sink.clone(),
        storage: Storage::Memory(sink),
    }
}

pub async fn sqlite() -> Family {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SqliteSettings {
        path: folder.path().join("target.db"),
    };
    let connection = sqlite::open("local", &settings, Absent::Create, Durability::Normal)
        .await
        .expect("opened");
    let made = raw_sql(TABLES).execute(connection.writer()).await;
    made.expect("made");
    let children = SqliteSinkSettings {
        rules: by_parent(),
        ..SqliteSinkSettings::new("children")
    };
    let tables = vec![SqliteSinkSettings::new("parents"), children];
    let sink = SqliteSink::of_tables(connection.clone(), tables).expect("named");
    sink.prepare(None).await.expect("looked up");
    Family {
        sink: Arc::new(sink),
        storage: Storage::Sqlite(connection, folder),
    }
}

pub async fn server(variable: &str) -> Family {
    let connection = database(variable).await;
    connection
        .pool()
        .execute(raw_sql(TABLES))
        .await
        .expect("made");
    let sink = server_sink(&connection);
    sink.prepare(None).await.expect("looked up");
    Family {
        sink: Arc::new(sink),
        storage: Storage::Server(connection),
    }
}

fn server_sink(connection: &MysqlConnection) -> MysqlSink {
    let children = MysqlSinkSettings {
        rules: by_parent(),
        ..MysqlSinkSettings::new("children")
    };
    let tables = vec![MysqlSinkSettings::new("parents"), children];
    MysqlSink::of_tables(connection.clone(), tables).expect("named")
}
