//! A table of MySQL or MariaDB, for being compared.

use async_trait::async_trait;

use super::{
    Column, Digest, DigestError, Keeps, MysqlSums, Padding, Shape, key_indexes,
    mysql_sums::SumColumn,
};
use crate::connect::{
    mysql::{Flavor, MysqlConnection},
    table_name::TableName,
};

/// A table, and the columns that tell its rows apart.
#[derive(Debug, Clone)]
pub struct MysqlDigest {
    name: String,
    connection: MysqlConnection,
    table: String,
    key: Option<Vec<String>>,
}

impl MysqlDigest {
    /// Of `table`, as settings name it. `key` names the columns of a unique index; the primary key
    /// where it is `None`.
    pub fn new(connection: MysqlConnection, table: &str, key: Option<Vec<String>>) -> Self {
        Self {
            name: format!("{}.{table}", connection.name()),
            connection,
            table: table.to_owned(),
            key,
        }
    }

    /// The table as it sums up its own rows over `columns`, its key's first column being `key`;
    /// `None` where it cannot.
    ///
    /// # Errors
    /// As `DigestError` says.
    pub async fn sums(
        &self,
        key: &str,
        columns: &[String],
    ) -> Result<Option<MysqlSums>, DigestError> {
        let incompatible = |it: &dyn std::fmt::Display| self.incompatible(it.to_string());
        let named = TableName::parse(&self.table).map_err(|it| incompatible(&it))?;
        let quoted_table = named.quoted().map_err(|it| incompatible(&it))?;
        let described: Vec<Described> = self.ask(COLUMNS, &named).await?;
        let json = self.json_columns(&named).await?;
        let sum_column = |name: &String| {
            let it = described.iter().find(|it| it.0 == *name)?;
            Some(SumColumn {
                name: &it.0,
                data_type: &it.1,
                is_json: is_json(&json, &it.0),
                scale: it.2,
                fraction: it.3,
                charset: it.5.as_deref(),
            })
        };
        let all: Option<Vec<_>> = columns.iter().map(sum_column).collect();
        let (Some(all), Some(key)) = (all, sum_column(&key.to_owned())) else {
            return Ok(None);
        };
        let primary: Vec<(String,)> = self.ask(PRIMARY, &named).await?;
        let is_primary = primary.first().is_some_and(|it| it.0 == key.name);
        let key = (&key, is_primary);
        MysqlSums::new(&self.name, &self.connection, quoted_table, key, &all)
            .map_err(|it| incompatible(&it))
    }

    fn incompatible(&self, advice: impl Into<String>) -> DigestError {
        DigestError::Incompatible {
            name: self.name.clone(),
            advice: advice.into(),
        }
    }

    async fn ask<T>(&self, text: &'static str, named: &TableName) -> Result<Vec<T>, DigestError>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::mysql::MySqlRow> + Send + Unpin,
    {
        let asked = sqlx::query_as(text)
            .bind(named.database.clone())
            .bind(named.table.clone());
        let answer = asked.fetch_all(self.connection.pool()).await;
        answer.map_err(|error| DigestError::of_sql(&self.name, error))
    }

    async fn json_columns(&self, named: &TableName) -> Result<Vec<String>, DigestError> {
        match self.connection.flavor() {
            Flavor::Mysql => Ok(Vec::new()),
            Flavor::Mariadb => {
                let checks: Vec<(String,)> = self.ask(JSON_CHECKS, named).await?;
                Ok(checks.into_iter().map(|it| it.0).collect())
            }
        }
    }
}

/// Name, type, digits behind the point, digits of a second, extra, character set.
type Described = (
    String,
    String,
    Option<u64>,
    Option<u64>,
    String,
    Option<String>,
);

const COLUMNS: &str = "SELECT CAST(COLUMN_NAME AS CHAR), LOWER(CAST(DATA_TYPE AS CHAR)), \
    CAST(NUMERIC_SCALE AS UNSIGNED), CAST(DATETIME_PRECISION AS UNSIGNED), \
    UPPER(CAST(EXTRA AS CHAR)), CAST(CHARACTER_SET_NAME AS CHAR) \
    FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";

const PRIMARY: &str = "SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' \
    ORDER BY SEQ_IN_INDEX";

/// What the server thinks: nothing is counted.
const ROWS: &str = "SELECT CAST(TABLE_ROWS AS UNSIGNED) FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";

/// MariaDB's JSON is text with a CHECK.
const JSON_CHECKS: &str = "SELECT CAST(CHECK_CLAUSE AS CHAR) \
    FROM information_schema.CHECK_CONSTRAINTS \
    WHERE CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? \
    AND CHECK_CLAUSE LIKE 'json_valid(%'";

#[async_trait]
impl Digest for MysqlDigest {
    fn name(&self) -> &str {
        &self.name
    }

    async fn shape(&self) -> Result<Shape, DigestError> {
        let named =
            TableName::parse(&self.table).map_err(|it| self.incompatible(it.to_string()))?;
        let described: Vec<Described> = self.ask(COLUMNS, &named).await?;
        if described.is_empty() {
            return Err(self.incompatible("there is no such table, or the user may not see it"));
        }
        let json = self.json_columns(&named).await?;
        let column = |(name, data_type, scale, fraction, extra, _): Described| {
            let digits =
                |it: Option<u64>, most| it.and_then(|it| it.try_into().ok()).unwrap_or(most);
            let keeps = if is_json(&json, &name) {
                Keeps::Json
            } else {
                keeps(&data_type, digits(scale, 30), digits(fraction, 0))
            };
            let computed = ["STORED GENERATED", "VIRTUAL GENERATED", "PERSISTENT"];
            Column {
                name,
                keeps,
                is_computed: computed.iter().any(|it| extra.contains(it)),
            }
        };
        let columns: Vec<Column> = described.into_iter().map(column).collect();
        let primary: Vec<(String,)> = self.ask(PRIMARY, &named).await?;
        let primary: Vec<String> = primary.into_iter().map(|it| it.0).collect();
        let key = key_indexes(&columns, self.key.as_deref(), &primary);
        let key = key.map_err(|it| self.incompatible(it))?;
        let rows: Vec<(Option<u64>,)> = self.ask(ROWS, &named).await?;
        let rows = rows.first().and_then(|it| it.0).unwrap_or(0);
        Ok(Shape {
            columns,
            key,
            rows,
            documents: None,
        })
    }
}

/// Whether one of MariaDB's checks says so of the column `name`.
fn is_json(checks: &[String], name: &str) -> bool {
    let quoted = format!("json_valid(`{}`)", name.replace('`', "``"));
    checks.iter().any(|it| it.contains(&quoted))
}

fn keeps(data_type: &str, scale: u8, fraction: u8) -> Keeps {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year" => Keeps::Whole,
        "decimal" => Keeps::Decimal(scale),
        "float" => Keeps::Single,
        "double" => Keeps::Double,
        "json" => Keeps::Json,
        "date" => Keeps::Day,
        "datetime" | "timestamp" => Keeps::Clock(fraction),
        "time" => Keeps::Duration(fraction),
        "char" => Keeps::Text(Padding::Fixed),
        "binary" => Keeps::Bytes(Padding::Fixed),
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" | "geometry"
        | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geomcollection" | "geometrycollection" => Keeps::Bytes(Padding::None),
        _ => Keeps::Text(Padding::None),
    }
}
