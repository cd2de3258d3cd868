//! Bad input among good: each bad message is one dead letter, and its neighbours land.

use std::{fs, sync::Arc};

use anyhow::{Result, ensure};
use highwater::{
    codec::{Encoder, protobuf::Protobuf},
    model::{Op, Records, Schema, Value},
};
use rdkafka::Message;

use crate::{
    in_a_world,
    kafka::{Outgoing, header},
    program,
    sql::Sql,
    world::World,
};

/// One message, and what has to become of it.
struct Sent {
    value: Vec<u8>,
    becomes: Becomes,
}

#[derive(Clone, PartialEq)]
enum Becomes {
    /// The row of this key, with this number.
    Row(String, i32),
    /// A row that a later message of the same key replaces.
    Replaced,
    /// A dead letter.
    StoredDeadLetter,
}

/// Larger than MariaDB's packet as it comes, smaller than MySQL's.
const HUGE: usize = 20 << 20;

#[test]
fn bad_json_among_good_costs_mysql_one_letter_each() {
    in_a_world("bad_json_mysql", async |world| {
        let messages = json(Becomes::Row("huge".into(), 7));
        cost_one_letter_each(world, "mysql", "json", messages).await
    });
}

#[test]
fn bad_json_among_good_costs_mariadb_one_letter_each() {
    in_a_world("bad_json_mariadb", async |world| {
        cost_one_letter_each(world, "mariadb", "json", json(Becomes::StoredDeadLetter)).await
    });
}

#[test]
fn bad_protobuf_among_good_costs_mysql_one_letter_each() {
    in_a_world("bad_protobuf_mysql", async |world| {
        cost_one_letter_each(world, "mysql", "protobuf", protobuf()).await
    });
}

#[test]
fn bad_protobuf_among_good_costs_mariadb_one_letter_each() {
    in_a_world("bad_protobuf_mariadb", async |world| {
        cost_one_letter_each(world, "mariadb", "protobuf", protobuf()).await
    });
}

