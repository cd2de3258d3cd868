//! Connections to a SQLite file: one that writes, and a few that only read.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Sqlite, Transaction,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
    },
};

use super::ConnectError;

/// What a connection to SQLite needs.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// The database file.
    pub path: PathBuf,
}

/// What is done where the file does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It is made.
    Create,
    /// It is refused.
    Refuse,
}

/// What a commit outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power loss: every commit waits for the disk. For topics and cursors.
    Full,
    /// A crash of the process; a power loss may undo the last commits. Enough where rows and
    /// progress share their transaction.
    Normal,
}

/// An open file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteConnection {
    name: String,
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

/// How long a writer waits for another, in this process or in any other.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the file at the settings' path.
///
/// # Errors
/// `Refused` where it cannot be opened, or is no database.
pub async fn open(
    name: &str,
    settings: &SqliteSettings,
    absent: Absent,
    durability: Durability,
) -> Result<SqliteConnection, ConnectError> {
    let options = SqliteConnectOptions::new()
        .filename(&settings.path)
        .busy_timeout(PATIENCE)
        .foreign_keys(false)
        .disable_statement_logging();
    // The write-ahead log is a lasting property of the file: only a writer may give it that. A
    // file that is merely read stays as it is.
    let writing = options
        .clone()
        .create_if_missing(absent == Absent::Create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::Normal => SqliteSynchronous::Normal,
        });
    let pool = |size| {
        SqlitePoolOptions::new()
            .max_connections(size)
            .acquire_timeout(3 * PATIENCE)
    };
    let connection = SqliteConnection {
        name: name.to_owned(),
        path: settings.path.clone(),
        writer: pool(1).connect_lazy_with(writing),
        readers: pool(8).connect_lazy_with(options.pragma("query_only", "ON")),
    };
    let opened = async {
        if absent == Absent::Create {
            connection.writer.acquire().await?;
        }
        sqlx::query("SELECT count(*) FROM sqlite_master")
            .fetch_one(&connection.readers)
            .await
    };
    opened
        .await
        .map_err(|error| ConnectError::of_sql(name, error))?;
    Ok(connection)
}

impl SqliteConnection {
    /// Its name in the settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For statements that read; these connections cannot write.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// The one connection that writes, for single statements.
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// A transaction that writes. It takes the write lock at once: one that reads first and then
    /// turns to writing may be refused without any wait.
    ///
    /// # Errors
    /// As SQLite answers.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connect::{ErrorClass, classify},
        fault::chain,
    };

    #[tokio::test]
    async fn a_missing_file_is_made_only_where_that_is_wanted() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SqliteSettings {
            path: folder.path().join("a.db"),
        };
        let error = open("local", &settings, Absent::Refuse, Durability::Normal)
            .await
            .expect_err("no file");
        assert!(
            chain(&error).contains("cannot be opened"),
            "{}",
            chain(&error)
        );
        assert!(!settings.path.exists());
        open("local", &settings, Absent::Create, Durability::Normal)
            .await
            .expect("made");
        open("local", &settings, Absent::Refuse, Durability::Normal)
            .await
            .expect("there now");
    }

    #[tokio::test]
    async fn a_reader_sees_commits_while_a_writer_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SqliteSettings {
            path: folder.path().join("a.db"),
        };
        let it = open("local", &settings, Absent::Create, Durability::Full)
            .await
            .expect("made");
        sqlx::query("CREATE TABLE t (a INTEGER PRIMARY KEY)")
            .execute(it.writer())
            .await
            .expect("made");
        let mut transaction = it.begin().await.expect("begun");
        sqlx::query("INSERT INTO t VALUES (1)")
            .execute(&mut *transaction)
            .await
            .expect("written");
        let count =
            || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM t").fetch_one(it.readers());
        assert_eq!(count().await.expect("read"), 0);
        transaction.commit().await.expect("committed");
        assert_eq!(count().await.expect("read"), 1);
    }

    #[tokio::test]
    async fn a_reader_cannot_write_and_a_second_key_is_a_data_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SqliteSettings {
            path: folder.path().join("a.db"),
        };
        let it = open("local", &settings, Absent::Create, Durability::Full)
            .await
            .expect("made");
        let written = sqlx::query("CREATE TABLE t (a)")
            .execute(it.readers())
            .await;
        assert!(matches!(
            classify(&written.expect_err("read-only")),
            ErrorClass::Refused(_)
        ));
        let made = "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)";
        sqlx::raw_sql(made)
            .execute(it.writer())
            .await
            .expect("made");
        let twice = sqlx::query("INSERT INTO t VALUES (1)")
            .execute(it.writer())
            .await;
        assert_eq!(
            classify(&twice.expect_err("the same key")),
            ErrorClass::Data
        );
    }
}
