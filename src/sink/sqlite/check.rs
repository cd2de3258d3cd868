//! Whether a table of SQLite can be written as the settings say.

use super::{SqliteSink, target::SqliteTarget};
use crate::{
    fault::chain,
    model::{Finding, Kind, Severity},
    sink::{
        SinkError,
        sql::{findings::left_out, table::Table},
    },
};

/// What is found; nothing is changed.
pub(in crate::sink) async fn check(
    sink: &SqliteSink,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let mut findings = Vec::new();
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
    let name = &target.settings.table;
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
    let name = &table.name;
    let names = target.fields(fields);
    let names = names.map(|it| it.iter().map(|(name, _)| name.as_str()));
    let fitting = match names.map(|it| table.fit(it, &target.settings.drop)) {
        Some(Err(advice)) => finding(Severity::Problem, advice),
        Some(Ok(())) => finding(
            Severity::Good,
            format!("table {name} has a column for every field"),
        ),
        None => finding(
            Severity::Note,
            format!(
                "the messages' fields are not known before the first one: each needs a column in table {name}"
            ),
        ),
    };
    let findings = [Some(fitting), left_out(table), table.version_finding()];
    let findings = findings.into_iter().flatten();
    findings.chain(table.others_finding()).collect()
}

fn problem(error: &SinkError) -> Finding {
    finding(Severity::Problem, chain(error))
}

fn finding(severity: Severity, text: String) -> Finding {
    Finding { severity, text }
}
