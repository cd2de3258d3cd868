//! kpm's tables, page by page, each row as the hash that its producer made of it.

use futures_util::TryStreamExt;
use md5::{Digest, Md5};
use sqlx::{ColumnIndex, Database, Decode, Row, Type};

use crate::connect::{
    ConnectError,
    identifier::{NotAName, double_quoted, statement},
    sqlite::SqliteConnection,
};

#[cfg(feature = "mysql")]
use crate::connect::{identifier::backticked, mysql::MysqlConnection};

/// An md5.
pub(in crate::app) type Hash = [u8; 16];

/// One of the tables.
#[derive(Debug, Clone, Copy)]
pub(in crate::app) struct Table {
    pub name: &'static str,
    /// In the order in which they are hashed, one behind the other, without anything between;
    /// the first is the key.
    columns: &'static [&'static str],
}

/// The tables that the older system checks.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "users",
        columns: &["id", "passwd", "name", "email", "image", "admin"],
    },
    Table {
        name: "blogs",
        columns: &[
            "id",
            "user_id",
            "user_name",
            "user_image",
            "title",
            "summary",
            "content",
        ],
    },
    Table {
        name: "comments",
        columns: &[
            "id",
            "blog_id",
            "user_id",
            "user_name",
            "user_image",
            "content",
        ],
    },
];

/// Rows in one statement. They are hashed one by one as they come.
const PAGE: i64 = 1000;

/// Where the tables are.
pub(in crate::app) enum Tables {
    #[cfg(feature = "mysql")]
    Mysql(MysqlConnection),
    Sqlite(SqliteConnection),
}

impl Tables {
    /// Hands the next rows behind `after` to `each`, with their keys; a row that has a NULL has no hash.
    /// Answers the last key.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn page(
        &self,
        table: &Table,
        after: Option<&str>,
        mut each: impl FnMut(&str, Option<Hash>),
    ) -> anyhow::Result<Option<String>> {
        let mut last = None;
        let mut taken = |(id, hash): (String, Option<Hash>)| {
            each(&id, hash);
            last = Some(id);
        };
        let read = match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(it) => {
                let text = select(table, after, backticked, "CHAR CHARACTER SET utf8mb4")?;
                let mut query = sqlx::query(statement(text));
                if let Some(after) = after {
                    query = query.bind(after);
                }
                let mut rows = query.bind(PAGE).fetch(it.pool());
                async {
                    while let Some(row) = rows.try_next().await? {
                        taken(hashed(&row, table)?);
                    }
                    Ok(())
                }
                .await
            }
            Self::Sqlite(it) => {
                let text = select(table, after, double_quoted, "TEXT")?;
                let mut query = sqlx::query(statement(text));
                if let Some(after) = after {
                    query = query.bind(after);
                }
                let mut rows = query.bind(PAGE).fetch(it.readers());
                async {
                    while let Some(row) = rows.try_next().await? {
                        taken(hashed(&row, table)?);
                    }
                    Ok(())
                }
                .await
            }
        };
        let name = match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(it) => it.name(),
            Self::Sqlite(it) => it.name(),
        };
        read.map_err(|error: sqlx::Error| ConnectError::of_sql(name, error))?;
        Ok(last)
    }
}

/// Each column as text, in the order of the key.
fn select(
    table: &Table,
    after: Option<&str>,
    quoted: fn(&str) -> Result<String, NotAName>,
    text: &str,
) -> Result<String, NotAName> {
    let columns: Result<Vec<String>, NotAName> =
        table.columns.iter().map(|it| quoted(it)).collect();
    let columns = columns?;
    let texts: Vec<_> = columns
        .iter()
        .map(|it| format!("CAST({it} AS {text})"))
        .collect();
    let (key, past) = (&columns[0], after.is_some());
    Ok(format!(
        "SELECT {} FROM {}{} ORDER BY {key} LIMIT ?",
        texts.join(", "),
        quoted(table.name)?,
        if past {
            format!(" WHERE {key} > ?")
        } else {
            String::new()
        }
    ))
}

fn hashed<'r, R>(row: &'r R, table: &Table) -> Result<(String, Option<Hash>), sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    let mut hash = Md5::new();
    let (mut id, mut whole) = (String::new(), true);
    for index in 0..table.columns.len() {
        let text: Option<&str> = row.try_get_unchecked(index)?;
        whole &= text.is_some();
        hash.update(text.unwrap_or_default());
        if index == 0 {
            text.unwrap_or_default().clone_into(&mut id);
        }
    }
    Ok((id, whole.then(|| hash.finalize().into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_behind_the_key_of_the_one_before() {
        let text = |after| select(&TABLES[2], after, backticked, "CHAR").unwrap();
        let columns = "CAST(`id` AS CHAR), CAST(`blog_id` AS CHAR), CAST(`user_id` AS CHAR), \
                       CAST(`user_name` AS CHAR), CAST(`user_image` AS CHAR), CAST(`content` AS CHAR)";
        assert_eq!(
            text(Some("a")),
            format!("SELECT {columns} FROM `comments` WHERE `id` > ? ORDER BY `id` LIMIT ?")
        );
        assert_eq!(
            text(None),
            format!("SELECT {columns} FROM `comments` ORDER BY `id` LIMIT ?")
        );
    }
}
