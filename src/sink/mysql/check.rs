//! Whether a table of MySQL or MariaDB can be written as the settings say.

use sqlx::{Executor, MySqlConnection, query, query_scalar, raw_sql};

use super::{
    MysqlSink,
    catalog::exact_collation,
    dialect::{NO_TABLE, number},
    target::MysqlTarget,
};
use crate::{
    connect::identifier::statement,
    model::{Finding, Kind, Severity},
    sink::{
        SinkError,
        sql::{
            failure::{Failure, beside_records},
            table::{Absent, Table},
        },
    },
};

/// What is found; nothing is changed.
pub(in crate::sink) async fn check(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let mut findings = vec![server(sink), progress(sink, session).await?];
    match sink.progress.refuse_older(session).await {
        Err(failure @ Failure::Incompatible(_)) => {
            findings.push(problem(failure.into_error(&sink.name)));
        }
        checked => checked.map_err(|failure| beside_records(&sink.name, failure))?,
    }
    for target in &sink.targets {
        findings.extend(table(sink, target, session, fields).await?);
    }
    Ok(findings)
}

async fn table(
    sink: &MysqlSink,
    target: &MysqlTarget,
    session: &mut MySqlConnection,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let failed = |error| beside_records(&target.shared.name, error);
    let Some(found) = target.look_up(&sink.connection, session).await? else {
        let collation = exact_collation(session).await.map_err(failed)?;
        return Ok(vec![match target.design(fields, collation) {
            Ok(_) => may_create(session, (&target.database, &target.shared.settings.table))
                .await
                .map_err(failed)?,
            Err(error) => problem(error),
        }]);
    };
    let folding = found.folding.clone();
    let table = match target.understand(found) {
        Ok(table) => table,
        Err(error) => return Ok(vec![problem(error)]),
    };
    let mut findings = target.shared.column_findings(&table, fields);
    findings.extend(keys(&table, &folding));
    findings.push(rights(target, session, &table).await?);
    findings.extend(table.version_finding());
    if table.replaces() {
        let indexes = target.index_columns(session).await?;
        findings.extend(table.replaced_finding(&indexes));
    }
    Ok(findings)
}

fn server(sink: &MysqlSink) -> Finding {
    let (flavor, version) = (sink.connection.flavor(), sink.connection.version());
    good(format!("{flavor} {version} answers"))
}

fn keys(table: &Table, folding: &[(String, String)]) -> Vec<Finding> {
    let key = || table.key.iter().map(|it| table.columns[*it].name.as_str());
    let mut findings = vec![good(format!(
        "table {} is written by the key {}",
        table.name,
        key().collect::<Vec<_>>().join(", ")
    ))];
    for (column, collation) in folding.iter().filter(|(it, _)| key().any(|key| key == it)) {
        let respells = table.column(column).is_some_and(|it| table.respells(it));
        let text = match respells {
            false => format!(
                "column `{column}` of the key has the collation {collation}, which takes some keys for equal that differ: such a record becomes a dead letter. If the source takes them for equal too, set key-match = \"collation\"; if not, give the column the collation utf8mb4_0900_bin (MariaDB: utf8mb4_nopad_bin)"
            ),
            true => format!(
                "column `{column}` of the key has the collation {collation}: keys that it takes for equal are one row, which takes the latest spelling (key-match)"
            ),
        };
        findings.push(finding(Severity::Note, text));
    }
    findings.extend(table.others_finding());
    findings
}

/// Whether rows can be written and removed.
async fn rights(
    target: &MysqlTarget,
    session: &mut MySqlConnection,
    table: &Table,
) -> Result<Finding, SinkError> {
    let written = table
        .columns
        .iter()
        .filter(|it| it.absent != Absent::Computed);
    let columns: Vec<_> = written.map(|it| it.quoted.as_str()).collect();
    let (quoted, columns) = (&table.quoted, columns.join(","));
    let key = &table.columns[table.key[0]].quoted;
    let attempts = [
        format!("INSERT INTO {quoted} ({columns}) SELECT {columns} FROM {quoted} WHERE 1=0"),
        format!("UPDATE {quoted} SET {key}={key} WHERE 1=0"),
        format!("DELETE FROM {quoted} WHERE 1=0"),
    ];
    match attempt(session, attempts).await {
        Ok(()) => Ok(good(format!("table {} can be written", table.name))),
        Err(error) => refusal(&target.shared.name, error),
    }
}

/// Whether the progress can be kept.
async fn progress(sink: &MysqlSink, session: &mut MySqlConnection) -> Result<Finding, SinkError> {
    let (quoted, table) = (&sink.progress.offsets, sink.progress_table.as_str());
    let attempts = [
        format!("INSERT INTO {quoted} SELECT * FROM {quoted} WHERE 1=0"),
        format!("UPDATE {quoted} SET next_offset=next_offset WHERE 1=0"),
    ];
    match attempt(session, attempts).await {
        Ok(()) => Ok(good(format!("progress can be kept in table {table}"))),
        Err(error) if number(&error) == Some(NO_TABLE) => {
            may_create(session, (&sink.targets[0].database, table))
                .await
                .map_err(|error| beside_records(&sink.name, error))
        }
        Err(error) => refusal(&sink.name, error),
    }
}

/// Tries statements that touch no row: the server looks at rights and at its own state first.
async fn attempt(
    session: &mut MySqlConnection,
    texts: impl IntoIterator<Item = String>,
) -> Result<(), sqlx::Error> {
    session.execute(raw_sql("ROLLBACK; BEGIN")).await?;
    for text in texts {
        session.execute(query(statement(text))).await?;
    }
    session.execute(raw_sql("ROLLBACK")).await.map(drop)
}

fn refusal(name: &str, error: sqlx::Error) -> Result<Finding, SinkError> {
    match beside_records(name, error) {
        lost @ SinkError::Lost(..) => Err(lost),
        refused => Ok(problem(refused)),
    }
}

/// Whether the user may make tables, as far as the grants say it in plain words.
async fn may_create(
    session: &mut MySqlConnection,
    (database, table): (&str, &str),
) -> Result<Finding, sqlx::Error> {
    let grants: Vec<String> = query_scalar("SHOW GRANTS").fetch_all(session).await?;
    let allows = |grant: &String| {
        let Some((rights, scope)) = grant.split_once(" ON ") else {
            return false;
        };
        let rights = rights.trim_start_matches("GRANT ");
        let here = scope.starts_with("*.*") || scope.contains(database);
        here && rights
            .split(", ")
            .any(|it| it == "CREATE" || it.starts_with("ALL PRIVILEGES"))
    };
    Ok(if grants.iter().any(allows) {
        good(format!("table {table} is missing and will be made"))
    } else {
        finding(
            Severity::Note,
            format!(
                "table {table} is missing and will be made; whether the user may do so is not seen in its grants"
            ),
        )
    })
}

fn good(text: String) -> Finding {
    finding(Severity::Good, text)
}

fn problem(error: SinkError) -> Finding {
    finding(Severity::Problem, crate::fault::chain(&error))
}

fn finding(severity: Severity, text: String) -> Finding {
    Finding { severity, text }
}
