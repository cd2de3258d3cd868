//! What a row costs in each format, both ways, beside serde_json and prost of typed structs.
//!
//! `cargo bench --bench encode`; no server is needed. One thread, everything in memory.

#[allow(dead_code)] // It is the rows of `pipes`, for servers as well.
#[path = "../pipes/rows.rs"]
mod rows;
mod samples;
mod typed;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Parser;
use highwater::{
    codec::{
        Decoder, Encoder,
        information::{InformationJson, InformationProtobuf},
        json::{Documents, Json},
        protobuf::Protobuf,
    },
    model::{Messages, RecordOrigin, Records, Schema},
};
use serde::{Serialize, de::DeserializeOwned};

#[derive(Parser)]
#[command(name = "encode", about = "What a row costs in each format")]
struct Arguments {
    /// Milliseconds that each direction of each format is measured
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    millis: u64,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Records that one pass writes or reads: more than a batch, less than the processor's memory.
pub const RECORDS: u64 = 1_000;

const TOPIC: &str = "information";

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("this measures, so it does nothing but under `cargo bench`");
        return Ok(());
    }
    let time = Duration::from_millis(arguments.millis);
    println!("record    format                 bytes   encode ns   MB/s   decode ns   MB/s");
    let canonical = Json {
        documents: Documents::Canonical,
        ..Json::PLAIN
    };
    let rows = samples::rows()?;
    for (name, format) in [
        ("json", &Json::PLAIN as &dyn Format),
        ("protobuf", &Protobuf),
    ] {
        ours("row", name, format, &rows, time)?;
    }
    let typed: Vec<_> = (1..=RECORDS)
        .map(|id| typed::Row::of(&rows::row(id)))
        .collect();
    with_serde("row", &typed, time)?;
    with_prost("row", &typed, time)?;
    let documents = samples::documents();
    for (name, format) in [
        ("json", &Json::PLAIN as &dyn Format),
        ("json, canonical", &canonical),
        ("protobuf", &Protobuf),
        ("information-json", &InformationJson),
        ("information-protobuf", &InformationProtobuf),
    ] {
        ours("document", name, format, &documents, time)?;
    }
    let typed: Vec<_> = (1..=RECORDS).map(typed::Announcement::of).collect();
    with_serde("document", &typed, time)?;
    with_prost("document", &typed, time)
}

trait Format: Encoder + Decoder {}
impl<T: Encoder + Decoder> Format for T {}

fn ours(
    record: &str,
    name: &str,
    format: &dyn Format,
    records: &Records,
    time: Duration,
) -> Result<()> {
    let write = |out: &mut Vec<u8>| -> Result<()> {
        for row in records.iter() {
            format.encode(&row, TOPIC, out)?;
        }
        Ok(())
    };
    let mut messages = Messages::default();
    for row in records.iter() {
        let mut value = Vec::new();
        format.encode(&row, TOPIC, &mut value)?;
        messages.push(None, Some(&value), [], RecordOrigin::default());
    }
    let schema = Arc::new(Schema::document("read", ["id"]));
    let bytes = records.bytes() * 2;
    let read = || -> Result<()> {
        let mut back = Records::with_capacity(schema.clone(), messages.len(), bytes);
        for message in messages.iter() {
            format.decode(&message, 0, &mut back)?;
        }
        ensure!(black_box(back).len() == messages.len(), "records are gone");
        Ok(())
    };
    measure(record, name, time, write, read)
}

fn with_serde<T: Serialize + DeserializeOwned>(
    record: &str,
    typed: &[T],
    time: Duration,
) -> Result<()> {
    let texts = typed.iter().map(serde_json::to_vec);
    let texts: Vec<Vec<u8>> = texts.collect::<Result<_, _>>()?;
    let write = |out: &mut Vec<u8>| -> Result<()> {
        for it in typed {
            serde_json::to_writer(&mut *out, it)?;
        }
        Ok(())
    };
    let read = || -> Result<()> {
        for text in &texts {
            black_box(serde_json::from_slice::<T>(text)?);
        }
        Ok(())
    };
    measure(record, "serde_json, typed", time, write, read)
}

fn with_prost<T: prost::Message + Default>(
    record: &str,
    typed: &[T],
    time: Duration,
) -> Result<()> {
    let texts: Vec<Vec<u8>> = typed.iter().map(T::encode_to_vec).collect();
    let write = |out: &mut Vec<u8>| -> Result<()> {
        for it in typed {
            it.encode(out)?;
        }
        Ok(())
    };
    let read = || -> Result<()> {
        for text in &texts {
            black_box(T::decode(&text[..])?);
        }
        Ok(())
    };
    measure(record, "prost, typed", time, write, read)
}

/// Prints what a record costs each way, in the median of passes over all of them.
fn measure(
    record: &str,
    name: &str,
    time: Duration,
    mut write: impl FnMut(&mut Vec<u8>) -> Result<()>,
    mut read: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut out = Vec::new();
    let encode = median(time, || {
        out.clear();
        write(&mut out)?;
        black_box(&out);
        Ok(())
    })?;
    let decode = median(time, &mut read)?;
    let bytes = out.len() as f64 / RECORDS as f64;
    // Bytes by nanoseconds are GB/s.
    println!(
        "{record:<9} {name:<21} {bytes:>6.0} {encode:>11.0} {:>6.0} {decode:>11.0} {:>6.0}",
        bytes / encode * 1e3,
        bytes / decode * 1e3,
    );
    Ok(())
}

/// Nanoseconds a record.
fn median(time: Duration, mut pass: impl FnMut() -> Result<()>) -> Result<f64> {
    let warm = Instant::now();
    while warm.elapsed() < time / 10 {
        pass()?;
    }
    let (mut took, began) = (Vec::new(), Instant::now());
    while took.is_empty() || began.elapsed() < time {
        let one = Instant::now();
        pass()?;
        took.push(one.elapsed());
    }
    took.sort_unstable();
    Ok(took[took.len() / 2].as_nanos() as f64 / RECORDS as f64)
}
