//! The indexes of a table of MySQL or MariaDB, as another table could have them.

use sqlx::MySqlPool;

use super::{columns::ask, failed};
use crate::{
    connect::{identifier::statement, table_name::TableName},
    model::{IndexPart, TableIndex},
    source::SourceError,
};

/// What the servers of all releases say of an index's part.
const PARTS: &str = "CAST(s.INDEX_NAME AS CHAR), CAST(s.COLUMN_NAME AS CHAR), s.NON_UNIQUE = 0, \
    CAST(s.SUB_PART AS UNSIGNED), COALESCE(s.COLLATION = 'D', 0), COALESCE(s.NULLABLE = 'YES', 0), \
    CAST(s.INDEX_TYPE AS CHAR), CAST(c.CHARACTER_MAXIMUM_LENGTH AS UNSIGNED), \
    CAST(c.COLLATION_NAME AS CHAR)";

/// Name, column, unique, prefix, descending, nullable, type, the column's width and collation, expression, hidden.
type Part = (
    String,
    Option<String>,
    bool,
    Option<u64>,
    bool,
    bool,
    String,
    Option<u64>,
    Option<String>,
    Option<String>,
    bool,
);

/// The table's indexes, by their names.
pub(super) async fn indexes(
    name: &str,
    pool: &MySqlPool,
    named: &TableName,
) -> Result<Vec<TableIndex>, SourceError> {
    let says = says(name, pool).await?;
    let has = |column: &str| says.iter().any(|it| it == column);
    let expression = if has("EXPRESSION") {
        "CAST(s.EXPRESSION AS CHAR)"
    } else {
        "CAST(NULL AS CHAR)"
    };
    let hidden = match (has("IS_VISIBLE"), has("IGNORED")) {
        (true, _) => "s.IS_VISIBLE = 'NO'",
        (_, true) => "s.IGNORED = 'YES'",
        _ => "0 = 1",
    };
    // MariaDB joins its catalogue without regard to case: `orders` and `Orders` are two tables.
    let text = format!(
        "SELECT {PARTS}, {expression}, {hidden} FROM information_schema.STATISTICS s \
         LEFT JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA \
         AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME \
         AND CAST(c.TABLE_SCHEMA AS BINARY) = CAST(s.TABLE_SCHEMA AS BINARY) \
         AND CAST(c.TABLE_NAME AS BINARY) = CAST(s.TABLE_NAME AS BINARY) \
         WHERE s.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND s.TABLE_NAME = ? \
         ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX"
    );
    let database = named.database.as_deref();
    Ok(gathered(
        ask(name, pool, statement(text), database, &named.table).await?,
    ))
}

/// Which of the columns that not all servers have are there.
async fn says(name: &str, pool: &MySqlPool) -> Result<Vec<String>, SourceError> {
    let text = "SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.COLUMNS \
        WHERE UPPER(TABLE_SCHEMA) = 'INFORMATION_SCHEMA' AND UPPER(TABLE_NAME) = 'STATISTICS' \
        AND UPPER(COLUMN_NAME) IN ('EXPRESSION', 'IS_VISIBLE', 'IGNORED')";
    let found = sqlx::query_scalar(text).fetch_all(pool).await;
    found.map_err(|error| failed(name, error))
}

fn gathered(parts: Vec<Part>) -> Vec<TableIndex> {
    let mut indexes: Vec<TableIndex> = Vec::new();
    for part in parts {
        let (name, column, is_unique, prefix, is_descending, null, ..) = part;
        let (.., kind, width, collation, expression, hidden) = part;
        if indexes.last().is_none_or(|it| it.name != name) {
            indexes.push(TableIndex {
                is_primary: name == "PRIMARY",
                name,
                is_unique,
                is_hidden: hidden,
                parts: Vec::new(),
                beyond: match kind.as_str() {
                    "BTREE" | "HASH" => None,
                    _ => Some(format!("it is of the kind {kind}")),
                },
            });
        }
        let Some(index) = indexes.last_mut() else {
            continue;
        };
        let narrow = |it: Option<u64>| it.and_then(|it| u32::try_from(it).ok());
        match column {
            Some(field) => index.parts.push(IndexPart {
                field,
                prefix: narrow(prefix),
                width: narrow(width),
                is_descending,
                may_be_null: null,
                collation,
            }),
            None => {
                let what = expression.unwrap_or_default();
                index.beyond = Some(format!("it is of an expression: {what}"));
            }
        }
    }
    indexes
}
