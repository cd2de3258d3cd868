//! Operations of a database on its dead-letter table; the statements are the same in all of them.

use async_trait::async_trait;
use sqlx::{ColumnIndex, Decode, Row, Type};

use super::{
    table_probe::Tried,
    table_row::{DeadLetterRow, own_columns},
};

/// One table. Errors are the driver's: their verdict says what they mean.
#[async_trait]
pub(super) trait DeadLetterStore: Send + Sync {
    /// Writes two letters, and a third with the identity of the first, reads the first one, and takes
    /// all back.
    async fn probe(&self, dead_letters: &[DeadLetterRow; 3]) -> Result<Tried, sqlx::Error>;

    /// Makes the table where it is missing.
    async fn create(&self) -> Result<(), sqlx::Error>;

    /// Whether that error says that there is no such table.
    fn is_missing(&self, error: &sqlx::Error) -> bool;

    /// The bytes of a letter at most, and what the server calls this limit.
    fn limit(&self) -> Option<(usize, &'static str)>;

    /// Keeps a letter; one whose identity is there stays as it is.
    async fn insert(&self, row: &DeadLetterRow) -> Result<(), sqlx::Error>;

    /// How many letters there are.
    async fn count(&self) -> Result<i64, sqlx::Error>;

    /// The ids of the first letter and the last.
    async fn bounds(&self) -> Result<(Option<i64>, Option<i64>), sqlx::Error>;

    /// The ids from `first` to before `end` with the bytes of their letters, in order, so many at most.
    async fn sizes(
        &self,
        range: (i64, i64),
        most: u32,
    ) -> Result<Vec<(i64, Option<i64>)>, sqlx::Error>;

    /// The letters from `first` to before `end`, in order.
    async fn rows(&self, range: (i64, i64)) -> Result<Vec<(i64, DeadLetterRow)>, sqlx::Error>;
}

/// A session of a database that writes to the table.
#[async_trait]
pub(super) trait DeadLetterSession: Send {
    /// Writes a letter.
    async fn write(&mut self, row: &DeadLetterRow) -> Result<(), sqlx::Error>;

    /// The id of the letter of this identity, where it is there; none of its own is a fault of the table.
    async fn find(&mut self, identity: Option<&[u8]>) -> Result<Option<Option<i64>>, sqlx::Error>;

    /// The letter of this id, in the way in which letters are listed.
    async fn read(&mut self, id: i64) -> Result<Option<(i64, DeadLetterRow)>, sqlx::Error>;
}

/// Keeps a letter; one whose identity is there stays as it is.
pub(in crate::broker) async fn keep(
    session: &mut dyn DeadLetterSession,
    row: &DeadLetterRow,
) -> Result<(), sqlx::Error> {
    let Err(error) = session.write(row).await else {
        return Ok(());
    };
    let identity = row.identity.as_deref();
    if identity.is_none() || !is_there_already(&error) {
        return Err(error);
    }
    // The key may be one that somebody has added: then it is not this letter that is there.
    match session.find(identity).await? {
        Some(_) => Ok(()),
        None => Err(error),
    }
}

/// Whether that error says that a unique key is there.
pub(super) fn is_there_already(error: &sqlx::Error) -> bool {
    let said = error.as_database_error();
    said.is_some_and(|it| it.is_unique_violation())
}

/// Statements on one table.
pub(super) struct Statements {
    /// Its name as it stands in them.
    quoted: String,
}

impl Statements {
    pub fn new(quoted: String) -> Self {
        Self { quoted }
    }

    /// `types` are those of the columns, in order, as this database writes them.
    pub fn create(&self, types: &Types) -> String {
        let own = own_columns().zip(types.own);
        let own = own.map(|(column, of)| format!("{column} {of}, "));
        let own: String = own.collect();
        let Types { id, bytes, .. } = types;
        format!(
            "CREATE TABLE IF NOT EXISTS {} (id {id}, {own}message_key {bytes}, message_value {bytes}, \
             message_headers {}, identity {}) {}",
            self.quoted, types.headers, types.identity, types.options
        )
    }

    pub fn insert(&self) -> String {
        let (table, columns) = (&self.quoted, columns());
        let values = vec!["?"; columns.split(", ").count()].join(", ");
        format!("INSERT INTO {table} ({columns}) VALUES ({values})")
    }

    pub fn find(&self) -> String {
        // From the end: without an index, what was written just now is found all the same.
        format!(
            "SELECT {ID} FROM {} WHERE identity = ? ORDER BY id DESC LIMIT 1",
            self.quoted
        )
    }

    pub fn count(&self) -> String {
        format!("SELECT COUNT(*) FROM {}", self.quoted)
    }

    pub fn bounds(&self) -> String {
        format!(
            "SELECT CAST(MIN(id) AS SIGNED), CAST(MAX(id) AS SIGNED) FROM {}",
            self.quoted
        )
    }

    pub fn sizes(&self) -> String {
        format!(
            "SELECT {ID}, COALESCE(LENGTH(message_key), 0) + COALESCE(LENGTH(message_value), 0) \
             + LENGTH(message_headers) + LENGTH(reason) FROM {} WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            self.quoted
        )
    }

    pub fn rows(&self) -> String {
        // Numbers and times are texts of their headers; a column of JSON is one too.
        let texts = own_columns().chain(["message_headers"]);
        let texts = texts.map(|it| format!("CAST({it} AS CHAR) AS {it}, "));
        let texts: String = texts.collect();
        format!(
            "SELECT {ID}, {texts}message_key, message_value FROM {} \
             WHERE id >= ? AND id < ? ORDER BY id",
            self.quoted
        )
    }
}

/// It may have no sign. Without a name of its own: rows are in order by the column, which has an index.
const ID: &str = "CAST(id AS SIGNED)";

/// How a database writes the types of the columns.
pub(super) struct Types {
    pub id: &'static str,
    /// Those of the headers of a letter's own, in their order.
    pub own: [&'static str; 10],
    pub bytes: &'static str,
    pub headers: &'static str,
    pub identity: &'static str,
    /// What stands behind the columns.
    pub options: &'static str,
}

/// All columns but `id`, as they are bound.
fn columns() -> String {
    let others = [
        "message_key",
        "message_value",
        "message_headers",
        "identity",
    ];
    let all: Vec<_> = own_columns().chain(others).collect();
    all.join(", ")
}

/// A row of `Statements::rows`.
pub(in crate::broker) fn read<'r, R>(row: &'r R) -> Result<(i64, DeadLetterRow), sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'n> &'n str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut dead_letter = DeadLetterRow::default();
    // By their names, which an error then tells.
    for (column, cell) in own_columns().zip(&mut dead_letter.own) {
        *cell = row.try_get(column)?;
    }
    dead_letter.key = row.try_get("message_key")?;
    dead_letter.value = row.try_get("message_value")?;
    dead_letter.headers = row.try_get("message_headers")?;
    Ok((row.try_get(0)?, dead_letter))
}
