//! A table of MySQL or MariaDB that sums up its own rows.

use async_trait::async_trait;
use sqlx::{Executor, MySql, mysql::MySqlArguments, query::QueryAs};

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
    quoted_table: String,
    /// The first column of the key, quoted.
    key: String,
    /// The hash of a row.
    hash: String,
    /// Whether the key is the primary one, in whose order the rows lie.
    is_primary: bool,
    forms: Vec<String>,
}

/// Letters of a row's hash.
const HASH: u64 = 64;

/// Bytes of all hashes of a range, at most.
const MOST: u64 = 16 << 20;

/// A column, as `information_schema` tells of it.
#[derive(Debug, Clone)]
pub(super) struct SumColumn<'a> {
    pub name: &'a str,
    pub data_type: &'a str,
    pub is_json: bool,
    pub scale: Option<u64>,
    pub fraction: Option<u64>,
    pub charset: Option<&'a str>,
    /// Whether two of its values have one text.
    pub is_unclear: bool,
}

impl MysqlSums {
    /// Over `columns` of the table at `quoted_table`; `None` where one of them has no text that every
    /// server writes alike, or `key` is no whole number.
    ///
    /// # Errors
    /// A name is none.
    pub(super) fn new(
        name: &str,
        connection: &MysqlConnection,
        quoted_table: String,
        (key, is_primary): (&SumColumn<'_>, bool),
        columns: &[SumColumn<'_>],
    ) -> Result<Option<Self>, NotAName> {
        if !is_whole(key.data_type) {
            return Ok(None);
        }
        let (mut forms, mut fields) = (Vec::new(), Vec::new());
        for column in columns {
            let quoted = backticked(column.name)?;
            let Some((form, field)) = field(column, &quoted, connection.flavor()) else {
                return Ok(None);
            };
            forms.push(form);
            fields.push(field);
        }
        Ok(Some(Self {
            name: name.to_owned(),
            connection: connection.clone(),
            quoted_table,
            key: backticked(key.name)?,
            hash: format!("SHA2(CONCAT({}), 256)", fields.join(", ")),
            is_primary,
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
        if parts.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", parts.join(" AND "))
        }
    }
}

#[async_trait]
impl Sums for MysqlSums {
    fn is_along_primary(&self) -> bool {
        self.is_primary
    }

    fn along_hashes(self: Box<Self>) -> Box<dyn Sums> {
        Box::new(Self {
            is_primary: false,
            ..*self
        })
    }

    fn forms(&self) -> &[String] {
        &self.forms
    }

    async fn cut(&self, after: Option<i128>, rows: u64) -> Result<Option<i128>, DigestError> {
        let Self {
            key, quoted_table, ..
        } = self;
        let condition = self.condition(Range { after, up_to: None });
        let text = format!(
            "SELECT CAST({key} AS CHAR) FROM {quoted_table}{condition} ORDER BY {key} LIMIT 1 OFFSET {}",
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
        let Self {
            hash, quoted_table, ..
        } = self;
        let condition = self.condition(range);
        // Along the primary key on both sides, or else by the hashes: rows that come in another order
        // would differ.
        let (along, order) = if self.is_primary {
            (" FORCE INDEX (PRIMARY)", String::new())
        } else {
            ("", format!(" ORDER BY {hash}"))
        };
        let text = format!(
            "SELECT CAST(n AS UNSIGNED), CAST(LENGTH(hashes) AS UNSIGNED), CAST(SHA2(hashes, 256) AS CHAR) \
             FROM (SELECT COUNT(*) AS n, GROUP_CONCAT({hash}{order} SEPARATOR '') AS hashes \
             FROM {quoted_table}{along}{condition}) hashed"
        );
        let query = bound(
            bound(sqlx::query_as(statement(text)), range.after),
            range.up_to,
        );
        let asked = async {
            let mut session = self.connection.pool().acquire().await?;
            let room = format!("SET SESSION group_concat_max_len = {MOST}");
            session.execute(sqlx::raw_sql(statement(room))).await?;
            query.fetch_one(&mut *session).await
        };
        let (rows, length, hash): (u64, Option<u64>, Option<String>) = asked
            .await
            .map_err(|error| DigestError::of_sql(&self.name, error))?;
        // A row that is longer than a packet has no hash, and what has no room is cut off.
        let whole = length.unwrap_or(0) == rows * HASH;
        Ok(Sum {
            rows,
            hash: whole.then(|| hash.unwrap_or_default()),
        })
    }

    fn most(&self) -> u64 {
        // The server cuts off what is longer than a packet, too.
        let packet = u64::try_from(self.connection.max_allowed_packet());
        MOST.min(packet.unwrap_or(MOST)) / HASH
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

/// The name of the form of a column's text, and the arguments of CONCAT that write it; `None` where
/// there is none that is alike on every server and tells any two values apart.
///
/// NULL is told from every text, and what ends one field never begins the next: by its length in front,
/// or by what no text of its kind has in it behind. The server makes a text as often as it stands here.
fn field(column: &SumColumn<'_>, quoted: &str, flavor: Flavor) -> Option<(String, String)> {
    let ended = |form: &str, text: &str, end: &str| {
        Some((form.to_owned(), format!("IFNULL({text}, 'N'), {end}")))
    };
    // Of digits, letters and signs without a comma, and never `N`.
    let plain = |form: &str| ended(form, quoted, "','");
    let measured = |form: &str, length: &str, text: &str| {
        let field = format!("IFNULL(LENGTH({length}), 'N'), ':', IFNULL({text}, '')");
        Some((form.to_owned(), field))
    };
    let binary = format!("CAST({quoted} AS BINARY)");
    if column.is_json || column.data_type == "json" {
        // MySQL writes its own text of what it keeps, without a zero byte; MariaDB keeps the text.
        return match flavor {
            Flavor::Mysql => ended(
                "json as MySQL writes it",
                &format!("CAST({quoted} AS CHAR)"),
                "X'00'",
            ),
            Flavor::Mariadb => measured("json as it was written", &binary, &binary),
        };
    }
    let digits = |it: Option<u64>| it.unwrap_or(0);
    match column.data_type {
        it if is_whole(it) => plain("whole"),
        "year" => plain("year"),
        "bit" => ended("bit", &format!("{quoted} + 0"), "','"),
        "decimal" => plain(&format!("decimal({})", digits(column.scale))),
        // As double precision: a FLOAT's own text has too few digits.
        "float" | "double" => ended(
            column.data_type,
            &format!("CAST({quoted} + 0e0 AS CHAR)"),
            "','",
        ),
        "date" => plain("date"),
        "datetime" | "timestamp" => plain(&format!("clock({})", digits(column.fraction))),
        "time" => plain(&format!("time({})", digits(column.fraction))),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => {
            // Those in which every text can be written again as UTF-8, and no two alike.
            let known = ["utf8mb4", "utf8mb3", "utf8", "ascii", "latin1"];
            if !known.contains(&column.charset?) || column.is_unclear {
                return None;
            }
            let is_utf8 = matches!(column.charset, Some(it) if it != "latin1");
            match column.data_type {
                _ if !is_utf8 => {
                    let text = format!("CAST(CONVERT({quoted} USING utf8mb4) AS BINARY)");
                    measured("text", &text, &text)
                }
                // The bytes of an enum or a set are not those of its text.
                "enum" | "set" => measured("text", &binary, &binary),
                _ => measured("text", quoted, &binary),
            }
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            measured("bytes", quoted, quoted)
        }
        _ => None,
    }
}
