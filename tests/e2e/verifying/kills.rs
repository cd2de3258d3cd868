//! Kill -9 of `repair --apply`: what was written before stays, and the next one does the rest.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{
    in_a_world,
    kills::{LIMIT, kills},
    program,
    sql::Sql,
    wait,
    world::World,
};

/// Orders in the source, of three parts each.
const ORDERS: i64 = 1_500;

#[test]
fn killed_repairs_lose_no_row_and_write_none_twice_on_mysql() {
    in_a_world("kills_repair_mysql", async |world| {
        let (mut source, mut target) = (world.mariadb().await?, world.mysql().await?);
        let mut blocker = world.mysql().await?;
        fs::write(
            world.folder.path().join("settings.toml"),
            settings("mariadb", "mysql"),
        )?;
        killed(world, &mut source, &mut target, &mut blocker).await
    });
}

#[test]
fn killed_repairs_lose_no_row_and_write_none_twice_on_mariadb() {
    in_a_world("kills_repair_mariadb", async |world| {
        let (mut source, mut target) = (world.mysql().await?, world.mariadb().await?);
        let mut blocker = world.mariadb().await?;
        fs::write(
            world.folder.path().join("settings.toml"),
            settings("mysql", "mariadb"),
        )?;
        killed(world, &mut source, &mut target, &mut blocker).await
    });
}

const REPAIR: &str = "repair --task orders --recheck-after 1ms --rows 50 --apply";

async fn killed(
    world: &World,
    source: &mut Sql,
    target: &mut Sql,
    blocker: &mut Sql,
) -> Result<()> {
    source.run(&rows_of_source()).await?;
    target.run(&rows_of_target()).await?;
    target.run(DAMAGE).await?;
    target.run(AUDIT).await?;
    for round in 1..=kills() {
        kill_in_a_transaction(world, target, blocker).await?;
        whole(target).await?;
        let met = kill_at_any_moment(world, target, round as i64).await?;
        println!("kill -9 of a repair at any moment, at work: {met}");
        whole(target).await?;
    }
    let ended = program::run(world, REPAIR).await?;
    ended.expect(
        "exit 0\nout contains .copies: equal, 1,500 rows\nout contains .parts: equal, 4,500 rows",
        world.folder.path(),
    )?;
    let wrong = target.rows(WRONG).await?;
    ensure!(wrong.is_empty(), "they are not equal: {wrong:?}");
    let rows = "SELECT (SELECT COUNT(*) FROM copies) * 10000 + (SELECT COUNT(*) FROM parts)";
    ensure!(target.number(rows).await? == ORDERS * 10_000 + 3 * ORDERS);
    let twice = target.rows(TWICE).await?;
    ensure!(twice.is_empty(), "written more than once: {twice:?}");
    // A third was missing, a third was damaged, a third lay there as it should: nothing was written of
    // that but the ninety that were too many.
    let writes = target
        .rows("SELECT place, what, COUNT(*) FROM audit GROUP BY 1, 2 ORDER BY 1, 2")
        .await?;
    let expected = [
        "copies\tdelete\t90",
        "copies\tinsert\t500",
        "copies\tupdate\t500",
        "parts\tdelete\t1590",
        "parts\tinsert\t3000",
    ];
    ensure!(writes == expected, "{writes:?}");
    Ok(())
}

/// Holds what the insertion of some order's parts waits for: by then its old parts are gone and the
/// order itself is written, in a transaction that is open.
async fn kill_in_a_transaction(world: &World, target: &mut Sql, blocker: &mut Sql) -> Result<()> {
    blocker
        .run("INSERT INTO gate SELECT id FROM copies WHERE a = 'damaged' ORDER BY id LIMIT 1 OFFSET 30; \
              SELECT GET_LOCK(DATABASE(), 10)")
        .await?;
    let mut repair = program::start(world, REPAIR)?;
    let waiting = wait::until("it waits", LIMIT, async || {
        ensure!(!repair.is_over()?, "it has ended by itself");
        Ok(target.rows(WAITING).await?.pop())
    })
    .await
    .with_context(|| repair.said("err"))?;
    ensure!(repair.kill().await?, "it has ended by itself");
    // The server ends its session, as it would without our help when it is written to again.
    target.run(&format!("KILL {waiting}")).await?;
    wait::until("its session is over", LIMIT, async || {
        Ok(target.rows(WAITING).await?.is_empty().then_some(()))
    })
    .await?;
    blocker
        .run("SELECT RELEASE_LOCK(DATABASE()); DELETE FROM gate")
        .await
}

/// Kills it some way into its writing; answers whether it was still at work.
async fn kill_at_any_moment(world: &World, target: &mut Sql, round: i64) -> Result<bool> {
    let written = "SELECT COUNT(*) FROM audit";
    let wanted = target.number(written).await? + 1 + round * 170;
    let mut repair = program::start(world, REPAIR)?;
    wait::until("it writes", LIMIT, async || {
        let over = repair.is_over()?;
        Ok((over || target.number(written).await? >= wanted).then_some(()))
    })
    .await
    .with_context(|| repair.said("err"))?;
    repair.kill().await
}

/// An order and its parts are as they were, or as they should be: all of them.
async fn whole(target: &mut Sql) -> Result<()> {
    let apart = target.rows(APART).await?;
    ensure!(apart.is_empty(), "written in part: {apart:?}");
    Ok(())
}

