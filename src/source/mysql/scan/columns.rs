//! What a table of MySQL or MariaDB is, learned from its `information_schema`.

mod coalesce;

use std::sync::Arc;

use sqlx::{
    MySql, MySqlPool,
    mysql::{MySqlConnection, MySqlRow},
    query::QueryAs,
};

use super::{MysqlScanSettings, by_index::by_index, unpack::Unpack};
use crate::{
    connect::{
        identifier::{NotAName, backticked, statement},
        mysql::{Flavor, MysqlConnection},
        table_name::TableName,
    },
    model::{Field, Schema},
    source::{
        Nulls, SourceError,
        scan::table::{self, Form, Index, KeyColumn, Members, Table, ValueKind, failed},
    },
};
pub(super) use coalesce::By;
use coalesce::{coalesced, expressions, first_column};

/// A table, how its columns are read, and what it can be searched by.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    pub table: Arc<Table>,
    pub unpacks: Arc<[Unpack]>,
    /// Of the key's columns.
    pub key_unpacks: Arc<[Unpack]>,
    pub indexes: Vec<Index>,
    pub named: TableName,
    /// `database`.`table`, quoted.
    pub quoted_table: String,
    /// The quoted incremental field, where it may be NULL.
    pub nullable: Option<String>,
    /// What serves an order by the first of several fields that has a value.
    pub by: By,
}

/// Name, DATA_TYPE, COLUMN_TYPE, nullable, character set, collation, precision, scale.
type ColumnRow = (
    String,
    String,
    String,
    bool,
    Option<String>,
    Option<String>,
    Option<u64>,
    Option<u64>,
);

struct Column {
    name: String,
    quoted: String,
    unpack: Unpack,
    is_nullable: bool,
    row: ColumnRow,
}

const COLUMNS: &str = "SELECT CAST(COLUMN_NAME AS CHAR), LOWER(CAST(DATA_TYPE AS CHAR)), \
    CAST(COLUMN_TYPE AS CHAR), IS_NULLABLE = 'YES', CAST(CHARACTER_SET_NAME AS CHAR), \
    CAST(COLLATION_NAME AS CHAR), CAST(NUMERIC_PRECISION AS UNSIGNED), CAST(NUMERIC_SCALE AS UNSIGNED) \
    FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";

const COLUMN_NAMES: &str = "SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";

const INDEXES: &str = "SELECT CAST(INDEX_NAME AS CHAR), NON_UNIQUE = 0, \
    IF(SUB_PART IS NULL, CAST(COLUMN_NAME AS CHAR), NULL) FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY INDEX_NAME, SEQ_IN_INDEX";

const ROWS: &str = "SELECT CAST(TABLE_ROWS AS UNSIGNED) FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";

const IS_VIEW: &str = "SELECT TABLE_TYPE = 'VIEW' FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";

/// MariaDB's JSON is a LONGTEXT with this condition, made along with the column.
const JSON_COLUMNS: &str = "SELECT CAST(CONSTRAINT_NAME AS CHAR), CAST(CHECK_CLAUSE AS CHAR) \
    FROM information_schema.CHECK_CONSTRAINTS \
    WHERE CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";

