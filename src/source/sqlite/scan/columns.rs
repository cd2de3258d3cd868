//! What a table of a SQLite file is, learned from its own description.

use std::sync::Arc;

use super::SqliteScanSettings;
use crate::{
    connect::{identifier::double_quoted, sqlite::SqliteConnection},
    model::{Field, Kind, Schema},
    source::{
        Nulls, SourceError,
        scan::table::{self, Form, Index, KeyColumn, Table, ValueKind, failed},
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
    /// The table's name, quoted.
    pub quoted_table: String,
    /// The quoted ordering columns that must not be NULL, and may be.
    pub nullable: Vec<String>,
    /// Whether the incremental field may be.
    pub may_be_null: bool,
}

impl Learned {
    /// The condition of rows that an ordering column leaves out; `None` where there can be none.
    pub fn has_nulls(&self) -> Option<String> {
        let condition = || format!("{} IS NULL", self.nullable.join(" IS NULL OR "));
        (!self.nullable.is_empty()).then(condition)
    }

    /// The condition of rows that have no place in the order, or no value there.
    pub fn without_value(&self) -> Option<String> {
        let first = self.table.incremental.first().filter(|_| self.may_be_null);
        let of_first = || first.map(|it| format!("{} IS NULL", it.quoted));
        self.has_nulls().or_else(of_first)
    }

    /// What a person may do besides about rows without a value in the incremental field.
    pub fn choice(&self) -> &'static str {
        if self.may_be_null && self.table.nulls == Nulls::Refuse {
            ", or choose `nulls`"
        } else {
            ""
        }
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
    let refused = |advice: String| SourceError::Incompatible {
        name: name.to_owned(),
        advice,
    };
    let quoted_table =
        double_quoted(&settings.table).map_err(|error| refused(error.to_string()))?;
    let columns = columns(name, connection, &settings.table).await?;
    if columns.is_empty() {
        return Err(refused(format!(
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
    let key = table::key(&names, &indexes, settings.key.as_deref()).map_err(refused)?;
    let key: Vec<&Column> = key.into_iter().map(|it| &columns[it]).collect();
    let fields = std::iter::once(&settings.incremental).chain(&settings.rules.coalesce);
    let fields = fields.map(|it| table::column_index(&names, it, "incremental"));
    let fields: Vec<&Column> = if settings.incremental.is_empty() {
        key[..1].to_vec()
    } else {
        fields
            .map(|it| it.map(|it| &columns[it]))
            .collect::<Result<_, _>>()
            .map_err(refused)?
    };
    let first = coalesced(&fields).map_err(refused)?;
    let is_first = |it: &&Column| first.others.is_empty() && it.name == first.name;
    let others: Vec<&Column> = key.iter().copied().filter(|it| !is_first(it)).collect();
    let ordering: Vec<&Column> = fields.iter().chain(&others).copied().collect();
    let reads = |column: &Column| Reads {
        is_json: column.declared.contains("JSON"),
        is_ordering: ordering.iter().any(|it| it.name == column.name),
    };
    let may_be_null = fields.iter().all(|it| it.may_be_null);
    let nulls = if may_be_null {
        settings.rules.nulls
    } else {
        Nulls::Refuse
    };
    let incremental = first.quoted.clone();
    let has_place = may_be_null && nulls == Nulls::Refuse;
    let by = std::iter::once(first)
        .chain(others.iter().map(|it| key_column(it)))
        .collect();
    Ok(Learned {
        table: Arc::new(Table {
            nulls,
            ..keyset_table(name, settings, &quoted_table, &columns, by, &key)
        }),
        columns: columns.iter().map(reads).collect(),
        key_columns: key.iter().map(|it| reads(it)).collect(),
        quoted_table,
        nullable: has_place
            .then(|| incremental.clone())
            .into_iter()
            .chain(
                key.iter()
                    .filter(|it| it.may_be_null && it.quoted != incremental)
                    .map(|it| it.quoted.clone()),
            )
            .collect(),
        may_be_null,
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
            quoted: quoted.map_err(|error| SourceError::Incompatible {
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
        is_cut: false,
    })
}

fn keyset_table(
    name: &str,
    settings: &SqliteScanSettings,
    quoted_table: &str,
    columns: &[Column],
    incremental: Vec<KeyColumn>,
    key: &[&Column],
) -> Table {
    let fields = columns.iter().map(|it| Field {
        name: it.name.clone(),
        kind: kind(&it.declared),
    });
    // With the table's name: a lone name in double quotes that SQLite does not know (any more) is
    // a text to it.
    let named = |it: &Column| format!("{quoted_table}.{}", it.quoted);
    let selected: Vec<String> = columns.iter().map(named).collect();
    let selected_key: Vec<String> = key.iter().map(|it| named(it)).collect();
    Table {
        name: name.to_owned(),
        schema: Arc::new(Schema::table(
            &settings.table,
            fields.collect(),
            key.iter().map(|it| &it.name),
        )),
        select: format!("SELECT {} FROM {quoted_table}", selected.join(", ")),
        select_key: format!("SELECT {} FROM {quoted_table}", selected_key.join(", ")),
        incremental,
        key: key.iter().map(|it| key_column(it)).collect(),
        form: Form::RowValues,
        nulls: Nulls::Refuse,
    }
}

fn key_column(column: &Column) -> KeyColumn {
    KeyColumn {
        name: column.name.clone(),
        others: Vec::new(),
        quoted: column.quoted.clone(),
        placeholder: "?".to_owned(),
        // Values have types here, not columns; but a column of text turns numbers into text.
        kind: (kind(&column.declared) == Kind::String).then_some(ValueKind::Text),
        members: None,
    }
}

/// What the table is ordered by first: a column, or the first of several that has a value.
fn coalesced(fields: &[&Column]) -> Result<KeyColumn, String> {
    let [first, others @ ..] = fields else {
        return Err("`incremental` names no column".to_owned());
    };
    let mut column = key_column(first);
    if let Some(other) = others
        .iter()
        .find(|it| kind(&it.declared) != kind(&first.declared))
    {
        return Err(format!(
            "`{}` ({}) and `{}` ({}) are of different types: `incremental` takes several columns of one",
            first.name, first.declared, other.name, other.declared
        ));
    }
    if !others.is_empty() {
        let quoted: Vec<&str> = fields.iter().map(|it| it.quoted.as_str()).collect();
        column.quoted = format!("COALESCE({})", quoted.join(", "));
        column.others = others.iter().map(|it| it.name.clone()).collect();
    }
    Ok(column)
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
