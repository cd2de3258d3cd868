//! A table of MySQL or MariaDB that sums up its own rows.

use async_trait::async_trait;
use sqlx::{MySql, mysql::MySqlArguments, query::QueryAs};

use super::{DigestError, Range, Sum, Sums};
use crate::connect::{
    identifier::{NotAName, backticked, statement},
    mysql::{Flavor, MysqlConnection},
};

/// What a table needs for it.
#[derive(Debug, Clone)]
pub struct MysqlSums {
    name: String,
    connection: MysqlConnection,
    /// The table, quoted.
    place: String,
    /// The first column of the key, quoted.
    key: String,
    /// The hash of a row.
    hash: String,
    forms: Vec<String>,
}

/// A column, as `information_schema` tells of it.
#[derive(Debug, Clone)]
pub(super) struct Told<'a> {
    pub name: &'a str,
    pub data_type: &'a str,
    pub is_json: bool,
    pub scale: Option<u64>,
    pub fraction: Option<u64>,
    pub charset: Option<&'a str>,
}

impl MysqlSums {
    /// Over `columns` of the table at `place`; `None` where one of them has no text that every
    /// server writes alike, or `key` is no whole number.
    ///
    /// # Errors
    /// A name is none.
    pub(super) fn new(
        name: &str,
        connection: &MysqlConnection,
        place: String,
        key: &Told<'_>,
        columns: &[Told<'_>],
    ) -> Result<Option<Self>, NotAName> {
        if !is_whole(key.data_type) {
            return Ok(None);
        }
        let (mut forms, mut fields) = (Vec::new(), Vec::new());
        for column in columns {
            let quoted = backticked(column.name)?;
            let Some((form, text)) = text(column, &quoted, connection.flavor()) else {
                return Ok(None);
            };
            forms.push(form);
            // NULL is told from every text, and what ends one field never begins the next: by its
            // length, or by a comma where no text has one. The server makes a text as often as it
            // stands here.
            fields.push(match length(column, &quoted, &text) {
                None => format!("IFNULL({text}, 'N'), ','"),
                Some(length) => {
                    format!("IF({quoted} IS NULL, 'N', CONCAT({length}, ':', {text}))")
                }
            });
        }
        Ok(Some(Self {
            name: name.to_owned(),
            connection: connection.clone(),
            place,
            key: backticked(key.name)?,
            hash: format!("SHA2(CONCAT({}), 256)", fields.join(", ")),
            forms,
        }))
    }

    fn condition(&self, range: Range) -> String {
        let mut parts = Vec::new();
        if range.after.is_some() {
            parts.push(format!("{} > ?", self.key));
        }
        if range.up_to.is_some() {
            parts.push(format!("{} <= ?", self.key));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", parts.join(" AND ")),
        }
    }
}

#[async_trait]
impl Sums for MysqlSums {
    fn forms(&self) -> &[String] {
        &self.forms
    }

    async fn cut(&self, after: Option<i128>, rows: u64) -> Result<Option<i128>, DigestError> {
        let Self { key, place, .. } = self;
        let condition = self.condition(Range { after, up_to: None });
        let text = format!(
            "SELECT CAST({key} AS CHAR) FROM {place}{condition} ORDER BY {key} LIMIT 1 OFFSET {}",
            rows.saturating_sub(1)
        );
        let query = bound(sqlx::query_as(statement(text)), after);
        let found: Option<(String,)> = query
            .fetch_optional(self.connection.pool())
            .await
            .map_err(|error| DigestError::of_sql(&self.name, error))?;
        Ok(found.and_then(|it| it.0.parse().ok()))
    }

