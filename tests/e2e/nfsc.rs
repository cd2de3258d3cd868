//! The shipped task `nfsc_task`, by its own settings and tables, over 200 informations.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{in_a_world, program, sql::Sql, world::World};

const SETTINGS: &str = include_str!("../../examples/nfsc/settings.toml");
const SOURCE: &str = include_str!("../../examples/nfsc/source.sql");
const TARGET: &str = include_str!("../../examples/nfsc/target.sql");

/// Informations in the source, of which some are another source's, or known, or bad.
const ALL: i64 = 200;

#[test]
fn informations_of_one_source_are_in_three_tables_of_mysql() {
    in_a_world("nfsc_mysql", async |world| {
        moved(world, "MYSQL_URL", &mut world.mysql().await?).await
    });
}

#[test]
fn informations_of_one_source_are_in_three_tables_of_mariadb() {
    in_a_world("nfsc_mariadb", async |world| {
        moved(world, "MARIADB_URL", &mut world.mariadb().await?).await
    });
}

async fn moved(world: &World, url: &str, sql: &mut Sql) -> Result<()> {
    write_settings(world, url)?;
    sql.run(SOURCE).await?;
    sql.run(TARGET).await?;
    fill(sql).await?;
    // Five informations are another source's, one is known, one has tags that are no JSON.
    run(world, "nfsc_task", "1 dead letter").await?;
    expect(sql, LIST, &EXPECTED).await?;
    ensure!(sql.number("SELECT COUNT(*) FROM nfsc_info_list").await? == ALL - 6);
    let sources = "SELECT source_id, source_main_link, JSON_EXTRACT(source_name, '$.zh') \
        FROM nfsc_resource_source_dict";
    expect(sql, sources, &["1\twww.nsfc.gov.cn\t\"基金委\""]).await?;
    expect(sql, SECTIONS, &PARTS).await?;
    let sections = "SELECT COUNT(*) FROM nfsc_info_section_list";
    // Two of each, but of the one that has none.
    ensure!(sql.number(sections).await? == 2 * (ALL - 8));
    let before = everything(sql).await?;
    for name in ["nfsc_task", "info_to_nsfc"] {
        run(world, name, "1 dead letter").await?;
        ensure!(everything(sql).await? == before, "{name} changed something");
    }
    letter_is_told(world)?;
    mended(world, sql).await?;
    verified(world).await?;
    let unknown = program::run(world, "migrate --task none").await?;
    let known = "exit 2\nerr contains nfsc_task";
    unknown.expect(known, world.folder.path())
}

