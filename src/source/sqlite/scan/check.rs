//! What `check` says about reading a table of a SQLite file.

use super::{
    columns::Learned,
    plan::{count_nulls, explain},
};
use crate::{
    connect::sqlite::SqliteConnection,
    model::{Finding, Severity},
    source::{
        SourceError,
        scan::table::{Ceiling, KeyColumn, ScanPosition, failed, without_value},
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
    let readers = connection.readers();
    let lost = |error| failed(&table.name, error);
    // SQLite knows best what serves: an index over an expression, or one that ends with the rowid.
    let scan_position = ScanPosition::behind(Vec::new());
    let page = table.next_page(&scan_position, &Ceiling::Open, 1);
    let access = explain(readers, &learned.quoted_table, &page)
        .await
        .map_err(lost)?;
    if access.sorts {
        let remedy = table.create_index(&learned.quoted_table);
        findings.push(finding(
            Severity::Note,
            format!("no index serves this order: {remedy}"),
        ));
    }
    let nulls = count_nulls(readers, learned).await.map_err(lost)?;
    if nulls > 0 && learned.has_nulls().is_some() {
        let columns = learned.nullable.join(" or ");
        let text = format!(
            "{nulls} rows have NULL in {columns} and would never be read: give them a value{}",
            learned.choice()
        );
        findings.push(finding(Severity::Problem, text));
    } else if nulls > 0 {
        findings.push(without_value(nulls, incremental, table.nulls));
    }
    findings.push(finding(
        Severity::Note,
        format!(
            "no scan sees deleted rows, nor rows whose `{incremental}` moves backwards: `verify` \
             finds both"
        ),
    ));
    Ok(findings)
}
