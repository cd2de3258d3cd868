//! Values of every type, made at random, and what formats make of them.

use highwater::model::{Date, DateTime, Instant, Packer, Time, Value};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// A value that owns what it holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    I32(i32),
    I64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
    Decimal(&'static str),
    /// A number of JSON as it was read.
    Digits(String),
    String(String),
    Bytes(u8, Vec<u8>),
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    Instant(Instant),
    Year(u16),
    Bit(u64),
    Enum(&'static str),
    Json(String),
    Geometry(Vec<u8>),
    ObjectId([u8; 12]),
    Timestamp(u32, u32),
    Regex(String, &'static str),
    Code(String),
    CodeWithScope(String, Vec<(String, Tree)>),
    Symbol(String),
    Undefined,
    DbPointer(String, [u8; 12]),
    MinKey,
    MaxKey,
    Array(Vec<Tree>),
    Document(Vec<(String, Tree)>),
}

impl Tree {
    pub fn array(inner: Self) -> Self {
        Self::Array(vec![inner])
    }

    pub fn document(inner: Self) -> Self {
        Self::Document(vec![("a".to_owned(), inner)])
    }

    pub fn pack(&self, packer: &mut Packer<'_>) {
        let value = match self {
            Self::Null => Value::Null,
            Self::Bool(it) => Value::Bool(*it),
            Self::I32(it) => Value::I32(*it),
            Self::I64(it) => Value::I64(*it),
            Self::U64(it) => Value::U64(*it),
            Self::F32(it) => Value::F32(*it),
            Self::F64(it) => Value::F64(*it),
            Self::Decimal(it) => Value::Decimal(it),
            Self::Digits(it) => Value::Decimal(it),
            Self::String(it) => Value::String(it),
            Self::Bytes(subtype, it) => Value::Bytes(*subtype, it),
            Self::Date(it) => Value::Date(*it),
            Self::Time(it) => Value::Time(*it),
            Self::DateTime(it) => Value::DateTime(*it),
            Self::Instant(it) => Value::Instant(*it),
            Self::Year(it) => Value::Year(*it),
            Self::Bit(it) => Value::Bit(*it),
            Self::Enum(it) => Value::Enum(it),
            Self::Json(it) => Value::Json(it),
            Self::Geometry(it) => Value::Geometry(it),
            Self::ObjectId(it) => Value::ObjectId(*it),
            Self::Timestamp(seconds, increment) => Value::Timestamp(*seconds, *increment),
            Self::Regex(pattern, options) => Value::Regex(pattern, options),
            Self::Code(it) => Value::Code(it),
            Self::CodeWithScope(code, scope) => {
                return packer.code_with_scope(code, |packer| {
                    for (name, value) in scope {
                        packer.name(name);
                        value.pack(packer);
                    }
                });
            }
            Self::Symbol(it) => Value::Symbol(it),
            Self::Undefined => Value::Undefined,
            Self::DbPointer(namespace, id) => Value::DbPointer(namespace, *id),
            Self::MinKey => Value::MinKey,
            Self::MaxKey => Value::MaxKey,
            Self::Array(items) => {
                return packer.array(|packer| items.iter().for_each(|it| it.pack(packer)));
            }
            Self::Document(fields) => {
                return packer.document(|packer| {
                    for (name, value) in fields {
                        packer.name(name);
                        value.pack(packer);
                    }
                });
            }
        };
        packer.value(value);
    }

    /// Its JSON: compact, or as Python's `json.dumps` writes it.
    pub fn json(&self, python: bool) -> String {
        let (comma, colon) = if python { (", ", ": ") } else { (",", ":") };
        let text = |it: &str| {
            let plain = serde_json::to_string(it).expect("a text");
            if python { ascii(&plain) } else { plain }
        };
        let shown = |it: &dyn std::fmt::Display| format!("\"{it}\"");
        match self {
            Self::Null | Self::Undefined => "null".to_owned(),
            Self::Bool(it) => it.to_string(),
            Self::I32(it) => it.to_string(),
            Self::I64(it) => it.to_string(),
            Self::U64(it) | Self::Bit(it) => it.to_string(),
            Self::Year(it) => it.to_string(),
            Self::F32(it) => serde_json::to_string(it).expect("it is finite"),
            Self::F64(it) => serde_json::to_string(it).expect("it is finite"),
            Self::Digits(it) | Self::Json(it) => it.clone(),
            Self::Decimal(it) | Self::Enum(it) => text(it),
            Self::String(it) | Self::Symbol(it) => text(it),
            Self::Bytes(_, it) | Self::Geometry(it) => shown(&base64(it)),
            Self::Date(it) => shown(it),
            Self::Time(it) => shown(it),
            Self::DateTime(it) => shown(it),
            Self::Instant(it) => shown(it),
            Self::ObjectId(it) => shown(&it.map(|byte| format!("{byte:02x}")).concat()),
            Self::Timestamp(t, i) => format!("{{\"$timestamp\":{{\"t\":{t},\"i\":{i}}}}}"),
            Self::Regex(pattern, options) => format!(
                "{{\"$regularExpression\":{{\"pattern\":{},\"options\":{}}}}}",
                text(pattern),
                text(options)
            ),
            Self::Code(it) => format!("{{\"$code\":{}}}", text(it)),
            Self::CodeWithScope(code, scope) => {
                let scope = Self::Document(scope.clone()).json(python);
                format!("{{\"$code\":{},\"$scope\":{scope}}}", text(code))
            }
            Self::DbPointer(namespace, id) => {
                let id = shown(&id.map(|byte| format!("{byte:02x}")).concat());
                format!("{{\"$ref\":{},\"$id\":{id}}}", text(namespace))
            }
            Self::MinKey => "{\"$minKey\":1}".to_owned(),
            Self::MaxKey => "{\"$maxKey\":1}".to_owned(),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(|it| it.json(python)).collect();
                format!("[{}]", items.join(comma))
            }
            Self::Document(fields) => {
                let field = |(name, it): &(String, Self)| text(name) + colon + &it.json(python);
                let fields: Vec<String> = fields.iter().map(field).collect();
                format!("{{{}}}", fields.join(comma))
            }
        }
    }

    /// What is read again of its JSON.
    pub fn through_json(&self) -> Self {
        let json = self.json(false);
        match json.as_bytes()[0] {
            b'n' => Self::Null,
            b't' | b'f' => Self::Bool(json == "true"),
            b'"' => Self::String(serde_json::from_str(&json).expect("a text")),
            b'{' | b'[' => Self::Json(json),
            _ => match (json.parse(), json.parse()) {
                (Ok(it), _) => Self::I64(it),
                (_, Ok(it)) => Self::U64(it),
                _ => Self::Digits(json),
            },
        }
    }

    /// Drops it without going as deep as it does.
    pub fn take_apart(self) {
        let mut rest = vec![self];
        while let Some(tree) = rest.pop() {
            match tree {
                Self::Array(items) => rest.extend(items),
                Self::Document(fields) | Self::CodeWithScope(_, fields) => {
                    rest.extend(fields.into_iter().map(|it| it.1))
                }
                _ => {}
            }
        }
    }
}

/// What JSON may hold as it is, escaped as Python does.
fn ascii(json: &str) -> String {
    let escaped = |character: char| match character {
        ' '..='~' => character.to_string(),
        _ => {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units).iter();
            units.map(|unit| format!("\\u{unit:04x}")).collect()
        }
    };
    json.chars().map(escaped).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits: String = bytes.iter().map(|it| format!("{it:08b}")).collect();
    bits.push_str(&"0".repeat((6 - bits.len() % 6) % 6));
    let digit = |six: &[u8]| {
        let six = std::str::from_utf8(six).expect("zeros and ones");
        DIGITS[usize::from_str_radix(six, 2).expect("zeros and ones")] as char
    };
    let mut text: String = bits.as_bytes().chunks(6).map(digit).collect();
    text.push_str(["", "==", "="][bytes.len() % 3]);
    text
}

