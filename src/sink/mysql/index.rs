//! Indexes of tables of MySQL and MariaDB: those that are there, and the statements that make others.

use sqlx::{Executor, MySqlConnection, query, query_as};

use super::dialect::{DUPLICATE, number};
use crate::{
    connect::{
        identifier::{backticked, statement},
        mysql::Flavor,
    },
    fault::chain,
    model::{IndexPart, TableIndex},
    sink::{
        SinkError,
        sql::{
            index::{
                CHARACTER_BYTES, ExistingIndex, ExistingPart, MissingIndex, USUAL_BYTES,
                USUAL_WIDTH, free_name, missing_indexes, shared,
            },
            target::SqlTarget,
        },
    },
};

/// Bytes of an index's values, at most.
pub(super) const MOST: u32 = 3072;

/// Letters of an index's name, at most.
const NAME: usize = 64;

/// The server has an index of this name.
const KNOWN_NAME: u16 = 1061;

/// The columns of a table by name and type.
pub(in crate::sink) type Columns = Vec<(String, String)>;

/// Name, unique, column, prefix, descending.
type Part = (String, bool, Option<String>, Option<u64>, bool);

/// The columns and the indexes of a table that is there.
pub(in crate::sink) async fn found(
    session: &mut MySqlConnection,
    (database, table): (&str, &str),
) -> Result<(Columns, Vec<ExistingIndex>), sqlx::Error> {
    let columns: Columns = query_as(
        "SELECT CAST(COLUMN_NAME AS CHAR), CAST(COLUMN_TYPE AS CHAR) \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
    )
    .bind(database)
    .bind(table)
    .fetch_all(&mut *session)
    .await?;
    let parts: Vec<Part> = query_as(
        "SELECT CAST(INDEX_NAME AS CHAR), NON_UNIQUE = 0, CAST(COLUMN_NAME AS CHAR), \
         CAST(SUB_PART AS UNSIGNED), COALESCE(COLLATION = 'D', 0) \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
         ORDER BY INDEX_NAME, SEQ_IN_INDEX",
    )
    .bind(database)
    .bind(table)
    .fetch_all(session)
    .await?;
    let parts = parts.into_iter();
    let parts = parts.map(|(name, is_unique, column, prefix, is_descending)| {
        let prefix = prefix.and_then(|it| it.try_into().ok());
        let part = ExistingPart {
            column,
            prefix,
            is_descending,
        };
        (name, is_unique, part)
    });
    Ok((columns, ExistingIndex::of_parts(parts)))
}

/// What of `wanted` the table lacks.
pub(in crate::sink) fn missing_of(
    (quoted, table): (&str, &str),
    flavor: Flavor,
    wanted: &[TableIndex],
    (columns, existing): (&Columns, &[ExistingIndex]),
) -> Vec<MissingIndex> {
    let mut taken: Vec<String> = existing.iter().map(|it| it.name.to_lowercase()).collect();
    let mut all = Vec::new();
    for index in missing_indexes(wanted, existing) {
        let is_taken = |name: &str| taken.contains(&name.to_lowercase());
        let name = free_name(&index.name, NAME, is_taken);
        taken.push(name.to_lowercase());
        all.push(MissingIndex {
            index: index.clone(),
            table: table.to_owned(),
            statement: create((quoted, flavor), &name, index, columns),
        });
    }
    all
}

/// The beginnings of long values are as long as there is room for.
fn create(
    database: (&str, Flavor),
    name: &str,
    index: &TableIndex,
    columns: &Columns,
) -> Result<String, String> {
    let fewest = [USUAL_WIDTH, 128, 64, 32, 16].into_iter();
    let mut tried =
        fewest.map(|beginning| statement_of(database, name, index, (columns, beginning)));
    let last = tried
        .by_ref()
        .find(|it| !matches!(it, Ok((_, bytes)) if *bytes > MOST));
    match last {
        Some(made) => made.map(|(statement, _)| statement),
        None => Err(format!("its values may have more than {MOST} bytes")),
    }
}

/// The statement, and how many bytes the index's values have at most.
fn statement_of(
    (quoted, flavor): (&str, Flavor),
    name: &str,
    index: &TableIndex,
    (columns, beginning): (&Columns, u32),
) -> Result<(String, u32), String> {
    if let Some(beyond) = &index.beyond {
        return Err(beyond.clone());
    }
    let (mut parts, mut bytes) = (Vec::new(), 0);
    for part in &index.parts {
        let of = columns.iter().find(|(name, _)| *name == part.field);
        let Some((_, column_type)) = of else {
            return Err(format!("the table has no column `{}`", part.field));
        };
        let (prefix, weight) = indexed(part, column_type, (index.is_unique, beginning))?;
        bytes += weight;
        let quoted = backticked(&part.field).map_err(|error| error.to_string())?;
        let prefix = prefix.map(|it| format!("({it})")).unwrap_or_default();
        let order = if part.is_descending { " DESC" } else { "" };
        parts.push(format!("{quoted}{prefix}{order}"));
    }
    let unique = if index.is_unique { "UNIQUE " } else { "" };
    let hidden = match (index.is_hidden, flavor) {
        (false, _) => "",
        (true, Flavor::Mysql) => " INVISIBLE",
        (true, Flavor::Mariadb) => " IGNORED",
    };
    let name = backticked(name).map_err(|error| error.to_string())?;
    let parts = parts.join(", ");
    let text = format!("CREATE {unique}INDEX {name} ON {quoted} ({parts}){hidden}");
    Ok((text, bytes))
}

