//! Probe of a dead-letter table: sample rows are written to it and rolled back.

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::Utc;

use super::{
    table_row::DeadLetterRow,
    table_store::{DeadLetterSession, is_there_already},
};
use crate::{
    connect::{ErrorClass, classify},
    fault::Cause,
    model::{Messages, RecordOrigin},
};

/// What became of the letters that were tried.
#[derive(Debug)]
pub(super) enum Tried {
    /// Nothing was written: the table's engine could not have taken it back.
    Lasting,
    /// One was not taken, as if that were the letter's fault.
    NotTaken(sqlx::Error),
    /// The letter that came again was not refused.
    Twice,
    /// The first letter is not found by its identity.
    NotFound,
    /// A column cannot be read.
    NotRead(String, sqlx::Error),
    /// The first letter as it is read.
    Read(Box<DeadLetterRow>),
}

/// Why a table keeps no letters.
#[derive(Debug)]
pub(super) struct Incompatible {
    pub advice: String,
    pub cause: Cause,
}

impl Tried {
    /// Tries the letters in a transaction that is taken back after it. Nothing is written behind the one that is
    /// refused: a table may be made so that a refusal ends the transaction.
    pub async fn of(
        session: &mut dyn DeadLetterSession,
        [first, other, repeated]: &[DeadLetterRow; 3],
    ) -> Result<Self, sqlx::Error> {
        for row in [first, other] {
            if let Err(error) = session.write(row).await {
                return Self::not_taken(error);
            }
        }
        let twice = match session.write(repeated).await {
            Ok(()) => true,
            Err(error) if is_there_already(&error) => false,
            Err(error) => return Self::not_taken(error),
        };
        match session.find(first.identity.as_deref()).await?.flatten() {
            None => Ok(Self::NotFound),
            Some(_) if twice => Ok(Self::Twice),
            Some(id) => Self::read(session.read(id).await),
        }
    }

    /// After that error of writing; one that is no letter's fault stays an error.
    fn not_taken(error: sqlx::Error) -> Result<Self, sqlx::Error> {
        match classify(&error) {
            ErrorClass::Data => Ok(Self::NotTaken(error)),
            ErrorClass::Transient | ErrorClass::Refused(_) => Err(error),
        }
    }

