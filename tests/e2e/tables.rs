//! `information` in four tables, by the settings and the tables that are shipped as an example.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    in_a_world,
    kafka::{Outgoing, header},
    kills::{LIMIT, sink::WAITING},
    program,
    sql::Sql,
    wait,
    world::World,
};

const SETTINGS: &str = include_str!("../../examples/information/settings.toml");
pub const TABLES: &str = include_str!("../../examples/information/tables.sql");

#[test]
fn one_information_is_in_four_tables_of_mysql() {
    in_a_world("four_tables_mysql", async |world| {
        four_tables(world, "MYSQL_URL", &mut world.mysql().await?).await
    });
}

#[test]
fn one_information_is_in_four_tables_of_mariadb() {
    in_a_world("four_tables_mariadb", async |world| {
        four_tables(world, "MARIADB_URL", &mut world.mariadb().await?).await
    });
}

async fn four_tables(world: &World, url: &str, sql: &mut Sql) -> Result<()> {
    write_settings(world, url)?;
    world.kafka.create(&world.topic, 1, &[]).await?;
    let dead_letters = format!("{}.dead-letters", world.topic);
    world.kafka.create(&dead_letters, 1, &[]).await?;
    sql.run(TABLES).await?;
    sql.run("INSERT INTO resource_source_list VALUES (7, 'https://one.org/')")
        .await?;
    bad_ones_stay_outside(world, sql, &dead_letters).await?;
    children_are_replaced(world, sql).await?;
    a_message_of_no_table_is_a_letter(world, sql, &dead_letters).await
}

/// Bad messages among good ones: of none of them there is a row in any table.
async fn bad_ones_stay_outside(world: &World, sql: &mut Sql, dead_letters: &str) -> Result<()> {
    let long = "x".repeat(600);
    let object = json!({"title_level": 1, "text_info": "二", "media_info": []});
    produce(
        world,
        &[
            ("a", Some(&information("a", 2, &[json!("一"), object]))),
            ("b", Some(&information("b", 1, &[json!("b1")]))),
            ("bad", Some("{\"uid\": 1,")),
            // No column of the third table holds it: by then two of them have their rows.
            (
                "long",
                Some(&information("long", 1, &[]).replace("file 1", &long)),
            ),
            ("c", Some(&information("c", 0, &[]))),
        ],
    )?;
    sink(world, ", 2 dead letters").await?;
    expect(sql, LIST, &["a\tname a\t7", "b\tname b\t7", "c\tname c\t7"]).await?;
    expect(sql, TAGS, &["a\tinfo_nsfc", "b\tinfo_nsfc", "c\tinfo_nsfc"]).await?;
    expect(
        sql,
        ATTACHMENTS,
        &["a\t1\tfile 1", "a\t2\tfile 2", "b\t1\tfile 1"],
    )
    .await?;
    let md5 = [
        "a_1\t1\t一\t7941da94db2a83c04d0d85ee45ecb1e3",
        "a_2\t2\t二\t2d8be272c9e78713e31e5c0c165422bb",
        "b_1\t1\tb1\tedbab45572c72a5d9440b40bcc0500c0",
    ];
    expect(sql, SECTIONS, &md5).await?;
    let steps: Vec<_> = world.kafka.read(dead_letters)?.iter().map(step).collect();
    ensure!(steps == ["decode", "write"], "{steps:?}");
    Ok(())
}

/// Lists shrink, become empty, and go with their information.
async fn children_are_replaced(world: &World, sql: &mut Sql) -> Result<()> {
    produce(
        world,
        &[
            ("a", Some(&information("a", 1, &[json!("new")]))),
            ("b", Some(&information("b", 0, &[]))),
            ("d", Some(&information("d", 1, &[json!("d1")]))),
            ("d", None),
            ("c", None),
        ],
    )?;
    sink(world, "").await?;
    expect(sql, LIST, &["a\tname a\t7", "b\tname b\t7"]).await?;
    expect(sql, TAGS, &["a\tinfo_nsfc", "b\tinfo_nsfc"]).await?;
    expect(sql, ATTACHMENTS, &["a\t1\tfile 1"]).await?;
    let md5 = ["a_1\t1\tnew\t22af645d1859cb5ca6da0c484f1f37ea"];
    expect(sql, SECTIONS, &md5).await?;
    let again = program::run(world, "sink --data-type information --until-caught-up").await?;
    again.expect("exit 0", world.folder.path())?;
    expect(sql, ATTACHMENTS, &["a\t1\tfile 1"]).await?;
    let check = program::run(world, "check --data-type information").await?;
    let answer = "out contains rows of table resource_information_section_list are replaced by information_id";
    check.expect(&format!("exit 0\n{answer}"), world.folder.path())
}

