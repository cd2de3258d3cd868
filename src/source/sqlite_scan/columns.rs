//! What a table of a SQLite file is, learned from its own description.

use std::sync::Arc;

use super::SqliteScanSettings;
use crate::{
    connect::{identifier::double_quoted, sqlite::SqliteConnection},
    model::{Field, Kind, Schema},
    source::{
        SourceError,
        keyset::{self, Form, Index, KeyColumn, MarkKind, Table, failed},
    },
};

/// A table, and what it can be searched by.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    pub table: Arc<Table>,
    /// How each column is read.
    pub columns: Arc<[Reads]>,
    /// The same of the key's columns.
    pub key_columns: Arc<[Reads]>,
    pub indexes: Vec<Index>,
    /// The table's name, quoted.
    pub place: String,
    /// The quoted ordering columns that may be NULL.
    pub nullable: Vec<String>,
}

impl Learned {
    /// The condition of rows that an ordering column leaves out; `None` where there can be none.
    pub fn has_nulls(&self) -> Option<String> {
        let condition = || format!("{} IS NULL", self.nullable.join(" IS NULL OR "));
        (!self.nullable.is_empty()).then(condition)
    }
}

/// How a column's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads {
    pub is_json: bool,
    pub is_ordering: bool,
}

struct Column {
    name: String,
    quoted: String,
    declared: String,
    may_be_null: bool,
    /// Its place in the primary key, from 1; 0 for none.
    key: i64,
}

/// Virtual tables have hidden columns (1); generated ones (2, 3) can be read.
const COLUMNS: &str = "SELECT name, upper(type), \"notnull\", pk FROM pragma_table_xinfo(?) \
    WHERE hidden <> 1 ORDER BY cid";

const COLUMN_NAMES: &str = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid";

/// Indexes over all rows, by their columns; an expression has no name and ends its index.
const INDEXES: &str = "SELECT list.name, list.\"unique\", info.name FROM pragma_index_list(?) AS list, \
    pragma_index_info(list.name) AS info WHERE list.partial = 0 ORDER BY list.seq, info.seqno";

/// Asks for columns and indexes, and settles how the table is read.
pub(super) async fn learn(
    name: &str,
    connection: &SqliteConnection,
    settings: &SqliteScanSettings,
) -> Result<Learned, SourceError> {
    let unfit = |advice: String| SourceError::Unfit {
        name: name.to_owned(),
        advice,
    };
    let place = double_quoted(&settings.table).map_err(|error| unfit(error.to_string()))?;
    let columns = columns(name, connection, &settings.table).await?;
    if columns.is_empty() {
        return Err(unfit(format!(
            "there is no such table in {}: create it, or correct its name",
            connection.path().display()
        )));
    }
    let parts: Vec<(String, bool, Option<String>)> = sqlx::query_as(INDEXES)
        .bind(settings.table.clone())
        .fetch_all(connection.readers())
        .await
        .map_err(|error| failed(name, error))?;
    let mut indexes = Index::gather(parts);
    indexes.extend(primary(&columns));
    let names: Vec<&str> = columns.iter().map(|it| it.name.as_str()).collect();
    let key = keyset::key(&names, &indexes, settings.key.as_deref()).map_err(unfit)?;
    let key: Vec<&Column> = key.into_iter().map(|it| &columns[it]).collect();
    let first = keyset::place(&names, &settings.incremental, "incremental").map_err(unfit)?;
    let first = &columns[first];
    let others = key.iter().copied().filter(|it| it.name != first.name);
    let ordering: Vec<&Column> = std::iter::once(first).chain(others).collect();
    let reads = |column: &Column| Reads {
        is_json: column.declared.contains("JSON"),
        is_ordering: ordering.iter().any(|it| it.name == column.name),
    };
    Ok(Learned {
        table: Arc::new(keyset_table(
            name, settings, &place, &columns, &ordering, &key,
        )),
        columns: columns.iter().map(reads).collect(),
        key_columns: key.iter().map(|it| reads(it)).collect(),
        indexes,
        place,
        nullable: ordering
            .iter()
            .filter(|it| it.may_be_null)
            .map(|it| it.quoted.clone())
            .collect(),
    })
}

