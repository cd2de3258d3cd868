//! The scan position in a collection, and its text.

use std::collections::BTreeMap;

use mongodb::bson::Bson;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use super::{
    chunk_token::{ChunkPart, ChunkRef, chunk_refs, chunks, is_zero},
    cursor_values::CursorValues,
    full::Full,
    state::ScanState,
};
use crate::{
    model::Position,
    source::{SourceError, deduplication::Sent, samples::Sample, scan::chunks::Chunk},
};

/// Where a read of a collection stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ScanPosition {
    /// Behind these; at the first document where there are none.
    Incremental(ScanState),
    /// Within a full read.
    Full(Full),
}

/// The fields that a collection is read by.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// The source's name, for errors.
    pub source: String,
    /// The incremental field; may be a dotted path.
    pub field: String,
}

/// The text, in canonical extended JSON: `{"field":"_id","after":[{"$oid":"…"}]}`, and
/// `{"field":"_id","full":[{"$oid":"…"}],"then":[…]}` within a full read, of which all that is left is
/// behind one `_id`; with `"chunks":[{"after":…,"up-to":…},{"up-to":…},{}]` instead of `full` where it is
/// in chunks: one that does not say so begins where the one before it ends. Where the field holds
/// several classes, `also` has the marks of the others; `seen` has what was last at a time, in
/// milliseconds, and may not be settled yet. `nulls` and `nulls-seen` are the same of documents
/// without a value, by their `_id`; `sent` is what was sent before it was settled.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    field: String,
    after: Option<Vec<Bson>>,
    full: Option<Vec<Bson>>,
    chunks: Option<Vec<ChunkPart>>,
    then: Option<Vec<Bson>>,
    #[serde(default)]
    rows: u64,
    #[serde(default)]
    also: Vec<Vec<Bson>>,
    #[serde(default)]
    seen: Vec<(i64, Vec<Bson>)>,
    #[serde(default)]
    nulls: Vec<Vec<Bson>>,
    #[serde(default, rename = "nulls-seen")]
    nulls_seen: Vec<(i64, Vec<Bson>)>,
    sent: Option<Sent>,
}