async fn a_message_of_no_table_is_a_letter(
    world: &World,
    sql: &mut Sql,
    dead_letters: &str,
) -> Result<()> {
    let file = world.folder.path().join("settings.toml");
    let routed = fs::read_to_string(&file)?
        .replace(
            "steps = [{ rename = { uid =",
            "route = \"data_type\"\nsteps = [{ rename = { uid =",
        )
        .replace(
            "\nkey = [\"information_id\"",
            "\nwhen = [\"information_nsfc\"]\nkey = [\"information_id\"",
        );
    fs::write(&file, routed)?;
    let other = information("e", 1, &[]).replace("information_nsfc", "other");
    produce(
        world,
        &[
            ("e", Some(&other)),
            ("f", Some(&information("f", 0, &[]))),
            ("b", None),
        ],
    )?;
    sink(world, ", 1 dead letter").await?;
    expect(sql, LIST, &["a\tname a\t7", "f\tname f\t7"]).await?;
    let dead_letters = world.kafka.read(dead_letters)?;
    let last = dead_letters.last().context("no letter")?;
    let reason = header(last, "highwater-dead-reason").unwrap_or_default();
    ensure!(
        step(last) == "route" && reason.contains("`other`"),
        "{reason}"
    );
    Ok(())
}

/// Information in the last killed round.
const MANY: usize = 400;

#[test]
fn kills_leave_all_four_tables_at_one_message() {
    in_a_world("four_tables_kills", async |world| {
        let mut sql = world.mysql().await?;
        write_settings(world, "MYSQL_URL")?;
        world.kafka.create(&world.topic, 1, &[]).await?;
        let dead_letters = format!("{}.dead-letters", world.topic);
        world.kafka.create(&dead_letters, 1, &[]).await?;
        sql.run(TABLES).await?;
        for round in 1..=3 {
            produce_many(world, round)?;
            kill_between_tables(world, &mut sql, round).await?;
            all_of_one_message(&mut sql).await?;
        }
        sink(world, "").await?;
        all_of_one_message(&mut sql).await?;
        let children = "SELECT COUNT(*) FROM resource_information_section_list \
            WHERE src_text <> 'round 3'";
        ensure!(
            sql.number(children).await? == 0,
            "children of an earlier round"
        );
        let all = "SELECT COUNT(*) FROM resource_information_section_list";
        ensure!(sql.number(all).await? == i64::try_from(MANY)?);
        ensure!(
            world.kafka.count(&dead_letters)? == 0,
            "there is a dead letter"
        );
        Ok(())
    });
}

/// Every round has one section less for each information.
fn produce_many(world: &World, round: usize) -> Result<()> {
    let sections = vec![json!(format!("round {round}")); 4 - round];
    let ids: Vec<String> = (0..MANY).map(|it| format!("{it:04}")).collect();
    let values: Vec<String> = ids
        .iter()
        .map(|id| {
            information(id, 4 - round, &sections).replace("name ", &format!("round {round} "))
        })
        .collect();
    let messages = ids.iter().zip(&values);
    let messages: Vec<_> = messages
        .map(|(id, value)| (id.as_str(), Some(value.as_str())))
        .collect();
    produce(world, &messages)
}

/// Holds a row of the last table, so that the transaction that has written the first three is
/// surely open, and kills the sink while it waits.
async fn kill_between_tables(world: &World, sql: &mut Sql, round: usize) -> Result<()> {
    let mut blocker = world.mysql().await?;
    let at = format!("{:04}", MANY / 2 + round);
    blocker.run("START TRANSACTION").await?;
    let held = format!(
        "INSERT INTO resource_information_section_list (information_id, section_id, section_order) \
         VALUES ('{at}', 'held', 99); \
         UPDATE resource_information_section_list SET dst_text = 'held' WHERE information_id = '{at}'"
    );
    blocker.run(&held).await?;
    let mut killed = program::start(world, "sink --data-type information")?;
    wait::until("the sink waits for the held row", LIMIT, async || {
        ensure!(!killed.is_over()?, "the sink has ended by itself");
        Ok((sql.number(WAITING).await? > 0).then_some(()))
    })
    .await
    .with_context(|| killed.said("err"))?;
    ensure!(killed.kill().await?, "the sink has ended by itself");
    blocker.run("ROLLBACK").await
}

