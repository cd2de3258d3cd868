//! `verify` and `repair` with MongoDB on either side: by the value and its type, whatever `_id` is made of.

use std::fs;

use anyhow::{Context, Result, ensure};
use mongodb::bson::{Bson, Document, doc};

use super::asked;
use crate::{in_a_world, mongo, program, sql, world::World};

const CONNECTIONS: &str = r#"
[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[connections.documents]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "${CASE_DATABASE}"

[connections.local]
kind = "sqlite"
path = "local.db"
"#;

fn settings(world: &World, tasks: &str) -> Result<()> {
    let path = world.folder.path().join("settings.toml");
    Ok(fs::write(path, format!("{CONNECTIONS}{tasks}"))?)
}

async fn run_in(world: &World, system: &str, statements: &str) -> Result<()> {
    match system {
        "mysql" => world.mysql().await?.run(statements).await,
        "mariadb" => world.mariadb().await?.run(statements).await,
        _ => sql::run_in_file(&world.folder.path().join("local.db"), statements).await,
    }
}

async fn migrated(world: &World, task: &str) -> Result<()> {
    let ended = program::run(world, &format!("migrate --task {task}")).await?;
    ended.expect("exit 0", world.folder.path())
}

/// What was planted is found, mended, and nothing else was touched.
async fn found_and_mended(
    world: &World,
    task: &str,
    (gone, more, other): (u64, u64, u64),
) -> Result<()> {
    let answer = asked(
        world,
        &format!("verify --task {task} --recheck-after 1ms"),
        3,
    )
    .await?;
    ensure!(
        answer["missing"] == gone && answer["extra"] == more && answer["different"] == other,
        "{answer}"
    );
    let shown = asked(
        world,
        &format!("repair --task {task} --recheck-after 1ms"),
        3,
    )
    .await?;
    ensure!(shown["would"]["delete"] == more, "{shown}");
    let mended = asked(
        world,
        &format!("repair --task {task} --recheck-after 1ms --apply --rows 2"),
        0,
    )
    .await?;
    ensure!(
        mended["equal"] == true && mended["written"] == gone + other && mended["deleted"] == more,
        "{mended}"
    );
    asked(world, &format!("verify --task {task}"), 0).await?;
    Ok(())
}

/// From a table into documents and back into a table, by a key of two columns.
fn there_and_back(system: &str) {
    in_a_world(&format!("documents_{system}"), async |world| {
        settings(world, &TWO_WAYS.replace("SYSTEM", system))?;
        let rows = "(area VARCHAR(20) NOT NULL, id INT NOT NULL, name VARCHAR(20), day DATE, amount DECIMAL(9,2), PRIMARY KEY (area, id))";
        let values: Vec<_> = (1..=500)
            .map(|id| format!("('Ä{}', {id}, 'n{id}', '2001-02-03', {id}.5)", id % 7))
            .collect();
        let fill = format!(
            "CREATE TABLE orders {rows}; CREATE TABLE copies {rows}; INSERT INTO orders VALUES {};\
             UPDATE orders SET name = NULL WHERE id = 7",
            values.join(", ")
        );
        run_in(world, system, &fill).await?;
        migrated(world, "out").await?;
        let equal = asked(world, "verify --task out", 0).await?;
        ensure!(
            equal["expected_rows"] == 500 && equal["actual_rows"] == 500,
            "{equal}"
        );
        let orders = world.mongodb().await?.collection::<Document>("orders");
        let of = |id: i64| doc! { "_id": { "area": format!("Ä{}", id % 7), "id": id } };
        orders.delete_one(of(1)).await?;
        orders.insert_one(doc! { "_id": { "area": "Ä2", "id": 9000_i64 }, "area": "Ä2", "id": 9000_i64, "name": "x" }).await?;
        // The same fields in another order are another `_id`.
        orders
            .insert_one(doc! { "_id": { "id": 2_i64, "area": "Ä2" }, "name": "x" })
            .await?;
        for (id, change) in [
            (3, doc! { "$set": { "name": "n3 " } }),
            (4, doc! { "$set": { "id": "4" } }),
            (5, doc! { "$set": { "day": "2001-02-04" } }),
            (6, doc! { "$unset": { "name": 1 } }),
            (7, doc! { "$set": { "name": "" } }),
        ] {
            orders.update_one(of(id), change).await?;
        }
        found_and_mended(world, "out", (1, 2, 5)).await?;
        ensure!(
            orders.count_documents(doc! {}).await? == 500,
            "the extra ones are gone"
        );
        migrated(world, "back").await?;
        let equal = asked(world, "verify --task back", 0).await?;
        ensure!(
            equal["expected_rows"] == 500 && equal["actual_rows"] == 500,
            "{equal}"
        );
        let plant = "DELETE FROM copies WHERE id IN (1, 500); UPDATE copies SET name = 'N3' WHERE id = 3;\
            UPDATE copies SET name = '' WHERE id = 7; INSERT INTO copies (area, id) VALUES ('Ä1', -1)";
        run_in(world, system, plant).await?;
        found_and_mended(world, "back", (2, 1, 2)).await
    });
}

const TWO_WAYS: &str = r#"
[tasks.out]
from = { connection = "SYSTEM", table = "orders", batch = { rows = 100 } }
into = { connection = "documents", collection = "orders" }

[tasks.back]
from = { connection = "documents", collection = "orders", key = ["area", "id"], batch = { rows = 100 } }
into = { connection = "SYSTEM", table = "copies" }
"#;

#[test]
fn documents_of_mysql_are_verified_there_and_back() {
    there_and_back("mysql");
}

#[test]
fn documents_of_mariadb_are_verified_there_and_back() {
    there_and_back("mariadb");
}

#[test]
fn documents_of_a_sqlite_file_are_verified_there_and_back() {
    there_and_back("local");
}

/// A document with a value of every type, as extended JSON, and for each field another value.
const TYPES: &[(&str, &str, &str)] = &[
    ("truth", "true", "1"),
    ("int", "7", "8"),
    (
        "long",
        r#"{"$numberLong": "9007199254740993"}"#,
        r#"{"$numberLong": "9007199254740992"}"#,
    ),
    ("double", "0.1", "0.10000000000000002"),
    (
        "decimal",
        r#"{"$numberDecimal": "1.50"}"#,
        r#"{"$numberDecimal": "1.51"}"#,
    ),
    ("none", r#"{"$numberDecimal": "NaN"}"#, r#""NaN""#),
    (
        "date",
        r#"{"$date": {"$numberLong": "-1"}}"#,
        r#"{"$date": {"$numberLong": "-2"}}"#,
    ),
    (
        "moment",
        r#"{"$date": {"$numberLong": "0"}}"#,
        r#""1970-01-01 00:00:00""#,
    ),
    (
        "object",
        r#"{"$oid": "64e9c1f0a1b2c3d4e5f60718"}"#,
        r#""64e9c1f0a1b2c3d4e5f60718""#,
    ),
    (
        "binary",
        r#"{"$binary": {"base64": "AP8=", "subType": "00"}}"#,
        r#"{"$binary": {"base64": "AP8=", "subType": "80"}}"#,
    ),
    (
        "pattern",
        r#"{"$regularExpression": {"pattern": "a", "options": ""}}"#,
        r#"{"$regularExpression": {"pattern": "a", "options": "i"}}"#,
    ),
    ("code", r#"{"$code": "a()"}"#, r#""a()""#),
    (
        "stamp",
        r#"{"$timestamp": {"t": 1, "i": 2}}"#,
        r#"{"$timestamp": {"t": 1, "i": 3}}"#,
    ),
    ("least", r#"{"$minKey": 1}"#, r#"{"$maxKey": 1}"#),
    ("empty", r#""""#, "null"),
    ("text", r#""a""#, r#""a ""#),
    ("case", r#""a""#, r#""A""#),
    ("fields", r#"{"a": 1, "b": {"c": []}}"#, "in another order"),
    ("list", r#"["a", "bc", []]"#, r#"["ab", "c", []]"#),
    ("nothing", "null", "0"),
];

fn document(id: usize, other: Option<usize>) -> Result<Document> {
    let mut document = doc! { "_id": i32::try_from(id)? };
    for (at, (name, usual, unusual)) in TYPES.iter().enumerate() {
        let text = *if other == Some(at) { unusual } else { usual };
        if text == "in another order" {
            document.insert(*name, doc! { "b": { "c": [] }, "a": 1 });
            continue;
        }
        let json: serde_json::Value = serde_json::from_str(text)?;
        document.insert(*name, Bson::try_from(json)?);
    }
    Ok(document)
}

#[test]
fn verify_finds_each_change_of_a_document() {
    in_a_world("verify_documents", async |world| {
        settings(
            world,
            "[tasks.copy]\nfrom = { connection = \"documents\", collection = \"orders\" }\ninto = { connection = \"documents\", collection = \"copies\" }\n",
        )?;
        let database = world.mongodb().await?;
        let orders = database.collection::<Document>("orders");
        for id in 0..=TYPES.len() {
            orders.insert_one(document(id, None)?).await?;
        }
        migrated(world, "copy").await?;
        let equal = asked(world, "verify --task copy", 0).await?;
        ensure!(equal["expected_rows"] == TYPES.len() + 1, "{equal}");
        let copies = database.collection::<Document>("copies");
        for at in 0..TYPES.len() {
            let id = i32::try_from(at + 1)?;
            copies
                .replace_one(doc! { "_id": id }, document(at + 1, Some(at))?)
                .await?;
        }
        let answer = asked(
            world,
            "verify --task copy --recheck-after 1ms --samples 100",
            3,
        )
        .await?;
        ensure!(answer["different"] == TYPES.len(), "{answer}");
        for sample in answer["samples"].as_array().context("samples")? {
            let id: usize = sample["key"]["_id"].as_str().context("id")?.parse()?;
            let differing = sample["columns"].as_array().context("columns")?;
            ensure!(
                differing.len() == 1 && differing[0]["column"] == TYPES[id - 1].0,
                "{sample}"
            );
        }
        // Numbers are one whatever their type, as are a field that is missing and one that is null.
        copies
            .update_one(
                doc! { "_id": 0 },
                doc! { "$set": { "int": 7.0 }, "$unset": { "nothing": 1 } },
            )
            .await?;
        let n = TYPES.len() as u64;
        found_and_mended(world, "copy", (0, 0, n)).await?;
        let mended = mongo::documents(&database, "copies").await?;
        ensure!(
            mended[1..] == mongo::documents(&database, "orders").await?[1..],
            "{mended:?}"
        );
        Ok(())
    });
}