/// Asks for columns and indexes, and settles how the table is read.
pub(super) async fn learn(
    name: &str,
    connection: &MysqlConnection,
    settings: &MysqlScanSettings,
) -> Result<Learned, SourceError> {
    let refused = |advice: String| SourceError::Incompatible {
        name: name.to_owned(),
        advice,
    };
    let named = TableName::parse(&settings.table).map_err(|error| refused(error.to_string()))?;
    let quoted_table = named.quoted().map_err(|error| refused(error.to_string()))?;
    let (database, table) = (named.database.as_deref(), &named.table[..]);
    let pool = connection.pool();
    // A table that we may not see is missing in information_schema: the server says which it is.
    probe(name, pool, format!("SELECT 1 FROM {quoted_table}")).await?;
    let mut columns = columns(name, pool, database, table).await?;
    if connection.flavor() == Flavor::Mariadb {
        mark_json(name, pool, database, table, &mut columns).await?;
    }
    let parts = ask(name, pool, INDEXES, database, table).await?;
    let indexes = Index::gather(parts);
    let names: Vec<&str> = columns.iter().map(|it| it.name.as_str()).collect();
    let declared = settings.key.as_deref();
    // A view has no index that could show it, and may have what is never NULL as nullable: whoever
    // names its key answers for it.
    let by_word = match declared.filter(|_| indexes.is_empty()) {
        Some(key) if is_view(name, pool, database, table).await? => {
            let part = |it: &String| (String::new(), true, Some(it.clone()));
            Some(Index::gather(key.iter().map(part)))
        }
        _ => None,
    };
    let unique = by_word.as_ref().unwrap_or(&indexes);
    let key = table::key(&names, unique, declared).map_err(refused)?;
    let key: Vec<&Column> = key.into_iter().map(|it| &columns[it]).collect();
    if let Some(column) = key.iter().find(|it| it.is_nullable && by_word.is_none()) {
        let name = &column.name;
        return Err(refused(format!(
            "key column `{name}` may be NULL: make it NOT NULL"
        )));
    }
    let fields = if settings.incremental.is_empty() {
        key[..1].to_vec()
    } else {
        coalesced(&names, &columns, settings).map_err(refused)?
    };
    let expressions = match fields.len() {
        1 => Vec::new(),
        _ => expressions(name, connection, database, table).await?,
    };
    let (first, by) = first_column(&fields, &columns, &expressions).map_err(refused)?;
    let may_be_null = fields.iter().all(|it| it.is_nullable);
    let nulls = if may_be_null {
        settings.rules.nulls
    } else {
        Nulls::Refuse
    };
    let nullable = may_be_null.then(|| first.quoted.clone());
    let names = (name, table, &quoted_table[..]);
    let mut table = keyset_table(names, &columns, (first, nulls), &key).map_err(refused)?;
    // A column can be seen by any right to it, and read only by that to SELECT.
    probe(name, pool, table.select.clone()).await?;
    // An index may also be there and not be usable: then the server chooses by itself.
    if let Some(select) = by_index(&table, &indexes, &by)
        && probe(name, pool, select.clone()).await.is_ok()
    {
        table.select = select;
    }
    Ok(Learned {
        table: Arc::new(table),
        unpacks: columns.iter().map(|it| it.unpack).collect(),
        key_unpacks: key.iter().map(|it| it.unpack).collect(),
        indexes,
        named: named.clone(),
        quoted_table,
        nullable,
        by,
    })
}

/// The names of the table's columns now, in order.
pub(super) async fn column_names(
    named: &TableName,
    session: &mut MySqlConnection,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(COLUMN_NAMES)
        .bind(named.database.clone())
        .bind(named.table.clone())
        .fetch_all(session)
        .await
}

/// How many rows the server thinks that the table has; `None` where it does not say.
pub(super) async fn about(
    name: &str,
    connection: &MysqlConnection,
    named: &TableName,
) -> Result<Option<u64>, SourceError> {
    let (database, table) = (named.database.as_deref(), &named.table[..]);
    let rows: Vec<(Option<u64>,)> = ask(name, connection.pool(), ROWS, database, table).await?;
    Ok(rows.first().and_then(|it| it.0))
}

/// Whether a statement can be run, without a row of it.
async fn probe(name: &str, pool: &MySqlPool, text: String) -> Result<(), SourceError> {
    let ran = sqlx::query(statement(text + " LIMIT 0"))
        .execute(pool)
        .await;
    ran.map(drop).map_err(|error| failed(name, error))
}

