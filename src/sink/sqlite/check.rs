//! Whether a table of SQLite can be written as the settings say.

use super::{SqliteSink, target::SqliteTarget};
use crate::{
    fault::chain,
    model::{Finding, Kind, Severity},
    sink::{
        SinkError,
        sql::{failure::Failure, table::Table},
    },
};

/// What is found; nothing is changed.
pub(in crate::sink) async fn check(
    sink: &SqliteSink,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let mut findings = Vec::new();
    let mut reader = sink.reader().await?;
    match sink.progress.refuse_older(&mut *reader).await {
        Err(failure @ Failure::Incompatible(_)) => findings.push(problem(&sink.failed(failure))),
        checked => checked.map_err(|failure| sink.failed(failure))?,
    }
    drop(reader);
    for target in &sink.targets {
        findings.extend(check_table(sink, target, fields).await?);
    }
    // The lock that every writer takes; a file that cannot be written does not give it.
    match sink.connection.begin().await {
        Ok(transaction) => {
            let released = transaction.rollback().await;
            released.map_err(|error| sink.failed(error))?;
        }
        Err(error) => findings.push(problem(&sink.failed(error))),
    }
    Ok(findings)
}

async fn check_table(
    sink: &SqliteSink,
    target: &SqliteTarget,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let name = &target.shared.settings.table;
    Ok(match target.found(&sink.connection).await {
        Err(error @ (SinkError::Lost(..) | SinkError::Refused { .. })) => return Err(error),
        Err(error) => vec![problem(&error)],
        Ok(Some(table)) => {
            let mut findings = columns(target, &table, fields);
            if table.replaces() {
                let indexes = target.index_columns(&sink.connection).await?;
                findings.extend(table.replaced_finding(&indexes));
            }
            findings
        }
        Ok(None) => match target.design(fields) {
            Err(error) => vec![problem(&error)],
            Ok(_) => vec![finding(
                Severity::Good,
                format!("table {name} is missing and will be made"),
            )],
        },
    })
}

fn columns(
    target: &SqliteTarget,
    table: &Table,
    fields: Option<&[(String, Kind)]>,
) -> Vec<Finding> {
    let findings = target.shared.column_findings(table, fields).into_iter();
    let findings = findings.chain(table.version_finding());
    findings.chain(table.others_finding()).collect()
}

fn problem(error: &SinkError) -> Finding {
    finding(Severity::Problem, chain(error))
}

fn finding(severity: Severity, text: String) -> Finding {
    Finding { severity, text }
}
