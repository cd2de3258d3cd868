//! What the format `json` makes of values where its options are not the usual ones, and what is read
//! again then: digits as a number, points in time as counts, bytes as hex.

use highwater::{
    codec::json::{Binary, Decimals, Instants, Json},
    model::Instant,
};
use proptest::prelude::*;

use super::codec_values::{Tree, document, tree};

pub const IN_MICROS: Json = Json {
    decimals: Decimals::Number,
    instants: Instants::EpochMicros,
    binary: Binary::Hex,
    ..Json::PLAIN
};

pub const IN_MILLIS: Json = Json {
    instants: Instants::EpochMillis,
    ..IN_MICROS
};

/// Fields that both can hold: decimals that are numbers, and no instant finer than a millisecond.
pub fn fields() -> BoxedStrategy<Vec<(String, Tree)>> {
    let held = |fields: Vec<(String, Tree)>| each(&fields, &holdable);
    document(tree()).prop_map(held).boxed()
}

pub fn in_micros(fields: &[(String, Tree)]) -> Vec<(String, Tree)> {
    again(fields, 1_000_000)
}

pub fn in_millis(fields: &[(String, Tree)]) -> Vec<(String, Tree)> {
    again(fields, 1_000)
}

/// As plain JSON has what stands for them there.
fn again(fields: &[(String, Tree)], parts: i64) -> Vec<(String, Tree)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect();
    let chosen = |leaf: &Tree| match leaf {
        Tree::Decimal(it) => Tree::Digits((*it).to_owned()),
        Tree::Bytes(_, it) | Tree::Geometry(it) => Tree::String(hex(it)),
        Tree::Instant(it) => {
            Tree::I64(it.seconds * parts + i64::from(it.micros) / (1_000_000 / parts))
        }
        other => other.clone(),
    };
    let written = each(fields, &chosen).into_iter();
    written
        .map(|(name, value)| (name, value.through_json()))
        .collect()
}

fn holdable(leaf: &Tree) -> Tree {
    match leaf {
        Tree::Decimal("NaN" | "-Infinity") => Tree::Decimal("-1.50"),
        Tree::Instant(it) => Tree::Instant(Instant {
            seconds: it.seconds % 1_000_000_000_000,
            micros: it.micros / 1_000 * 1_000,
        }),
        other => other.clone(),
    }
}

/// Every leaf changed, wherever it stands.
fn each(fields: &[(String, Tree)], change: &dyn Fn(&Tree) -> Tree) -> Vec<(String, Tree)> {
    let of = |(name, value): &(String, Tree)| (name.clone(), within(value, change));
    fields.iter().map(of).collect()
}

fn within(tree: &Tree, change: &dyn Fn(&Tree) -> Tree) -> Tree {
    match tree {
        Tree::Array(items) => Tree::Array(items.iter().map(|it| within(it, change)).collect()),
        Tree::Document(fields) => Tree::Document(each(fields, change)),
        Tree::CodeWithScope(code, scope) => Tree::CodeWithScope(code.clone(), each(scope, change)),
        leaf => change(leaf),
    }
}
