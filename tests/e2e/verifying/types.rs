//! `verify` of every type: a change of any single value is found, in whichever way both sides are read.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use super::{asked, both, settings};
use crate::{in_a_world, program};

/// A table with a column of every type, and for each column another value of it.
const COLUMNS: &[(&str, &str, &str, &str)] = &[
    ("tiny", "TINYINT", "-1", "1"),
    (
        "big",
        "BIGINT UNSIGNED",
        "18446744073709551615",
        "18446744073709551614",
    ),
    (
        "exact",
        "DECIMAL(65,30)",
        "1.5",
        "1.500000000000000000000000000001",
    ),
    ("single", "FLOAT", "0.1", "0.2"),
    ("wide", "DOUBLE", "0.1", "0.10000000000000002"),
    ("many", "BIT(64)", "b'1'", "b'0'"),
    ("day", "DATE", "'2025-08-26'", "'0000-00-00'"),
    (
        "clock",
        "DATETIME(6)",
        "'2025-08-26 09:30:15.000001'",
        "'2025-08-26 09:30:15.000002'",
    ),
    (
        "moment",
        "TIMESTAMP(6)",
        "'2025-08-26 09:30:15.000001'",
        "'2025-08-26 09:30:15'",
    ),
    (
        "span",
        "TIME(6)",
        "'-838:59:58.000001'",
        "'838:59:58.000001'",
    ),
    ("year", "YEAR", "2025", "2024"),
    ("fixed", "CHAR(9)", "'a'", "'A'"),
    ("name", "VARCHAR(99) CHARACTER SET latin1", "'é'", "'e'"),
    ("blanks", "VARCHAR(99)", "'a'", "'a '"),
    ("long", "LONGTEXT", "'王小明'", "'王小朋'"),
    ("empty", "VARCHAR(9)", "''", "NULL"),
    ("zeros", "BINARY(4)", "x'0001'", "x'0100'"),
    ("raw", "VARBINARY(9)", "x'00ff'", "x'00ff00'"),
    ("blob", "LONGBLOB", "x'80'", "x'81'"),
    ("choice", "ENUM('x','y')", "'x'", "'y'"),
    ("several", "SET('x','y')", "'x,y'", "'x'"),
    (
        "said",
        "JSON",
        "'{\"a\": [1, 2.50], \"b\": null}'",
        "'{\"a\": [1, 2.51], \"b\": null}'",
    ),
    (
        "place",
        "POINT",
        "ST_GeomFromText('POINT(1 2)')",
        "ST_GeomFromText('POINT(1 3)')",
    ),
];

/// Which tables: those whose key begins with a text are read, the others are summed up by their
/// servers, which is for columns that have one text on both.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Read,
    Summed,
}

impl Order {
    fn columns(self) -> Vec<&'static (&'static str, &'static str, &'static str, &'static str)> {
        let alike = |it: &&(&str, &str, &str, &str)| !["said", "place"].contains(&it.0);
        let all = COLUMNS.iter();
        all.filter(|it| self == Self::Read || alike(it)).collect()
    }

    fn table(self, name: &str) -> String {
        let columns = self.columns();
        let columns = columns.iter().map(|it| format!("`{}` {} NULL", it.0, it.1));
        let columns: Vec<_> = columns.collect();
        let key = match self {
            Self::Read => "area, id",
            Self::Summed => "id, area",
        };
        format!(
            "CREATE TABLE {name} (area VARCHAR(20), id INT, {}, PRIMARY KEY ({key}))",
            columns.join(", ")
        )
    }

    /// A row of usual values, but for the column at `other`.
    fn row(self, name: &str, id: usize, other: Option<usize>) -> String {
        let columns = self.columns();
        let value = |(at, it): (usize, &&(_, _, &str, &str))| {
            if other == Some(at) {
                it.3.to_owned()
            } else {
                it.2.to_owned()
            }
        };
        let values: Vec<_> = columns.iter().enumerate().map(value).collect();
        format!(
            "INSERT INTO {name} VALUES ('ä.{id}', {id}, {});",
            values.join(", ")
        )
    }
}

