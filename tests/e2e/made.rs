//! Tables and collections that `migrate` makes, and their indexes, which come behind the load.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::{in_a_world, program, sql::Sql, wait, world::World};

const LIMIT: Duration = Duration::from_secs(60);

/// A table with an index of every kind.
const ORDERS: &str = "CREATE TABLE orders (id INT NOT NULL, shop VARCHAR(20) NOT NULL, \
    customer VARCHAR(100) NULL, email VARCHAR(500) NULL, note TEXT NULL, hash BINARY(16) NULL, \
    total DECIMAL(20,4) NULL, code BIGINT UNSIGNED NULL, at DATETIME(6) NOT NULL, details JSON NULL, \
    choice ENUM('x','y') NULL, PRIMARY KEY (shop, id), UNIQUE KEY by_email (email), \
    UNIQUE KEY by_code (code, shop), KEY by_customer (customer), KEY by_note (note(20)), \
    KEY by_hash (hash), KEY by_time (at DESC, id), KEY by_choice (choice, total), \
    FULLTEXT KEY words (note)); \
    INSERT INTO orders (id, shop, customer, email, code, at, choice, details) VALUES \
    (1, 'a', 'c', 'e1', 18446744073709551615, '2025-08-26 09:30:15.000001', 'x', '{\"a\": 1}'), \
    (2, 'a', 'c', NULL, NULL, '2025-08-27', 'y', NULL), (1, 'b', NULL, NULL, NULL, '2025-08-28', 'y', '[]')";

const SETTINGS: &str = r#"
[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[connections.documents]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "DATABASE"

[connections.local]
kind = "sqlite"
path = "copy.db"
"#;

/// Each pair is a task of the name `from-to`.
fn settings(world: &World, pairs: &[(&str, &str, &str, &str)]) -> Result<()> {
    let mut text = SETTINGS.replace("DATABASE", &world.database);
    for (from, table, to, target) in pairs {
        let (read, write) = match (*from, *to) {
            ("documents", _) => ("collection", "table"),
            (_, "documents") => ("table", "collection"),
            _ => ("table", "table"),
        };
        let by = match *from {
            "documents" => "",
            "local" => ", incremental = \"at\"",
            _ => ", incremental = \"at\", late = \"none\"",
        };
        text.push_str(&format!(
            "\n[tasks.{from}-{to}]\nmode = \"incremental\"\n\
             from = {{ connection = \"{from}\", {read} = \"{table}\"{by} }}\n\
             into = {{ connection = \"{to}\", {write} = \"{target}\" }}\n"
        ));
    }
    fs::write(world.folder.path().join("settings.toml"), text)?;
    Ok(())
}

/// Whether an index of a server of SQL is unique, and its parts.
async fn indexes(sql: &mut Sql, table: &str) -> Result<Vec<String>> {
    sql.rows(&format!(
        "SELECT CONCAT(INDEX_NAME, IF(NON_UNIQUE, '', ' unique'), ': ', GROUP_CONCAT(CONCAT(COLUMN_NAME, \
         IF(SUB_PART IS NULL, '', CONCAT('/', SUB_PART)), IF(COLLATION = 'D', ' DESC', '')) \
         ORDER BY SEQ_IN_INDEX SEPARATOR ', ')) FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}' AND INDEX_NAME <> 'PRIMARY' \
         GROUP BY INDEX_NAME, NON_UNIQUE ORDER BY INDEX_NAME"
    ))
    .await
}

const EXPECTED: [&str; 7] = [
    "by_choice: choice, total",
    "by_code unique: code, shop",
    "by_customer: customer",
    "by_email unique: email",
    "by_hash: hash",
    "by_note: note/20",
    "by_time: at DESC, id",
];

async fn reported(world: &World, command: &str, lines: &str) -> Result<()> {
    let ended = program::run(world, command).await?;
    ended.expect(lines, world.folder.path())
}

#[test]
fn indexes_come_behind_the_load_in_every_system() {
    in_a_world("made_everywhere", async |world| {
        let pairs = [
            ("mysql", "orders", "mariadb", "orders"),
            ("mariadb", "orders", "mysql", "copies"),
            ("mariadb", "orders", "documents", "orders"),
            ("mariadb", "orders", "local", "orders"),
            ("local", "orders", "mariadb", "copies"),
        ];
        settings(world, &pairs)?;
        let (mut mysql, mut mariadb) = (world.mysql().await?, world.mariadb().await?);
        mysql.run(ORDERS).await?;
        // No index serves the order by `at`, which is no reason to fail.
        let dry = "exit 0\nout contains would create after the load: CREATE UNIQUE INDEX `by_email`\n\
            out contains cannot have the index `words` (note) of the source: it is of the kind FULLTEXT";
        reported(world, "migrate --task mysql-mariadb --dry-run", dry).await?;
        for (from, _, to, _) in pairs {
            let command = format!("migrate --task {from}-{to}");
            reported(
                world,
                &command,
                "exit 0\nout contains : 3 rows\nout contains created after the load",
            )
            .await?;
            reported(
                world,
                &command,
                "exit 0\nout contains : 0 rows\nout lacks made behind",
            )
            .await?;
        }
        let found = indexes(&mut mariadb, "orders").await?;
        ensure!(found == EXPECTED, "{found:#?}");
        let found = indexes(&mut mysql, "copies").await?;
        ensure!(found == EXPECTED, "{found:#?}");
        let found = indexes(&mut mariadb, "copies").await?;
        let unique = [
            "orders_by_code unique: code, shop",
            "orders_by_email unique: email",
        ];
        let has = |it: &&str| found.iter().any(|found| found == it);
        ensure!(found.len() == 7 && unique.iter().all(has), "{found:#?}");
        in_documents(world).await?;
        in_a_file(world).await?;
        // What is unique stays so, and several rows have no value.
        mariadb
            .run("INSERT INTO orders (id, shop, code, at) VALUES (4, 'a', NULL, '2025-08-29')")
            .await?;
        for to in ["mysql", "documents", "local"] {
            reported(
                world,
                &format!("migrate --task mariadb-{to}"),
                "exit 0\nout contains : 1 row,",
            )
            .await?;
        }
        Ok(())
    });
}

async fn in_documents(world: &World) -> Result<()> {
    let orders = world
        .mongodb()
        .await?
        .collection::<mongodb::bson::Document>("orders");
    let mut names = orders.list_index_names().await?;
    names.sort();
    let expected = [
        "_id_",
        "by_choice",
        "by_code",
        "by_customer",
        "by_email",
        "by_hash",
        "by_note",
        "by_time",
    ];
    ensure!(names == expected, "{names:?}");
    // It is unique among those that have a value.
    let insert = |id: i32, email: Option<&str>| {
        let document = mongodb::bson::doc! { "_id": id, "email": email };
        orders.insert_one(document).into_future()
    };
    insert(8, None).await?;
    ensure!(
        insert(9, Some("e1")).await.is_err(),
        "`email` is not unique"
    );
    orders.delete_one(mongodb::bson::doc! { "_id": 8 }).await?;
    Ok(())
}

async fn in_a_file(world: &World) -> Result<()> {
    let url = format!("sqlite://{}", world.folder.path().join("copy.db").display());
    let mut file = SqliteConnection::connect(&url).await?;
    let text =
        "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
    let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(text))
        .fetch_all(&mut file)
        .await?;
    let made = "CREATE UNIQUE INDEX \"orders_by_code\" ON \"orders\" (\"code\", \"shop\")";
    ensure!(found.len() == 7 && found[1] == made, "{found:#?}");
    Ok(())
}

