//! What a read of a table of MySQL or MariaDB would do, by the server's own EXPLAIN.

use serde_json::Value;
use sqlx::{
    Column, MySql, Row,
    mysql::{MySqlArguments, MySqlRow},
    query::QueryScalar,
};

use super::{MysqlPages, MysqlScan, bind, by_index::remedy, columns::Learned, count_nulls};
use crate::{
    connect::{identifier::statement, mysql::Flavor},
    fault::chain,
    model::{Finding, Position, Severity},
    source::{
        SourceError,
        plan::{Access, Blocker, Counted, Counting, LowWatermark, Plan},
        scan::table::{
            Ceiling, CursorValue, Page, Pages, ScanPosition, ceiling, failed, texts, without_value,
        },
    },
};

/// The plan of the next read from `stored`.
pub(super) async fn plan(scan: &MysqlScan, stored: Option<&Position>) -> Result<Plan, SourceError> {
    let learned = scan.learn().await?;
    let table = learned.table.clone();
    let scan_position = ScanPosition::stored(stored, &table)?;
    let mut findings = Vec::new();
    match scan.refuse_random(&learned).await {
        Err(error @ SourceError::Incompatible { .. }) => findings.push(Finding {
            severity: Severity::Problem,
            text: chain(&error),
        }),
        other => other?,
    }
    let mut pages = scan.pages(&learned).await?;
    let (ceiling, watermark) = watermark(&mut pages, &scan_position).await?;
    let page = table.next_page(&scan_position, &ceiling, scan.settings.limits.rows);
    let access = explain(scan.connection.flavor(), &mut pages, &page).await?;
    let server = &scan.connection;
    let remedy = remedy(&learned, (server.flavor(), server.version()));
    findings.extend(table.warn(&access, &remedy));
    let nulls = count_nulls(&scan.connection, &learned).await?;
    if nulls > 0 {
        let field = &scan.settings.incremental;
        findings.push(without_value(nulls, field, table.nulls));
    }
    let past = past(&mut pages, &learned, &scan_position).await?;
    Ok(Plan {
        bound: texts(&page.bound),
        query: page.text,
        access: Some(access),
        past,
        nulls: Counted::Exactly(u64::try_from(nulls).unwrap_or_default()),
        watermark,
        findings,
    })
}

/// Rows past a place, as far as they are counted in time.
pub(super) async fn past(
    pages: &mut MysqlPages,
    learned: &Learned,
    scan_position: &ScanPosition,
) -> Result<Counted, SourceError> {
    let mut counting = Counting::start();
    loop {
        let table = &learned.table;
        let asked = table.count_past(&learned.from(), scan_position, counting.limit);
        let found = counted(pages, asked).await?;
        if let Some(past) = counting.found(found) {
            return Ok(past);
        }
    }
}

/// How far a read would go now, and what holds it back.
pub(super) async fn watermark(
    pages: &mut MysqlPages,
    scan_position: &ScanPosition,
) -> Result<(Ceiling, Option<LowWatermark>), SourceError> {
    if pages.watermark_basis().is_none() {
        return Ok((Ceiling::Open, None));
    }
    let found = pages.watermark().await?;
    let ceiling = ceiling(&found, scan_position);
    let seconds = |micros: i64| micros as f64 / 1_000_000.0;
    let blocked_by = match found.blocked_by {
        Some(id) => Some(Blocker {
            who: who(pages, id).await?,
            connection: match id {
                0 => "a prepared transaction without a connection (XA RECOVER lists it)".to_owned(),
                id => format!("connection {id}"),
            },
            seconds: Some(seconds(found.now - found.at)),
        }),
        None => None,
    };
    let watermark = LowWatermark {
        value: ceiling.text(),
        behind: seconds(found.now - found.at),
        blocked_by,
    };
    Ok((ceiling, Some(watermark)))
}

/// The user of a connection, and where it comes from.
async fn who(pages: &mut MysqlPages, id: u64) -> Result<Option<String>, SourceError> {
    let text = "SELECT CAST(CONCAT(USER, '@', SUBSTRING_INDEX(HOST, ':', 1)) AS CHAR) \
        FROM information_schema.PROCESSLIST WHERE ID = ?";
    let found = sqlx::query_scalar(text)
        .bind(id)
        .fetch_optional(&mut pages.session)
        .await;
    let found: Option<Option<String>> = found.map_err(|error| failed(&pages.name, error))?;
    Ok(found.flatten())
}

/// MySQL's JSON where it is some; else the table of columns that all servers have, in which no value
/// stands: a JSON that holds the bytes of a value may be none.
async fn explain(
    flavor: Flavor,
    pages: &mut MysqlPages,
    page: &Page<'_>,
) -> Result<Access, SourceError> {
    if flavor == Flavor::Mysql {
        let rows = explained("FORMAT=JSON ", pages, page).await?;
        let said = rows.first().and_then(|row| text_at(row, 0));
        if let Some(access) = said.and_then(read) {
            return Ok(access);
        }
    }
    let format = match flavor {
        Flavor::Mysql => "FORMAT=TRADITIONAL ",
        Flavor::Mariadb => "",
    };
    let rows = explained(format, pages, page).await?;
    let of = |row: &MySqlRow| {
        let at = |name: &str| {
            let index = row.columns().iter().position(|it| it.name() == name)?;
            text_at(row, index)
        };
        (at("type"), at("key"), at("rows"), at("Extra"))
    };
    Ok(read_rows(rows.iter().map(of).collect()))
}

