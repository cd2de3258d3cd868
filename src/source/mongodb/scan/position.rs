//! The scan position in a collection, and its text.

use mongodb::bson::Bson;
use serde::{Deserialize, Serialize, Serializer};

use super::{
    Chunk, CursorValues, Full, ScanPosition, ScanState,
    chunk_token::{chunks, key},
};
use crate::{
    model::Position,
    source::{
        SourceError,
        deduplication::Sent,
        samples::Sample,
        scan::{ChunkPart, chunk_parts, is_zero},
    },
};

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
/// several classes, `also` has the values of the others; `seen` has what was last at a time, in
/// milliseconds, and may not be settled yet. `nulls` and `nulls-seen` are the same of documents
/// without a value, by their `_id`; `sent` is what was sent before it was settled.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    field: String,
    after: Option<Vec<Bson>>,
    full: Option<Vec<Bson>>,
    chunks: Option<Vec<ChunkPart<Bson>>>,
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
    chunks: Vec<ChunkPart<CanonicalValue<'a>>>,
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

    /// How many values a cursor has of a class.
    fn width(&self) -> usize {
        if self.is_id() { 1 } else { 2 }
    }
}

impl ScanPosition {
    /// The position of this place.
    pub fn position(&self, order: &Order) -> Position {
        let state = self.state();
        let cursor_values = &state.values;
        let (first, also) = match cursor_values.all() {
            [] => (Canonical(&[]), &[][..]),
            [first, also @ ..] => (Canonical(first), also),
        };
        let (mut full, mut chunks, mut rows) = (None, Vec::new(), 0);
        if let Self::Full(it) = self {
            rows = it.rows;
            match &it.chunks[..] {
                [Chunk { after, up_to: None }] => {
                    full = Some(Canonical(after.as_deref().unwrap_or_default()));
                }
                several => chunks = chunk_parts(several, key),
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
            (None, Some(full), None, Some(then)) if full.len() < 2 => {
                let after = Some(full).filter(|it| !it.is_empty());
                (Some(vec![Chunk::behind(after)]), then)
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
            values: CursorValues::of_parts(cursor_values, seen).ok_or_else(damaged)?,
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

/// Values in canonical extended JSON, of the crate `bson` but for what older positions have otherwise: it
/// writes `1e300` with three hundred zeros, and sorts the fields of a document, whose order tells two
/// apart, and of a timestamp. The driver's `Serialize` writes numbers bare, so that a long would come
/// back as an int.
struct Canonical<'a>(&'a [Bson]);

pub(super) struct CanonicalValue<'a>(pub &'a Bson);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(CanonicalValue))
    }
}

impl Serialize for CanonicalValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Bson::Double(it) if !it.is_infinite() => {
                serializer.collect_map([("$numberDouble", format!("{it:?}"))])
            }
            Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Binary(_) => self
                .0
                .clone()
                .into_canonical_extjson()
                .serialize(serializer),
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
