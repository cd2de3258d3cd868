//! A folder of its own for each page, in which its commands run.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use sqlx::{Column, ConnectOptions, Row, TypeInfo, ValueRef, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::pages::root;

/// The folder.
pub struct World {
    folder: TempDir,
}

/// What a command has written, and how it ended.
pub struct Ended {
    pub lines: Vec<String>,
    pub status: i32,
}

impl World {
    /// A folder with the schemas that pages name.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = Self { folder };
        for file in ["kpm.proto", "information.proto"] {
            let text = fs::read_to_string(root().join("proto").join(file)).expect("a schema");
            world
                .write(&format!("proto/{file}"), &text)
                .expect("a schema");
        }
        world
            .write("secrets/kafka-password", "word\n")
            .expect("a secret");
        world
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.path().join(name);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{name}: {error}"))
    }

    /// Runs `highwater`. Its log is left out; what it says on stderr counts where it fails.
    pub fn highwater(&self, words: &[String]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_highwater"))
            .args(words)
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "200")
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let status = output.status.code().unwrap_or(-1);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
        if status != 0 {
            let said = text(&output.stderr);
            lines.extend(said.lines().filter(|it| !is_log(it)).map(str::to_owned));
        }
        Ended { lines, status }
    }

    /// Runs statements in a SQLite file, as its own command line would: a line for each row.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sqlite(&self, file: &str, statements: &str) -> Result<Vec<String>, String> {
        let options = SqliteConnectOptions::new()
            .filename(self.path().join(file))
            .create_if_missing(true);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let rows = runtime.block_on(async {
            let mut connection = options.connect().await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()))
                .fetch_all(&mut connection)
                .await
        });
        let rows = rows.map_err(|error| format!("sqlite3 {file}: {error}"))?;
        Ok(rows.iter().map(line).collect())
    }
}

fn is_log(line: &str) -> bool {
    let clock = |(index, it): (usize, char)| match index {
        2 | 5 => it == ':',
        8 => it == ' ',
        _ => it.is_ascii_digit(),
    };
    line.len() > 9 && line.chars().take(9).enumerate().all(clock)
}

fn line(row: &sqlx::sqlite::SqliteRow) -> String {
    let cell = |index: usize| {
        let value = row.try_get_raw(index).expect("a column");
        if value.is_null() {
            return String::new();
        }
        let name = value.type_info().name().to_owned();
        let error = |error| panic!("{}: {error}", row.column(index).name());
        match name.as_str() {
            "INTEGER" => row
                .try_get::<i64, _>(index)
                .unwrap_or_else(error)
                .to_string(),
            "REAL" => format!(
                "{:?}",
                row.try_get::<f64, _>(index)
                    .unwrap_or_else(|it| panic!("{it}"))
            ),
            _ => row
                .try_get_unchecked::<String, _>(index)
                .unwrap_or_else(|it| panic!("{it}")),
        }
    };
    (0..row.len()).map(cell).collect::<Vec<_>>().join("|")
}
