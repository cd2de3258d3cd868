//! Indexes of tables of SQLite: those that are there, and the statements that make others.

use sqlx::{Executor, query, query_as, query_scalar, sqlite::SqlitePool};

use super::target::SqliteTarget;
use crate::{
    connect::{
        identifier::{double_quoted, statement},
        sqlite::SqliteConnection,
    },
    model::TableIndex,
    sink::{
        SinkError,
        sql::{
            failure::beside_records,
            index::{
                ExistingIndex, ExistingPart, MissingIndex, free_name, missing_indexes, shared,
            },
        },
    },
};

/// SQLite has no limit; what is longer is of no use to a reader.
const NAME: usize = 200;

/// The extended code of a unique index that rows do not keep.
const NOT_UNIQUE: &str = "2067";

/// The indexes of a table; a primary key that is the row's number has none.
pub(in crate::sink) async fn existing(
    readers: &SqlitePool,
    table: &str,
) -> Result<Vec<ExistingIndex>, sqlx::Error> {
    let parts: Vec<(String, bool, Option<String>, bool)> = query_as(
        "SELECT list.name, list.\"unique\", part.name, part.\"desc\" \
         FROM pragma_index_list(?) AS list JOIN pragma_index_xinfo(list.name) AS part \
         WHERE list.partial = 0 AND part.key = 1 ORDER BY list.seq, part.seqno",
    )
    .bind(table)
    .fetch_all(readers)
    .await?;
    let mut existing: Vec<ExistingIndex> = Vec::new();
    for (name, is_unique, column, is_descending) in parts {
        if existing.last().is_none_or(|it| it.name != name) {
            let parts = Vec::new();
            existing.push(ExistingIndex {
                name,
                is_unique,
                parts,
            });
        }
        if let Some(index) = existing.last_mut() {
            let prefix = None;
            index.parts.push(ExistingPart {
                column,
                prefix,
                is_descending,
            });
        }
    }
    Ok(existing)
}

/// What of `wanted` the table lacks. Names of indexes are the file's, not the table's: they begin with
/// the table's.
pub(in crate::sink) async fn missing_of(
    readers: &SqlitePool,
    (quoted, table): (&str, &str),
    wanted: &[TableIndex],
    (columns, existing): (&[String], &[ExistingIndex]),
) -> Result<Vec<MissingIndex>, sqlx::Error> {
    let mut taken: Vec<String> = query_scalar("SELECT lower(name) FROM sqlite_schema")
        .fetch_all(readers)
        .await?;
    let mut all = Vec::new();
    for index in missing_indexes(wanted, existing) {
        let named = if index.name.to_lowercase().starts_with(&table.to_lowercase()) {
            index.name.clone()
        } else {
            format!("{table}_{}", index.name)
        };
        let name = free_name(&named, NAME, |it| taken.contains(&it.to_lowercase()));
        taken.push(name.to_lowercase());
        all.push(MissingIndex {
            index: index.clone(),
            table: table.to_owned(),
            statement: create(quoted, &name, index, columns),
        });
    }
    Ok(all)
}

fn create(
    quoted: &str,
    name: &str,
    index: &TableIndex,
    columns: &[String],
) -> Result<String, String> {
    if let Some(beyond) = &index.beyond {
        return Err(beyond.clone());
    }
    if index.is_hidden {
        return Err("it is hidden, which SQLite has not".to_owned());
    }
    let mut parts = Vec::new();
    for part in &index.parts {
        let field = &part.field;
        if !columns.contains(field) {
            return Err(format!("the table has no column `{field}`"));
        }
        if index.is_unique && part.prefix.is_some() {
            return Err(format!("it is unique by the beginning of `{field}`"));
        }
        let quoted = double_quoted(field).map_err(|error| error.to_string())?;
        let order = if part.is_descending { " DESC" } else { "" };
        parts.push(format!("{quoted}{order}"));
    }
    let unique = if index.is_unique { "UNIQUE " } else { "" };
    let name = double_quoted(name).map_err(|error| error.to_string())?;
    let parts = parts.join(", ");
    Ok(format!("CREATE {unique}INDEX {name} ON {quoted} ({parts})"))
}

impl SqliteTarget {
    /// Makes an index.
    ///
    /// # Errors
    /// `Incompatible` where rows share its values.
    pub(in crate::sink) async fn make_index(
        &self,
        connection: &SqliteConnection,
        missing: &MissingIndex,
    ) -> Result<(), SinkError> {
        let text = missing
            .statement
            .clone()
            .map_err(|it| self.incompatible(it))?;
        let made = connection.writer().execute(query(statement(text))).await;
        let Err(error) = made else {
            return Ok(());
        };
        let code = error.as_database_error().and_then(|it| it.code());
        if code.as_deref() != Some(NOT_UNIQUE) {
            return Err(beside_records(&self.name, error));
        }
        let example = self.example(connection.readers(), &missing.index).await;
        let example = example.map_err(|error| beside_records(&self.name, error))?;
        Err(self.incompatible(shared(missing, &example)))
    }

    /// Values that rows share, as SQLite writes them.
    async fn example(
        &self,
        readers: &SqlitePool,
        index: &TableIndex,
    ) -> Result<String, sqlx::Error> {
        let quoted = index.parts.iter().map(|it| double_quoted(&it.field));
        let quoted: Vec<String> = quoted.filter_map(Result::ok).collect();
        let shown: Vec<String> = quoted.iter().map(|it| format!("quote({it})")).collect();
        let known: Vec<String> = quoted
            .iter()
            .map(|it| format!("{it} IS NOT NULL"))
            .collect();
        let text = format!(
            "SELECT {} FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
            shown.join(" || ', ' || "),
            self.quoted,
            known.join(" AND "),
            quoted.join(", ")
        );
        let found: Option<String> = query_scalar(statement(text))
            .fetch_optional(readers)
            .await?;
        Ok(found.map_or_else(String::new, |it| it.chars().take(200).collect()))
    }
}
