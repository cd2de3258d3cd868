//! A table of MySQL or MariaDB, for being compared.

use async_trait::async_trait;

use super::{
    Column, Digest, DigestError, Keeps, MysqlSums, Padding, Shape, key_indexes,
    mysql_sums::SumColumn,
};
use crate::{
    connect::{
        mysql::MysqlConnection,
        mysql_catalog::{CatalogColumn, columns},
        table_name::TableName,
    },
    model::domain::Holds,
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
        let described = self.described(&named).await?;
        let sum_column = |name: &String| {
            let it = described.iter().find(|it| it.name == *name)?;
            Some(SumColumn {
                name: &it.name,
                data_type: &it.data_type,
                is_json: it.data_type == "json",
                scale: it.scale,
                fraction: it.fraction,
                charset: it.charset.as_deref(),
                is_unclear: it.domain.holds.has_empty_member(),
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

    async fn described(&self, named: &TableName) -> Result<Vec<CatalogColumn>, DigestError> {
        let described = async {
            let mut session = self.connection.pool().acquire().await?;
            let names = (named.database.as_deref(), named.table.as_str());
            columns(&mut session, self.connection.flavor(), names).await
        };
        let described = described.await;
        described.map_err(|error| DigestError::of_sql(&self.name, error))
    }
}

const PRIMARY: &str = "SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' \
    ORDER BY SEQ_IN_INDEX";

/// What the server thinks: nothing is counted.
const ROWS: &str = "SELECT CAST(TABLE_ROWS AS UNSIGNED) FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";

#[async_trait]
impl Digest for MysqlDigest {
    fn name(&self) -> &str {
        &self.name
    }

    async fn shape(&self) -> Result<Shape, DigestError> {
        let named =
            TableName::parse(&self.table).map_err(|it| self.incompatible(it.to_string()))?;
        let described = self.described(&named).await?;
        if described.is_empty() {
            return Err(self.incompatible("there is no such table, or the user may not see it"));
        }
        let column = |it: CatalogColumn| {
            let digits =
                |it: Option<u64>, most| it.and_then(|it| it.try_into().ok()).unwrap_or(most);
            Column {
                keeps: match it.domain.holds {
                    Holds::Json(numbers) => Keeps::Json(numbers),
                    _ => keeps(&it.data_type, digits(it.scale, 30), digits(it.fraction, 0)),
                },
                is_computed: it.is_computed(),
                name: it.name,
                domain: it.domain,
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

fn keeps(data_type: &str, scale: u8, fraction: u8) -> Keeps {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year" => Keeps::Whole,
        "decimal" => Keeps::Decimal(scale),
        "float" => Keeps::Single,
        "double" => Keeps::Double,
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
