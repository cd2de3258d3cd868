//! Whether a table of MySQL or MariaDB can be written as the settings say.

use sqlx::{Executor, MySqlConnection, query, query_scalar, raw_sql};

use super::{
    SinkError,
    mysql::MysqlSink,
    mysql_catalog::exact_collation,
    sql_failure::{Failure, beside_records},
    table::Table,
};
use crate::{
    connect::{Verdict, identifier::statement, mysql::Flavor, verdict},
    model::{Finding, Kind, Severity},
};

/// What is found; nothing is changed.
pub(super) async fn check(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let failed = |error| beside_records(&sink.name, error);
    let mut findings = vec![server(sink)];
    let Some(found) = sink.look_up(session).await? else {
        let collation = exact_collation(session).await.map_err(failed)?;
        findings.push(match sink.design(fields, collation) {
            Ok(_) => may_create(sink, session).await.map_err(failed)?,
            Err(error) => problem(error),
        });
        return Ok(findings);
    };
    let folding = found.folding.clone();
    let table = match sink.understand(found) {
        Ok(table) => table,
        Err(error) => {
            findings.push(problem(error));
            return Ok(findings);
        }
    };
    let names = fields.map(|it| it.iter().map(|(name, _)| name.as_str()));
    findings.push(match names.map(|it| table.fit(it, &sink.settings.drop)) {
        Some(Err(advice)) => finding(Severity::Problem, advice),
        Some(Ok(())) => good(format!("table {} has a column for every field", table.name)),
        None => finding(
            Severity::Note,
            format!("the messages' fields are not known before the first one: each needs a column in table {}", table.name),
        ),
    });
    findings.extend(keys(&table, &folding));
    findings.push(rights(sink, session, &table).await?);
    findings.push(finding(
        Severity::Note,
        format!("table {} keeps no version of its records: an older change that comes later overwrites a newer row", table.name),
    ));
    Ok(findings)
}

fn server(sink: &MysqlSink) -> Finding {
    let flavor = match sink.connection.flavor() {
        Flavor::Mysql => "MySQL",
        Flavor::Mariadb => "MariaDB",
    };
    good(format!("{flavor} {} answers", sink.connection.version()))
}

fn keys(table: &Table, folding: &[(String, String)]) -> Vec<Finding> {
    let key = || table.key.iter().map(|it| table.columns[*it].name.as_str());
    let mut findings = vec![good(format!(
        "table {} is written by the key {}",
        table.name,
        key().collect::<Vec<_>>().join(", ")
    ))];
    for (column, collation) in folding.iter().filter(|(it, _)| key().any(|key| key == it)) {
        findings.push(finding(
            Severity::Note,
            format!("column `{column}` of the key has the collation {collation}: keys that differ by case or accents only are one row; give it a collation that ends with _bin where they are not"),
        ));
    }
    let all: Vec<usize> = (0..table.columns.len()).collect();
    if let Some(index) = table.redirecting(&all) {
        findings.push(finding(
            Severity::Note,
            format!("table {} has another unique index ({}): rows are written more slowly, so that it never redirects a write, and a row whose values another key holds there is refused", table.name, index.name),
        ));
    }
    findings
}

/// Tries every statement on no row at all.
async fn rights(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
    table: &Table,
) -> Result<Finding, SinkError> {
    let columns: Vec<_> = table
        .columns
        .iter()
        .filter(|it| it.absent != super::table::Absent::Computed)
        .map(|it| it.quoted.as_str())
        .collect();
    let (quoted, columns) = (&table.quoted, columns.join(","));
    let key = &table.columns[table.key[0]].quoted;
    let attempts = [
        format!("INSERT INTO {quoted} ({columns}) SELECT {columns} FROM {quoted} WHERE 1=0"),
        format!("UPDATE {quoted} SET {key}={key} WHERE 1=0"),
        format!("DELETE FROM {quoted} WHERE 1=0"),
    ];
    let attempt = async |session: &mut MySqlConnection| -> Result<(), sqlx::Error> {
        session.execute(raw_sql("BEGIN")).await?;
        for text in attempts {
            session.execute(query(statement(text))).await?;
        }
        session.execute(raw_sql("ROLLBACK")).await.map(drop)
    };
    match attempt(session).await {
        Ok(()) => Ok(good(format!("table {} can be written", table.name))),
        Err(error) if verdict(&error) == Verdict::Transient => {
            Err(beside_records(&sink.name, error))
        }
        Err(error) => Ok(problem(Failure::Sql(error).into_error(&sink.name))),
    }
}

/// Whether the user may make tables, as far as the grants say it in plain words.
async fn may_create(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
) -> Result<Finding, sqlx::Error> {
    let grants: Vec<String> = query_scalar("SHOW GRANTS").fetch_all(session).await?;
    let allows = |grant: &String| {
        let Some((rights, place)) = grant.split_once(" ON ") else {
            return false;
        };
        let rights = rights.trim_start_matches("GRANT ");
        let here = place.starts_with("*.*") || place.contains(&sink.database);
        here && rights
            .split(", ")
            .any(|it| it == "CREATE" || it.starts_with("ALL PRIVILEGES"))
    };
    let table = &sink.settings.table;
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