#[derive(Serialize)]
struct TokenRef<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Canonical<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full: Option<Canonical<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<ChunkRef<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Canonical<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    rows: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<Canonical<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seen: Vec<(i64, Canonical<'a>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nulls: Vec<Canonical<'a>>,
    #[serde(rename = "nulls-seen", skip_serializing_if = "Vec::is_empty")]
    nulls_seen: Vec<(i64, Canonical<'a>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
}

impl Order {
    /// Whether `_id` alone is the order.
    pub fn is_id(&self) -> bool {
        self.field == "_id"
    }

    /// How many values a mark holds.
    fn width(&self) -> usize {
        if self.is_id() { 1 } else { 2 }
    }
}

impl ScanPosition {
    /// The position of this place.
    pub fn position(&self, order: &Order) -> Position {
        let state = self.state();
        let cursor_values = &state.cursor_values;
        let (first, also) = match cursor_values.all() {
            [] => (Canonical(&[]), &[][..]),
            [first, also @ ..] => (Canonical(first), also),
        };
        let (mut full, mut chunks, mut rows) = (None, Vec::new(), 0);
        if let Self::Full(it) = self {
            rows = it.rows;
            match &it.chunks[..] {
                [Chunk { after, up_to: None }] => full = Some(Canonical(after.as_slice())),
                several => chunks = chunk_refs(several),
            }
        }
        let (after, then) = match self {
            Self::Incremental(_) => (Some(first), None),
            Self::Full(_) => (None, Some(first)),
        };
        let token = TokenRef {
            field: &order.field,
            after,
            full,
            chunks,
            then,
            rows,
            also: also.iter().map(|it| Canonical(it)).collect(),
            seen: cursor_values.seen().map(seen).collect(),
            nulls: state.nulls.all().iter().map(|it| Canonical(it)).collect(),
            nulls_seen: state.nulls.seen().map(seen).collect(),
            sent: state.sent,
        };
        // Maps of texts and lists always have a JSON text.
        Position::new(serde_json::to_string(&token).unwrap_or_default())
    }

    /// The place that `position` names.
    ///
    /// # Errors
    /// `Position` where it is damaged, or was made for another field.
    pub fn parse(position: &Position, order: &Order) -> Result<Self, SourceError> {
        let refused = |advice: String| order.refused(position.as_str(), &advice);
        let token: Token = serde_json::from_str(position.as_str())
            .map_err(|_| refused("it is damaged, or another kind of source has made it".into()))?;
        if token.field != order.field {
            return Err(refused(format!(
                "it was made for the field `{}`, but the collection is read by `{}`",
                token.field, order.field
            )));
        }
        let damaged = || refused("it is damaged".into());
        let (chunks, first) = match (token.after, token.full, token.chunks, token.then) {
            (Some(after), None, None, None) if token.rows == 0 => (None, after),
            (None, Some(mut full), None, Some(then)) if full.len() < 2 => {
                (Some(vec![Chunk::behind(full.pop())]), then)
            }
            (None, None, Some(parts), Some(then)) => {
                (Some(chunks(parts).ok_or_else(damaged)?), then)
            }
            _ => return Err(damaged()),
        };
        let fits = |values: &Vec<Bson>| (1..=order.width()).contains(&values.len());
        let cursor_values: Vec<_> = match (first.is_empty(), token.also.is_empty()) {
            (true, true) => Vec::new(),
            _ => std::iter::once(first).chain(token.also).collect(),
        };
        let sample = |(at, value)| Sample { at, value };
        let samples = |seen: Vec<(i64, Vec<Bson>)>| -> Vec<Sample<Vec<Bson>>> {
            seen.into_iter().map(sample).collect()
        };
        let (seen, nulls_seen) = (samples(token.seen), samples(token.nulls_seen));
        let is_id = |values: &Vec<Bson>| values.len() == 1;
        let all_fit = cursor_values.iter().all(fits)
            && seen.iter().all(|it| fits(&it.value))
            && token.nulls.iter().all(is_id)
            && nulls_seen.iter().all(|it| is_id(&it.value));
        if !all_fit {
            return Err(damaged());
        }
        let state = ScanState {
            cursor_values: CursorValues::of_parts(cursor_values, seen).ok_or_else(damaged)?,
            nulls: CursorValues::of_parts(token.nulls, nulls_seen).ok_or_else(damaged)?,
            sent: token.sent,
        };
        Ok(match chunks {
            None => Self::Incremental(state),
            Some(chunks) => Self::Full(Full {
                chunks,
                rows: token.rows,
                then: state,
            }),
        })
    }

    /// Where the incremental read stands or will go on.
    pub fn state(&self) -> &ScanState {
        match self {
            Self::Incremental(state) | Self::Full(Full { then: state, .. }) => state,
        }
    }

    /// The same, to be moved.
    pub fn state_mut(&mut self) -> &mut ScanState {
        match self {
            Self::Incremental(state) | Self::Full(Full { then: state, .. }) => state,
        }
    }
}

fn seen(sample: &Sample<Vec<Bson>>) -> (i64, Canonical<'_>) {
    (sample.at, Canonical(&sample.value))
}

impl Order {
    /// A position that is of no use here, and what to do about it.
    pub fn refused(&self, position: &str, advice: &str) -> SourceError {
        SourceError::Position {
            name: self.source.clone(),
            position: position.to_owned(),
            advice: format!(
                "{advice}; `highwater cursor set` starts from a value, `highwater cursor reset` from the beginning"
            ),
        }
    }
}

/// Values in canonical extended JSON. The driver's own `Serialize` writes numbers bare: a long
/// would come back as an int, and Infinity as null.
struct Canonical<'a>(&'a [Bson]);

pub(super) struct CanonicalValue<'a>(pub &'a Bson);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(CanonicalValue))
    }
}

impl Serialize for CanonicalValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = |serializer: S, word: &str, text: String| {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(word, &text)?;
            map.end()
        };
        match self.0 {
            Bson::Int32(it) => number(serializer, "$numberInt", it.to_string()),
            Bson::Int64(it) => number(serializer, "$numberLong", it.to_string()),
            Bson::Double(it) if it.is_infinite() => {
                let text = if *it > 0.0 { "Infinity" } else { "-Infinity" };
                number(serializer, "$numberDouble", text.to_owned())
            }
            Bson::Double(it) => number(serializer, "$numberDouble", format!("{it:?}")),
            Bson::Binary(it) => {
                // The driver's own would write a list of numbers for the generic subtype; its base64
                // is at hand in what it shows alone: `Binary(0x0, AP8=)`.
                let shown = it.to_string();
                let base64 = shown.rsplit_once(", ").map_or("", |(_, it)| it);
                let subtype = format!("{:02x}", u8::from(it.subtype));
                let binary = BTreeMap::from([
                    ("base64", base64.trim_end_matches(')')),
                    ("subType", &subtype),
                ]);
                serializer.collect_map([("$binary", binary)])
            }
            Bson::Array(items) => Canonical(items).serialize(serializer),
            Bson::Document(fields) => {
                let fields = fields.iter().map(|(name, it)| (name, CanonicalValue(it)));
                serializer.collect_map(fields)
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests;
