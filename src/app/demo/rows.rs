//! Rows for the demo: announcements as a crawler stores them, the same ones in every run.

use std::fmt::Write;

use anyhow::Context;
use sqlx::{Row, SqlitePool, sqlite::SqliteConnectOptions};

use crate::connect::identifier::statement;

/// The source table, as `settings.toml` names it.
pub const TABLE: &str = "raw_information_list_temp";

const COLUMNS: [&str; 13] = [
    "_id",
    "uid",
    "info_name",
    "create_time",
    "update_time",
    "column_info",
    "link_data",
    "info_date",
    "info_section",
    "info_author",
    "description",
    "marc_code",
    "page_url",
];
/// Rows in one statement; SQLite takes 32,766 values.
const ROWS_AT_ONCE: u64 = 500;

/// Makes the table and `rows` rows in a new database file.
pub async fn make(options: SqliteConnectOptions, rows: u64) -> anyhow::Result<SqlitePool> {
    let pool = SqlitePool::connect_with(options)
        .await
        .context("the demo's source cannot be made")?;
    let create = format!(
        "CREATE TABLE {TABLE} (
            _id TEXT PRIMARY KEY, uid TEXT NOT NULL, info_name TEXT NOT NULL,
            create_time TEXT NOT NULL, update_time INTEGER NOT NULL, column_info JSON,
            link_data JSON, info_date TEXT, info_section JSON, info_author TEXT,
            description TEXT, marc_code TEXT, page_url TEXT)"
    );
    sqlx::query(statement(create)).execute(&pool).await?;
    let index = format!("CREATE INDEX by_update_time ON {TABLE} (update_time, _id)");
    sqlx::query(statement(index)).execute(&pool).await?;
    insert(&pool, 0, rows).await?;
    Ok(pool)
}

/// Changes one row in a hundred and adds a fifth as many; answers how many that is in all.
pub async fn change(pool: &SqlitePool, rows: u64) -> anyhow::Result<u64> {
    let update = format!(
        "UPDATE {TABLE} SET info_name = info_name || '（更正）', update_time = ? + rowid
         WHERE rowid % 100 = 1"
    );
    let updated = sqlx::query(statement(update))
        .bind(i64::try_from(rows)? + 1)
        .execute(pool)
        .await?
        .rows_affected();
    let added = (rows / 500).max(1);
    // Their update times lie behind those of the changed rows.
    insert_from(pool, rows, added, 3 * rows).await?;
    Ok(updated + added)
}

/// How many rows there are.
pub async fn count(pool: &SqlitePool) -> anyhow::Result<u64> {
    let query = format!("SELECT count(*) FROM {TABLE}");
    let count: i64 = sqlx::query(statement(query)).fetch_one(pool).await?.get(0);
    Ok(u64::try_from(count)?)
}

async fn insert(pool: &SqlitePool, first: u64, rows: u64) -> anyhow::Result<()> {
    insert_from(pool, first, rows, 0).await
}

async fn insert_from(pool: &SqlitePool, first: u64, rows: u64, later: u64) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    let mut next = first;
    while next < first + rows {
        let end = (next + ROWS_AT_ONCE).min(first + rows);
        let placeholders = format!("({}?)", "?, ".repeat(COLUMNS.len() - 1));
        let all = vec![placeholders; usize::try_from(end - next)?].join(", ");
        let text = format!("INSERT INTO {TABLE} ({}) VALUES {all}", COLUMNS.join(", "));
        let mut query = sqlx::query(statement(text));
        for number in next..end {
            let row = Announcement::of(number);
            query = query
                .bind(row.id.clone())
                .bind(row.id)
                .bind(row.name)
                .bind(row.create_time)
                .bind(i64::try_from(number + later + 1)?)
                .bind(row.column_info)
                .bind(row.link_data)
                .bind(row.info_date)
                .bind(row.info_section)
                .bind(row.author)
                .bind(row.description)
                .bind("zh")
                .bind(row.page_url);
        }
        query.execute(&mut *transaction).await?;
        next = end;
    }
    transaction.commit().await?;
    Ok(())
}

/// One crawled page.
struct Announcement {
    id: String,
    name: String,
    create_time: String,
    column_info: String,
    link_data: String,
    info_date: Option<String>,
    info_section: String,
    author: Option<String>,
    description: String,
    page_url: String,
}

const KINDS: [&str; 5] = ["通知公告", "项目指南", "资助成果", "政策法规", "工作动态"];
const DEPARTMENTS: [&str; 6] = [
    "数理科学部",
    "化学科学部",
    "生命科学部",
    "地球科学部",
    "信息科学部",
    "医学科学部",
];
const SENTENCES: [&str; 6] = [
    "现将有关事项通知如下，请各依托单位认真组织申报。",
    "申请人应当按照要求在线填写申请书，并提供真实、完整的附件材料。",
    "Proposals are reviewed by at least three experts; the results are published in autumn.",
    "经费使用应当符合国家有关财务制度，专款专用，单独核算。",
    "联系人：办公室 \"项目处\"，电话：010-6232 0000\t传真同号。",
    "附件请在截止日期之前下载 😀，逾期不再提供。",
];

impl Announcement {
    fn of(number: u64) -> Self {
        let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (kind, department) = (dice.pick(&KINDS), dice.pick(&DEPARTMENTS));
        let day = 1 + number % 28;
        let month = 1 + number / 28 % 12;
        let date = format!("{}-{month:02}-{day:02}", 2015 + number / 336 % 10);
        let id = format!("{:08x}{:016x}", 0x6000_0000 + number, dice.roll());
        let mut sections = String::from("[");
        for section in 0..1 + dice.roll() % 3 {
            let comma = if section == 0 { "" } else { "," };
            let text = serde_json::Value::from(dice.pick(&SENTENCES));
            // Writing into memory cannot fail.
            let _ = write!(
                sections,
                "{comma}{{\"title_level\":{},\"text_info\":{text},\"media_info\":[]}}",
                section % 2
            );
        }
        sections.push(']');
        let files = dice.roll() % 3;
        let file = |it: u64| {
            let url = format!("http://example.org/files/{id}/{it}.pdf");
            format!("{{\"accessory_name\":\"附件{it}.pdf\",\"accessory_url\":\"{url}\"}}")
        };
        let links: Vec<_> = (1..=files).map(file).collect();
        Self {
            name: format!("关于{department}{kind}的第{number}号公告"),
            create_time: format!("{date} 09:{:02}:{:02}", number % 60, number / 60 % 60),
            column_info: format!("[\"{kind}\", \"{department}\"]"),
            link_data: format!("[{}]", links.join(",")),
            info_date: (!number.is_multiple_of(17)).then(|| format!("日期 {date}")),
            info_section: sections,
            author: (!number.is_multiple_of(5)).then(|| "办公室".to_owned()),
            description: dice.pick(&SENTENCES).to_owned(),
            page_url: format!("http://example.org/{month}/{id}.html"),
            id,
        }
    }
}

/// A small generator (xorshift), so that every run makes the same rows.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        // The remainder is below the length, so it fits.
        of[(self.roll() % of.len() as u64) as usize]
    }
}