fn date() -> impl Strategy<Value = Date> {
    let parts = (0..=9999_u16, 0..=12_u8, 0..=31_u8);
    parts.prop_map(|(year, month, day)| Date { year, month, day })
}

fn time() -> impl Strategy<Value = Time> {
    let parts = (
        any::<bool>(),
        0..=838_u16,
        0..60_u8,
        0..60_u8,
        0..1_000_000_u32,
    );
    parts.prop_map(|(negative, hours, minutes, seconds, micros)| Time {
        negative,
        hours,
        minutes,
        seconds,
        micros,
    })
}

fn date_time() -> impl Strategy<Value = DateTime> {
    (date(), 0..24_u16, time()).prop_map(|(date, hour, time)| DateTime {
        date,
        hour: hour as u8,
        minute: time.minutes,
        second: time.seconds,
        micros: time.micros,
    })
}

fn instant() -> impl Strategy<Value = Instant> {
    let within = -62_135_596_800..253_402_300_800_i64;
    let seconds = prop_oneof![3 => within, 1 => any::<i64>()];
    let parts = (seconds, 0..1_000_000_u32);
    parts.prop_map(|(seconds, micros)| Instant { seconds, micros })
}

/// A value of any type, three levels deep at most.
pub fn tree() -> BoxedStrategy<Tree> {
    let decimals = [
        "-0.000000000000000000000000000001",
        "1.50",
        "0",
        "NaN",
        "-Infinity",
        "1E+6144",
    ];
    let documents = [
        "{\"a\": 1.0}",
        "[ ]",
        "[1e5,\"é\"]",
        "null",
        "1.50",
        "\"x\\u00e9\"",
        "true",
    ];
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(Tree::I64),
        any::<u64>().prop_map(Tree::U64),
        any::<f32>()
            .prop_filter("finite", |it| it.is_finite())
            .prop_map(Tree::F32),
        any::<f64>()
            .prop_filter("finite", |it| it.is_finite())
            .prop_map(Tree::F64),
        select(decimals.to_vec()).prop_map(Tree::Decimal),
        any::<String>().prop_map(Tree::String),
        (any::<u8>(), vec(any::<u8>(), 0..9)).prop_map(|(subtype, it)| Tree::Bytes(subtype, it)),
        date().prop_map(Tree::Date),
        time().prop_map(Tree::Time),
        date_time().prop_map(Tree::DateTime),
        instant().prop_map(Tree::Instant),
        (1901..=2155_u16).prop_map(Tree::Year),
        any::<u64>().prop_map(Tree::Bit),
        select(&["", "a,b", "é\"\n"][..]).prop_map(Tree::Enum),
        select(documents.to_vec()).prop_map(|it| Tree::Json(it.to_owned())),
        vec(any::<u8>(), 0..9).prop_map(Tree::Geometry),
        any::<[u8; 12]>().prop_map(Tree::ObjectId),
        (any::<u32>(), any::<u32>()).prop_map(|(t, i)| Tree::Timestamp(t, i)),
        (any::<String>(), select(&["", "im"][..])).prop_map(|(it, with)| Tree::Regex(it, with)),
        any::<String>().prop_map(Tree::Code),
        any::<i32>().prop_map(Tree::I32),
        any::<String>().prop_map(Tree::Symbol),
        Just(Tree::Undefined),
        (any::<String>(), any::<[u8; 12]>()).prop_map(|(it, id)| Tree::DbPointer(it, id)),
        Just(Tree::MinKey),
        Just(Tree::MaxKey),
    ];
    let nested = |inner: BoxedStrategy<Tree>| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Tree::Array),
            vec((any::<String>(), inner.clone()), 0..4).prop_map(Tree::Document),
            (any::<String>(), vec((any::<String>(), inner), 0..3))
                .prop_map(|(code, scope)| Tree::CodeWithScope(code, scope)),
        ]
    };
    leaf.prop_recursive(3, 24, 4, nested).boxed()
}

