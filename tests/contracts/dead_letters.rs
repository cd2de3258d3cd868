//! Tables of dead letters on real servers: what was written is read back, once, up to the largest letter.

use std::sync::Arc;

use super::sinks::{database, drop_database, on_both_servers, read, run};
use highwater::{
    broker::{
        DeliveryError, Publisher, Reader, Rejection,
        dead_letters::{
            table::{DeadLetterTable, TablePublisher},
            table_reader::TableReader,
        },
    },
    connect::mysql::{Flavor, MysqlConnection, MysqlSettings, open},
    fault::chain,
    model::{Message, Messages, RecordOrigin},
};

on_both_servers!(
    every_letter_comes_back_byte_for_byte,
    a_letter_of_two_writers_is_one_row,
    the_largest_letter_is_written_and_read_and_a_larger_one_is_refused,
    a_table_of_another_database_is_used_by_its_name,
    a_table_that_keeps_no_letters_is_refused_and_stays_empty,
    a_table_made_otherwise_that_keeps_letters_is_taken,
    select_and_insert_are_rights_enough_for_a_table_that_is_there,
);

type Fields = (
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(String, Option<Vec<u8>>)>,
);

/// Ensured, and empty.
async fn table(connection: &MysqlConnection, name: &str) -> DeadLetterTable {
    let table = DeadLetterTable::in_mysql(connection.clone(), name, "own-").expect("a name");
    table.ensure().await.expect("made");
    table
}

/// A letter of `offset`; its message had these headers.
fn push(
    messages: &mut Messages,
    offset: i64,
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    headers: &[(&str, Option<&[u8]>)],
) {
    let offset = offset.to_string();
    let own = [
        ("own-flow", Some(&b"f"[..])),
        ("own-step", Some(b"write")),
        ("own-reason", Some("why, 💩\0".as_bytes())),
        ("own-topic", Some(b"t")),
        ("own-at", Some(b"1756200616007")),
        ("own-topic-id", Some(b"i")),
        ("own-partition", Some(b"2147483647")),
        ("own-offset", Some(offset.as_bytes())),
        ("own-timestamp", Some(b"-1")),
    ];
    let headers = own.iter().chain(headers).copied();
    messages.push(key, value, headers, RecordOrigin::default());
}

async fn publish(table: &DeadLetterTable, messages: Messages) -> Result<(), DeliveryError> {
    let publisher = TablePublisher::new(table.clone());
    let delivery = publisher.publish(Arc::new(messages)).await;
    delivery.expect("the server answers").await
}

async fn dead_letters(table: &DeadLetterTable) -> Vec<Fields> {
    let offset_ranges = table
        .offset_ranges()
        .await
        .expect("asked")
        .expect("letters");
    let mut reader = TableReader::new(table.clone(), offset_ranges);
    let mut all = Vec::new();
    while let Some(polled) = reader.next().await.expect("read") {
        all.extend(polled.messages.iter().map(fields));
    }
    all
}

fn fields(it: Message<'_>) -> Fields {
    let headers = it
        .headers
        .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
    (
        it.key.map(<[u8]>::to_vec),
        it.value.map(<[u8]>::to_vec),
        headers.collect(),
    )
}

async fn every_letter_comes_back_byte_for_byte(connection: &MysqlConnection) {
    let table = table(connection, "`dead.let``ters`").await;
    assert!(table.offset_ranges().await.expect("asked").is_none());
    let every: Vec<u8> = (0..=255).collect();
    let odd = [
        ("a", Some(&b"1"[..])),
        ("a", None),
        ("a", Some(&every)),
        ("own-step", Some(b"decode")),
        ("x_hex", Some(b"zz \\ ' \"")),
        ("", Some(b"")),
    ];
    let mut all = Messages::default();
    push(&mut all, i64::MAX, (Some(&every), Some(&every)), &odd);
    push(&mut all, 2, (None, Some(b"")), &[]);
    push(&mut all, 3, (Some(b""), None), &[("b ", None)]);
    publish(&table, all.clone()).await.expect("taken");
    let written: Vec<_> = all.iter().map(fields).collect();
    assert_eq!(dead_letters(&table).await, written);
    // The server's own clock counts from it.
    let times =
        "SELECT CONCAT(message_time, ' ', set_aside_at) FROM `dead.let``ters` ORDER BY id LIMIT 1";
    assert_eq!(
        read(connection, times).await,
        ["1969-12-31 23:59:59.999 2025-08-26 09:30:16.007"]
    );
}