/// Whatever message of an information is written, it is written in all tables.
async fn all_of_one_message(sql: &mut Sql) -> Result<()> {
    let apart = sql.rows(APART).await?;
    ensure!(apart.is_empty(), "written in part: {apart:?}");
    Ok(())
}

/// Information whose rows are not all of the round in its name: each round has one row less.
const APART: &str = "SELECT * FROM (SELECT information_id, \
    SUBSTRING(information_name->>'$.zh', 7, 1) AS round, \
    (SELECT COUNT(*) FROM resource_information_attachment_list a \
      WHERE a.information_id = l.information_id) AS files, \
    (SELECT COUNT(*) FROM resource_information_section_list s \
      WHERE s.information_id = l.information_id) AS sections, \
    (SELECT COUNT(*) FROM resource_information_section_list s \
      WHERE s.information_id = l.information_id \
      AND s.src_text = SUBSTRING(information_name->>'$.zh', 1, 7)) AS own \
    FROM resource_information_list l) AS found \
    WHERE files <> 4 - round OR sections <> 4 - round OR own <> sections";
const LIST: &str = "SELECT information_id, JSON_UNQUOTE(JSON_EXTRACT(information_name, '$.zh')), \
    source_id FROM resource_information_list ORDER BY 1";
const TAGS: &str =
    "SELECT information_id, tag_code FROM resource_information_tags_relation ORDER BY 1";
const ATTACHMENTS: &str = "SELECT information_id, display_order, attachment_name \
    FROM resource_information_attachment_list ORDER BY 1, 2";
const SECTIONS: &str = "SELECT section_id, section_order, src_text, md5_encode \
    FROM resource_information_section_list ORDER BY 1";

/// The shipped settings, with this test's topic and database.
///
/// # Errors
/// They cannot be written.
pub fn write_settings(world: &World, url: &str) -> Result<()> {
    let settings = SETTINGS
        .replace("${WAREHOUSE_URL}", &format!("${{{url}}}"))
        .replace("\"information\"\nbroker", &format!("\"{}\"\nbroker", world.topic))
        // The shortest session that a broker allows: a killed member keeps its partitions as long.
        .replace(
            "steps = [{ rename = { uid =",
            &format!(
                "group = \"{}\"\nsession-timeout = \"6s\"\nbatch = {{ rows = 100, wait = \"200ms\" }}\nsteps = [{{ rename = {{ uid =",
                world.topic
            ),
        );
    Ok(fs::write(
        world.folder.path().join("settings.toml"),
        settings,
    )?)
}

/// A message with so many attachments, and these sections.
fn information(uid: &str, files: usize, sections: &[Value]) -> String {
    let files: Vec<_> = (1..=files)
        .map(|it| json!({"accessory_name": format!("file {it}"), "accessory_url": "https://one.org/f"}))
        .collect();
    json!({
        "uid": uid, "topic": "information", "name": format!("name {uid}"),
        "created_at": "2025-08-26 09:30:15", "data_type": "information_nsfc", "tag_values": "[\"t\"]",
        "link_data": files,
        "data": {"info_date": "2025-08-26", "info_section": sections, "info_author": "", "description": null},
        "metadata": {"marc_code": "zh", "details_page": "https://one.org/1"},
    })
    .to_string()
}

fn produce(world: &World, messages: &[(&str, Option<&str>)]) -> Result<()> {
    let messages = messages.iter().map(|(key, value)| Outgoing {
        partition: Some(0),
        key: Some(key.as_bytes()),
        value: value.map(str::as_bytes),
    });
    world.kafka.produce(&world.topic, messages)
}

async fn sink(world: &World, answer: &str) -> Result<()> {
    let ended = program::run(world, "sink --data-type information --until-caught-up").await?;
    let answer = match answer {
        "" => String::new(),
        answer => format!("\nout contains {answer}"),
    };
    ended.expect(&format!("exit 0{answer}"), world.folder.path())
}

async fn expect(sql: &mut Sql, query: &str, rows: &[&str]) -> Result<()> {
    let found = sql.rows(query).await?;
    ensure!(found == rows, "{query}: {found:?}");
    Ok(())
}

fn step(dead_letter: &rdkafka::message::OwnedMessage) -> String {
    header(dead_letter, "highwater-dead-step").unwrap_or_default()
}
