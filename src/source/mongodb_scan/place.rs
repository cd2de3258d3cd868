//! A place in a collection, and its text as a position.

use std::collections::BTreeMap;

use mongodb::bson::Bson;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use super::{
    chunk_token::{ChunkPart, ChunkRef, chunk_refs, chunks, is_zero},
    full::Full,
    marks::Marks,
};
use crate::{
    model::Position,
    source::{SourceError, chunks::Chunk, samples::Sample},
};

/// Where a read of a collection stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Behind these; at the first document where there are none.
    Incremental(Marks),
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
/// milliseconds, and may not be settled yet.
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

impl Place {
    /// The position of this place.
    pub fn position(&self, order: &Order) -> Position {
        let marks = self.marks();
        let (first, also) = match marks.all() {
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
            seen: marks.seen().map(seen).collect(),
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
        let marks: Vec<_> = match (first.is_empty(), token.also.is_empty()) {
            (true, true) => Vec::new(),
            _ => std::iter::once(first).chain(token.also).collect(),
        };
        let sample = |(at, value)| Sample { at, value };
        let seen: Vec<Sample<Vec<Bson>>> = token.seen.into_iter().map(sample).collect();
        if !marks.iter().all(fits) || !seen.iter().all(|it| fits(&it.value)) {
            return Err(damaged());
        }
        let marks = Marks::of_parts(marks, seen).ok_or_else(damaged)?;
        Ok(match chunks {
            None => Self::Incremental(marks),
            Some(chunks) => Self::Full(Full {
                chunks,
                rows: token.rows,
                then: marks,
            }),
        })
    }

    /// Where the incremental read stands or will go on.
    pub fn marks(&self) -> &Marks {
        match self {
            Self::Incremental(marks) | Self::Full(Full { then: marks, .. }) => marks,
        }
    }

    /// The same, to be moved.
    pub fn marks_mut(&mut self) -> &mut Marks {
        match self {
            Self::Incremental(marks) | Self::Full(Full { then: marks, .. }) => marks,
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
mod tests {
    use mongodb::bson::{
        Binary, DateTime, Decimal128, Timestamp, doc, oid::ObjectId, spec::BinarySubtype,
    };

    use super::*;

    fn order(field: &str) -> Order {
        Order {
            source: "crawler.list".into(),
            field: field.into(),
        }
    }

    fn full(after: Option<Bson>, then: Marks) -> Place {
        Place::Full(Full {
            chunks: vec![Chunk::behind(after)],
            rows: 0,
            then,
        })
    }

    fn id() -> Bson {
        Bson::ObjectId(ObjectId::from_bytes([0xab; 12]))
    }

    #[test]
    fn a_position_reads_as_its_field_and_values() {
        let order = order("_id");
        let place = Place::Incremental(Marks::at(vec![id()]));
        let text = r#"{"field":"_id","after":[{"$oid":"abababababababababababab"}]}"#;
        assert_eq!(place.position(&order).as_str(), text);
        let place = full(None, Marks::at(vec![id()]));
        let text = r#"{"field":"_id","full":[],"then":[{"$oid":"abababababababababababab"}]}"#;
        assert_eq!(place.position(&order).as_str(), text);
    }

    #[test]
    fn values_of_every_ordered_type_come_back() {
        let order = order("updated.at");
        let decimal: Decimal128 = "1.10".parse().expect("a decimal");
        for value in [
            id(),
            Bson::Int32(5),
            Bson::Int64(5),
            Bson::Int64(i64::MIN),
            Bson::Double(5.0),
            Bson::Double(1e300),
            Bson::Double(f64::NEG_INFINITY),
            Bson::Decimal128(decimal),
            Bson::String("文 \"x\"".into()),
            Bson::DateTime(DateTime::from_millis(1_756_200_615_123)),
            Bson::DateTime(DateTime::from_millis(i64::MAX)),
            Bson::DateTime(DateTime::from_millis(-1)),
            Bson::Boolean(true),
            Bson::Timestamp(Timestamp {
                time: u32::MAX,
                increment: 1,
            }),
            Bson::Binary(Binary {
                subtype: BinarySubtype::Generic,
                bytes: vec![0, 255, b')'],
            }),
            Bson::Binary(Binary {
                subtype: BinarySubtype::Generic,
                bytes: Vec::new(),
            }),
            Bson::Binary(Binary {
                subtype: BinarySubtype::UserDefined(0x80),
                bytes: vec![1],
            }),
            Bson::Binary(Binary {
                subtype: BinarySubtype::Uuid,
                bytes: vec![1; 16],
            }),
            Bson::Document(doc! { "b": 1_i64, "a": [2.0, "x"] }),
        ] {
            for place in [
                Place::Incremental(Marks::at(vec![value.clone(), id()])),
                full(Some(value.clone()), Marks::at(vec![value.clone()])),
                Place::Full(Full {
                    chunks: vec![
                        Chunk {
                            after: None,
                            up_to: Some(value.clone()),
                        },
                        Chunk::behind(Some(value.clone())),
                    ],
                    rows: 5,
                    then: Marks::default(),
                }),
            ] {
                let position = place.position(&order);
                let back = Place::parse(&position, &order).expect("our own");
                assert_eq!(back, place, "{position}");
            }
        }
    }

    #[test]
    fn marks_of_several_classes_and_what_was_seen_come_back() {
        let order = order("at");
        let marks = vec![vec![Bson::Int64(5), id()], vec!["a".into(), id()]];
        let value = vec![Bson::Int64(9), id()];
        let at = 1_756_200_615_123;
        let marks = Marks::of_parts(marks, vec![Sample { at, value }]).expect("marks");
        let place = Place::Incremental(marks.clone());
        let (long, oid) = (
            r#"{"$numberLong":"9"}"#,
            r#"{"$oid":"abababababababababababab"}"#,
        );
        let text = place.position(&order);
        let expected = format!(
            r#"{{"field":"at","after":[{{"$numberLong":"5"}},{oid}],"also":[["a",{oid}]],"seen":[[{at},[{long},{oid}]]]}}"#
        );
        assert_eq!(text.as_str(), expected);
        for place in [place, full(Some(id()), marks)] {
            let position = place.position(&order);
            assert_eq!(Place::parse(&position, &order).expect("our own"), place);
        }
    }

    #[test]
    fn a_damaged_position_or_one_of_another_field_is_refused() {
        for (text, why) in [
            ("", "damaged"),
            ("None", "damaged"),
            (r#"{"field":"_id"}"#, "damaged"),
            (r#"{"field":"_id","after":[1,2]}"#, "damaged"),
            (r#"{"field":"_id","after":null}"#, "damaged"),
            (r#"{"field":"_id","full":[1,2],"then":[]}"#, "damaged"),
            (r#"{"field":"_id","after":[],"then":[]}"#, "damaged"),
            (r#"{"field":"_id","after":[{"$oid":"zz"}]}"#, "damaged"),
            (r#"{"field":"_id","after":[1],"also":[[2]]}"#, "damaged"),
            (r#"{"field":"_id","after":[],"also":[[2]]}"#, "damaged"),
            (r#"{"field":"_id","after":[1],"seen":[[5,[]]]}"#, "damaged"),
            (r#"{"field":"_id","chunks":[],"then":[]}"#, "damaged"),
            (r#"{"field":"_id","chunks":[{}]}"#, "damaged"),
            (r#"{"field":"_id","chunks":[{},{}],"then":[]}"#, "damaged"),
            (
                r#"{"field":"_id","chunks":[{"up-to":[1]}],"then":[]}"#,
                "damaged",
            ),
            (
                r#"{"field":"_id","chunks":[{}],"full":[],"then":[]}"#,
                "damaged",
            ),
            (r#"{"field":"_id","after":[],"rows":1}"#, "damaged"),
            (r#"{"by":["id"],"after":[{"u64":"7"}]}"#, "another kind"),
            (r#"{"field":"at","after":[]}"#, "made for the field `at`"),
        ] {
            let refused = Place::parse(&Position::new(text), &order("_id"));
            let said = refused.expect_err(text).to_string();
            assert!(
                said.contains(why) && said.contains("cursor reset"),
                "{said}"
            );
        }
    }
}