async fn a_letter_of_two_writers_is_one_row(connection: &MysqlConnection) {
    let table = table(connection, "dead_letters").await;
    let mut all = Messages::default();
    for offset in 0..50 {
        push(&mut all, offset, (None, Some(b"x")), &[]);
    }
    let both = tokio::join!(publish(&table, all.clone()), publish(&table, all.clone()));
    both.0.and(both.1).expect("taken by both");
    let rows = "SELECT CAST(COUNT(*) AS CHAR) FROM dead_letters";
    assert_eq!(read(connection, rows).await, ["50"]);
}

async fn the_largest_letter_is_written_and_read_and_a_larger_one_is_refused(
    connection: &MysqlConnection,
) {
    let table = table(connection, "dead_letters").await;
    // All that is not its value, with some room.
    let beside = 2_048 + 512;
    let large = vec![b'x'; connection.max_allowed_packet() - beside];
    let mut one = Messages::default();
    push(&mut one, 1, (None, Some(&large)), &[]);
    publish(&table, one).await.expect("taken");
    let larger = [&large[..], &[b'x'; 512]].concat();
    let mut two = Messages::default();
    push(&mut two, 2, (None, Some(&larger)), &[]);
    push(&mut two, 3, (None, Some(b"small")), &[]);
    let Err(DeliveryError::NotTaken(refused)) = publish(&table, two).await else {
        panic!("the larger one is not taken");
    };
    assert_eq!((refused.len(), refused[0].index), (1, 0));
    assert_eq!(refused[0].rejection, Rejection::Refused);
    assert!(
        refused[0].reason.contains("max_allowed_packet"),
        "{refused:?}"
    );
    let values = dead_letters(&table).await;
    let values: Vec<_> = values.iter().map(|it| it.1.as_deref()).collect();
    assert!(values == [Some(&large[..]), Some(b"small")]);
}

async fn a_table_of_another_database_is_used_by_its_name(connection: &MysqlConnection) {
    let other = format!("{}_other", connection.database().expect("it has one"));
    run(connection, &format!("CREATE DATABASE {other}")).await;
    let table = table(connection, &format!("{other}.dead_letters")).await;
    let mut one = Messages::default();
    push(&mut one, 1, (None, Some(b"x")), &[]);
    publish(&table, one).await.expect("taken");
    assert_eq!(dead_letters(&table).await.len(), 1);
    run(connection, &format!("DROP DATABASE {other}")).await;
}

/// A table as it is made, but for the words of some columns and what stands behind them.
fn made(others: &[(&str, &str)], more: &str, engine: &str) -> String {
    let columns = [
        ("id", "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"),
        ("flow", "VARCHAR(1024)"),
        ("step", "VARCHAR(255)"),
        ("reason", "LONGTEXT"),
        ("topic", "VARCHAR(255)"),
        ("set_aside_at", "DATETIME(3)"),
        ("topic_id", "VARCHAR(255)"),
        ("source_partition", "INT"),
        ("source_offset", "BIGINT"),
        ("message_time", "DATETIME(3)"),
        ("dead_letter_file", "TEXT"),
        ("message_key", "LONGBLOB"),
        ("message_value", "LONGBLOB"),
        ("message_headers", "LONGTEXT"),
        ("identity", "BINARY(32) UNIQUE"),
    ];
    let columns = columns.map(|(name, of)| {
        let other = others.iter().find(|it| it.0 == name);
        format!("{name} {}", other.map_or(of, |it| it.1))
    });
    let columns = columns.join(", ");
    format!("CREATE TABLE dead_letters ({columns}{more}) ENGINE={engine} CHARACTER SET utf8mb4")
}