pub(super) async fn ask<T>(
    name: &str,
    pool: &MySqlPool,
    text: impl sqlx::SqlSafeStr,
    database: Option<&str>,
    table: &str,
) -> Result<Vec<T>, SourceError>
where
    T: Send + Unpin + for<'r> sqlx::FromRow<'r, MySqlRow>,
{
    let query: QueryAs<'_, MySql, T, _> = sqlx::query_as(text);
    let rows = query
        .bind(database.map(str::to_owned))
        .bind(table.to_owned())
        .fetch_all(pool)
        .await;
    rows.map_err(|error| failed(name, error))
}

async fn is_view(
    name: &str,
    pool: &MySqlPool,
    database: Option<&str>,
    table: &str,
) -> Result<bool, SourceError> {
    let types: Vec<(bool,)> = ask(name, pool, IS_VIEW, database, table).await?;
    Ok(types.contains(&(true,)))
}

async fn columns(
    name: &str,
    pool: &MySqlPool,
    database: Option<&str>,
    table: &str,
) -> Result<Vec<Column>, SourceError> {
    let refused = |advice: String| SourceError::Incompatible {
        name: name.to_owned(),
        advice,
    };
    let rows: Vec<ColumnRow> = ask(name, pool, COLUMNS, database, table).await?;
    if rows.is_empty() {
        return Err(refused(
            "its columns cannot be seen: grant SELECT on the table".to_owned(),
        ));
    }
    let column = |row: ColumnRow| {
        let unpack = Unpack::of(&row.1, &row.2);
        Ok(Column {
            name: row.0.clone(),
            quoted: backticked(&row.0).map_err(|error: NotAName| refused(error.to_string()))?,
            unpack,
            is_nullable: row.3,
            row,
        })
    };
    rows.into_iter().map(column).collect()
}

async fn mark_json(
    name: &str,
    pool: &MySqlPool,
    database: Option<&str>,
    table: &str,
    columns: &mut [Column],
) -> Result<(), SourceError> {
    let conditions: Vec<(String, String)> = ask(name, pool, JSON_COLUMNS, database, table).await?;
    for column in columns.iter_mut().filter(|it| it.unpack == Unpack::Text) {
        let condition = format!("json_valid({})", column.quoted);
        if conditions.iter().any(|(_, clause)| *clause == condition) {
            column.unpack = Unpack::Json;
        }
    }
    Ok(())
}

fn keyset_table(
    (name, table_name, quoted_table): (&str, &str, &str),
    columns: &[Column],
    (first, nulls): (KeyColumn, Nulls),
    key: &[&Column],
) -> Result<Table, String> {
    let is_first = |it: &&Column| it.name == first.name && first.others.is_empty();
    let others = key.iter().copied().filter(|it| !is_first(it));
    let others: Vec<KeyColumn> = others.map(key_column).collect::<Result<_, _>>()?;
    let ordering = std::iter::once(first).chain(others).collect();
    let fields = columns.iter().map(|it| Field {
        name: it.name.clone(),
        kind: it.unpack.kind(),
    });
    let selected = columns
        .iter()
        .map(|it| it.unpack.selected(&it.quoted, &it.row.1));
    let selected: Vec<String> = selected.collect();
    let selected_key: Vec<&str> = key.iter().map(|it| it.quoted.as_str()).collect();
    Ok(Table {
        name: name.to_owned(),
        schema: Arc::new(Schema::table(
            table_name,
            fields.collect(),
            key.iter().map(|it| &it.name),
        )),
        select: format!("SELECT {} FROM {quoted_table}", selected.join(", ")),
        select_key: format!("SELECT {} FROM {quoted_table}", selected_key.join(", ")),
        incremental: ordering,
        key: key
            .iter()
            .copied()
            .map(key_column)
            .collect::<Result<_, _>>()?,
        form: Form::Expanded,
        nulls,
    })
}