/// The names of the table's columns now, in order.
pub(super) async fn column_names(
    learned: &Learned,
    connection: &SqliteConnection,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(COLUMN_NAMES)
        .bind(learned.table.schema.name().to_owned())
        .fetch_all(connection.readers())
        .await
}

async fn columns(
    name: &str,
    connection: &SqliteConnection,
    table: &str,
) -> Result<Vec<Column>, SourceError> {
    let rows: Vec<(String, String, bool, i64)> = sqlx::query_as(COLUMNS)
        .bind(table.to_owned())
        .fetch_all(connection.readers())
        .await
        .map_err(|error| failed(name, error))?;
    let is_one_column = rows.iter().filter(|it| it.3 > 0).count() == 1;
    let column = |(column, declared, not_null, key): (String, String, bool, i64)| {
        let quoted = double_quoted(&column);
        Ok(Column {
            quoted: quoted.map_err(|error| SourceError::Unfit {
                name: name.to_owned(),
                advice: error.to_string(),
            })?,
            // The rowid is never NULL, other primary keys may be.
            may_be_null: !(not_null || (key == 1 && is_one_column && declared == "INTEGER")),
            name: column,
            declared,
            key,
        })
    };
    rows.into_iter().map(column).collect()
}

/// The primary key, which has no index of its own where it is the rowid.
fn primary(columns: &[Column]) -> Option<Index> {
    let mut key: Vec<&Column> = columns.iter().filter(|it| it.key > 0).collect();
    key.sort_by_key(|it| it.key);
    (!key.is_empty()).then(|| Index {
        name: "primary key".to_owned(),
        is_unique: true,
        is_primary: true,
        columns: key.iter().map(|it| it.name.clone()).collect(),
    })
}

fn keyset_table(
    name: &str,
    settings: &SqliteScanSettings,
    place: &str,
    columns: &[Column],
    ordering: &[&Column],
    key: &[&Column],
) -> Table {
    let fields = columns.iter().map(|it| Field {
        name: it.name.clone(),
        kind: kind(&it.declared),
    });
    // With the table's name: a lone name in double quotes that SQLite does not know (any more) is
    // a text to it.
    let named = |it: &Column| format!("{place}.{}", it.quoted);
    let selected: Vec<String> = columns.iter().map(named).collect();
    let selected_key: Vec<String> = key.iter().map(|it| named(it)).collect();
    let key_column = |column: &&Column| KeyColumn {
        name: column.name.clone(),
        quoted: column.quoted.clone(),
        placeholder: "?".to_owned(),
        // Values have types here, not columns; but a column of text turns numbers into text.
        kind: (kind(&column.declared) == Kind::String).then_some(MarkKind::Text),
        members: None,
    };
    Table {
        name: name.to_owned(),
        schema: Arc::new(Schema::table(
            &settings.table,
            fields.collect(),
            key.iter().map(|it| &it.name),
        )),
        select: format!("SELECT {} FROM {place}", selected.join(", ")),
        select_key: format!("SELECT {} FROM {place}", selected_key.join(", ")),
        incremental: ordering.iter().map(key_column).collect(),
        key: key.iter().map(key_column).collect(),
        form: Form::RowValues,
    }
}

/// By SQLite's rules for affinity, in their order; JSON before them.
fn kind(declared: &str) -> Kind {
    let holds = |words: &[&str]| words.iter().any(|it| declared.contains(it));
    if holds(&["JSON"]) {
        Kind::Json
    } else if holds(&["INT"]) {
        Kind::I64
    } else if holds(&["CHAR", "CLOB", "TEXT"]) {
        Kind::String
    } else if holds(&["BLOB"]) {
        Kind::Bytes
    } else if holds(&["REAL", "FLOA", "DOUB"]) {
        Kind::F64
    } else if holds(&["DECIMAL", "NUMERIC"]) {
        Kind::Decimal
    } else {
        Kind::Any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_is_read_as_sqlite_reads_it() {
        for (declared, expected) in [
            ("BIGINT", Kind::I64),
            ("VARCHAR(20)", Kind::String),
            ("JSON", Kind::Json),
            ("DOUBLE PRECISION", Kind::F64),
            ("DECIMAL(10,2)", Kind::Decimal),
            ("DATETIME", Kind::Any),
            ("", Kind::Any),
        ] {
            assert_eq!(kind(declared), expected, "{declared}");
        }
    }
}
