//! ⑦ Table digests for comparison: columns by how they tell values apart, and the key.
//!
//! Contract: each column is told with what it keeps of a value, so that a value on its way there and
//! the value that came to lie there are equal exactly where nothing but that was lost. What holds it
//! is `verify` on real servers, over every type of MySQL, MariaDB, SQLite and MongoDB (`tests/e2e/verifying`).
//! Documents have one column, `_id`, and take whatever other fields records have.

#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "mysql")]
mod mysql_sums;
pub mod sqlite;
mod sums;

use async_trait::async_trait;

#[cfg(feature = "mysql")]
pub use mysql_sums::MysqlSums;
pub use sums::{Range, Sum, Sums};

use crate::{
    fault::{Cause, Fault, Faulty},
    model::domain::{Domain, JsonNumbers},
};

/// A table that can be compared.
#[async_trait]
pub trait Digest: Send + Sync {
    /// The connection and the table: `warehouse.info`.
    fn name(&self) -> &str;

    /// The columns and the key, as they are now.
    ///
    /// # Errors
    /// `Incompatible` where there is no such table, or rows cannot be told apart.
    async fn shape(&self) -> Result<Shape, DigestError>;
}

/// A table's columns, and those that tell its rows apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// In the table's order.
    pub columns: Vec<Column>,
    /// Indexes of the key's columns, in its order; never none.
    pub key: Vec<usize>,
    /// How many rows it has, about; 0 where nobody knows.
    pub rows: u64,
    /// Where rows are documents.
    pub documents: Option<Documents>,
}

/// What documents are, beside their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The fields of a record that the one column of the key is made of: the value of one, a document
    /// of several; none where it is a field itself.
    pub identity: Vec<String>,
    /// What every field keeps that is no column.
    pub keep: Keeps,
}

impl Shape {
    /// What `target` does not keep of columns of the same name, a sentence for each.
    pub fn lost_in(&self, target: &Shape) -> Vec<String> {
        let mut lost = Vec::new();
        for column in &self.columns {
            let Some(to) = target.columns.iter().find(|it| it.name == column.name) else {
                continue;
            };
            let name = &column.name;
            match (column.keeps, to.keeps) {
                (Keeps::Clock(from), Keeps::Clock(to))
                | (Keeps::Duration(from), Keeps::Duration(to))
                    if to < from =>
                {
                    lost.push(format!("`{name}` keeps {to} of {from} digits of a second's fraction in the target: times are compared as rounded to these"));
                }
                (Keeps::Decimal(from), Keeps::Decimal(to)) if to < from => {
                    lost.push(format!("`{name}` keeps {to} of {from} digits behind the point in the target: numbers are compared as rounded to these"));
                }
                (Keeps::Double, Keeps::Single) => {
                    lost.push(format!(
                        "`{name}` has single precision in the target: numbers are compared in it"
                    ));
                }
                _ => {}
            }
        }
        lost
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it keeps of a value.
    pub keeps: Keeps,
    /// What it can hold.
    pub domain: Domain,
    /// Whether the server computes it: nobody writes it.
    pub is_computed: bool,
}

/// What a column keeps of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Whole numbers, bits, years.
    Whole,
    /// Exact decimals with so many digits behind the point: further ones are rounded.
    Decimal(u8),
    /// Single precision.
    Single,
    /// Double precision.
    Double,
    /// Text.
    Text(Padding),
    /// Bytes.
    Bytes(Padding),
    /// JSON, by what it says.
    Json(JsonNumbers),
    /// Days.
    Day,
    /// Wall clocks and points in time with so many digits of a second's fraction: further ones are
    /// rounded.
    Clock(u8),
    /// Spans of time, likewise.
    Duration(u8),
    /// Whatever it is given; what looks like a number becomes one.
    Numeric,
    /// Whatever it is given.
    Anything,
    /// Whatever it is given, as a value of its own type.
    Typed,
}

/// What becomes of the end of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// It stays.
    None,
    /// A fixed length is made up, which is no part of the value: blanks of text, zeros of bytes.
    Fixed,
}

/// What can go wrong with a table that is to be compared.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The connection broke, or the server cannot answer now.
    #[error("table {0} cannot be reached")]
    Lost(String, #[source] Cause),
    /// The server refused for good.
    #[error("table {name} refused: {advice}")]
    Refused {
        /// The table.
        name: String,
        /// What to do about it.
        advice: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// The table cannot be compared.
    #[error("table {name} cannot be compared: {advice}")]
    Incompatible {
        /// The table.
        name: String,
        /// What is wrong and what to do.
        advice: String,
    },
}

impl Faulty for DigestError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lost(..) => Fault::Transient,
            Self::Refused { .. } | Self::Incompatible { .. } => Fault::Permanent,
        }
    }
}

impl DigestError {
    /// What an error of the SQL driver means for `name`.
    pub(crate) fn of_sql(name: &str, error: sqlx::Error) -> Self {
        use crate::connect::{ErrorClass, classify};
        let refused = |advice: &str, cause: sqlx::Error| Self::Refused {
            name: name.to_owned(),
            advice: advice.to_owned(),
            cause: cause.into(),
        };
        match classify(&error) {
            ErrorClass::Transient => Self::Lost(name.to_owned(), error.into()),
            ErrorClass::Refused(advice) => refused(advice, error),
            ErrorClass::Data => refused("the server's own words say why", error),
        }
    }
}

/// The places of the key's columns: those declared, or the primary key.
///
/// # Errors
/// One sentence of advice.
fn key_indexes(
    columns: &[Column],
    declared: Option<&[String]>,
    primary: &[String],
) -> Result<Vec<usize>, String> {
    let names = declared.unwrap_or(primary);
    if names.is_empty() {
        return Err(
            "it has no primary key: give it one, or name the columns of a unique index with `key`"
                .to_owned(),
        );
    }
    let index_of = |name: &String| {
        let found = columns.iter().position(|it| it.name == *name);
        found.ok_or_else(|| format!("it has no column `{name}`, which `key` names: correct it"))
    };
    names.iter().map(index_of).collect()
}
