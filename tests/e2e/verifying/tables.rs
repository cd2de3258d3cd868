//! `verify` and `repair` of one record that is in several tables: the shipped `information`, from MongoDB.

use std::fs;

use anyhow::{Context, Result, ensure};
use mongodb::bson::{Bson, Document};
use serde_json::Value;

use crate::{
    in_a_world, program,
    sql::Sql,
    tables::{TABLES, write_settings},
    walkthrough::document,
    world::World,
};

/// Information in the source; every fourth has no section, the others one to three.
const ALL: u32 = 60;

const SOURCE: &str = r#"
[connections.crawler]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "${CASE_DATABASE}"

[data-types.information]
from = { connection = "crawler", collection = "raw_information_list_temp" }
"#;

#[test]
fn verify_and_repair_of_one_record_in_four_tables_of_mysql() {
    in_a_world("verify_tables_mysql", async |world| {
        four_tables(world, "MYSQL_URL", &mut world.mysql().await?).await
    });
}

#[test]
fn verify_and_repair_of_one_record_in_four_tables_of_mariadb() {
    in_a_world("verify_tables_mariadb", async |world| {
        four_tables(world, "MARIADB_URL", &mut world.mariadb().await?).await
    });
}

async fn four_tables(world: &World, url: &str, sql: &mut Sql) -> Result<()> {
    prepare(world, url).await?;
    sql.run(TABLES).await?;
    sql.run("INSERT INTO resource_source_list VALUES (7, 'http://example.org/')")
        .await?;
    for command in ["sync", "sink --until-caught-up"] {
        let ended = program::run(world, &format!("{command} --data-type information")).await?;
        ended.expect("exit 0\nout contains 60 rows", world.folder.path())?;
    }
    let before = everything(sql).await?;
    check(
        world,
        0,
        [[60, 0, 0, 0], [60, 0, 0, 0], [60, 0, 0, 0], [90, 0, 0, 0]],
    )
    .await?;

    sql.run(PLANTED).await?;
    let found = [[60, 1, 1, 1], [60, 0, 0, 1], [60, 2, 1, 0], [90, 2, 4, 2]];
    check(world, 3, found).await?;
    let planted = everything(sql).await?;
    let shown = asked(world, "repair", 3).await?;
    ensure!(
        shown["would"]["insert"] == 5
            && shown["would"]["update"] == 4
            && shown["would"]["delete"] == 6,
        "{shown}"
    );
    ensure!(everything(sql).await? == planted, "it only shows");

    let kept = asked(world, "repair --apply --keep-extra --rows 3", 0).await?;
    let left = |at: usize| kept["tables"][at]["extra"].clone();
    // What a parent has too much goes with its other rows, which come anew.
    ensure!(left(0) == 1 && left(2) == 1 && left(3) == 3, "{kept}");
    sql.run("UPDATE resource_information_section_list SET src_text = 'other' WHERE information_id = '68686868686868680000000f'")
        .await?;
    let mended = asked(world, "repair --apply --rows 3", 0).await?;
    ensure!(mended["equal"] == true, "{mended}");
    ensure!(everything(sql).await? == before, "they are as they were");
    check(
        world,
        0,
        [[60, 0, 0, 0], [60, 0, 0, 0], [60, 0, 0, 0], [90, 0, 0, 0]],
    )
    .await
}

/// Gone, too many, and different, in each of the tables; parents end in the number of their document.
const PLANTED: &str = "\
    DELETE FROM resource_information_list WHERE information_id = '686868686868686800000001';\
    INSERT INTO resource_information_list (information_id) VALUES ('ghost');\
    UPDATE resource_information_list SET metadata = NULL WHERE information_id = '686868686868686800000002';\
    UPDATE resource_information_tags_relation SET tag_code = 'x' WHERE information_id = '686868686868686800000003';\
    DELETE FROM resource_information_attachment_list WHERE information_id IN ('686868686868686800000004', '686868686868686800000005');\
    INSERT INTO resource_information_attachment_list (information_id, display_order) VALUES ('ghost', 1);\
    DELETE FROM resource_information_section_list WHERE information_id = '686868686868686800000006';\
    INSERT INTO resource_information_section_list (information_id, section_id, section_order) VALUES \
      ('686868686868686800000007', 'x', 9), ('686868686868686800000008', 'y', 1), ('ghost', 'a', 1), ('ghost', 'b', 2);\
    UPDATE resource_information_section_list SET src_text = NULL WHERE information_id = '686868686868686800000007' AND section_order = 2;\
    UPDATE resource_information_section_list SET src_text = '' WHERE information_id = '686868686868686800000009'";

