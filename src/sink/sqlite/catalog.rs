//! What SQLite says of a table, and the table as it is asked to make it.

use sqlx::{query_as, query_scalar, sqlite::SqlitePool};

use crate::{
    connect::identifier::{NotAName, double_quoted},
    model::{
        Kind,
        domain::{Affinity, Domain, Holds},
    },
    sink::sql::{
        index::in_order,
        table::{Absent, Column, ColumnType, Index},
    },
};

/// The table's columns and unique indexes; `None` where there is none.
pub(in crate::sink) async fn look_up(
    readers: &SqlitePool,
    table: &str,
) -> Result<Option<(Vec<Column>, Vec<Index>)>, sqlx::Error> {
    let strict: Option<bool> = query_scalar(
        "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE",
    )
    .bind(table)
    .fetch_optional(readers)
    .await?;
    let Some(strict) = strict else {
        return Ok(None);
    };
    let described: Vec<Described> = query_as(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?)",
    )
    .bind(table)
    .fetch_all(readers)
    .await?;
    let mut primary: Vec<(i64, usize)> = Vec::new();
    let mut columns = Vec::new();
    for (ordinal, (name, column_type, required, default, in_key, hidden)) in
        described.into_iter().enumerate()
    {
        if in_key > 0 {
            primary.push((in_key, ordinal));
        }
        // A name that SQLite has given can be quoted.
        let quoted =
            double_quoted(&name).map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
        let absent = match (hidden, &default, required) {
            (2 | 3, ..) => Absent::Computed,
            (_, Some(_), _) => Absent::Default,
            (_, None, true) => Absent::Refused,
            (_, None, false) => Absent::Null,
        };
        let affinity = Affinity::of(&column_type, strict);
        columns.push(Column {
            stored_type: stored_type(affinity),
            domain: Domain {
                holds: Holds::Affinity(affinity),
                is_nullable: !required,
            },
            name,
            quoted,
            absent,
        });
    }
    primary.sort_unstable();
    let primary: Vec<usize> = primary.into_iter().map(|(_, ordinal)| ordinal).collect();
    let mut indexes = indexes(readers, table, &columns).await?;
    // A primary key that is the row's number has no index of its own.
    if !primary.is_empty() && !indexes.iter().any(|it| it.primary) {
        if let [only] = primary[..] {
            columns[only].absent = Absent::Counted;
            columns[only].domain.is_nullable = false;
        }
        indexes.push(Index {
            name: "PRIMARY KEY".to_owned(),
            primary: true,
            columns: Some(primary),
        });
    }
    Ok(Some((columns, indexes)))
}

/// Name, type, required, default, place in the key, hidden.
type Described = (String, String, bool, Option<String>, i64, i64);

async fn indexes(
    readers: &SqlitePool,
    table: &str,
    columns: &[Column],
) -> Result<Vec<Index>, sqlx::Error> {
    let parts: Vec<(String, String, bool, Option<String>)> = query_as(
        "SELECT list.name, list.origin, list.partial, part.name \
         FROM pragma_index_list(?) AS list JOIN pragma_index_info(list.name) AS part \
         WHERE list.\"unique\" = 1 ORDER BY list.seq, part.seqno",
    )
    .bind(table)
    .fetch_all(readers)
    .await?;
    let mut indexes: Vec<Index> = Vec::new();
    for (name, origin, partial, column) in parts {
        if indexes.last().is_none_or(|it| it.name != name) {
            indexes.push(Index {
                name,
                primary: origin == "pk",
                columns: (!partial).then(Vec::new),
            });
        }
        let ordinal = column.and_then(|name| columns.iter().position(|it| it.name == name));
        if let Some(index) = indexes.last_mut() {
            index.columns = index
                .columns
                .take()
                .zip(ordinal)
                .map(|(mut known, ordinal)| {
                    known.push(ordinal);
                    known
                });
        }
    }
    Ok(indexes)
}

/// The columns of each index, in order.
pub(in crate::sink) async fn index_columns(
    readers: &SqlitePool,
    table: &str,
) -> Result<Vec<Vec<String>>, sqlx::Error> {
    let parts = query_as(
        "SELECT part.seqno, COALESCE(part.name, '') \
         FROM pragma_index_list(?) AS list JOIN pragma_index_info(list.name) AS part \
         WHERE list.partial = 0 ORDER BY list.seq, part.seqno",
    );
    let parts: Vec<(i64, String)> = parts.bind(table).fetch_all(readers).await?;
    Ok(in_order(parts, 0))
}

/// The columns of unique indexes in which texts that differ may be equal, with their collation:
/// NOCASE or RTRIM.
pub(in crate::sink) async fn folding(
    readers: &SqlitePool,
    table: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    query_as(
        "SELECT DISTINCT part.name, part.coll \
         FROM pragma_index_list(?) AS list JOIN pragma_index_xinfo(list.name) AS part \
         WHERE list.\"unique\" = 1 AND part.key = 1 AND part.name IS NOT NULL \
         AND part.coll <> 'BINARY'",
    )
    .bind(table)
    .fetch_all(readers)
    .await
}

fn stored_type(affinity: Affinity) -> ColumnType {
    match affinity {
        Affinity::Text => ColumnType::Text,
        Affinity::Blob => ColumnType::Anything,
        Affinity::Integer => ColumnType::Integer,
        Affinity::Real => ColumnType::Float,
        Affinity::Numeric => ColumnType::Number,
    }
}

/// The column type for a field of a table that is made for it; `None` where the key cannot have
/// it. SQLite has no exact decimals and no unsigned 64 bits: text keeps all digits.
pub(in crate::sink) fn column_type(kind: Kind, in_key: bool) -> Option<&'static str> {
    Some(match kind {
        Kind::Json if in_key => return None,
        Kind::Loose => return None,
        Kind::Bool | Kind::I64 => "INTEGER",
        Kind::F32 | Kind::F64 => "REAL",
        Kind::Bytes => "BLOB",
        Kind::Any => "ANY",
        Kind::U64
        | Kind::Decimal
        | Kind::String
        | Kind::Date
        | Kind::Time
        | Kind::DateTime
        | Kind::Instant
        | Kind::Json => "TEXT",
    })
}

/// The statement that makes a table of these columns (name, type, whether in the key).
pub(in crate::sink) fn create_table(
    quoted: &str,
    columns: &[(&str, String, bool)],
    key: &[String],
) -> Result<String, NotAName> {
    let mut text = format!("CREATE TABLE IF NOT EXISTS {quoted} (");
    for (name, column_type, in_key) in columns {
        let null = if *in_key { " NOT NULL" } else { "" };
        text.push_str(&format!("{} {column_type}{null}, ", double_quoted(name)?));
    }
    let key: Result<Vec<_>, _> = key.iter().map(|it| double_quoted(it)).collect();
    text.push_str(&format!("PRIMARY KEY ({})) STRICT", key?.join(", ")));
    Ok(text)
}
