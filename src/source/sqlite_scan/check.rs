//! What `check` says about reading a table of a SQLite file.

use super::columns::Learned;
use crate::{
    connect::{identifier::statement, sqlite::SqliteConnection},
    model::{Finding, Severity},
    source::{
        SourceError,
        keyset::{KeyColumn, failed},
    },
};

/// The findings about a table that could be learned.
pub(super) async fn findings(
    connection: &SqliteConnection,
    learned: &Learned,
) -> Result<Vec<Finding>, SourceError> {
    let table = &learned.table;
    let finding = |severity, text| Finding { severity, text };
    let labels: Vec<String> = table.incremental.iter().map(KeyColumn::label).collect();
    let ordering: Vec<&str> = labels.iter().map(String::as_str).collect();
    let incremental = ordering.first().copied().unwrap_or_default();
    let (columns, by) = (learned.columns.len(), ordering.join(", "));
    let read = format!("{}: {columns} columns, read by ({by})", table.name);
    let mut findings = vec![finding(Severity::Good, read)];
    let serves = |names: &[String]| {
        names
            .iter()
            .map(String::as_str)
            .eq(ordering.iter().copied())
    };
    if !learned.indexes.iter().any(|it| serves(&it.columns)) {
        let quoted: Vec<&str> = table
            .incremental
            .iter()
            .map(|it| it.quoted.as_str())
            .collect();
        let (place, quoted) = (&learned.place, quoted.join(", "));
        findings.push(finding(
            Severity::Note,
            format!(
                "no index serves this order: CREATE INDEX highwater_order ON {place} ({quoted})"
            ),
        ));
    }
    if let Some(condition) = learned.has_nulls() {
        let text = format!("SELECT count(*) FROM {} WHERE {condition}", learned.place);
        let counted = sqlx::query_scalar(statement(text))
            .fetch_one(connection.readers())
            .await;
        let nulls: i64 = counted.map_err(|error| failed(&table.name, error))?;
        if nulls > 0 {
            let columns = learned.nullable.join(" or ");
            let text = format!(
                "{nulls} rows have NULL in {columns} and would never be read: give them a value{}",
                learned.choice()
            );
            findings.push(finding(Severity::Problem, text));
        }
    }
    findings.push(finding(
        Severity::Note,
        format!(
            "no scan sees deleted rows, nor rows whose `{incremental}` moves backwards: comparing both sides \
             will find them (`verify`, not built yet)"
        ),
    ));
    Ok(findings)
}