async fn prepare(world: &World, url: &str) -> Result<()> {
    write_settings(world, url)?;
    let file = world.folder.path().join("settings.toml");
    let source = SOURCE.trim_end();
    let settings = fs::read_to_string(&file)?.replace("\n[data-types.information]", source);
    let settings = match url {
        "MARIADB_URL" => settings.replace("kind = \"mysql\"", "kind = \"mariadb\""),
        _ => settings,
    };
    fs::write(file, settings)?;
    for topic in [world.topic.clone(), format!("{}.dead-letters", world.topic)] {
        world.kafka.create(&topic, 1, &[]).await?;
    }
    let database = world.mongodb().await?;
    let collection = database.collection::<Document>("raw_information_list_temp");
    let all = (0..ALL).map(|number| {
        let mut document = document(&number);
        let sections = (1..=number % 4).map(|it| Bson::from(format!("section {it}")));
        document.insert("info_section", sections.collect::<Vec<_>>());
        document
    });
    collection.insert_many(all).await?;
    Ok(())
}

/// What a verification says of each table: expected rows, and those missing, extra and different.
async fn check(world: &World, status: i32, expected: [[u64; 4]; 4]) -> Result<()> {
    let answer = asked(world, "verify", status).await?;
    let tables = answer.as_array().context("no tables")?;
    let found: Vec<_> = tables
        .iter()
        .map(|it| ["expected_rows", "missing", "extra", "different"].map(|name| it[name].as_u64()))
        .collect();
    let expected = expected.map(|it| it.map(Some));
    ensure!(found == expected, "{found:?}\n{answer:#}");
    Ok(())
}

async fn asked(world: &World, arguments: &str, status: i32) -> Result<Value> {
    let all = format!("{arguments} --data-type information --recheck-after 1ms --json");
    let ended = program::run(world, &all).await?;
    ended.expect(&format!("exit {status}"), world.folder.path())?;
    let value: Value = serde_json::from_str(&ended.out).context(ended.out)?;
    Ok(match value.get("verified") {
        Some(all) => all.clone(),
        None => value["repair"].clone(),
    })
}

/// All rows, without the numbers and times that the server gives.
async fn everything(sql: &mut Sql) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (table, columns) in [
        (
            "list",
            "information_id, JSON_EXTRACT(information_name, '$.zh'), original_link, publish_date, JSON_EXTRACT(metadata, '$.info_author'), source_id",
        ),
        (
            "tags_relation",
            "information_id, tag_code, JSON_EXTRACT(tag_value, '$[0]')",
        ),
        (
            "attachment_list",
            "information_id, display_order, attachment_name, attachment_address",
        ),
        (
            "section_list",
            "information_id, section_order, section_id, src_text, md5_encode, marc_code",
        ),
    ] {
        let query = format!("SELECT {columns} FROM resource_information_{table} ORDER BY 1, 2");
        all.extend(sql.rows(&query).await?);
    }
    Ok(all)
}

#[test]
fn what_no_source_tells_is_not_compared() {
    in_a_world("verify_untold", async |world| {
        let of = |into: &str| {
            format!(
                r#"
[connections.kafka]
kind = "kafka"
brokers = ["${{KAFKA_BROKERS}}"]
[connections.mysql]
kind = "mysql"
url = "${{MYSQL_URL}}"
[data-types.log]
format = "json"
topic = "${{CASE_TOPIC}}"
broker = "kafka"
from = {{ connection = "mysql", table = "orders", incremental = "id" }}
into = {{ connection = "mysql", {into} }}
"#
            )
        };
        world
            .mysql()
            .await?
            .run("CREATE TABLE orders (id INT PRIMARY KEY); CREATE TABLE log (number INT PRIMARY KEY, id INT, mark VARCHAR(200) UNIQUE)")
            .await?;
        for (into, answer) in [
            (
                r#"table = "log", append = "mark""#,
                "keeps every message that came",
            ),
            (
                r#"route = { key = true }, tables = [{ table = "log", when = ["a"] }]"#,
                "is routed by the key of its messages",
            ),
        ] {
            fs::write(world.folder.path().join("settings.toml"), of(into))?;
            for command in ["verify", "repair --apply --data-type log"] {
                let ended = program::run(world, command).await?;
                let stream = if command == "verify" { "out" } else { "err" };
                ended.expect(
                    &format!("exit 1\n{stream} contains {answer}"),
                    world.folder.path(),
                )?;
            }
        }
        Ok(())
    });
}
