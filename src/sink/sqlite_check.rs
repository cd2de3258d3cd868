//! Whether a table of SQLite can be written as the settings say.

use super::{SinkError, mysql_check::left_out, sqlite::SqliteSink, table::Table};
use crate::{
    fault::chain,
    model::{Finding, Kind, Severity},
};

/// What is found; nothing is changed.
pub(super) async fn check(
    sink: &SqliteSink,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let name = &sink.settings.table;
    let mut findings = match sink.found().await {
        Err(error @ (SinkError::Lost(..) | SinkError::Refused { .. })) => return Err(error),
        Err(error) => vec![problem(&error)],
        Ok(Some(table)) => columns(sink, &table, fields),
        Ok(None) => match sink.design(fields) {
            Err(error) => vec![problem(&error)],
            Ok(_) => vec![finding(
                Severity::Good,
                format!("table {name} is missing and will be made"),
            )],
        },
    };
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

fn columns(sink: &SqliteSink, table: &Table, fields: Option<&[(String, Kind)]>) -> Vec<Finding> {
    let name = &table.name;
    let names = fields.map(|it| it.iter().map(|(name, _)| name.as_str()));
    let fitting = match names.map(|it| table.fit(it, &sink.settings.drop)) {
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
    let findings = [
        Some(fitting),
        left_out(table),
        Some(table.version_finding()),
    ];
    let findings = findings.into_iter().flatten();
    findings.chain(table.others_finding()).collect()
}

fn problem(error: &SinkError) -> Finding {
    finding(Severity::Problem, chain(error))
}

fn finding(severity: Severity, text: String) -> Finding {
    Finding { severity, text }
}
