//! What a read of a table of a SQLite file would do, by its EXPLAIN QUERY PLAN.

use sqlx::{Sqlite, SqlitePool, query::QueryScalar, sqlite::SqliteArguments};

use super::{SqliteScan, columns::Learned};
use crate::{
    connect::identifier::statement,
    model::Position,
    source::{
        SourceError,
        plan::{Access, Counted, Counting, Plan},
        scan::table::{Ceiling, CursorValue, Page, ScanPosition, failed, texts, without_value},
    },
};

/// The plan of the next read from `stored`.
pub(super) async fn plan(
    scan: &SqliteScan,
    stored: Option<&Position>,
) -> Result<Plan, SourceError> {
    let learned = scan.learn().await?;
    let table = &learned.table;
    let scan_position = ScanPosition::stored(stored, table)?;
    let lost = |error| failed(&scan.name, error);
    let readers = scan.connection.readers();
    let page = table.next_page(&scan_position, &Ceiling::Open, scan.settings.limits.rows);
    let access = explain(scan.connection.readers(), &learned.quoted_table, &page).await;
    let access = access.map_err(lost)?;
    let past = past(scan, &learned, &scan_position).await?;
    let nulls = count_nulls(readers, &learned).await.map_err(lost)?;
    let mut findings = table.warn(&access, &table.create_index(&learned.quoted_table));
    if nulls > 0 {
        let field = &scan.settings.incremental;
        findings.push(without_value(nulls, field, table.nulls));
    }
    Ok(Plan {
        findings,
        bound: texts(&page.bound),
        query: page.text,
        access: Some(access),
        past,
        nulls: Counted::Exactly(u64::try_from(nulls).unwrap_or_default()),
        watermark: None,
    })
}

/// How the file would be searched for a page.
pub(super) async fn explain(
    readers: &SqlitePool,
    quoted_table: &str,
    page: &Page<'_>,
) -> Result<Access, sqlx::Error> {
    // An EXPLAIN answers by the schema as this connection has last seen it: a read looks at it anew.
    let mut session = readers.acquire().await?;
    let look = statement(format!("SELECT 1 FROM {quoted_table} LIMIT 1"));
    sqlx::query(look).fetch_optional(&mut *session).await?;
    let text = format!("EXPLAIN QUERY PLAN {}", page.text);
    let asked = page.bound.iter().fold(
        sqlx::query_as(statement(text)).persistent(false),
        |asked, cursor_value| match cursor_value {
            CursorValue::I64(it) => asked.bind(*it),
            CursorValue::F64(it) => asked.bind(*it),
            CursorValue::Bytes(it) => asked.bind(it.clone()),
            other => asked.bind(other.text()),
        },
    );
    let steps: Vec<(i64, i64, i64, String)> = asked.fetch_all(&mut *session).await?;
    Ok(read(steps.into_iter().map(|it| it.3).collect()))
}

/// Rows without a value, whatever is done about them.
pub(super) async fn count_nulls(
    readers: &SqlitePool,
    learned: &Learned,
) -> Result<i64, sqlx::Error> {
    let Some(condition) = learned.without_value() else {
        return Ok(0);
    };
    let text = format!(
        "SELECT count(*) FROM {} WHERE {condition}",
        learned.quoted_table
    );
    sqlx::query_scalar(statement(text)).fetch_one(readers).await
}

/// Rows past a place, as far as they are counted in time.
pub(super) async fn past(
    scan: &SqliteScan,
    learned: &Learned,
    scan_position: &ScanPosition,
) -> Result<Counted, SourceError> {
    let lost = |error| failed(&scan.name, error);
    let mut counting = Counting::start();
    loop {
        let table = &learned.table;
        let page = table.count_past(&learned.quoted_table, scan_position, counting.limit);
        let asked = bound(sqlx::query_scalar(statement(page.text)), &page.bound);
        let found = asked.fetch_one(scan.connection.readers()).await;
        let found: i64 = found.map_err(lost)?;
        if let Some(past) = counting.found(u64::try_from(found).unwrap_or_default()) {
            return Ok(past);
        }
    }
}

type Asked<T> = QueryScalar<'static, Sqlite, T, SqliteArguments>;

fn bound<T>(asked: Asked<T>, cursor_values: &[&CursorValue]) -> Asked<T> {
    cursor_values
        .iter()
        .fold(asked, |asked, cursor_value| match cursor_value {
            CursorValue::I64(it) => asked.bind(*it),
            CursorValue::F64(it) => asked.bind(*it),
            CursorValue::Bytes(it) => asked.bind(it.clone()),
            other => asked.bind(other.text()),
        })
}

/// `SEARCH t USING INDEX i (…)`, `SCAN t`, `USE TEMP B-TREE FOR ORDER BY`.
fn read(steps: Vec<String>) -> Access {
    let index = steps.iter().find_map(|it| {
        let (_, behind) = it.split_once(" INDEX ")?;
        Some(behind.split(" (").next().unwrap_or(behind).to_owned())
    });
    let reads_all = steps.iter().any(|it| it.starts_with("SCAN"));
    let sorts = steps.iter().any(|it| it.contains("TEMP B-TREE"));
    let by_rowid = steps.iter().any(|it| it.contains("INTEGER PRIMARY KEY"));
    // What is walked as it lies and need not be sorted lies in the order that was asked for.
    let by_key = by_rowid || reads_all && !sorts;
    Access {
        index: index.or(by_key.then(|| "the primary key".to_owned())),
        reads_all,
        sorts,
        rows: None,
        said: steps.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_lies_in_the_order_needs_no_index() {
        let served = |steps: &[&str]| {
            let access = read(steps.iter().map(|it| (*it).to_owned()).collect());
            (access.index.is_some(), access.sorts)
        };
        assert_eq!(served(&["SCAN t"]), (true, false));
        let search = "SEARCH t USING INTEGER PRIMARY KEY (rowid>?)";
        assert_eq!(served(&[search]), (true, false));
        assert_eq!(
            served(&["SCAN t", "USE TEMP B-TREE FOR ORDER BY"]),
            (false, true)
        );
    }
}