    async fn sum(&self, range: Range) -> Result<Sum, DigestError> {
        let Self { hash, place, .. } = self;
        let condition = self.condition(range);
        let half = |from| {
            format!("CAST(SUM(CAST(CONV(SUBSTR(h, {from}, 16), 16, 10) AS UNSIGNED)) AS CHAR)")
        };
        // The limit keeps servers from writing the hash out twice, once for each half.
        let text = format!(
            "SELECT CAST(COUNT(*) AS UNSIGNED), CAST(COUNT(h) AS UNSIGNED), {}, {} \
             FROM (SELECT {hash} AS h FROM {place}{condition} LIMIT 18446744073709551615) hashed",
            half(1),
            half(17)
        );
        let query = bound(
            bound(sqlx::query_as(statement(text)), range.after),
            range.up_to,
        );
        let (rows, hashed, first, second): (u64, u64, Option<String>, Option<String>) = query
            .fetch_one(self.connection.pool())
            .await
            .map_err(|error| DigestError::of_sql(&self.name, error))?;
        let halves = (first.unwrap_or_default(), second.unwrap_or_default());
        // A row that is longer than a packet has no hash: the server makes NULL of it.
        let halves = (rows == hashed).then_some(halves);
        Ok(Sum { rows, halves })
    }
}

fn bound<'q, T>(
    query: QueryAs<'q, MySql, T, MySqlArguments>,
    value: Option<i128>,
) -> QueryAs<'q, MySql, T, MySqlArguments> {
    match value.map(|it| (i64::try_from(it), u64::try_from(it))) {
        None => query,
        Some((Ok(signed), _)) => query.bind(signed),
        Some((_, Ok(unsigned))) => query.bind(unsigned),
        // No such key can be: it is beyond every column.
        Some(_) => query.bind(u64::MAX),
    }
}

fn is_whole(data_type: &str) -> bool {
    matches!(
        data_type,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint"
    )
}

/// Whether its bytes are those of UTF-8 already.
fn is_utf8(column: &Told<'_>) -> bool {
    matches!(
        column.charset,
        Some("utf8mb4" | "utf8mb3" | "utf8" | "ascii")
    )
}

/// The length of `text` in bytes; `None` where it is of digits, letters and signs without a comma,
/// and is never `N`.
fn length(column: &Told<'_>, quoted: &str, text: &str) -> Option<String> {
    if column.is_json || column.data_type == "json" {
        return Some(format!("LENGTH({text})"));
    }
    match column.data_type {
        "year" | "bit" | "decimal" | "float" | "double" | "date" | "datetime" | "timestamp"
        | "time" => None,
        it if is_whole(it) => None,
        // The bytes of an enum or a set are not those of its text.
        "enum" | "set" => Some(format!("LENGTH({text})")),
        _ if column.charset.is_none() || is_utf8(column) => Some(format!("LENGTH({quoted})")),
        _ => Some(format!("LENGTH({text})")),
    }
}

/// The name of the form of a column's text, and the expression that makes it; `None` where there
/// is none that is alike on every server and tells any two values apart.
fn text(column: &Told<'_>, quoted: &str, flavor: Flavor) -> Option<(String, String)> {
    let plain = |form: &str| Some((form.to_owned(), format!("CAST({quoted} AS CHAR)")));
    if column.is_json || column.data_type == "json" {
        // MySQL writes its own text of what it keeps, MariaDB keeps the text.
        return match flavor {
            Flavor::Mysql => plain("json as MySQL writes it"),
            Flavor::Mariadb => Some((
                "json as it was written".to_owned(),
                format!("CAST({quoted} AS BINARY)"),
            )),
        };
    }
    let digits = |it: Option<u64>| it.unwrap_or(0);
    match column.data_type {
        it if is_whole(it) => plain("whole"),
        "year" => plain("year"),
        "bit" => Some(("bit".to_owned(), format!("CAST({quoted} + 0 AS CHAR)"))),
        "decimal" => plain(&format!("decimal({})", digits(column.scale))),
        // As double precision: a FLOAT's own text has too few digits.
        "float" | "double" => Some((
            column.data_type.to_owned(),
            format!("CAST({quoted} + 0e0 AS CHAR)"),
        )),
        "date" => plain("date"),
        "datetime" | "timestamp" => plain(&format!("clock({})", digits(column.fraction))),
        "time" => plain(&format!("time({})", digits(column.fraction))),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => {
            // Those in which every text can be written again as UTF-8, and no two alike.
            let known = ["utf8mb4", "utf8mb3", "utf8", "ascii", "latin1"];
            known.contains(&column.charset?).then(|| {
                let text = match is_utf8(column) {
                    true => format!("CAST({quoted} AS BINARY)"),
                    false => format!("CAST(CONVERT({quoted} USING utf8mb4) AS BINARY)"),
                };
                ("text".to_owned(), text)
            })
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            Some(("bytes".to_owned(), quoted.to_owned()))
        }
        _ => None,
    }
}
