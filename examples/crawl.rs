//! Documents as a crawler leaves them, for the README's walk-through: the collection
//! `spider.raw_information_list_temp` in MongoDB, and the empty database `warehouse` in MySQL.
//!
//! `cargo run --release --example crawl -- 100000`, with the servers' addresses in
//! `HIGHWATER_TEST_MONGODB_URL` and `HIGHWATER_TEST_MYSQL_URL`. Run again, it adds as many more.

use anyhow::Context;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};

/// Documents in one insert.
const AT_ONCE: usize = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count = std::env::args().nth(1).unwrap_or_else(|| "100000".into());
    let count: usize = count.parse().context("how many documents? a number")?;

    let client = mongodb::Client::with_uri_str(address("MONGODB_URL")?).await?;
    let collection = client
        .database("spider")
        .collection::<Document>("raw_information_list_temp");
    let before = collection.estimated_document_count().await?;
    for first in (0..count).step_by(AT_ONCE) {
        let numbers = first..count.min(first + AT_ONCE);
        let documents = numbers.map(|it| announcement(before + it as u64));
        collection.insert_many(documents).await?;
    }
    println!("{count} documents added to spider.raw_information_list_temp, {before} were there");

    let pool = sqlx::MySqlPool::connect(&address("MYSQL_URL")?).await?;
    sqlx::query("CREATE DATABASE IF NOT EXISTS warehouse")
        .execute(&pool)
        .await?;
    println!("database warehouse is there");
    Ok(())
}

fn address(server: &str) -> anyhow::Result<String> {
    let name = format!("HIGHWATER_TEST_{server}");
    std::env::var(&name).with_context(|| format!("{name} is not set"))
}

fn announcement(number: u64) -> Document {
    let kind = ["通知公告", "项目指南", "资助成果", "政策法规"][(number % 4) as usize];
    let department = ["数理科学部", "化学科学部", "生命科学部"][(number % 3) as usize];
    let page = format!("http://example.org/{number}.html");
    doc! {
        "_id": ObjectId::new(),
        "info_name": format!("关于{department}{kind}的第{number}号公告"),
        "create_time": DateTime::now(),
        "column_info": [kind, department],
        "link_data": [{
            "accessory_name": "附件1.pdf",
            "accessory_url": format!("http://example.org/files/{number}.pdf"),
        }],
        "info_date": format!("日期 2025-{:02}-{:02}", 1 + number % 12, 1 + number % 28),
        "info_section": [
            { "title_level": 1, "text_info": "第一段 \"引号\" \\ 反斜线", "media_info": [] },
            { "title_level": 0, "text_info": "第二段\n换行\t制表 😀", "media_info": [] },
        ],
        "info_author": "办公室",
        "description": "现将有关事项通知如下，请各依托单位认真组织申报。",
        "marc_code": "zh",
        "page_url": page,
    }
}