/// As it stands in a table that was there: none of it is touched.
#[test]
fn a_table_that_was_there_is_left_alone_and_told_what_it_lacks() {
    in_a_world("made_before", async |world| {
        settings(world, &[("mysql", "orders", "mariadb", "orders")])?;
        world.mysql().await?.run(ORDERS).await?;
        let mut mariadb = world.mariadb().await?;
        mariadb
            .run("CREATE TABLE orders (id INT NOT NULL, shop VARCHAR(20) NOT NULL, customer TEXT, email TEXT, \
                note TEXT, hash BLOB, total DECIMAL(65,30), code BIGINT UNSIGNED, at DATETIME(6), details JSON, \
                choice TEXT, PRIMARY KEY (shop, id), KEY other (code), KEY mine (hash(16)))")
            .await?;
        let before = indexes(&mut mariadb, "orders").await?;
        let lines = "exit 0\nout contains orders lacks the unique index `by_code` (code, shop) of the source: CREATE UNIQUE\n\
            out contains orders cannot have the unique index `by_email` (email) of the source: column `email` is text\n\
            out lacks created after\nout lacks would create";
        reported(world, "migrate --task mysql-mariadb --dry-run", lines).await?;
        reported(world, "migrate --task mysql-mariadb", lines).await?;
        let after = indexes(&mut mariadb, "orders").await?;
        ensure!(before == after, "{after:#?}");
        Ok(())
    });
}