/// Zero days are values here.
const MODE: &str = "SET sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES', time_zone = '+00:00';";

fn every_single_change_is_found(source: &str, format: &str, order: Order) {
    let target = match source {
        "mysql" => "mariadb",
        _ => "mysql",
    };
    let ranges = u8::from(order == Order::Summed);
    let name = format!("verify_{source}_{format}_{ranges}");
    in_a_world(&name, async |world| {
        settings(world, source, target, format)?;
        let (mut one, mut two) = both(world, source).await?;
        let columns = order.columns();
        let (make, copy) = (order.table("orders"), order.table("copies"));
        one.run(&format!("{MODE} {make}")).await?;
        two.run(&format!("{MODE} {copy}")).await?;
        for id in 0..=columns.len() {
            one.run(&order.row("orders", id, None)).await?;
            two.run(&order.row("copies", id, None)).await?;
        }
        let equal = asked(world, "verify", 0).await?;
        ensure!(
            equal["equal"] == true && equal["left_out"] == Value::Array(Vec::new()),
            "{equal}"
        );
        ensure!(
            equal["ranges"] == ranges && equal["differing_ranges"] == 0,
            "{equal}"
        );
        two.run("DELETE FROM copies").await?;
        two.run(&order.row("copies", 0, None)).await?;
        for at in 0..columns.len() {
            two.run(&order.row("copies", at + 1, Some(at))).await?;
        }
        let answer = asked(world, "verify --recheck-after 1ms --samples 100", 3).await?;
        ensure!(answer["different"] == columns.len(), "{answer}");
        ensure!(answer["missing"] == 0 && answer["extra"] == 0, "{answer}");
        for sample in answer["samples"].as_array().context("samples")? {
            let differing = sample["columns"].as_array().context("columns")?;
            let id: usize = sample["key"]["id"].as_str().context("id")?.parse()?;
            ensure!(differing.len() == 1, "{sample}");
            ensure!(differing[0]["column"] == columns[id - 1].0, "{sample}");
        }
        // One row alone differs: what its server sums up is another sum for each column.
        two.run("DELETE FROM copies").await?;
        for id in 0..=columns.len() {
            two.run(&order.row("copies", id, None)).await?;
        }
        for (at, column) in columns.iter().enumerate() {
            let change = |value: &str| {
                format!(
                    "UPDATE copies SET `{}` = {value} WHERE id = {}",
                    column.0,
                    at + 1
                )
            };
            two.run(&change(column.3)).await?;
            let answer = asked(world, "verify --recheck-after 1ms", 3).await?;
            ensure!(
                answer["different"] == 1 && answer["differing_ranges"] == ranges,
                "{answer}"
            );
            two.run(&change(column.2)).await?;
        }
        for (at, column) in columns.iter().enumerate() {
            two.run(&format!(
                "UPDATE copies SET `{}` = {} WHERE id = {}",
                column.0,
                column.3,
                at + 1
            ))
            .await?;
        }
        let repaired = asked(
            world,
            "repair --data-type orders --apply --recheck-after 1ms",
            0,
        )
        .await?;
        ensure!(
            repaired["written"] == columns.len() && repaired["equal"] == true,
            "{repaired}"
        );
        Ok(())
    });
}

macro_rules! every_type {
    ($($name:ident($source:literal, $format:literal, $order:ident))*) => {
        $(#[test] fn $name() {
            every_single_change_is_found($source, $format, Order::$order);
        })*
    };
}

every_type! {
    verify_finds_each_change_from_mysql_by_json("mysql", "json", Read)
    verify_finds_each_change_from_mysql_by_protobuf("mysql", "protobuf", Read)
    verify_finds_each_change_from_mariadb_by_json("mariadb", "json", Read)
    verify_finds_each_change_from_mariadb_by_protobuf("mariadb", "protobuf", Read)
    verify_finds_each_change_in_sums_of_mysql_and_mariadb("mysql", "json", Summed)
    verify_finds_each_change_in_sums_of_mariadb_and_mysql("mariadb", "protobuf", Summed)
}

