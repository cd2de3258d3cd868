//! A place in a collection, and its text as a position.

use mongodb::bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::{model::Position, source::SourceError};

/// Where a read of a collection stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Behind the incremental field's value and the `_id`; at the first document where there are
    /// none, behind all documents of a value where there is only that.
    Incremental(Vec<Bson>),
    /// Within a full read, behind this `_id`; `then` is where the collection stood before it, to
    /// go on from.
    Full {
        after: Option<Bson>,
        then: Vec<Bson>,
    },
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
/// `{"field":"_id","full":[{"$oid":"…"}],"then":[…]}` within a full read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    field: String,
    after: Option<Vec<Bson>>,
    full: Option<Vec<Bson>>,
    then: Option<Vec<Bson>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum TokenRef<'a> {
    Incremental {
        field: &'a str,
        after: Canonical<'a>,
    },
    Full {
        field: &'a str,
        full: Canonical<'a>,
        then: Canonical<'a>,
    },
}

impl Order {
    /// Whether `_id` alone is the order.
    pub fn is_id(&self) -> bool {
        self.field == "_id"
    }

    /// How many values a place holds.
    fn width(&self) -> usize {
        if self.is_id() { 1 } else { 2 }
    }

    /// The documents behind `after`, in the incremental order.
    pub fn behind(&self, after: &[Bson]) -> Document {
        let field = self.field.as_str();
        match after {
            [] => Document::new(),
            [value] => doc! { field: { "$gt": value.clone() } },
            [value, id, ..] => doc! { "$or": [
                { field: { "$gt": value.clone() } },
                { field: value.clone(), "_id": { "$gt": id.clone() } },
            ] },
        }
    }

    /// That order, or with -1 its reverse.
    pub fn sort(&self, direction: i32) -> Document {
        let mut sort = doc! { self.field.as_str(): direction };
        if !self.is_id() {
            sort.insert("_id", direction);
        }
        sort
    }
}

impl Place {
    /// The position of this place.
    pub fn position(&self, order: &Order) -> Position {
        let field = order.field.as_str();
        let token = match self {
            Self::Incremental(after) => TokenRef::Incremental {
                field,
                after: Canonical(after),
            },
            Self::Full { after, then } => TokenRef::Full {
                field,
                full: Canonical(after.as_slice()),
                then: Canonical(then),
            },
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
        let place = match (token.after, token.full, token.then) {
            (Some(after), None, None) => Some(Self::Incremental(after)),
            (None, Some(mut full), Some(then)) if full.len() < 2 => Some(Self::Full {
                after: full.pop(),
                then,
            }),
            _ => None,
        };
        place
            .filter(|it| match it {
                Self::Incremental(values) | Self::Full { then: values, .. } => {
                    values.len() <= order.width()
                }
            })
            .ok_or_else(|| refused("it is damaged".into()))
    }
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

struct CanonicalValue<'a>(&'a Bson);

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
        Binary, DateTime, Decimal128, Timestamp, oid::ObjectId, spec::BinarySubtype,
    };

    use super::*;

    fn order(field: &str) -> Order {
        Order {
            source: "crawler.list".into(),
            field: field.into(),
        }
    }

    fn id() -> Bson {
        Bson::ObjectId(ObjectId::from_bytes([0xab; 12]))
    }

    #[test]
    fn a_position_reads_as_its_field_and_values() {
        let order = order("_id");
        let place = Place::Incremental(vec![id()]);
        let text = r#"{"field":"_id","after":[{"$oid":"abababababababababababab"}]}"#;
        assert_eq!(place.position(&order).as_str(), text);
        let place = Place::Full {
            after: None,
            then: vec![id()],
        };
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
                subtype: BinarySubtype::Uuid,
                bytes: vec![1; 16],
            }),
            Bson::Document(doc! { "b": 1_i64, "a": [2.0, "x"] }),
        ] {
            for place in [
                Place::Incremental(vec![value.clone(), id()]),
                Place::Full {
                    after: Some(value.clone()),
                    then: vec![value.clone()],
                },
            ] {
                let position = place.position(&order);
                let back = Place::parse(&position, &order).expect("our own");
                assert_eq!(back, place, "{position}");
            }
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

    #[test]
    fn ties_are_read_on_by_their_id() {
        let after = [Bson::Int32(7), id()];
        assert_eq!(
            order("at").behind(&after),
            doc! { "$or": [{ "at": { "$gt": 7 } }, { "at": 7, "_id": { "$gt": id() } }] }
        );
        assert_eq!(order("at").sort(1), doc! { "at": 1, "_id": 1 });
        assert_eq!(
            order("_id").behind(&after[..1]),
            doc! { "_id": { "$gt": 7 } }
        );
    }
}