/// While a reader's transaction holds the table, its rows come in and its indexes wait.
#[test]
fn a_kill_between_load_and_index_leaves_the_index_to_the_next_run() {
    in_a_world("made_killed", async |world| {
        settings(world, &[("mysql", "records", "mariadb", "records")])?;
        let (mut source, mut target) = (world.mysql().await?, world.mariadb().await?);
        source
            .run("CREATE TABLE records (id BIGINT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, code INT NULL, \
                UNIQUE KEY by_code (code), KEY by_at (at)); \
                INSERT INTO records VALUES (1, 1, 1), (2, 2, 2), (3, 3, NULL), (4, 4, NULL)")
            .await?;
        let (mut position_lock, mut holder) = (world.mariadb().await?, world.mariadb().await?);
        target.run(POSITIONS).await?;
        // The first row waits for this one, which never comes.
        position_lock
            .run("BEGIN; INSERT INTO highwater_positions VALUES ('mysql-mariadb/to:mariadb.records/mysql.records', '', NOW())")
            .await?;
        let mut first = program::start(world, "migrate --task mysql-mariadb")?;
        wait::until("the table is made", LIMIT, async || {
            ensure!(!first.is_over()?, "it is over");
            Ok(target.rows("SELECT 1 FROM records").await.ok())
        })
        .await?;
        holder.run("BEGIN; SELECT * FROM records").await?;
        position_lock.run("ROLLBACK").await?;
        wait::until("an index waits", LIMIT, async || {
            ensure!(!first.is_over()?, "it is over");
            Ok((target.number(WAITING).await? > 0).then_some(()))
        })
        .await?;
        ensure!(first.kill().await?, "it was over");
        for id in target.rows(WAITING_IDS).await? {
            // It may be gone by itself.
            let _ = target.run(&format!("KILL {id}")).await;
        }
        wait::until("the server has given them up", LIMIT, async || {
            Ok((target.number(WAITING).await? == 0).then_some(()))
        })
        .await?;
        holder.run("ROLLBACK").await?;
        ensure!(
            indexes(&mut target, "records").await?.is_empty(),
            "they are there"
        );
        let count = "SELECT COUNT(*) FROM records";
        ensure!(target.number(count).await? == 4, "not all rows are there");
        // Rows that share a value stay, and are named.
        target
            .run("UPDATE records SET code = 1 WHERE id = 2")
            .await?;
        let shared = "exit 1\nout contains the unique index `by_code` (code) cannot be made in records, since rows \
            share its values\nout contains Duplicate entry '1'";
        reported(world, "migrate --task mysql-mariadb", shared).await?;
        ensure!(
            indexes(&mut target, "records").await? == ["by_at: at"],
            "by_at"
        );
        ensure!(target.number(count).await? == 4, "rows are gone");
        target
            .run("UPDATE records SET code = 2 WHERE id = 2")
            .await?;
        let made = "exit 0\nout contains created after the load: CREATE UNIQUE INDEX `by_code`";
        reported(world, "migrate --task mysql-mariadb", made).await?;
        let both = ["by_at: at", "by_code unique: code"];
        ensure!(indexes(&mut target, "records").await? == both, "both");
        handed_on(world, &mut source, &mut target).await
    });
}

/// What the index is for leads the next runs: rows that hand a value on find their order.
async fn handed_on(world: &World, source: &mut Sql, target: &mut Sql) -> Result<()> {
    source
        .run("UPDATE records SET code = 9, at = 10 WHERE id = 1; UPDATE records SET code = 1, at = 9 WHERE id = 2")
        .await?;
    let lines = "exit 0\nout contains : 2 rows\nout lacks dead letters";
    reported(world, "migrate --task mysql-mariadb", lines).await?;
    let rows = target
        .rows("SELECT id, code FROM records WHERE id < 3 ORDER BY id")
        .await?;
    ensure!(rows == ["1\t9", "2\t1"], "{rows:?}");
    // One that somebody has removed is not made again.
    target.run("DROP INDEX by_at ON records").await?;
    let lacks =
        "exit 0\nout contains records lacks the index `by_at` (at) of the source: CREATE INDEX";
    reported(world, "migrate --task mysql-mariadb", lacks).await?;
    ensure!(
        indexes(target, "records").await? == ["by_code unique: code"],
        "it is made again"
    );
    Ok(())
}

/// As the program makes it.
const POSITIONS: &str = "CREATE TABLE highwater_positions (flow VARCHAR(400) NOT NULL PRIMARY KEY, \
    position LONGTEXT NOT NULL, updated_at DATETIME(6) NOT NULL) \
    ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";

const WAITING: &str = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() \
    AND INFO LIKE 'CREATE%INDEX%' AND STATE LIKE '%metadata lock%'";
const WAITING_IDS: &str = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() \
    AND INFO LIKE 'CREATE%INDEX%' AND STATE LIKE '%metadata lock%'";