/// A column of a SQLite file for each of those of MySQL, and another value of it.
const SQLITE: &[(&str, &str, &str)] = &[
    ("tiny", "INTEGER", "1"),
    ("big", "TEXT", "'1'"),
    ("exact", "TEXT", "'1.51'"),
    ("single", "REAL", "0.2"),
    ("wide", "REAL", "0.10000000000000002"),
    ("many", "NUMERIC", "0"),
    ("day", "TEXT", "'2025-08-27'"),
    ("clock", "DATETIME", "'2025-08-26 09:30:15.000002'"),
    ("moment", "TEXT", "NULL"),
    ("span", "TEXT", "'838:59:58.000001'"),
    ("year", "NUMERIC", "2024"),
    ("fixed", "VARCHAR(9)", "'A'"),
    ("name", "TEXT", "'e'"),
    ("blanks", "ANY", "'a '"),
    ("long", "CLOB", "'王小朋'"),
    ("empty", "TEXT", "NULL"),
    ("zeros", "TEXT", "''"),
    ("raw", "BLOB", "x'00ff'"),
    ("blob", "BLOB", "NULL"),
    ("choice", "TEXT", "'y'"),
    ("several", "TEXT", "'y,x'"),
    ("said", "JSON", "'{\"a\": [1, 2.5], \"b\": 0}'"),
    ("place", "TEXT", "''"),
];

#[test]
fn verify_finds_each_change_in_a_sqlite_file() {
    in_a_world("verify_sqlite", async |world| {
        settings(world, "mysql", "local", "json")?;
        let settings_file = world.folder.path().join("settings.toml");
        let text = fs::read_to_string(&settings_file)?;
        let file = "[connections.local]\nkind = \"sqlite\"\npath = \"copies.db\"\n";
        fs::write(
            &settings_file,
            text.replacen(
                "from =",
                "create-topic = { partitions = 1, replication = 1 }\nfrom =",
                1,
            ) + file,
        )?;
        let mut one = world.mysql().await?;
        one.run(&format!("{MODE} {}", Order::Read.table("orders")))
            .await?;
        for id in 0..=SQLITE.len() {
            one.run(&Order::Read.row("orders", id, None)).await?;
        }
        let mut two = sqlite(&world.folder.path().join("copies.db")).await?;
        let columns: Vec<_> = SQLITE
            .iter()
            .map(|it| format!("\"{}\" {}", it.0, it.1))
            .collect();
        let make = format!(
            "CREATE TABLE copies (area TEXT, id INTEGER, {}, PRIMARY KEY (area, id))",
            columns.join(", ")
        );
        two.execute(sqlx::raw_sql(AssertSqlSafe(make))).await?;
        for command in ["sync", "sink --until-caught-up"] {
            program::run(world, command)
                .await?
                .expect("exit 0", world.folder.path())?;
        }
        let equal = asked(world, "verify", 0).await?;
        ensure!(equal["expected_rows"] == SQLITE.len() + 1, "{equal}");
        for (at, column) in SQLITE.iter().enumerate() {
            let change = format!(
                "UPDATE copies SET \"{}\" = {} WHERE id = {}",
                column.0,
                column.2,
                at + 1
            );
            two.execute(sqlx::raw_sql(AssertSqlSafe(change))).await?;
        }
        let answer = asked(world, "verify --recheck-after 1ms --samples 100", 3).await?;
        ensure!(answer["different"] == SQLITE.len(), "{answer}");
        for sample in answer["samples"].as_array().context("samples")? {
            let id: usize = sample["key"]["id"].as_str().context("id")?.parse()?;
            let differing = sample["columns"].as_array().context("columns")?;
            ensure!(
                differing.len() == 1 && differing[0]["column"] == SQLITE[id - 1].0,
                "{sample}"
            );
        }
        let mended = asked(
            world,
            "repair --data-type orders --recheck-after 1ms --apply",
            0,
        )
        .await?;
        ensure!(mended["equal"] == true, "{mended}");
        Ok(())
    });
}

async fn sqlite(path: &Path) -> Result<SqliteConnection> {
    let url = format!("sqlite://{}?mode=rwc", path.display());
    Ok(SqliteConnection::connect(&url).await?)
}