/// How much of a column is indexed (`None`: all of it), and how many bytes that has at most.
fn indexed(
    part: &IndexPart,
    column_type: &str,
    (is_unique, beginning): (bool, u32),
) -> Result<(Option<u32>, u32), String> {
    let field = &part.field;
    let column_type = column_type.to_ascii_lowercase();
    let (kind, rest) = column_type.split_once('(').unwrap_or((&column_type, ""));
    let width: Option<u32> = rest.split(')').next().and_then(|it| it.trim().parse().ok());
    let character_bytes = match kind {
        "varbinary" | "binary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => 1,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => CHARACTER_BYTES,
        "json" | "vector" => return Err(format!("column `{field}` is of the type {kind}")),
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geomcollection" | "geometrycollection" => {
            return Err(format!("column `{field}` is of the type {kind}"));
        }
        _ => return Ok((None, USUAL_BYTES)),
    };
    let is_whole = kind.ends_with("char") || kind.ends_with("binary");
    match (is_whole, width, part.prefix) {
        (true, Some(width), prefix) => {
            let prefix = prefix.filter(|it| *it < width);
            Ok((
                prefix,
                prefix.unwrap_or(width).saturating_mul(character_bytes),
            ))
        }
        (_, _, Some(prefix)) => Ok((Some(prefix), prefix.saturating_mul(character_bytes))),
        (_, _, None) if is_unique => Err(format!(
            "column `{field}` is {kind}, of which an index holds only the beginning"
        )),
        (_, _, None) => Ok((Some(beginning), beginning * character_bytes)),
    }
}

/// Makes an index of `target`.
///
/// # Errors
/// `Incompatible` where rows share its values.
pub(in crate::sink) async fn make(
    target: &SqlTarget,
    session: &mut MySqlConnection,
    missing: &MissingIndex,
) -> Result<(), SinkError> {
    let text = missing
        .statement
        .clone()
        .map_err(|it| target.incompatible(it))?;
    match session.execute(query(statement(text))).await {
        Ok(_) => Ok(()),
        // A statement that went on behind its killed process has made it.
        Err(error) if number(&error) == Some(KNOWN_NAME) => Ok(()),
        Err(error) if number(&error) == Some(DUPLICATE) => {
            Err(target.incompatible(shared(missing, &chain(&error))))
        }
        Err(error) => Err(target.failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(
        column_type: &str,
        prefix: Option<u32>,
        is_unique: bool,
    ) -> Result<String, String> {
        let index = TableIndex {
            name: "i".to_owned(),
            is_primary: false,
            is_unique,
            is_hidden: false,
            parts: vec![IndexPart {
                field: "a`".to_owned(),
                prefix,
                width: None,
                is_descending: true,
                may_be_null: true,
                collation: None,
            }],
            beyond: None,
        };
        let columns = vec![("a`".to_owned(), column_type.to_owned())];
        create(("`t`", Flavor::Mysql), "i", &index, &columns)
    }

    #[test]
    fn as_much_of_a_column_is_indexed_as_the_server_takes() {
        let made = |part: &str| Ok(format!("CREATE INDEX `i` ON `t` (`a```{part} DESC)"));
        assert_eq!(statement("bigint unsigned", None, false), made(""));
        assert_eq!(statement("VARCHAR(100)", None, false), made(""));
        assert_eq!(statement("VARCHAR(100)", Some(10), false), made("(10)"));
        assert_eq!(statement("VARCHAR(100)", Some(100), false), made(""));
        assert_eq!(statement("LONGTEXT", None, false), made("(255)"));
        assert_eq!(statement("LONGBLOB", Some(7), false), made("(7)"));
    }

    #[test]
    fn what_cannot_be_unique_or_indexed_at_all_is_said() {
        for (column_type, prefix) in [
            ("LONGTEXT", None),
            ("varchar(800)", None),
            ("JSON", None),
            ("point", Some(25)),
        ] {
            let made = statement(column_type, prefix, true);
            assert!(made.is_err(), "{column_type}: {made:?}");
        }
    }
}