/// A placeholder has the column's own type and collation: compared as another type, the order of
/// the comparison would not be that of ORDER BY, and the index would be of no use.
fn key_column(column: &Column) -> Result<KeyColumn, String> {
    let (_, data_type, column_type, _, charset, collation, precision, scale) = &column.row;
    let plain = |it: &Option<String>| {
        it.clone().filter(|it| {
            it.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let (kind, placeholder) = match column.unpack {
        Unpack::Signed => (ValueKind::I64, "?".to_owned()),
        Unpack::Unsigned | Unpack::Bit => (ValueKind::U64, "?".to_owned()),
        // Compared with a number they are numbers, as they are for ORDER BY; with a text, texts.
        Unpack::Enum | Unpack::UnclearEnum => (ValueKind::Member, "?".to_owned()),
        Unpack::Float | Unpack::Double => (ValueKind::F64, "?".to_owned()),
        Unpack::Year => (ValueKind::Year, "?".to_owned()),
        Unpack::Date => (ValueKind::Date, "CAST(? AS DATE)".to_owned()),
        Unpack::DateTime | Unpack::Timestamp => {
            (ValueKind::DateTime, "CAST(? AS DATETIME(6))".to_owned())
        }
        // MySQL takes the placeholder of a bare cast for a datetime, where it can: the time
        // 10:11:12.000001 for the first hour of 2010-11-12.
        Unpack::Time => (
            ValueKind::Time,
            "CAST(CAST(? AS CHAR) AS TIME(6))".to_owned(),
        ),
        // Longer than what a session sorts by (`super::SESSION`).
        Unpack::Text | Unpack::Bytes
            if data_type.starts_with("medium") || data_type.starts_with("long") =>
        {
            return Err(unordered(
                column,
                "it may be longer than what the server sorts by",
            ));
        }
        Unpack::Bytes if data_type == "vector" => {
            return Err(unordered(column, "vectors have no order"));
        }
        Unpack::Bytes => (ValueKind::Bytes, "CAST(? AS BINARY)".to_owned()),
        Unpack::Decimal => (
            ValueKind::Decimal,
            decimal(precision.unwrap_or(65), scale.unwrap_or(30)),
        ),
        // MariaDB's own types, which it orders by their bytes.
        Unpack::Text if matches!(data_type.as_str(), "uuid" | "inet4" | "inet6") => {
            (ValueKind::Text, format!("CAST(? AS {data_type})"))
        }
        Unpack::Text => match (plain(charset), plain(collation)) {
            (Some(charset), Some(collation)) => (
                ValueKind::Text,
                format!("CONVERT(? USING {charset}) COLLATE {collation}"),
            ),
            _ => return Err(unordered(column, "its collation is not known")),
        },
        Unpack::Json => {
            let reason = "the server compares JSON by rules that no index keeps";
            return Err(unordered(column, reason));
        }
        Unpack::Geometry => return Err(unordered(column, "geometries have no order")),
    };
    let members = match column.unpack {
        Unpack::Enum | Unpack::UnclearEnum => {
            let read = Members::of_type(column_type);
            Some(read.map_err(|reason| unordered(column, reason))?)
        }
        _ => None,
    };
    Ok(KeyColumn {
        name: column.name.clone(),
        others: Vec::new(),
        quoted: column.quoted.clone(),
        placeholder,
        kind: Some(kind),
        members,
    })
}

/// As many places as go beside the column's whole digits: a value that a person has set, or of a
/// column that was altered since, may have more of them, and rounded up it would pass rows by.
fn decimal(precision: u64, scale: u64) -> String {
    let places = 65_u64
        .saturating_sub(precision.saturating_sub(scale))
        .min(30);
    format!("CAST(? AS DECIMAL(65,{}))", places.max(scale))
}

fn unordered(column: &Column, reason: &str) -> String {
    format!(
        "column `{}` is of the type {}, by which a table cannot be read in order ({reason}): choose another \
         `incremental` or `key`",
        column.name, column.row.1
    )
}

#[cfg(test)]
mod tests;