/// Fields that BSON can hold; none is named like a type of extended JSON.
pub fn bson() -> BoxedStrategy<Vec<(String, Tree)>> {
    let name = || "[^$].{0,5}|".boxed();
    let leaf = prop_oneof![
        Just(Tree::Null),
        Just(Tree::Undefined),
        Just(Tree::MinKey),
        Just(Tree::MaxKey),
        any::<bool>().prop_map(Tree::Bool),
        any::<i32>().prop_map(Tree::I32),
        any::<i64>().prop_map(Tree::I64),
        // A NaN's other bits are in no text.
        any::<f64>()
            .prop_map(|it| if it.is_nan() { f64::NAN } else { it })
            .prop_map(Tree::F64),
        select(&["-0", "1.50", "NaN", "-Infinity", "9.9E+6144"][..]).prop_map(Tree::Decimal),
        any::<String>().prop_map(Tree::String),
        any::<String>().prop_map(Tree::Symbol),
        any::<String>().prop_map(Tree::Code),
        (any::<u8>(), vec(any::<u8>(), 0..9)).prop_map(|(subtype, it)| Tree::Bytes(subtype, it)),
        any::<i64>().prop_map(|it| Tree::Instant(Instant::from_millis(it))),
        any::<[u8; 12]>().prop_map(Tree::ObjectId),
        (any::<String>(), any::<[u8; 12]>()).prop_map(|(it, id)| Tree::DbPointer(it, id)),
        (any::<u32>(), any::<u32>()).prop_map(|(t, i)| Tree::Timestamp(t, i)),
        (any::<String>(), select(&["", "im"][..])).prop_map(|(it, with)| Tree::Regex(it, with)),
    ];
    let nested = move |inner: BoxedStrategy<Tree>| {
        let fields = || vec((name(), inner.clone()), 0..4);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Tree::Array),
            fields().prop_map(Tree::Document),
            (any::<String>(), fields()).prop_map(|(code, it)| Tree::CodeWithScope(code, it)),
        ]
    };
    document(leaf.prop_recursive(3, 24, 4, nested).boxed())
}