/// The older system's rows, the bad ones among them.
async fn fill(sql: &mut Sql) -> Result<()> {
    sql.run(
        "INSERT INTO resource_source_dict (source_id, source_name, source_main_link) VALUES \
         (1, '{\"zh\": \"基金委\"}', 'www.nsfc.gov.cn'), (2, '{\"zh\": \"other\"}', 'www.other.cn');\
         INSERT INTO nfsc_info_type_dict (info_type_id, info_type_name) VALUES (3, '通知'), (4, '公告');\
         INSERT INTO nfsc_info_list (information_id, info_name, apply_code) VALUES ('i9', 'mine', 'X')",
    )
    .await?;
    for id in 1..=ALL {
        let source = if id > ALL - 5 { 2 } else { 1 };
        let tags = match id {
            1 => vec![r#"["公告", "化学科学部"]"#, r#"["通知", "数理科学部"]"#],
            2 => vec![r#"["通知", "文学部"]"#],
            3 => vec![],
            4 => vec!["[]"],
            5 => vec!["['通知', '化学科学部']"],
            6 => vec![r#"["公告"]"#],
            7 => vec![r#"["未知", "医学科学部"]"#],
            8 => vec![
                "not JSON",
                r#"["\u901a\u77e5", "\u533b\u5b66\u79d1\u5b66\u90e8"]"#,
            ],
            _ => vec![r#"["通知", "信息科学部"]"#],
        };
        let tags = tags.iter().map(|it| {
            let it = it.replace('\\', "\\\\").replace('\'', "''");
            format!("INSERT INTO resource_information_tags_relation (information_id, tag_code, tag_value) VALUES ('i{id}', 'info_nsfc', '{it}');")
        });
        let tags: String = tags.collect();
        let sections = match id {
            4 => String::new(),
            _ => format!(
                "INSERT INTO resource_information_section_list \
                 (information_id, section_id, section_order, title_level, marc_code, src_text, dst_text, md5_encode) VALUES \
                 ('i{id}', 'i{id}_2', 2, 1, 'zh', '{{\"zh\": \"二\"}}', NULL, 'm'), \
                 ('i{id}', 'i{id}_1', 1, NULL, 'zh', '\"一\"', '[1, 2.5]', 'm');"
            ),
        };
        sql.run(&format!(
            "INSERT INTO resource_information_list \
             (information_id, information_name, original_link, publish_date, source_id) VALUES \
             ('i{id}', '{{\"zh\": \"名 {id}\"}}', 'https://www.nsfc.gov.cn/{id}', '2025-08-26', {source});\
             {tags}{sections}"
        ))
        .await?;
    }
    Ok(())
}

const LIST: &str = "SELECT information_id, info_type_id, source_id, province_id, info_name, \
    apply_code, original_link, publish_time FROM nfsc_info_list \
    WHERE CAST(SUBSTR(information_id, 2) AS SIGNED) < 11 \
    ORDER BY CAST(SUBSTR(information_id, 2) AS SIGNED)";

/// Without the fifth, whose tags are no JSON; the ninth was there.
const EXPECTED: [&str; 9] = [
    "i1\t3\t1\tNULL\t名 1\tA\thttps://www.nsfc.gov.cn/1\t2025-08-26",
    "i2\t3\t1\tNULL\t名 2\t*\thttps://www.nsfc.gov.cn/2\t2025-08-26",
    "i3\tNULL\t1\tNULL\t名 3\t*\thttps://www.nsfc.gov.cn/3\t2025-08-26",
    "i4\tNULL\t1\tNULL\t名 4\t*\thttps://www.nsfc.gov.cn/4\t2025-08-26",
    "i6\t4\t1\tNULL\t名 6\t*\thttps://www.nsfc.gov.cn/6\t2025-08-26",
    "i7\tNULL\t1\tNULL\t名 7\tH\thttps://www.nsfc.gov.cn/7\t2025-08-26",
    "i8\t3\t1\tNULL\t名 8\tH\thttps://www.nsfc.gov.cn/8\t2025-08-26",
    "i9\tNULL\tNULL\tNULL\tmine\tX\tNULL\tNULL",
    "i10\t3\t1\tNULL\t名 10\tF\thttps://www.nsfc.gov.cn/10\t2025-08-26",
];

const SECTIONS: &str = "SELECT section_id, section_order, section_attr, title_level, marc_code, \
    JSON_EXTRACT(src_text, '$'), JSON_EXTRACT(dst_text, '$'), md5_encode \
    FROM nfsc_info_section_list WHERE information_id IN ('i1', 'i4', 'i5', 'i9') \
    ORDER BY section_order";

const PARTS: [&str; 2] = [
    "i1_1\t1\t0\t0\tzh\t\"一\"\t[1, 2.5]\tm",
    "i1_2\t2\t0\t1\tzh\t{\"zh\": \"二\"}\tNULL\tm",
];

/// Every row of the three tables, with the numbers and times that the server gave.
async fn everything(sql: &mut Sql) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for table in [
        "nfsc_info_list",
        "nfsc_resource_source_dict",
        "nfsc_info_section_list",
    ] {
        all.extend(
            sql.rows(&format!("SELECT * FROM {table} ORDER BY list_id"))
                .await?,
        );
    }
    Ok(all)
}

fn letter_is_told(world: &World) -> Result<()> {
    let file = "runtime/dead-letters/nfsc_task.dead-letters.jsonl";
    let dead_letters = fs::read_to_string(world.folder.path().join(file))?;
    let answer = |text: &str| dead_letters.lines().all(|it| it.contains(text));
    ensure!(dead_letters.lines().count() == 3, "{dead_letters}");
    ensure!(
        answer("i5") && answer("\"highwater-dead-step\":\"set\""),
        "{dead_letters}"
    );
    Ok(())
}

/// What was a dead letter lands when its tags are mended.
async fn mended(world: &World, sql: &mut Sql) -> Result<()> {
    sql.run(
        "UPDATE resource_information_tags_relation SET tag_value = '[\"公告\", \"化学科学部\"]' \
         WHERE information_id = 'i5'",
    )
    .await?;
    run(world, "nfsc_task", "").await?;
    let row = "SELECT info_type_id, apply_code FROM nfsc_info_list WHERE information_id = 'i5'";
    expect(sql, row, &["4\tB"]).await?;
    let sections = "SELECT COUNT(*) FROM nfsc_info_section_list WHERE information_id = 'i5'";
    ensure!(sql.number(sections).await? == 2);
    Ok(())
}

/// What the target had by itself differs, though the task leaves it as it is: its steps ask the target for
/// what is known, and a verification does not.
async fn verified(world: &World) -> Result<()> {
    let found = program::run(world, "verify --task nfsc_task --recheck-after 1ms --json").await?;
    found.expect("exit 3", world.folder.path())?;
    let answer: Value = serde_json::from_str(&found.out)?;
    let counts = |it: &Value| {
        ["expected_rows", "missing", "extra", "different"].map(|name| it[name].as_i64())
    };
    let tables = answer["verified"].as_array().into_iter().flatten();
    let tables: Vec<_> = tables.map(counts).collect();
    // The ninth is the target's own, and its two sections were never written. All have one source.
    let list = [ALL - 5, 0, 0, 1].map(Some);
    let sections = [2 * (ALL - 6), 2, 0, 0].map(Some);
    ensure!(
        tables == [list, [ALL - 5, 0, 0, 0].map(Some), sections],
        "{tables:?} {answer:#}"
    );
    let mended = program::run(world, "repair --task nfsc_task --recheck-after 1ms --apply").await?;
    mended.expect("exit 0\nout contains 3 rows written", world.folder.path())
}

async fn run(world: &World, task: &str, answer: &str) -> Result<()> {
    let done = program::run(world, &format!("migrate --task {task}")).await?;
    done.expect(
        &format!("exit 0\nout contains {answer}"),
        world.folder.path(),
    )
}

async fn expect(sql: &mut Sql, query: &str, expected: &[&str]) -> Result<()> {
    let found = sql.rows(query).await?;
    ensure!(found == expected, "{query}\n{found:#?}");
    Ok(())
}

/// The shipped settings, with this test's database as source and target.
fn write_settings(world: &World, url: &str) -> Result<()> {
    let settings = SETTINGS
        .replace("${INFO_URL}", &format!("${{{url}}}"))
        .replace("${NFSC_URL}", &format!("${{{url}}}"));
    let settings = match url {
        "MARIADB_URL" => settings.replace("kind = \"mysql\"", "kind = \"mariadb\""),
        _ => settings,
    };
    fs::write(world.folder.path().join("settings.toml"), settings)?;
    Ok(())
}