async fn explained(
    format: &str,
    pages: &mut MysqlPages,
    page: &Page<'_>,
) -> Result<Vec<MySqlRow>, SourceError> {
    let text = format!("EXPLAIN {format}{}", page.text);
    let query = page
        .bound
        .iter()
        .fold(sqlx::query(statement(text)), |query, cursor_value| {
            bind(query, cursor_value)
        });
    let rows = query.fetch_all(&mut pages.session).await;
    rows.map_err(|error| failed(&pages.name, error))
}

/// Whatever type the server gives it.
fn text_at(row: &MySqlRow, index: usize) -> Option<String> {
    let text = row.try_get_unchecked::<Option<String>, _>(index);
    let number = || row.try_get::<Option<i64>, _>(index).ok().flatten();
    let unsigned = || row.try_get::<Option<u64>, _>(index).ok().flatten();
    match number().map(|it| it.to_string()) {
        Some(it) => Some(it),
        None => unsigned()
            .map(|it| it.to_string())
            .or_else(|| text.ok().flatten()),
    }
}

async fn counted(pages: &mut MysqlPages, page: Page<'_>) -> Result<u64, SourceError> {
    let asked = bound(sqlx::query_scalar(statement(page.text)), &page.bound);
    let found: Result<i64, _> = asked.fetch_one(&mut pages.session).await;
    let found = found.map_err(|error| failed(&pages.name, error))?;
    Ok(u64::try_from(found).unwrap_or_default())
}

type Asked<T> = QueryScalar<'static, MySql, T, MySqlArguments>;

fn bound<T>(asked: Asked<T>, cursor_values: &[&CursorValue]) -> Asked<T> {
    cursor_values
        .iter()
        .fold(asked, |asked, cursor_value| match cursor_value {
            CursorValue::I64(it) => asked.bind(*it),
            CursorValue::U64(it) | CursorValue::Member { number: it, .. } => asked.bind(*it),
            CursorValue::F64(it) => asked.bind(*it),
            CursorValue::Year(it) => asked.bind(*it),
            CursorValue::Bytes(it) => asked.bind(it.clone()),
            other => asked.bind(other.text()),
        })
}

/// The tabular form.
fn read_rows(rows: Vec<Explained>) -> Access {
    let mut access = Access {
        index: None,
        reads_all: false,
        sorts: false,
        rows: None,
        said: String::new(),
    };
    for (kind, key, rows, extra) in rows {
        access.said += &format!("{kind:?} {key:?} {rows:?} {extra:?}; ");
        access.index = access.index.take().or(key);
        access.reads_all |= matches!(kind.as_deref(), Some("ALL" | "index"));
        let extra = extra.unwrap_or_default();
        access.sorts |= extra.contains("filesort") || extra.contains("temporary");
        access.rows = access.rows.max(rows.and_then(|it| it.parse().ok()));
    }
    access
}

/// Type, key, rows, extra.
type Explained = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// The servers' JSON differs from one to the other and from release to release, in where the words
/// stand and not in the words: they are looked for wherever they are. `None` where it is no JSON.
fn read(said: String) -> Option<Access> {
    let json: Value = serde_json::from_str(&said).ok()?;
    let mut access = Access {
        index: None,
        reads_all: false,
        sorts: false,
        rows: None,
        said,
    };
    walk(&json, &mut access);
    Some(access)
}

fn walk(json: &Value, access: &mut Access) {
    match json {
        Value::Array(items) => items.iter().for_each(|it| walk(it, access)),
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            let index = text("key").or(text("index_name"));
            access.index = access.index.take().or(index.map(str::to_owned));
            // `access_type` is MariaDB's and older MySQL's; MySQL 9 tells by operations.
            match text("index_access_type").or(text("access_type")) {
                Some("ALL" | "table" | "index" | "index_scan") => access.reads_all = true,
                Some("sort") => access.sorts = true,
                _ => {}
            }
            let sorts = fields.contains_key("filesort") || fields.contains_key("read_sorted_file");
            let ordering = fields.get("using_filesort").and_then(Value::as_bool);
            access.sorts |= sorts || ordering == Some(true);
            for name in ["estimated_rows", "rows_examined_per_scan", "rows"] {
                let number = fields.get(name).and_then(Value::as_f64);
                access.rows = access.rows.max(number.map(|it| it as u64));
            }
            fields.values().for_each(|it| walk(it, access));
        }
        _ => {}
    }
}

impl Learned {
    /// The table as it is named in a statement, with what it is to be read by.
    pub(super) fn from(&self) -> String {
        let select = &self.table.select;
        let at = select.rfind(&format!(" FROM {}", self.quoted_table));
        at.map_or_else(
            || self.quoted_table.clone(),
            |at| select[at + 6..].to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_read_where_it_is_json_and_left_where_it_is_none() {
        let said = r#"{"query_block":{"table":{"access_type":"range","key":"by_at","rows_examined_per_scan":3}}}"#;
        let access = read(said.to_owned()).expect("JSON");
        assert_eq!(
            (access.index.as_deref(), access.rows),
            (Some("by_at"), Some(3))
        );
        assert_eq!(
            read("{\"attached_condition\": \"t.k > '\u{1}'\"".to_owned()),
            None
        );
        assert_eq!(read("{\"a\": \"\u{1}\"}".to_owned()), None);
    }
}
