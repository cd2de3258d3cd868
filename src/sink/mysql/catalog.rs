//! What MySQL and MariaDB say of a table, and the table as they are asked to make it.

use sqlx::{MySqlConnection, query_as, query_scalar};

use crate::{
    connect::{
        identifier::{NotAName, backticked},
        mysql::Flavor,
        mysql_catalog::{CatalogColumn, columns as described},
    },
    model::Kind,
    sink::sql::{
        index::in_order,
        table::{Absent, Column, ColumnType, Index},
    },
};

/// A table that is there.
#[derive(Debug)]
pub(super) struct Found {
    /// Its storage engine; `None` for a view.
    pub(super) engine: Option<String>,
    /// Whether that rolls back.
    pub(super) is_transactional: bool,
    /// Its columns.
    pub(in crate::sink) columns: Vec<Column>,
    /// Names of text columns in which texts that differ may be equal, with their collations.
    pub(super) folding: Vec<(String, String)>,
    /// Its unique indexes.
    pub(in crate::sink) indexes: Vec<Index>,
}

/// What the server says of a table; `None` where there is none.
pub(super) async fn look_up(
    session: &mut MySqlConnection,
    flavor: Flavor,
    (database, table): (&str, &str),
) -> Result<Option<Found>, sqlx::Error> {
    let stored: Option<(Option<String>, Option<String>)> = query_as(
        "SELECT CAST(t.ENGINE AS CHAR), CAST(e.TRANSACTIONS AS CHAR) \
         FROM information_schema.TABLES t \
         LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
         WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?",
    )
    .bind(database)
    .bind(table)
    .fetch_optional(&mut *session)
    .await?;
    let Some((engine, transactions)) = stored else {
        return Ok(None);
    };
    let described = described(session, flavor, (Some(database), table)).await?;
    let (columns, folding) = columns(flavor, described)?;
    let indexes = indexes(session, database, table, &columns).await?;
    Ok(Some(Found {
        engine,
        is_transactional: transactions.as_deref() == Some("YES"),
        columns,
        folding,
        indexes,
    }))
}

/// The collation that tells any two texts apart, those that differ by trailing spaces too.
pub(super) async fn exact_collation(
    session: &mut MySqlConnection,
) -> Result<&'static str, sqlx::Error> {
    let known: Vec<String> = query_scalar(
        "SELECT CAST(COLLATION_NAME AS CHAR) FROM information_schema.COLLATIONS \
         WHERE COLLATION_NAME IN ('utf8mb4_0900_bin', 'utf8mb4_nopad_bin')",
    )
    .fetch_all(session)
    .await?;
    let preferred = ["utf8mb4_0900_bin", "utf8mb4_nopad_bin"];
    let found = preferred
        .into_iter()
        .find(|it| known.iter().any(|known| known == it));
    Ok(found.unwrap_or("utf8mb4_bin"))
}

/// What the statement that makes a table ends with.
pub(super) fn table_options(collation: &str) -> String {
    format!(" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {collation}")
}

/// The column type for a field of a table that is made for it; `width` is that of a text or of bytes
/// where a key or an index has it whole. `None` where the key cannot have it.
pub(in crate::sink) fn column_type(kind: Kind, width: Option<u32>, in_key: bool) -> Option<String> {
    let column_type = match (kind, width) {
        (Kind::Json, _) if in_key => return None,
        (Kind::Loose, _) => return None,
        (Kind::String | Kind::Any, Some(width)) => return Some(format!("VARCHAR({width})")),
        (Kind::Bytes, Some(width)) => return Some(format!("VARBINARY({width})")),
        (Kind::Bool, _) => "BOOLEAN",
        (Kind::I64, _) => "BIGINT",
        (Kind::U64, _) => "BIGINT UNSIGNED",
        (Kind::F32, _) => "FLOAT",
        (Kind::F64, _) => "DOUBLE",
        (Kind::Decimal, _) => "DECIMAL(65,30)",
        (Kind::String | Kind::Any, None) => "LONGTEXT",
        (Kind::Bytes, None) => "LONGBLOB",
        (Kind::Date, _) => "DATE",
        (Kind::Time, _) => "TIME(6)",
        (Kind::DateTime | Kind::Instant, _) => "DATETIME(6)",
        (Kind::Json, _) => "JSON",
    };
    Some(column_type.to_owned())
}

/// The statement that makes a table of these columns (name, type, whether in the key).
pub(in crate::sink) fn create_table(
    quoted: &str,
    columns: &[(&str, String, bool)],
    key: &[String],
    collation: &str,
) -> Result<String, NotAName> {
    let mut text = format!("CREATE TABLE IF NOT EXISTS {quoted} (");
    for (name, column_type, in_key) in columns {
        let null = if *in_key { "NOT NULL" } else { "NULL" };
        text.push_str(&format!("{} {column_type} {null}, ", backticked(name)?));
    }
    let key: Result<Vec<_>, _> = key.iter().map(|it| backticked(it)).collect();
    text.push_str(&format!(
        "PRIMARY KEY ({})){}",
        key?.join(", "),
        table_options(collation)
    ));
    Ok(text)
}

/// Names of columns, with their collations.
type Folding = Vec<(String, String)>;

/// The columns, and those in which texts that differ may be equal.
fn columns(
    flavor: Flavor,
    described: Vec<CatalogColumn>,
) -> Result<(Vec<Column>, Folding), sqlx::Error> {
    let mut columns = Vec::new();
    let mut folding = Vec::new();
    for it in described {
        // A name that the server has given can be quoted.
        let quoted =
            backticked(&it.name).map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
        let scale = it.scale.and_then(|it| it.try_into().ok()).unwrap_or(30);
        let stored_type = stored_type(&it.data_type, scale);
        let absent = absent(flavor, &it);
        if let Some(collation) = it
            .collation
            .filter(|it| stored_type == ColumnType::Text && !is_exact(it))
        {
            folding.push((it.name.clone(), collation));
        }
        columns.push(Column {
            name: it.name,
            quoted,
            stored_type,
            domain: it.domain,
            absent,
        });
    }
    Ok((columns, folding))
}

