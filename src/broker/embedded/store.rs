//! The tables of embedded topics, and every statement on them.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Executor, Row, Sqlite, Transaction, query, query_as, query_scalar};

use super::murmur2;
use crate::{
    broker::{BrokerError, TopicId},
    connect::{ErrorClass, classify, sqlite::SqliteConnection},
    fault::Cause,
    model::{Headers, Messages, RecordOrigin},
};

/// A topic as the tables know it.
#[derive(Debug, Clone)]
pub(in crate::broker) struct Topic {
    /// Its number in the tables, which is never given twice.
    pub key: i64,
    pub id: TopicId,
    pub partitions: i32,
}

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS topics (
    topic INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    id TEXT NOT NULL,
    partitions INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS partitions (
    topic INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    first_offset INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    topic INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    key BLOB,
    value BLOB,
    headers BLOB NOT NULL,
    PRIMARY KEY (topic, partition, offset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS group_offsets (
    group_name TEXT NOT NULL,
    topic INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (group_name, topic, partition)
) WITHOUT ROWID;
";

pub(super) async fn make_tables(connection: &SqliteConnection) -> Result<(), sqlx::Error> {
    connection.writer().execute(TABLES).await.map(drop)
}

pub(super) async fn make_topic(
    connection: &SqliteConnection,
    name: &str,
    partitions: i32,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let made: Option<i64> = query_scalar(
        "INSERT INTO topics (name, id, partitions) VALUES (?1, lower(hex(randomblob(16))), ?2)
         ON CONFLICT (name) DO NOTHING RETURNING topic",
    )
    .bind(name)
    .bind(partitions)
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(topic) = made {
        for partition in 0..partitions {
            query("INSERT INTO partitions VALUES (?1, ?2, 0, 0)")
                .bind(topic)
                .bind(partition)
                .execute(&mut *transaction)
                .await?;
        }
    }
    transaction.commit().await
}

pub(in crate::broker) async fn remove_topic(
    connection: &SqliteConnection,
    name: &str,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for statement in [
        "DELETE FROM messages WHERE topic = (SELECT topic FROM topics WHERE name = ?1)",
        "DELETE FROM partitions WHERE topic = (SELECT topic FROM topics WHERE name = ?1)",
        "DELETE FROM group_offsets WHERE topic = (SELECT topic FROM topics WHERE name = ?1)",
        "DELETE FROM topics WHERE name = ?1",
    ] {
        query(statement)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

pub(in crate::broker) async fn forget_before(
    connection: &SqliteConnection,
    topic: i64,
    partition: i32,
    offset: i64,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for statement in [
        "UPDATE partitions SET first_offset = max(first_offset, min(?3, next_offset))
         WHERE topic = ?1 AND partition = ?2",
        "DELETE FROM messages WHERE topic = ?1 AND partition = ?2 AND offset < ?3",
    ] {
        query(statement)
            .bind(topic)
            .bind(partition)
            .bind(offset)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

pub(in crate::broker) async fn topic(
    connection: &SqliteConnection,
    name: &str,
) -> Result<Option<Topic>, sqlx::Error> {
    let found: Option<(i64, String, i32)> =
        query_as("SELECT topic, id, partitions FROM topics WHERE name = ?1")
            .bind(name)
            .fetch_optional(connection.readers())
            .await?;
    Ok(found.map(|(key, id, partitions)| Topic {
        key,
        id: TopicId {
            name: name.to_owned(),
            id,
        },
        partitions,
    }))
}

/// The first offset that is there, and the one after the last; `None` where the topic is gone.
pub(in crate::broker) async fn bounds(
    connection: &SqliteConnection,
    topic: i64,
    partition: i32,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    query_as("SELECT first_offset, next_offset FROM partitions WHERE topic = ?1 AND partition = ?2")
        .bind(topic)
        .bind(partition)
        .fetch_optional(connection.readers())
        .await
}

/// Appends messages; `false` where the topic is gone. Messages without a key go round from
/// `turn` on.
pub(in crate::broker) async fn append(
    transaction: &mut Transaction<'static, Sqlite>,
    topic: &Topic,
    turn: u32,
    messages: &Messages,
    timestamp: i64,
) -> Result<bool, sqlx::Error> {
    let mut next = vec![0_i64; usize::try_from(topic.partitions).unwrap_or(0)];
    let mut found = 0;
    let mut rows = query_as("SELECT partition, next_offset FROM partitions WHERE topic = ?1")
        .bind(topic.key)
        .fetch(&mut **transaction);
    while let Some(row) = rows.try_next().await? {
        let (partition, offset): (i64, i64) = row;
        let index = usize::try_from(partition).ok();
        if let Some(next) = index.and_then(|it| next.get_mut(it)) {
            *next = offset;
            found += 1;
        }
    }
    drop(rows);
    if found != next.len() || found == 0 {
        return Ok(false);
    }
    let mut from = 0;
    let mut headers = Vec::new();
    while from < messages.len() {
        let left = messages.len() - from;
        let rows = ROWS.into_iter().find(|it| *it <= left).unwrap_or(1);
        let mut insert = query(AssertSqlSafe(insert_text(rows)))
            .bind(topic.key)
            .bind(timestamp);
        for (index, message) in messages.iter().enumerate().skip(from).take(rows) {
            let partition = match message.key {
                Some(key) => murmur2::partition(key, topic.partitions),
                None => (turn.wrapping_add(index as u32) % next.len() as u32) as i32,
            };
            let offset = &mut next[partition as usize];
            headers.clear();
            write_headers(message.headers, &mut headers);
            insert = insert
                .bind(partition)
                .bind(*offset)
                .bind(message.key.map(<[u8]>::to_vec))
                .bind(message.value.map(<[u8]>::to_vec))
                .bind(headers.clone());
            *offset += 1;
        }
        insert.execute(&mut **transaction).await?;
        from += rows;
    }
    for (partition, offset) in next.iter().enumerate() {
        query("UPDATE partitions SET next_offset = ?3 WHERE topic = ?1 AND partition = ?2")
            .bind(topic.key)
            .bind(partition as i64)
            .bind(offset)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(true)
}

/// Rows of one insert: few sizes, so that each is prepared once.
const ROWS: [usize; 3] = [250, 25, 1];

fn insert_text(rows: usize) -> String {
    let mut text =
        "INSERT INTO messages (topic, timestamp, partition, offset, key, value, headers) VALUES "
            .to_owned();
    for row in 0..rows {
        let first = 3 + 5 * row;
        if row > 0 {
            text.push(',');
        }
        text.push_str("(?1,?2");
        for parameter in first..first + 5 {
            text.push_str(",?");
            text.push_str(&parameter.to_string());
        }
        text.push(')');
    }
    text
}

/// Messages from `offset` on, until a limit is reached.
pub(in crate::broker) async fn page(
    connection: &SqliteConnection,
    topic: i64,
    partition: i32,
    offset: i64,
    most_messages: usize,
    most_bytes: usize,
) -> Result<Messages, sqlx::Error> {
    let mut messages = Messages::default();
    let mut rows = query(
        "SELECT offset, timestamp, key, value, headers FROM messages
         WHERE topic = ?1 AND partition = ?2 AND offset >= ?3 ORDER BY offset LIMIT ?4",
    )
    .bind(topic)
    .bind(partition)
    .bind(offset)
    .bind(i64::try_from(most_messages).unwrap_or(i64::MAX))
    .fetch(connection.readers());
    while let Some(row) = rows.try_next().await? {
        let record_origin = RecordOrigin {
            partition,
            offset: row.try_get(0)?,
            timestamp: row.try_get(1)?,
        };
        let headers = read_headers(row.try_get(4)?);
        messages.push(row.try_get(2)?, row.try_get(3)?, headers, record_origin);
        if messages.bytes() >= most_bytes {
            break;
        }
    }
    Ok(messages)
}

pub(in crate::broker) async fn commit(
    connection: &SqliteConnection,
    group: &str,
    topic: i64,
    next_offsets: &[(i32, i64)],
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for (partition, offset) in next_offsets {
        query(
            "INSERT INTO group_offsets VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
        )
        .bind(group)
        .bind(topic)
        .bind(partition)
        .bind(offset)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

pub(in crate::broker) async fn committed(
    connection: &SqliteConnection,
    group: &str,
    topic: i64,
) -> Result<Vec<(i32, i64)>, sqlx::Error> {
    query_as(
        "SELECT partition, next_offset FROM group_offsets
         WHERE group_name = ?1 AND topic = ?2 ORDER BY partition",
    )
    .bind(group)
    .bind(topic)
    .fetch_all(connection.readers())
    .await
}

/// What an error of SQLite means for a topic.
pub(in crate::broker) fn error(error: impl Into<std::sync::Arc<sqlx::Error>>) -> BrokerError {
    let error = error.into();
    let class = classify(&error);
    let cause: Cause = Box::new(error);
    match class {
        ErrorClass::Transient => BrokerError::Lost(cause),
        ErrorClass::Refused(advice) => BrokerError::Refused {
            advice: advice.to_owned(),
            cause,
        },
        ErrorClass::Data => BrokerError::Refused {
            advice: "the file of embedded topics does not take this".to_owned(),
            cause,
        },
    }
}

const NULL: u32 = u32::MAX;

fn write_headers(headers: Headers<'_>, out: &mut Vec<u8>) {
    let mut sized = |bytes: Option<&[u8]>| {
        let length = bytes.map_or(NULL, |it| it.len() as u32);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(bytes.unwrap_or_default());
    };
    for (name, value) in headers {
        sized(Some(name.as_bytes()));
        sized(value);
    }
}

/// The headers as far as they can be read: the file is not ours alone.
fn read_headers(mut bytes: &[u8]) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    std::iter::from_fn(move || {
        let name = std::str::from_utf8(taken(&mut bytes)??).ok()?;
        Some((name, taken(&mut bytes)?))
    })
}

fn taken<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    if length == NULL {
        *bytes = rest;
        return Some(None);
    }
    let (taken, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_headers_end_early_and_never_panic() {
        let mut messages = Messages::default();
        let headers = [("a", Some(&b"1"[..])), ("b", None), ("", Some(b""))];
        messages.push(None, None, headers, RecordOrigin::default());
        let mut written = Vec::new();
        write_headers(messages.get(0).expect("one").headers, &mut written);
        assert_eq!(read_headers(&written).collect::<Vec<_>>(), headers);
        for length in 0..written.len() {
            let read = read_headers(&written[..length]).collect::<Vec<_>>();
            assert!(headers.starts_with(&read), "{length}: {read:?}");
        }
    }
    proptest::proptest! {
        #[test]
        fn no_bytes_of_headers_panic(bytes: Vec<u8>, length: u32) {
            let headers = read_headers(&bytes).count();
            proptest::prop_assert!(headers <= bytes.len() / 8);
            let begun = [&length.to_le_bytes()[..], &bytes].concat();
            let _ = read_headers(&begun).count();
        }
    }
}