async fn a_table_that_keeps_no_letters_is_refused_and_stays_empty(connection: &MysqlConnection) {
    let trigger = |does: &str| {
        let table = made(&[], ", kind TEXT", "InnoDB");
        format!("{table}; CREATE TRIGGER t BEFORE INSERT ON dead_letters FOR EACH ROW {does}")
    };
    let one = |column, of| made(&[(column, of)], "", "InnoDB");
    let more = |more: &str| made(&[], more, "InnoDB");
    let refused = [
        (one("identity", "BINARY(32)"), "UNIQUE index"),
        (one("identity", "BINARY(16) UNIQUE"), "'identity'"),
        (one("identity", "BINARY(40) UNIQUE"), "`identity`"),
        (one("id", "BIGINT NOT NULL PRIMARY KEY"), "'id'"),
        (
            one("id", "BIGINT NOT NULL DEFAULT 0 PRIMARY KEY"),
            "PRIMARY",
        ),
        (one("message_key", "LONGBLOB NOT NULL"), "'message_key'"),
        (one("message_value", "LONGTEXT"), "message_value"),
        (
            one("message_value", "LONGTEXT CHARACTER SET latin1"),
            "`message_value`",
        ),
        (more(", kind TEXT NOT NULL"), "'kind'"),
        (more(", kind INT NOT NULL DEFAULT 0 UNIQUE"), "kind"),
        (made(&[], "", "MyISAM"), "InnoDB"),
        (trigger("SET NEW.identity = NULL"), "no trigger may"),
        (trigger("SET NEW.reason = 'x'"), "`reason`"),
        (
            trigger("SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1062"),
            "it takes no letters",
        ),
    ];
    for (made, why) in refused {
        run(connection, &made).await;
        let table = DeadLetterTable::in_mysql(connection.clone(), "dead_letters", "own-");
        let table = table.expect("a name");
        for said in [table.ensure().await.err(), table.check().await.err()] {
            let said = said.map_or_else(|| "it is taken".to_owned(), |it| chain(&it));
            let begins = said.starts_with("table of dead letters ");
            assert!(begins && said.contains(why), "\n{made}\n{said}");
        }
        let rows = "SELECT CAST(COUNT(*) AS CHAR) FROM dead_letters";
        assert_eq!(read(connection, rows).await, ["0"], "{made}");
        run(connection, "DROP TABLE dead_letters").await;
    }
}

async fn a_table_made_otherwise_that_keeps_letters_is_taken(connection: &MysqlConnection) {
    let others = [
        ("id", "BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY"),
        ("set_aside_at", "DATETIME(6)"),
        ("source_offset", "BIGINT UNSIGNED"),
        ("message_headers", "JSON"),
        ("identity", "VARBINARY(64) UNIQUE"),
    ];
    let more = ", kind TEXT NOT NULL, seen DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP";
    run(connection, &made(&others, more, "InnoDB")).await;
    let audited = "CREATE TABLE audit (id BIGINT AUTO_INCREMENT PRIMARY KEY, topic TEXT); \
         INSERT INTO audit VALUES (1000, 'x'); \
         CREATE TRIGGER t BEFORE INSERT ON dead_letters FOR EACH ROW SET NEW.kind = 'letter'; \
         CREATE TRIGGER u AFTER INSERT ON dead_letters FOR EACH ROW \
         INSERT INTO audit (topic) VALUES (NEW.topic)";
    run(connection, audited).await;
    let table = table(connection, "dead_letters").await;
    assert_eq!(table.check().await.expect("asked"), Some(0));
    let rows = "SELECT CAST(COUNT(*) AS CHAR) FROM audit";
    assert_eq!(read(connection, rows).await, ["1"]);
    let odd = [("a", Some(&b"1"[..])), ("a", None), ("b", Some(b"\xff"))];
    let mut all = Messages::default();
    for offset in 0..1_200 {
        push(&mut all, offset, (None, Some(b"\xff\x00")), &odd);
    }
    for _ in 0..2 {
        publish(&table, all.clone()).await.expect("taken");
    }
    let written: Vec<_> = all.iter().map(fields).collect();
    assert_eq!(dead_letters(&table).await, written);
    assert_eq!(table.check().await.expect("asked"), Some(1_200));
}

async fn select_and_insert_are_rights_enough_for_a_table_that_is_there(
    connection: &MysqlConnection,
) {
    table(connection, "dead_letters").await;
    let user = connection.database().expect("it has one");
    let granted = format!(
        "CREATE USER {user} IDENTIFIED BY 'hunter2'; \
         GRANT SELECT, INSERT ON {user}.dead_letters TO {user}"
    );
    run(connection, &granted).await;
    let variable = match connection.flavor() {
        Flavor::Mysql => "HIGHWATER_TEST_MYSQL_URL",
        Flavor::Mariadb => "HIGHWATER_TEST_MARIADB_URL",
    };
    let url = std::env::var(variable).expect("it is set");
    let host = url.rsplit('@').next().expect("it names a host");
    let settings = MysqlSettings {
        url: format!("mysql://{user}:hunter2@{host}/{user}").into(),
        pool: 1,
        tls_ca: None,
    };
    let theirs = open("theirs", &settings).await.expect("let in");
    let table = table(&theirs, "dead_letters").await;
    assert_eq!(table.check().await.expect("asked"), Some(0));
    let mut one = Messages::default();
    push(&mut one, 1, (None, Some(b"x")), &[]);
    publish(&table, one).await.expect("taken");
    assert_eq!(dead_letters(&table).await.len(), 1);
    run(connection, &format!("DROP USER {user}")).await;
}
