//! A table of a SQLite file, for being compared.

use async_trait::async_trait;

use super::{Column, Digest, DigestError, Keeps, Padding, Shape, key_indexes};
use crate::{
    connect::{
        identifier::{double_quoted, statement},
        sqlite::SqliteConnection,
    },
    model::domain::{Affinity, Domain, Holds, JsonNumbers},
};

/// A table, and the columns that tell its rows apart.
#[derive(Debug, Clone)]
pub struct SqliteDigest {
    name: String,
    connection: SqliteConnection,
    table: String,
    key: Option<Vec<String>>,
}

impl SqliteDigest {
    /// Of `table`. `key` names the columns of a unique index; the primary key where it is `None`.
    pub fn new(connection: SqliteConnection, table: &str, key: Option<Vec<String>>) -> Self {
        Self {
            name: format!("{}.{table}", connection.name()),
            connection,
            table: table.to_owned(),
            key,
        }
    }
}

/// Virtual tables have hidden columns (1), generated ones are 2 and 3.
const COLUMNS: &str = "SELECT name, upper(type), pk, hidden, \"notnull\", \
    coalesce((SELECT strict FROM pragma_table_list \
    WHERE schema = 'main' AND name = ?1 COLLATE NOCASE), 0) \
    FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid";

/// Name, type, place in the key, hidden, required, strict.
type Described = (String, String, i64, i64, bool, bool);

#[async_trait]
impl Digest for SqliteDigest {
    fn name(&self) -> &str {
        &self.name
    }

    async fn shape(&self) -> Result<Shape, DigestError> {
        let described: Vec<Described> = sqlx::query_as(COLUMNS)
            .bind(self.table.clone())
            .fetch_all(self.connection.readers())
            .await
            .map_err(|error| DigestError::of_sql(&self.name, error))?;
        let incompatible = |advice: String| DigestError::Incompatible {
            name: self.name.clone(),
            advice,
        };
        if described.is_empty() {
            return Err(incompatible("there is no such table".to_owned()));
        }
        let mut primary: Vec<(i64, &String)> = described.iter().map(|it| (it.2, &it.0)).collect();
        primary.retain(|it| it.0 > 0);
        primary.sort_unstable();
        let primary: Vec<String> = primary.into_iter().map(|it| it.1.clone()).collect();
        let column = |(name, declared, in_key, hidden, required, strict): &Described| Column {
            name: name.clone(),
            keeps: keeps(declared),
            domain: Domain {
                holds: Holds::Affinity(Affinity::of(declared, *strict)),
                // Instead of NULL such a column takes the next number.
                is_nullable: !(*required || *in_key > 0 && declared == "INTEGER"),
            },
            is_computed: *hidden > 1,
        };
        let columns: Vec<Column> = described.iter().map(column).collect();
        let key = key_indexes(&columns, self.key.as_deref(), &primary).map_err(incompatible)?;
        let quoted = double_quoted(&self.table).map_err(|it| incompatible(it.to_string()))?;
        let rows: i64 = sqlx::query_scalar(statement(format!("SELECT count(*) FROM {quoted}")))
            .fetch_one(self.connection.readers())
            .await
            .map_err(|error| DigestError::of_sql(&self.name, error))?;
        let rows = u64::try_from(rows).unwrap_or(0);
        Ok(Shape {
            columns,
            key,
            rows,
            documents: None,
        })
    }
}

/// By SQLite's rules of affinity, in their order; JSON before them.
fn keeps(declared: &str) -> Keeps {
    let says = |words: &[&str]| words.iter().any(|it| declared.contains(it));
    if says(&["JSON"]) {
        Keeps::Json(JsonNumbers::Written)
    } else if says(&["INT"]) {
        Keeps::Numeric
    } else if says(&["CHAR", "CLOB", "TEXT"]) {
        Keeps::Text(Padding::None)
    } else if says(&["BLOB"]) || declared.is_empty() || declared == "ANY" {
        Keeps::Anything
    } else {
        Keeps::Numeric
    }
}