/// Fields of any name, which may repeat.
pub fn document(values: BoxedStrategy<Tree>) -> BoxedStrategy<Vec<(String, Tree)>> {
    vec((any::<String>(), values), 0..6).boxed()
}

/// A crawled document that the message of `information` can hold.
pub fn information() -> BoxedStrategy<Vec<(String, Tree)>> {
    let text = || any::<String>().prop_map(Tree::String);
    let nullable = || option::of(prop_oneof![4 => text(), 1 => Just(Tree::Null)]);
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(Tree::I64),
        any::<u64>().prop_map(Tree::U64),
        select(&[1.5, -0.25, 2.0, -0.0][..]).prop_map(Tree::F64),
        text(),
    ];
    let nested = |inner: BoxedStrategy<Tree>| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Tree::Array),
            vec((any::<String>(), inner), 0..4).prop_map(Tree::Document),
        ]
    };
    let any_tree = || leaf.clone().prop_recursive(3, 24, 4, nested).boxed();
    let links = document(any_tree()).prop_map(Tree::Document);
    let id = prop_oneof![
        any::<[u8; 12]>().prop_map(|it| ("_id", Tree::ObjectId(it))),
        "[a-z]{1,9}".prop_map(|it| ("uid", Tree::String(it))),
    ];
    let parts = (
        id,
        text(),
        option::of(text()),
        option::of(any_tree()),
        option::of(vec(links, 0..3).prop_map(Tree::Array)),
        option::of(vec(any_tree(), 0..3).prop_map(Tree::Array)),
        [nullable(), nullable(), nullable(), nullable(), nullable()],
    );
    let fields = parts.prop_map(|(id, created, name, tags, links, sections, texts)| {
        let [date, author, description, code, page] = texts;
        let optional = [
            ("info_name", name),
            ("column_info", tags),
            ("link_data", links),
            ("info_section", sections),
            ("info_date", date),
            ("info_author", author),
            ("description", description),
            ("marc_code", code),
            ("page_url", page),
        ];
        let there = optional
            .into_iter()
            .filter_map(|(name, it)| Some((name, it?)));
        [id, ("create_time", created)]
            .into_iter()
            .chain(there)
            .map(|(name, it)| (name.to_owned(), it))
            .collect()
    });
    fields.boxed()
}
