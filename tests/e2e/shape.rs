//! A whole database from system to system, and back: MySQL → MariaDB → MongoDB → SQLite → MySQL,
//! compared at each hop.

mod employees;

use std::{fmt::Write, fs, time::Duration};

use anyhow::{Context, Result, ensure};
use mongodb::bson::{Document, doc};
use serde_json::Value;

use crate::{
    in_a_world,
    kills::full_scale,
    measured::{self, Measured, megabytes},
    sql::{self, Sql},
    world::World,
};
use employees::{TABLES, Table};

/// No table takes as long, on a slow machine.
const LIMIT: Duration = Duration::from_secs(1_800);

/// More than a hop may take, in bytes: the largest table alone is more than 200 MB.
const MOST_MEMORY: u64 = 200_000_000;

/// Where a hop leads from, where to, and what the table is called there.
const HOPS: [(&str, &str, &str); 4] = [
    ("mysql", "mariadb", ""),
    ("mariadb", "mongodb", ""),
    ("mongodb", "sqlite", ""),
    ("sqlite", "mysql", "_again"),
];

const CONNECTIONS: &str = r#"
[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[connections.mongodb]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "${CASE_DATABASE}"

[connections.sqlite]
kind = "sqlite"
path = "copy.db"
"#;

#[test]
fn a_database_goes_through_every_system_and_comes_back_the_same() {
    in_a_world("shape", async |world| {
        let employees = if full_scale() {
            employees::FULL
        } else {
            employees::FULL / 100
        };
        let mut mysql = world.mysql().await?;
        employees::make(&mut mysql, employees).await?;
        fs::write(world.folder.path().join("settings.toml"), settings())?;
        let rows = rows(&mut mysql).await?;
        for hop in HOPS {
            let moved = all_tables(world, "migrate", hop, &rows).await?;
            let verified = all_tables(world, "verify", hop, &rows).await?;
            answer(hop, "migrate", &moved, &rows);
            answer(hop, "verify", &verified, &rows);
        }
        for table in &TABLES {
            comes_back_the_same(&mut mysql, table).await?;
        }
        unique_index_is_kept(&mut mysql).await?;
        changes_are_found_at_every_hop(world, &mut mysql).await
    });
}

fn settings() -> String {
    let mut text = CONNECTIONS.to_owned();
    for (from, to, suffix) in HOPS {
        for Table { name, key, .. } in &TABLES {
            let source = match from {
                "mongodb" => format!("collection = \"{name}\", key = {key:?}"),
                _ => format!("table = \"{name}\""),
            };
            let address = match to {
                "mongodb" => "collection",
                _ => "table",
            };
            let _ = write!(
                text,
                "\n[tasks.{name}-{to}]\nfrom = {{ connection = \"{from}\", {source} }}\n\
                 into = {{ connection = \"{to}\", {address} = \"{name}{suffix}\" }}\n"
            );
        }
    }
    text
}

async fn rows(mysql: &mut Sql) -> Result<Vec<i64>> {
    let mut rows = Vec::new();
    for table in &TABLES {
        let count = format!("SELECT COUNT(*) FROM {}", table.name);
        rows.push(mysql.number(&count).await?);
    }
    Ok(rows)
}

/// `migrate` or `verify` of each table, which have so many rows.
async fn all_tables(
    world: &World,
    command: &str,
    (_, to, _): (&str, &str, &str),
    rows: &[i64],
) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for (table, rows) in TABLES.iter().zip(rows) {
        let arguments = format!("{command} --task {}-{to} --json", table.name);
        let measured = measured::run(world, &arguments, LIMIT).await?;
        measured.ended.expect("exit 0", world.folder.path())?;
        let answer: Value = serde_json::from_str(&measured.ended.out)?;
        let counts = match command {
            "migrate" => vec![&answer["rows"]],
            _ => {
                let answer = &answer["verified"][0];
                vec![&answer["expected_rows"], &answer["actual_rows"]]
            }
        };
        ensure!(
            counts.iter().all(|it| it.as_i64() == Some(*rows)),
            "{arguments}: not {rows} rows: {answer}"
        );
        ensure!(
            measured.peak < MOST_MEMORY,
            "{arguments}: {} bytes",
            measured.peak
        );
        all.push(measured);
    }
    Ok(all)
}