    /// After reading; a column that is not what it has to be is no error of the server's.
    fn read(row: Result<Option<(i64, DeadLetterRow)>, sqlx::Error>) -> Result<Self, sqlx::Error> {
        match row {
            Ok(None) => Ok(Self::NotFound),
            Ok(Some((_, row))) => Ok(Self::Read(Box::new(row))),
            Err(sqlx::Error::ColumnDecode { index, source }) => {
                let column = index.trim_matches('"').to_owned();
                let error = sqlx::Error::ColumnDecode { index, source };
                Ok(Self::NotRead(column, error))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the table keeps letters, of which `first` was tried first.
    pub fn fits(self, first: &DeadLetterRow) -> Result<(), Incompatible> {
        let incompatible = |advice: &str, cause: Cause| {
            let advice = advice.to_owned();
            Err(Incompatible { advice, cause })
        };
        match self {
            Self::Lasting => incompatible(
                "make it one of InnoDB: ALTER TABLE … ENGINE=InnoDB",
                "its engine has no transactions".into(),
            ),
            Self::NotTaken(error) => incompatible(
                "it takes no letters: its columns have to be as in the documentation, `id` numbered by \
                 the database, and further ones NULL or with a default",
                error.into(),
            ),
            Self::Twice => incompatible(
                "its column `identity` needs a UNIQUE index of its own, that refuses a second row",
                "a letter that is sent again is not refused".into(),
            ),
            Self::NotFound => incompatible(
                "its columns `id` and `identity` have to be as in the documentation, and no trigger \
                 may change them or leave out a row",
                "a letter that was written is not found".into(),
            ),
            Self::NotRead(column, error) => incompatible(&as_documented(&column), error.into()),
            Self::Read(row) => match first.differs(&row) {
                None => Ok(()),
                Some(column) => incompatible(
                    &as_documented(column),
                    "it is not read as it was written".into(),
                ),
            },
        }
    }
}

fn as_documented(column: &str) -> String {
    format!("its column `{column}` has to be as in the documentation")
}

/// A letter; another one that leaves out all it may; and a third that is the first one come again, and
/// has nothing but its identity. So no other key refuses the third and takes the second.
pub(in crate::broker) fn dead_letters(prefix: &str) -> [DeadLetterRow; 3] {
    // No two tries meet: the server would let one wait for the other.
    static TRIES: AtomicU64 = AtomicU64::new(0);
    let (now, pid) = (Utc::now(), process::id());
    let nanos = now.timestamp_nanos_opt().unwrap_or(0);
    let tried = format!("{nanos} {pid} {}", TRIES.fetch_add(1, Ordering::Relaxed));
    // Whole seconds: a column may have no parts of them.
    let at = |back: i64| ((now.timestamp() - back) * 1000).to_string();
    let name = |what: &str, at: i64| format!("{what} {at} of a try {tried}");
    let row = |which: i64, ends: &[(&str, String)], bytes: (Option<&[u8]>, Option<&[u8]>)| {
        let always = ["flow", "step", "reason", "topic"].map(|it| (it, name(it, which)));
        let time = [("at", at(which))];
        let own = always.iter().chain(&time).chain(ends);
        let own: Vec<_> = own
            .map(|(end, text)| (format!("{prefix}{end}"), Some(text.as_bytes())))
            .collect();
        let others = [
            (format!("text {which}"), Some(&b"text"[..])),
            ("bytes".to_owned(), Some(b"\xff\x00")),
            ("none".to_owned(), None),
        ];
        let headers = own.iter().chain(&others);
        let headers = headers.map(|(name, value)| (name.as_str(), *value));
        let mut messages = Messages::default();
        messages.push(bytes.0, bytes.1, headers, RecordOrigin::default());
        let dead_letter = messages.get(0).map(|it| DeadLetterRow::of(&it, prefix));
        dead_letter.unwrap_or_default()
    };
    let origin_of = |which: i64| {
        [
            ("topic-id", name("topic-id", which)),
            ("partition", which.to_string()),
            ("offset", which.to_string()),
            ("timestamp", at(10 + which)),
        ]
    };
    let first = row(1, &origin_of(1), (Some(b"\x00\xff1"), Some(b"\xfe\x001")));
    let other = row(2, &[("file", name("file", 2))], (None, None));
    let mut repeated = row(3, &origin_of(3), (Some(b"\x00\xff3"), Some(b"\xfe\x003")));
    repeated.identity.clone_from(&first.identity);
    [first, other, repeated]
}

#[cfg(test)]
mod tests {
    use crate::{
        broker::dead_letters::table::DeadLetterTable,
        connect::sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
        fault::chain,
    };

    /// An empty file, but for what `made` makes.
    async fn opened(folder: &tempfile::TempDir, made: &str) -> (SqliteConnection, DeadLetterTable) {
        let settings = SqliteSettings {
            path: folder.path().join("letters.db"),
        };
        let file = sqlite::open("local", &settings, Absent::Create, Durability::Full);
        let file = file.await.expect("opened");
        let made = sqlx::raw_sql(sqlx::AssertSqlSafe(made.to_owned()));
        made.execute(file.writer()).await.expect("made");
        let table = DeadLetterTable::in_sqlite(file.clone(), "letters", "own-").expect("a name");
        (file, table)
    }

    async fn count(file: &SqliteConnection, of: &'static str) -> i64 {
        let count = sqlx::query_scalar(of).fetch_one(file.readers());
        count.await.expect("counted")
    }

    /// Some columns with other types or words, and what stands behind the columns.
    fn table(others: &[(&str, &str)], more: &str) -> String {
        let columns = [
            ("id", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("flow", "TEXT"),
            ("step", "TEXT"),
            ("reason", "TEXT"),
            ("topic", "TEXT"),
            ("set_aside_at", "TEXT"),
            ("topic_id", "TEXT"),
            ("source_partition", "INTEGER"),
            ("source_offset", "INTEGER"),
            ("message_time", "TEXT"),
            ("dead_letter_file", "TEXT"),
            ("message_key", "BLOB"),
            ("message_value", "BLOB"),
            ("message_headers", "TEXT"),
            ("identity", "BLOB UNIQUE"),
        ];
        let columns = columns.map(|(name, of)| {
            let other = others.iter().find(|it| it.0 == name);
            format!("{name} {}", other.map_or(of, |it| it.1))
        });
        format!("CREATE TABLE letters ({}{more});", columns.join(", "))
    }

    #[tokio::test]
    async fn a_table_that_keeps_no_letters_is_refused_and_stays_empty() {
        let trigger = |when: &str, does: &str| {
            let made = table(&[], "");
            format!("{made} CREATE TRIGGER t {when} INSERT ON letters BEGIN {does}; END;")
        };
        let refused = [
            (table(&[("identity", "BLOB")], ""), "UNIQUE index"),
            (
                table(&[("identity", "BLOB")], ", UNIQUE (identity, topic)"),
                "UNIQUE index",
            ),
            (
                table(&[("identity", "BLOB UNIQUE ON CONFLICT REPLACE")], ""),
                "UNIQUE index",
            ),
            (table(&[], ", kind TEXT NOT NULL"), "letters.kind"),
            (
                table(&[], ", kind TEXT NOT NULL DEFAULT '' UNIQUE"),
                "letters.kind",
            ),
            (
                table(&[("message_key", "BLOB NOT NULL")], ""),
                "letters.message_key",
            ),
            (
                table(&[("id", "INTEGER")], ""),
                "columns `id` and `identity`",
            ),
            (
                table(
                    &[("id", "INTEGER NOT NULL DEFAULT 0 PRIMARY KEY")],
                    ", a TEXT NOT NULL",
                ),
                "letters.a",
            ),
            (
                table(&[("id", "INT NOT NULL DEFAULT 0 PRIMARY KEY")], ""),
                "letters.id",
            ),
            (
                table(&[("message_time", "INTEGER AS (1)")], ""),
                "message_time",
            ),
            (
                table(&[("identity", "BLOB UNIQUE ON CONFLICT ROLLBACK")], ""),
                "`identity`",
            ),
            (trigger("BEFORE", "SELECT RAISE(IGNORE)"), "no trigger may"),
            (
                trigger("BEFORE", "SELECT RAISE(ROLLBACK, 'no')"),
                "it takes no letters",
            ),
            (
                trigger("AFTER", "UPDATE letters SET identity = NULL"),
                "no trigger may",
            ),
            (
                trigger("AFTER", "UPDATE letters SET reason = 'x'"),
                "`reason`",
            ),
            (
                trigger("AFTER", "UPDATE letters SET message_headers = '[]'"),
                "`message_headers`",
            ),
        ];
        for (made, why) in refused {
            let folder = tempfile::tempdir().expect("a folder");
            let (file, table) = opened(&folder, &made).await;
            for said in [table.ensure().await.err(), table.check().await.err()] {
                let said = said.map_or_else(|| "it is taken".to_owned(), |it| chain(&it));
                let begins = said.starts_with("table of dead letters local.letters refused: ");
                assert!(begins && said.contains(why), "\n{made}\n{said}");
            }
            assert_eq!(
                count(&file, "SELECT COUNT(*) FROM letters").await,
                0,
                "{made}"
            );
        }
    }

    #[tokio::test]
    async fn a_table_that_keeps_them_is_taken_and_stays_as_it_is() {
        let audited = "CREATE TABLE audit (topic); \
             CREATE TRIGGER t AFTER INSERT ON letters BEGIN \
             INSERT INTO audit VALUES (NEW.topic); \
             UPDATE letters SET kind = 'letter' WHERE id = NEW.id; END;";
        let made = table(
            &[],
            ", kind TEXT, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP",
        );
        let folder = tempfile::tempdir().expect("a folder");
        let (file, table) = opened(&folder, &format!("{made} {audited}")).await;
        for _ in 0..3 {
            table.ensure().await.expect("taken");
            assert_eq!(table.check().await.expect("taken"), Some(0));
        }
        for of in [
            "SELECT COUNT(*) FROM letters",
            "SELECT COUNT(*) FROM audit",
            "SELECT COUNT(*) FROM sqlite_sequence",
        ] {
            assert_eq!(count(&file, of).await, 0, "{of}");
        }
    }
}
