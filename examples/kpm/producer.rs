//! The messages of kpm's test producer, with the hash that its check knows each by.

use std::{
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use highwater::{
    broker::{
        Publisher,
        kafka::{CreateTopic, KafkaBroker, KafkaPublisherSettings},
    },
    codec::{
        Encoder, TypeTag,
        proto::{By, Proto, ProtoSettings},
    },
    connect::kafka::KafkaSettings,
    model::{Messages, Op, Records, Schema, Value},
};
use md5::{Digest, Md5};
use sha1::Sha1;

/// Messages that are handed over together.
const AT_ONCE: usize = 1000;

/// Publishes a user, a blog and a comment for each number. Answers their hashes in that order,
/// when all are acknowledged.
pub async fn produce(brokers: &str, topic: &str, numbers: Range<u32>) -> Result<Vec<String>> {
    let settings = KafkaSettings {
        brokers: brokers.to_owned(),
        sasl: None,
        tls: None,
        options: Default::default(),
    };
    let kafka = KafkaBroker::new("kafka", &settings)?;
    let (partitions, replication) = (3, 1);
    let create = CreateTopic {
        partitions,
        replication,
    };
    kafka.ensure_topic(topic, create).await?;
    let publisher = kafka
        .publisher(topic, &KafkaPublisherSettings::default())
        .await?;
    let format = format()?;
    let (mut hashes, mut deliveries) = (Vec::new(), Vec::new());
    let mut waiting = Messages::default();
    for number in numbers.clone() {
        for made in made(number) {
            let record = record(&made.fields);
            let row = record.get(0).context("a record")?;
            let type_tag = format.type_tag(&row);
            waiting.write(
                |key| match type_tag {
                    Some(TypeTag::Key(word)) => {
                        key.extend_from_slice(word.as_bytes());
                        true
                    }
                    _ => false,
                },
                |value| format.encode(&row, topic, value),
                [],
            )?;
            hashes.push(hex(Md5::digest(made.hashed.concat())));
        }
        if waiting.len() >= AT_ONCE || number + 1 == numbers.end {
            let messages = Arc::new(std::mem::take(&mut waiting));
            deliveries.push(publisher.publish(messages).await?);
        }
    }
    for delivery in deliveries {
        delivery.await?;
    }
    Ok(hashes)
}

/// The file of the hashes, one in each line.
pub fn file_of(hashes: &[String]) -> String {
    hashes.iter().map(|it| format!("{it}\n")).collect()
}

/// `proto/kpm.proto`, the types by the key.
fn format() -> Result<Proto> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let types = [("user", "User"), ("blog", "Blog"), ("comment", "Comment")];
    let settings = ProtoSettings {
        set: protox::prost::Message::encode_to_vec(&protox::compile(["kpm.proto"], [folder])?),
        by: By::Key,
        types: types
            .map(|(word, name)| (word.to_owned(), name.to_owned()))
            .to_vec(),
        pass: Vec::new(),
        field: Some("type".to_owned()),
    };
    Ok(Proto::new(&settings)?)
}

/// One message: its fields, and what its hash is made of.
struct Made {
    fields: Vec<(&'static str, Given)>,
    hashed: Vec<String>,
}

enum Given {
    Text(String),
    Truth(bool),
}

fn made(number: u32) -> [Made; 3] {
    let (user, blog, comment) = (id(), id(), id());
    let email = format!("test{number}@test.com");
    let name = format!("test_name{number}");
    let avatar = hex(Md5::digest(&email));
    let image = format!("http://www.gravatar.com/avatar/{avatar}?d=mm&s=120");
    let passwd = hex(Sha1::digest(format!("{user}:test_123456{number}")));
    let title = format!("Test blog {number}");
    let (summary, content) = ("This is summary.", "This is content......");
    let texts = |type_of: &str, fields: &[(&'static str, &str)]| -> Vec<_> {
        let fields = fields
            .iter()
            .map(|(name, it)| (*name, Given::Text((*it).to_owned())));
        let word = ("type", Given::Text(type_of.to_owned()));
        std::iter::once(word).chain(fields).collect()
    };
    let owned = |parts: &[&str]| parts.iter().map(|it| (*it).to_owned()).collect();
    let of_user = [
        ("id", &user[..]),
        ("email", &email),
        ("passwd", &passwd),
        ("name", &name),
        ("image", &image),
    ];
    let mut of_user = texts("user", &of_user);
    of_user.push(("admin", Given::Truth(false)));
    let by_user = [
        ("user_id", &user[..]),
        ("user_name", &name),
        ("user_image", &image),
    ];
    let of_blog = [
        ("id", &blog[..]),
        ("title", &title),
        ("summary", summary),
        ("content", content),
    ];
    let of_comment = [
        ("id", &comment[..]),
        ("blog_id", &blog),
        ("content", content),
    ];
    [
        Made {
            fields: of_user,
            hashed: owned(&[&user, &passwd, &name, &email, &image, "0"]),
        },
        Made {
            fields: texts("blog", &[&of_blog[..], &by_user].concat()),
            hashed: owned(&[&blog, &user, &name, &image, &title, summary, content]),
        },
        Made {
            fields: texts("comment", &[&of_comment[..], &by_user].concat()),
            hashed: owned(&[&comment, &blog, &user, &name, &image, content]),
        },
    ]
}

fn record(fields: &[(&'static str, Given)]) -> Records {
    let mut records = Records::new(Arc::new(Schema::document("kpm", ["id"])));
    let pushed: Result<(), std::convert::Infallible> = records.push(Op::Upsert, 0, |packer| {
        for (name, value) in fields {
            packer.name(name);
            packer.value(match value {
                Given::Text(it) => Value::String(it),
                Given::Truth(it) => Value::Bool(*it),
            });
        }
        Ok(())
    });
    let Ok(()) = pushed;
    records
}

/// The milliseconds in 15 digits, a chance number in 32, and three zeros: 50 characters.
fn id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // Two halves of chance; the version and the variant stand as in a UUID of chance.
    let half = || u128::from(RandomState::new().hash_one(now));
    let chance = half() << 64 | half();
    let chance = chance & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    format!("{:015}{chance:032x}000", now.as_millis())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect()
}
