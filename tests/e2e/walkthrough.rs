//! The README's walk: MongoDB → Kafka → MySQL, every row compared; 100,000 documents at full scale.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use tokio::time::Instant;

use crate::{in_a_world, kills::full_scale, program, world::World};

/// Between two documents' times.
const STEP: i64 = 1_001;
/// 2025-08-26 09:30:15 UTC, in milliseconds.
const FIRST: i64 = 1_756_200_615_000;

#[test]
fn walkthrough_brings_every_document_into_the_table() {
    in_a_world("walkthrough", async |world| {
        let documents = if full_scale() { 100_000 } else { 2_000 };
        fs::write(world.folder.path().join("settings.toml"), settings()?)?;
        fill(world, documents).await?;
        let sync = timed(world, "sync --data-type information", documents).await?;
        ensure!(
            world.kafka.count(&world.topic)? == u64::from(documents),
            "the topic holds {} messages",
            world.kafka.count(&world.topic)?
        );
        let sink = timed(
            world,
            "sink --data-type information --until-caught-up",
            documents,
        )
        .await?;
        compare(world, documents).await?;
        println!("{documents} documents, {documents} messages, {documents} rows, all equal");
        println!("sync {}", rate(documents, sync));
        println!("sink {}", rate(documents, sink));
        Ok(())
    });
}

async fn fill(world: &World, documents: u32) -> Result<()> {
    let database = world.mongodb().await?;
    let collection = database.collection::<Document>("raw_information_list_temp");
    let numbers: Vec<u32> = (0..documents).collect();
    for some in numbers.chunks(5_000) {
        collection.insert_many(some.iter().map(document)).await?;
    }
    Ok(())
}

fn id(number: &u32) -> ObjectId {
    let mut bytes = [0x68; 12];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// A document as a crawler leaves it.
pub fn document(number: &u32) -> Document {
    doc! {
        "_id": id(number),
        "info_name": format!("公告 {number}"),
        "create_time": DateTime::from_millis(FIRST + i64::from(*number) * STEP),
        "column_info": ["通知公告", "项目指南"],
        "link_data": [{ "accessory_name": "附件1.pdf", "accessory_url": "http://example.org/a.pdf" }],
        "info_date": "日期 2025-08-26",
        "info_section": [format!("第一段 {number}"), "第二段\n换行"],
        "info_author": "办公室",
        "description": "说明",
        "page_url": format!("http://example.org/{number}"),
    }
}

/// The row that has to come of a document.
fn row(number: &u32) -> String {
    let millis = FIRST + i64::from(*number) * STEP;
    let fraction = millis % 1_000 * 1_000;
    let seconds = millis / 1_000 - 1_756_166_400;
    let (day, second) = (26 + seconds / 86_400, seconds % 86_400);
    let mut created_at = format!(
        "2025-08-{day:02} {:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    );
    if fraction != 0 {
        created_at.push_str(&format!(".{fraction:06}"));
    }
    let (uid, name) = (id(number).to_hex(), format!("公告 {number}"));
    [
        &uid[..],
        &name,
        &created_at,
        "2025-08-26",
        &format!("第一段 {number}"),
        &format!("http://example.org/{number}"),
    ]
    .join("\t")
}

async fn compare(world: &World, documents: u32) -> Result<()> {
    let rows = world
        .mysql()
        .await?
        .rows(
            "SELECT uid, name, created_at, info_date, info_section->>'$[0]', details_page \
             FROM info ORDER BY uid",
        )
        .await?;
    let expected: Vec<_> = (0..documents).map(|it| row(&it)).collect();
    let different = rows.iter().zip(&expected).find(|(row, it)| row != it);
    ensure!(different.is_none(), "{different:?}");
    ensure!(rows.len() == expected.len(), "{} rows", rows.len());
    Ok(())
}

async fn timed(world: &World, arguments: &str, documents: u32) -> Result<Duration> {
    let begun = Instant::now();
    let ended = program::run(world, arguments).await?;
    ended.expect("exit 0", world.folder.path())?;
    let digits: String = ended.out.replace(',', "");
    ensure!(
        digits.contains(&format!("{documents} rows")),
        "{}",
        ended.out
    );
    let took = begun.elapsed();
    let line = ended.out.lines().last().context("it said nothing")?;
    println!("{line}");
    Ok(took)
}

fn rate(documents: u32, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    format!(
        "{seconds:.1} s, {:.0} rows/s",
        f64::from(documents) / seconds
    )
}

/// The README's settings, with the servers, the database, the topic and the group of this test.
fn settings() -> Result<String> {
    let readme = include_str!("../../README.md");
    let block = readme.split("```toml").nth(1);
    let block = block.and_then(|it| it.split("```").next());
    let mut settings = block.context("the README has no settings")?.to_owned();
    for (theirs, ours) in [
        ("${HIGHWATER_TEST_MONGODB_URL}", "${MONGODB_URL}"),
        ("\"spider\"", "\"${CASE_DATABASE}\""),
        ("${HIGHWATER_TEST_KAFKA_BROKERS}", "${KAFKA_BROKERS}"),
        ("${HIGHWATER_TEST_MYSQL_URL}/warehouse", "${MYSQL_URL}"),
        ("topic = \"information\"", "topic = \"${CASE_TOPIC}\""),
        (
            "table = \"info\"",
            "table = \"info\", group = \"${CASE_GROUP}\"",
        ),
    ] {
        ensure!(settings.contains(theirs), "the README has no {theirs}");
        settings = settings.replace(theirs, ours);
    }
    Ok(settings)
}