fn rows_of_source() -> String {
    let parts = r#"[{"t": "one"}, {"t": "two"}, {"t": "three"}]"#;
    let rows = (1..=ORDERS).map(|id| format!("({id}, 'order {id}', '{parts}')"));
    let rows: Vec<_> = rows.collect();
    format!(
        "CREATE TABLE orders (id INT PRIMARY KEY, a VARCHAR(40) NOT NULL, list JSON NOT NULL); \
         INSERT INTO orders VALUES {}",
        rows.join(", ")
    )
}

fn rows_of_target() -> String {
    let orders = (1..=ORDERS).map(|id| format!("({id}, 'order {id}')"));
    let orders: Vec<_> = orders.collect();
    let parts = (1..=ORDERS).flat_map(|id| {
        let texts = [(1, "one"), (2, "two"), (3, "three")];
        texts.map(|(number, text)| format!("({id}, {number}, '{text}')"))
    });
    let parts: Vec<_> = parts.collect();
    format!(
        "CREATE TABLE copies (id INT PRIMARY KEY, a VARCHAR(40) NOT NULL); \
         INSERT INTO copies VALUES {}; \
         CREATE TABLE parts (id INT, number INT, t VARCHAR(40) NOT NULL, PRIMARY KEY (id, number)); \
         INSERT INTO parts VALUES {}; CREATE TABLE gate (id INT PRIMARY KEY)",
        orders.join(", "),
        parts.join(", ")
    )
}

const DAMAGE: &str = "DELETE FROM copies WHERE id % 3 = 0; DELETE FROM parts WHERE id % 3 = 0; \
    UPDATE copies SET a = 'damaged' WHERE id % 3 = 1; UPDATE parts SET t = 'damaged' WHERE id % 3 = 1; \
    INSERT INTO copies SELECT id + 100000, a FROM copies WHERE id % 3 = 2 AND id <= 270; \
    INSERT INTO parts SELECT id + 100000, number, t FROM parts WHERE id % 3 = 2 AND number = 1 AND id <= 270";

/// Every write of a row leaves a trace in its transaction.
const AUDIT: &str = "CREATE TABLE audit (place CHAR(6), what CHAR(6), id INT, part INT); \
    CREATE TRIGGER a1 AFTER INSERT ON copies FOR EACH ROW INSERT INTO audit VALUES ('copies', 'insert', NEW.id, 0); \
    CREATE TRIGGER a2 AFTER UPDATE ON copies FOR EACH ROW INSERT INTO audit VALUES ('copies', 'update', NEW.id, 0); \
    CREATE TRIGGER a3 AFTER DELETE ON copies FOR EACH ROW INSERT INTO audit VALUES ('copies', 'delete', OLD.id, 0); \
    CREATE TRIGGER a4 AFTER INSERT ON parts FOR EACH ROW INSERT INTO audit VALUES ('parts', 'insert', NEW.id, NEW.number); \
    CREATE TRIGGER a5 AFTER DELETE ON parts FOR EACH ROW INSERT INTO audit VALUES ('parts', 'delete', OLD.id, OLD.number); \
    CREATE TRIGGER a6 BEFORE INSERT ON parts FOR EACH ROW \
      SET @waited = IF(EXISTS (SELECT 1 FROM gate WHERE gate.id = NEW.id), GET_LOCK(DATABASE(), 60), 0)";

const WAITING: &str = "SELECT id FROM information_schema.processlist \
    WHERE db = DATABASE() AND state = 'User lock'";

/// Orders that have neither all of the old nor all of the new.
const APART: &str = "SELECT id, a, (SELECT GROUP_CONCAT(t ORDER BY number) FROM parts p WHERE p.id = c.id) AS found \
    FROM copies c WHERE id < 100000 \
    HAVING found IS NULL OR NOT (a = 'damaged' AND found = 'damaged,damaged,damaged' \
      OR a <> 'damaged' AND found = 'one,two,three') LIMIT 5";

const WRONG: &str = "SELECT id, a, (SELECT GROUP_CONCAT(t ORDER BY number) FROM parts p WHERE p.id = c.id) AS found \
    FROM copies c HAVING found IS NULL OR a <> CONCAT('order ', id) OR found <> 'one,two,three' LIMIT 5";

const TWICE: &str = "SELECT place, what, id, part, COUNT(*) FROM audit \
    GROUP BY place, what, id, part HAVING COUNT(*) > 1 LIMIT 10";

fn settings(from: &str, into: &str) -> String {
    SETTINGS.replace("SOURCE", from).replace("TARGET", into)
}

const SETTINGS: &str = r#"
[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[tasks.orders]
from = { connection = "SOURCE", table = "orders", incremental = "id", late = "none", batch = { rows = 100 } }

[tasks.orders.into]
connection = "TARGET"

[[tasks.orders.into.tables]]
table = "copies"
key = ["id"]
create-table = false
steps = [{ keep = ["id", "a"] }]

[[tasks.orders.into.tables]]
table = "parts"
key = ["id", "number"]
replace-by = ["id"]
create-table = false
steps = [
  { keep = ["id", "list"] },
  { cast = { list = "json" } },
  { explode = "list", number = "number", keep-empty = false },
  { flatten = ["list"] },
  { rename = { "list.t" = "t" } },
]
"#;