async fn indexes(
    session: &mut MySqlConnection,
    database: &str,
    table: &str,
    columns: &[Column],
) -> Result<Vec<Index>, sqlx::Error> {
    // A part of a column is unique in more than the column says; an expression has no column.
    let parts: Vec<(String, Option<String>)> = query_as(
        "SELECT CAST(INDEX_NAME AS CHAR), \
         CAST(CASE WHEN SUB_PART IS NULL THEN COLUMN_NAME END AS CHAR) \
         FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0 \
         ORDER BY INDEX_NAME, SEQ_IN_INDEX",
    )
    .bind(database)
    .bind(table)
    .fetch_all(session)
    .await?;
    let mut indexes: Vec<Index> = Vec::new();
    for (name, column) in parts {
        if indexes.last().is_none_or(|it| it.name != name) {
            indexes.push(Index {
                primary: name == "PRIMARY",
                name,
                columns: Some(Vec::new()),
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
    session: &mut MySqlConnection,
    database: &str,
    table: &str,
) -> Result<Vec<Vec<String>>, sqlx::Error> {
    let parts: Vec<(i64, String)> = query_as(
        "SELECT CAST(SEQ_IN_INDEX AS SIGNED), CAST(COALESCE(COLUMN_NAME, '') AS CHAR) \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
         ORDER BY INDEX_NAME, SEQ_IN_INDEX",
    )
    .bind(database)
    .bind(table)
    .fetch_all(session)
    .await?;
    Ok(in_order(parts, 1))
}

fn stored_type(data_type: &str, scale: u8) -> ColumnType {
    match data_type {
        "json" => ColumnType::Json,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year" => {
            ColumnType::Integer
        }
        "float" => ColumnType::Float,
        "decimal" => ColumnType::Decimal(scale),
        "double" => ColumnType::Number,
        "date" | "datetime" | "timestamp" | "time" => ColumnType::Clock,
        "vector" => ColumnType::Vector,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            ColumnType::Bytes
        }
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geomcollection" | "geometrycollection" => ColumnType::Bytes,
        _ => ColumnType::Text,
    }
}

fn absent(flavor: Flavor, column: &CatalogColumn) -> Absent {
    let extra = &column.extra;
    let default = column.default.as_deref();
    // MariaDB writes a default of NULL out, and quotes the text.
    let default = default.filter(|it| flavor == Flavor::Mysql || *it != "NULL");
    if column.is_computed() {
        Absent::Computed
    } else if extra.contains("AUTO_INCREMENT") {
        Absent::Counted
    } else if default.is_some() || extra.contains("DEFAULT_GENERATED") {
        Absent::Default
    } else if column.domain.is_nullable {
        Absent::Null
    } else if column.data_type == "enum" {
        // The first of its values stands for a missing default.
        Absent::Default
    } else {
        Absent::Refused
    }
}

/// Whether texts are equal only where their bytes are. Of most collations that end with `_bin` blanks
/// at the end do not count.
fn is_exact(collation: &str) -> bool {
    matches!(collation, "binary" | "utf8mb4_0900_bin") || collation.ends_with("_nopad_bin")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::domain::{Domain, Holds};

    fn column(extra: &str) -> CatalogColumn {
        CatalogColumn {
            name: "a".to_owned(),
            data_type: "datetime".to_owned(),
            domain: Domain {
                holds: Holds::DateTime(6),
                is_nullable: true,
            },
            scale: None,
            fraction: None,
            charset: None,
            collation: None,
            default: None,
            extra: extra.to_ascii_uppercase(),
        }
    }

    #[test]
    fn mariadb_writes_a_default_of_null_out() {
        let of = |flavor, default: Option<&str>| {
            absent(
                flavor,
                &CatalogColumn {
                    default: default.map(str::to_owned),
                    ..column("")
                },
            )
        };
        assert_eq!(of(Flavor::Mariadb, Some("NULL")), Absent::Null);
        assert_eq!(of(Flavor::Mariadb, Some("'NULL'")), Absent::Default);
        assert_eq!(of(Flavor::Mysql, Some("NULL")), Absent::Default);
        assert_eq!(of(Flavor::Mysql, None), Absent::Null);
    }

    #[test]
    fn a_generated_default_is_not_a_generated_column() {
        let of = |extra| {
            absent(
                Flavor::Mysql,
                &CatalogColumn {
                    default: Some("now()".to_owned()),
                    ..column(extra)
                },
            )
        };
        assert_eq!(of("DEFAULT_GENERATED"), Absent::Default);
        assert_eq!(
            of("DEFAULT_GENERATED on update CURRENT_TIMESTAMP"),
            Absent::Default
        );
        assert_eq!(of("VIRTUAL GENERATED"), Absent::Computed);
    }

    #[test]
    fn a_made_table_quotes_its_names() {
        let columns = [
            ("u`id", "VARCHAR(255)".to_owned(), true),
            ("a", "JSON".to_owned(), false),
        ];
        let text = create_table("`d`.`t`", &columns, &["u`id".to_owned()], "utf8mb4_bin");
        let expected = "CREATE TABLE IF NOT EXISTS `d`.`t` (`u``id` VARCHAR(255) NOT NULL, `a` JSON NULL, PRIMARY KEY (`u``id`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
        assert_eq!(text.as_deref(), Ok(expected));
    }
}
