//! The test producer of kpm: users, blogs and comments as protobuf, their types in the keys.
//!
//! `cargo run --example kpm -- [TOPIC] [TIMES] [FILE]` publishes 3 messages TIMES times (10,000)
//! to TOPIC (`my-topic`), which is made where it is missing, and writes the md5 of each to FILE
//! (`md5.info`) when all of them are acknowledged. The brokers are those of
//! `HIGHWATER_TEST_KAFKA_BROKERS`. A second run makes users of the same emails, which the table
//! `users` does not take twice.

mod producer;

use anyhow::Context;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let topic = arguments.next().unwrap_or_else(|| "my-topic".into());
    let times = arguments.next().unwrap_or_else(|| "10000".into());
    let times: u32 = times.parse().context("how many times? a number")?;
    let file = arguments.next().unwrap_or_else(|| "md5.info".into());
    let brokers = "HIGHWATER_TEST_KAFKA_BROKERS";
    let brokers = std::env::var(brokers).with_context(|| format!("{brokers} is not set"))?;
    let hashes = producer::produce(&brokers, &topic, 0..times).await?;
    std::fs::write(&file, producer::file_of(&hashes)).context(file.clone())?;
    println!(
        "{} messages in {topic}, their hashes in {file}",
        hashes.len()
    );
    Ok(())
}
