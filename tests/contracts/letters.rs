//! Tables of dead letters on real servers: what was written is read back, once, up to the largest letter.

use std::sync::Arc;

use highwater::{
    broker::{
        DeliveryError, Publisher, Reader, Verdict,
        table::{LetterTable, TablePublisher},
        table_reader::TableReader,
    },
    connect::mysql::MysqlConnection,
    model::{Message, Messages, Place},
};

use super::sinks::{database, drop_database, on_both_servers, read, run};

on_both_servers!(
    every_letter_comes_back_byte_for_byte,
    a_letter_of_two_writers_is_one_row,
    the_largest_letter_is_written_and_read_and_a_larger_one_is_refused,
    a_table_of_another_database_is_used_by_its_name,
);

type Told = (
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(String, Option<Vec<u8>>)>,
);

/// Ensured, and empty.
async fn table(connection: &MysqlConnection, name: &str) -> LetterTable {
    let table = LetterTable::in_mysql(connection.clone(), name, "own-").expect("a name");
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
    messages.push(key, value, headers, Place::default());
}

async fn publish(table: &LetterTable, messages: Messages) -> Result<(), DeliveryError> {
    let publisher = TablePublisher::new(table.clone());
    let delivery = publisher.publish(Arc::new(messages)).await;
    delivery.expect("the server answers").await
}

async fn letters(table: &LetterTable) -> Vec<Told> {
    let held = table.held().await.expect("asked").expect("letters");
    let mut reader = TableReader::new(table.clone(), held);
    let mut all = Vec::new();
    while let Some(polled) = reader.next().await.expect("read") {
        all.extend(polled.messages.iter().map(told));
    }
    all
}

fn told(it: Message<'_>) -> Told {
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
    assert!(table.held().await.expect("asked").is_none());
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
    let written: Vec<_> = all.iter().map(told).collect();
    assert_eq!(letters(&table).await, written);
    // The server's own clock counts from it.
    let times = "SELECT CONCAT(message_time, ' ', set_aside_at) FROM `dead.let``ters` WHERE id = 1";
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
    assert_eq!(refused[0].verdict, Verdict::Refused);
    assert!(
        refused[0].reason.contains("max_allowed_packet"),
        "{refused:?}"
    );
    let values = letters(&table).await;
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
    assert_eq!(letters(&table).await.len(), 1);
    run(connection, &format!("DROP DATABASE {other}")).await;
}