fn json(huge: Becomes) -> Vec<Sent> {
    let long = |length: usize| "k".repeat(length);
    let row = |id: &str, n: i32, rest: &str| Sent {
        value: format!(r#"{{"id":"{id}","n":{n}{rest}}}"#).into_bytes(),
        becomes: Becomes::Row(id.to_owned(), n),
    };
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let text = "x".repeat(HUGE);
    let mut sent = vec![
        dead_letter(noise(1, 300)),
        dead_letter(deep.clone()),
        dead_letter(format!(r#"{{"id":"deep","n":1,"document":{deep}}}"#)),
        dead_letter(r#"{"id":"cut","n":"#),
        dead_letter(r#"{"id":"no number","n":"six"}"#),
        dead_letter(r#"{"id":"a list","n":[1]}"#),
        dead_letter(r#"{"id":"too much","n":99999999999}"#),
        dead_letter(r#"{"id":null,"n":1}"#),
        dead_letter(r#"{"n":1}"#),
        dead_letter(r#"{"id":"long","n":1,"name":"eleven letters"}"#),
        dead_letter(format!(r#"{{"id":"{}","n":1}}"#, long(769))),
        dead_letter(""),
        row(&long(768), 5, ""),
        row("unknown", 6, r#","extra":{"a":[1]}"#),
        // In a column of text it is a text like others.
        row("deep text", 8, &format!(r#","big":{deep}"#)),
        Sent {
            becomes: huge,
            ..row("huge", 7, &format!(r#","big":"{text}""#))
        },
        replaced(row("twice", 1, "")),
        row("twice", 2, ""),
    ];
    sent.extend((2..8).map(|seed| dead_letter(noise(seed, 40))));
    among_good(sent, |id, n| row(id, n, ""))
}

fn protobuf() -> Vec<Sent> {
    let row = |id: &str, n: i32| Sent {
        value: envelope(&[("id", Value::String(id)), ("n", Value::I32(n))]),
        becomes: Becomes::Row(id.to_owned(), n),
    };
    let unknown = Sent {
        // A field of a later version: number 15, two bytes.
        value: [row("unknown", 6).value, vec![15 << 3 | 2, 2, 1, 2]].concat(),
        becomes: Becomes::Row("unknown".to_owned(), 6),
    };
    let long = "k".repeat(769);
    let mut sent = vec![
        unknown,
        dead_letter(envelope(&[
            ("id", Value::String("no number")),
            ("n", Value::String("six")),
        ])),
        dead_letter(envelope(&[
            ("id", Value::String("long")),
            ("name", Value::String("eleven letters")),
        ])),
        dead_letter(envelope(&[
            ("id", Value::String(&long)),
            ("n", Value::I32(1)),
        ])),
        dead_letter(envelope(&[("id", Value::Null), ("n", Value::I32(1))])),
        dead_letter(envelope(&[("n", Value::I32(1))])),
        dead_letter(envelope(&[])),
        replaced(row("twice", 1)),
        row("twice", 2),
    ];
    let whole = row("cut", 1).value;
    // Not where it ends with a whole field: that is a message without the others.
    let ends = [whole.len() - 1, whole.len() - 3, whole.len() / 2, 1];
    sent.extend(ends.map(|end| dead_letter(&whole[..end])));
    sent.extend((2..8).map(|seed| dead_letter(noise(seed, 40))));
    among_good(sent, row)
}

fn dead_letter(value: impl AsRef<[u8]>) -> Sent {
    Sent {
        value: value.as_ref().to_vec(),
        becomes: Becomes::StoredDeadLetter,
    }
}

fn replaced(sent: Sent) -> Sent {
    Sent {
        becomes: Becomes::Replaced,
        ..sent
    }
}

/// A good message before each of these and behind the last.
fn among_good(sent: Vec<Sent>, row: impl Fn(&str, i32) -> Sent) -> Vec<Sent> {
    let good = |number: usize| row(&format!("good {number}"), number as i32);
    let mut all = Vec::new();
    for (number, it) in sent.into_iter().enumerate() {
        all.extend([good(number), it]);
    }
    all.push(good(all.len()));
    all
}

/// Bytes without a meaning, the same in each run (a xorshift).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(byte).collect()
}

fn envelope(fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        for (name, value) in fields {
            packer.name(name);
            packer.value(*value);
        }
        Ok(())
    });
    pushed.expect("nothing fails");
    let mut bytes = Vec::new();
    let row = records.get(0).expect("one");
    Protobuf.encode(&row, "t", &mut bytes).expect("encodable");
    bytes
}

async fn cost_one_letter_each(
    world: &World,
    server: &str,
    format: &str,
    messages: Vec<Sent>,
) -> Result<()> {
    let url = format!("${{{}_URL}}", server.to_uppercase());
    let settings = SETTINGS
        .replace("SERVER", server)
        .replace("${URL}", &url)
        .replace("FORMAT", format);
    fs::write(world.folder.path().join("settings.toml"), settings)?;
    let large = [("max.message.bytes", "26214400")];
    world.kafka.create(&world.topic, 1, &large).await?;
    let dead_letters = format!("{}.dead-letters", world.topic);
    world.kafka.create(&dead_letters, 1, &[]).await?;
    let mut sql = match server {
        "mysql" => world.mysql().await?,
        _ => world.mariadb().await?,
    };
    sql.run(TABLE).await?;
    let outgoing = messages.iter().map(|it| Outgoing {
        partition: Some(0),
        key: None,
        value: Some(&it.value),
    });
    world.kafka.produce(&world.topic, outgoing)?;
    // The second run finds nothing to do, and sets nothing aside again.
    for _ in 0..2 {
        let ended = program::run(world, "sink --until-caught-up").await?;
        ended.expect("exit 0\nerr lacks panicked", world.folder.path())?;
    }
    letters_are(world, &dead_letters, &messages)?;
    rows_are(&mut sql, &messages).await
}

/// A letter for each bad message, and none for any other.
fn letters_are(world: &World, topic: &str, messages: &[Sent]) -> Result<()> {
    let mut found = Vec::new();
    for dead_letter in world.kafka.read(topic)? {
        let offset = header(&dead_letter, "highwater-dead-offset").unwrap_or_default();
        let reason = header(&dead_letter, "highwater-dead-reason").unwrap_or_default();
        println!("{offset}: {reason}");
        ensure!(!reason.is_empty(), "the letter of {offset} has no reason");
        let offset: usize = offset.parse()?;
        // One that its topic does not take either is in a file, whose name stands here.
        let filed = header(&dead_letter, "highwater-dead-file").is_some();
        let same = dead_letter.payload() == messages.get(offset).map(|it| &it.value[..]);
        ensure!(filed || same, "the letter of {offset} has another value");
        found.push(offset);
    }
    let bad = messages.iter().enumerate();
    let bad = bad.filter(|(_, it)| it.becomes == Becomes::StoredDeadLetter);
    let bad: Vec<_> = bad.map(|(offset, _)| offset).collect();
    found.sort_unstable();
    ensure!(found == bad, "letters of {found:?}, not of {bad:?}");
    Ok(())
}

async fn rows_are(sql: &mut Sql, messages: &[Sent]) -> Result<()> {
    let rows = messages.iter().filter_map(|it| match &it.becomes {
        Becomes::Row(id, n) => Some(format!("{id}\t{n}")),
        _ => None,
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    let mut found = sql.rows("SELECT id, n FROM items").await?;
    found.sort_unstable();
    ensure!(found == rows, "{found:?}\nnot\n{rows:?}");
    let huge = "SELECT COUNT(*) FROM items WHERE id = 'huge'";
    let whole = format!("{huge} AND big = REPEAT('x', {HUGE})");
    let is_there = sql.number(huge).await?;
    ensure!(sql.number(&whole).await? == is_there, "it is not whole");
    Ok(())
}

/// The longest key that an index takes: 3,072 bytes.
const TABLE: &str = "CREATE TABLE items (id VARCHAR(768) PRIMARY KEY, n INT, name VARCHAR(10), \
    big LONGTEXT, document JSON) CHARACTER SET utf8mb4";

const SETTINGS: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[connections.warehouse]
kind = "SERVER"
url = "${URL}"

[data-types.items]
format = "FORMAT"
topic = "${CASE_TOPIC}"
broker = "kafka"

[data-types.items.into]
connection = "warehouse"
table = "items"
group = "${CASE_GROUP}"
drop = ["extra"]
batch = { rows = 100, wait = "300ms" }
"#;
