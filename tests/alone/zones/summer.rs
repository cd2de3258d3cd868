//! Points in time on both sides of the hour that comes twice, and of the one that does not come,
//! read in the order of the points in time.

use std::fs;

use anyhow::{Result, ensure};
use rdkafka::Message;

use super::server::{Globals, SUMMER, Server};
use crate::{gate, in_a_world, program, world::World};

#[test]
fn clocks_put_back_change_no_instant_of_mysql() {
    let _gate = gate("zones");
    in_a_world("summer_mysql", async |world| {
        let test = async || turn_of_clocks(world, Server::Mysql).await;
        Server::Mysql.with_summer(world, test).await
    });
}

#[test]
fn clocks_put_back_change_no_instant_of_mariadb() {
    let _gate = gate("zones");
    in_a_world("summer_mariadb", async |world| {
        let test = async || turn_of_clocks(world, Server::Mariadb).await;
        Server::Mariadb.with_summer(world, test).await
    });
}

/// Rows 1 and 2 show the same clock in that zone, an hour apart; rows 7 and 8 are what a session of
/// another zone, and one of the server's, writes. Row 9 is written by the server's clock.
const ROWS: &str = "CREATE TABLE turns (id INT PRIMARY KEY, at TIMESTAMP(6) NOT NULL, wall DATETIME(6) NOT NULL); \
    SET time_zone = '+00:00'; \
    INSERT INTO turns VALUES (1, '2025-11-02 06:30:00.000001', '2025-11-02 01:30:00.000001'), \
        (2, '2025-11-02 05:30:00.000001', '2025-11-02 01:30:00.000001'), \
        (3, '2025-11-02 05:59:59.999999', '2025-11-02 01:59:59.999999'), \
        (4, '2025-11-02 06:00:00.000001', '2025-11-02 01:00:00.000001'), \
        (5, '2025-03-09 06:59:59.999999', '2025-03-09 01:59:59.999999'), \
        (6, '2025-03-09 07:00:00.000001', '2025-03-09 02:30:00.000001'); \
    SET time_zone = '+08:00'; \
    INSERT INTO turns VALUES (7, '2025-11-02 14:15:00.000001', '2025-11-02 14:15:00.000001'); \
    SET time_zone = 'Highwater/Summer'; \
    INSERT INTO turns VALUES (8, '2025-11-02 01:45:00.000001', '2025-11-02 01:45:00.000001'), \
        (9, NOW(6), NOW(6))";

/// What the server itself says they are, by point in time or by wall clock.
const EXPECTED: &str = "SET time_zone = '+00:00'; SELECT CONCAT('{\"id\":', id, \
    ',\"at\":\"', DATE_FORMAT(at, '%Y-%m-%dT%H:%i:%s.%fZ'), \
    '\",\"wall\":\"', DATE_FORMAT(wall, '%Y-%m-%d %H:%i:%s.%f'), '\"}') FROM turns ORDER BY ";

async fn turn_of_clocks(world: &World, server: Server) -> Result<()> {
    let globals = Globals {
        zone: SUMMER.to_owned(),
        mode: String::new(),
    };
    server.set(world, &globals).await?;
    server.open(world).await?.run(ROWS).await?;
    fs::write(world.folder.path().join("settings.toml"), settings(server))?;
    for _ in 0..2 {
        // The second finds nothing new: none is read twice for its clock.
        program::run(world, "sync")
            .await?
            .expect("exit 0", world.folder.path())?;
    }
    for (topic, order) in [("at", "at, id"), ("wall", "wall, id")] {
        let expected = server.open(world).await?;
        let expected = { expected }.rows(&format!("{EXPECTED}{order}")).await?;
        let published = world.kafka.read(&format!("{}-{topic}", world.topic))?;
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        let published: Vec<String> = published
            .iter()
            .map(|it| it.payload().map_or_else(String::new, text))
            .collect();
        ensure!(
            expected.len() == 9 && published == expected,
            "{topic}: the server has\n{}\nand Kafka\n{}",
            expected.join("\n"),
            published.join("\n")
        );
    }
    Ok(())
}

/// One data type for each column; a row a batch, so that every place between two rows is a mark.
fn settings(server: Server) -> String {
    let (kind, url) = match server {
        Server::Mysql => ("mysql", "${MYSQL_URL}"),
        Server::Mariadb => ("mariadb", "${MARIADB_URL}"),
    };
    let mut text = format!(
        "[connections.kafka]\nkind = \"kafka\"\nbrokers = [\"${{KAFKA_BROKERS}}\"]\n\
         [connections.shop]\nkind = \"{kind}\"\nurl = \"{url}\"\n"
    );
    for column in ["at", "wall"] {
        text += &format!(
            "[data-types.{column}]\nformat = \"json\"\nbroker = \"kafka\"\n\
             topic = \"${{CASE_TOPIC}}-{column}\"\n\
             create-topic = {{ partitions = 1, replication = 1 }}\n\
             from = {{ connection = \"shop\", table = \"turns\", incremental = \"{column}\", batch = {{ rows = 1 }} }}\n"
        );
    }
    text
}