fn answer((from, to, _): (&str, &str, &str), command: &str, all: &[Measured], rows: &[i64]) {
    let took: f64 = all.iter().map(|it| it.took.as_secs_f64()).sum();
    let peak = all.iter().map(|it| it.peak).max().unwrap_or_default();
    let rows: i64 = rows.iter().sum();
    println!(
        "{from} → {to}, {command}: {rows} rows in {took:.1} s, {:.0} rows/s, {:.0} MB at most",
        rows as f64 / took,
        megabytes(peak)
    );
}

/// Each row of the first tables, as text, is the row that has gone through all systems.
async fn comes_back_the_same(mysql: &mut Sql, table: &Table) -> Result<()> {
    let Table { name, key, others } = table;
    let same = |column: &&str| {
        format!(
            "CAST(a.{column} AS CHAR) COLLATE utf8mb4_0900_bin <=> CAST(b.{column} AS CHAR) COLLATE utf8mb4_0900_bin"
        )
    };
    // Typed as the copy's key is, so that its index serves.
    let joined = key.iter().map(|column| match *column {
        "emp_no" => "a.emp_no = b.emp_no".to_owned(),
        _ => format!("b.{column} = CAST(a.{column} AS CHAR) COLLATE utf8mb4_0900_bin"),
    });
    let joined: Vec<_> = joined.collect();
    let same: Vec<_> = others.iter().map(same).collect();
    let found = format!(
        "SELECT COUNT(*) FROM {name} a JOIN {name}_again b ON {} WHERE {}",
        joined.join(" AND "),
        same.join(" AND ")
    );
    let count = format!("SELECT COUNT(*) FROM {name}");
    let (found, first) = (mysql.number(&found).await?, mysql.number(&count).await?);
    let last = mysql.number(&format!("{count}_again")).await?;
    ensure!(
        found == first && last == first,
        "{name}: {first} rows, {last} came back, {found} of them the same"
    );
    Ok(())
}

/// The unique name of departments is one still, four systems later.
async fn unique_index_is_kept(mysql: &mut Sql) -> Result<()> {
    let unique = "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() \
         AND TABLE_NAME = 'departments_again' AND COLUMN_NAME = 'dept_name' AND NON_UNIQUE = 0";
    let unique = mysql.number(unique).await?;
    ensure!(unique == 1, "departments_again has no unique `dept_name`");
    Ok(())
}

async fn changes_are_found_at_every_hop(world: &World, mysql: &mut Sql) -> Result<()> {
    let mut mariadb = world.mariadb().await?;
    mariadb
        .run("UPDATE salaries SET salary = salary + 1 WHERE emp_no = 10007 ORDER BY from_date LIMIT 1")
        .await?;
    let titles = world.mongodb().await?.collection::<Document>("titles");
    let last = titles.find_one(doc! {}).sort(doc! { "_id": -1 }).await?;
    let last = last.context("there are titles")?;
    titles.delete_one(doc! { "_id": last.get("_id") }).await?;
    // This employee has been in two departments.
    let file = world.folder.path().join("copy.db");
    sql::run_in_file(
        &file,
        "UPDATE dept_emp SET to_date = '9999-01-02' WHERE emp_no = 10001",
    )
    .await?;
    mysql
        .run("INSERT INTO departments_again VALUES ('d999', 'Nobody''s')")
        .await?;
    for (task, said) in [
        ("salaries-mariadb", "0 missing, 0 extra, 1 different"),
        ("titles-mongodb", "1 missing, 0 extra, 0 different"),
        ("dept_emp-sqlite", "0 missing, 0 extra, 2 different"),
        ("departments-mysql", "0 missing, 1 extra, 0 different"),
    ] {
        let arguments = format!("verify --task {task} --recheck-after 1ms");
        let found = measured::run(world, &arguments, LIMIT).await?.ended;
        let said = format!("exit 3\nout contains {said}");
        found.expect(&said, world.folder.path())?;
    }
    Ok(())
}
