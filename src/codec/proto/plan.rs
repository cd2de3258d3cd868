//! What is to be known of a message type to read and write it, gathered once.

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, FieldDescriptor, Kind as Described, MessageDescriptor, Value as Given,
};

use crate::model::{Kind, OwnedValue, Value};

/// A message type and all that it is made of; the type itself is the first.
#[derive(Debug)]
pub(super) struct Plan {
    pub messages: Vec<MessagePlan>,
}

/// One message type.
#[derive(Debug, Default)]
pub(super) struct MessagePlan {
    /// By number.
    pub fields: Vec<FieldPlan>,
    pub meaning: Meaning,
    /// How many groups of fields there are of which one stands.
    pub oneofs: usize,
    names: HashMap<String, usize>,
}

/// What a message of this type stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Its fields.
    #[default]
    Document,
    /// The value of its only field: wrappers, `Struct`, `ListValue`.
    Only,
    /// The one field that is set: `google.protobuf.Value`.
    Chosen,
    /// A point in time.
    Timestamp,
    /// Seconds, exact.
    Duration,
}

/// One field.
#[derive(Debug)]
pub(super) struct FieldPlan {
    pub number: u32,
    pub name: String,
    pub what: What,
    pub shape: Shape,
    /// Whether absent and default are told apart.
    pub presence: bool,
    pub required: bool,
    /// The group of fields that it is one of.
    pub oneof: Option<usize>,
    /// What it is where it is absent.
    pub absent: OwnedValue,
}

/// What a field's values are.
#[derive(Debug)]
pub(super) enum What {
    Scalar(Scalar),
    /// Names by number, in declared order.
    Enum(Vec<(i32, String)>),
    /// Of the plan's messages.
    Message(usize),
    /// The same, in the older form between two marks.
    Group(usize),
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    /// `packed` says how it is written; both forms are read.
    List {
        packed: bool,
    },
    /// Its entries are messages of a key and a value.
    Map,
}

/// The scalar types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

impl Plan {
    pub fn new(message: &MessageDescriptor) -> Self {
        let mut plan = Self {
            messages: Vec::new(),
        };
        plan.index(message, &mut HashMap::new());
        plan
    }

    pub fn root(&self) -> &MessagePlan {
        &self.messages[0]
    }

    /// The fields of a record, with what a table's columns would be.
    pub fn columns(&self) -> Vec<(String, Kind)> {
        let fields = self.root().fields.iter();
        fields.map(|it| (it.name.clone(), self.kind(it))).collect()
    }

    fn kind(&self, field: &FieldPlan) -> Kind {
        if field.shape != Shape::Single {
            return Kind::Json;
        }
        match &field.what {
            What::Scalar(it) => it.kind(),
            What::Enum(_) => Kind::String,
            What::Message(it) | What::Group(it) => {
                let message = &self.messages[*it];
                match message.meaning {
                    Meaning::Timestamp => Kind::Instant,
                    Meaning::Duration => Kind::Decimal,
                    Meaning::Only => self.kind(&message.fields[0]),
                    Meaning::Document | Meaning::Chosen => Kind::Json,
                }
            }
        }
    }

    /// Where the type stands among the plan's messages; it is added where it is not there yet.
    fn index(&mut self, message: &MessageDescriptor, known: &mut HashMap<String, usize>) -> usize {
        if let Some(at) = known.get(message.full_name()) {
            return *at;
        }
        let at = self.messages.len();
        known.insert(message.full_name().to_owned(), at);
        self.messages.push(MessagePlan::default());
        let oneofs: Vec<_> = message.oneofs().map(|it| it.name().to_owned()).collect();
        let mut described: Vec<_> = message.fields().collect();
        described.sort_by_key(FieldDescriptor::number);
        let fields: Vec<_> = described
            .iter()
            .map(|it| self.field(it, &oneofs, known))
            .collect();
        let names = fields.iter().enumerate();
        self.messages[at] = MessagePlan {
            names: names.map(|(at, it)| (it.name.clone(), at)).collect(),
            meaning: meaning(message),
            oneofs: oneofs.len(),
            fields,
        };
        at
    }

    fn field(
        &mut self,
        field: &FieldDescriptor,
        oneofs: &[String],
        known: &mut HashMap<String, usize>,
    ) -> FieldPlan {
        let what = match field.kind() {
            Described::Message(it) if field.is_group() => What::Group(self.index(&it, known)),
            Described::Message(it) => What::Message(self.index(&it, known)),
            Described::Enum(it) => What::Enum(
                it.values()
                    .map(|it| (it.number(), it.name().to_owned()))
                    .collect(),
            ),
            scalar => What::Scalar(Scalar::of(&scalar)),
        };
        let shape = match (field.is_map(), field.is_list()) {
            (true, _) => Shape::Map,
            (_, true) => Shape::List {
                packed: field.is_packed(),
            },
            _ => Shape::Single,
        };
        let presence = shape == Shape::Single && field.supports_presence();
        let oneof = field.containing_oneof();
        FieldPlan {
            absent: absent(field, &what, shape, presence),
            number: field.number(),
            name: field.name().to_owned(),
            what,
            shape,
            presence,
            required: field.cardinality() == Cardinality::Required,
            oneof: oneof.and_then(|it| oneofs.iter().position(|name| name == it.name())),
        }
    }
}

impl MessagePlan {
    pub fn numbered(&self, number: u32) -> Option<usize> {
        // Most messages number their fields one by one.
        let guess = number.wrapping_sub(1) as usize;
        match self.fields.get(guess) {
            Some(it) if it.number == number => Some(guess),
            _ => self
                .fields
                .binary_search_by_key(&number, |it| it.number)
                .ok(),
        }
    }

    pub fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }
}

fn meaning(message: &MessageDescriptor) -> Meaning {
    let Some(known) = message.full_name().strip_prefix("google.protobuf.") else {
        return Meaning::Document;
    };
    match known {
        "Timestamp" => Meaning::Timestamp,
        "Duration" => Meaning::Duration,
        "Value" => Meaning::Chosen,
        "Struct" | "ListValue" | "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value"
        | "Int32Value" | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue" => {
            Meaning::Only
        }
        _ => Meaning::Document,
    }
}

/// What an absent field is: null where that is told apart and no default is declared.
fn absent(field: &FieldDescriptor, what: &What, shape: Shape, presence: bool) -> OwnedValue {
    let declared = field.field_descriptor_proto().default_value.is_some();
    match shape {
        Shape::List { .. } => OwnedValue::of(|packer| packer.array(|_| ())),
        Shape::Map => OwnedValue::of(|packer| packer.document(|_| ())),
        Shape::Single if presence && !declared => OwnedValue::new(Value::Null),
        Shape::Single => OwnedValue::new(match &field.default_value() {
            Given::Bool(it) => Value::Bool(*it),
            Given::I32(it) => Value::I64(i64::from(*it)),
            Given::I64(it) => Value::I64(*it),
            Given::U32(it) => Value::U64(u64::from(*it)),
            Given::U64(it) => Value::U64(*it),
            Given::F32(it) => Value::F32(*it),
            Given::F64(it) => Value::F64(*it),
            Given::String(it) => Value::String(it),
            Given::Bytes(it) => Value::Bytes(0, it),
            Given::EnumNumber(it) => enum_value(what, *it),
            _ => Value::Null,
        }),
    }
}

/// An enum's value by its name; by its number, where it has none.
pub(super) fn enum_value(what: &What, number: i32) -> Value<'_> {
    let names: &[_] = match what {
        What::Enum(it) => it,
        _ => &[],
    };
    match names.iter().find(|(it, _)| *it == number) {
        Some((_, name)) => Value::Enum(name),
        None => Value::I64(i64::from(number)),
    }
}

impl Scalar {
    fn of(kind: &Described) -> Self {
        match kind {
            Described::Double => Self::Double,
            Described::Float => Self::Float,
            Described::Int32 => Self::Int32,
            Described::Int64 => Self::Int64,
            Described::Uint32 => Self::Uint32,
            Described::Uint64 => Self::Uint64,
            Described::Sint32 => Self::Sint32,
            Described::Sint64 => Self::Sint64,
            Described::Fixed32 => Self::Fixed32,
            Described::Fixed64 => Self::Fixed64,
            Described::Sfixed32 => Self::Sfixed32,
            Described::Sfixed64 => Self::Sfixed64,
            Described::Bool => Self::Bool,
            Described::String => Self::String,
            // The caller has taken messages and enums out.
            Described::Bytes | Described::Message(_) | Described::Enum(_) => Self::Bytes,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Double => Kind::F64,
            Self::Float => Kind::F32,
            Self::Int32
            | Self::Int64
            | Self::Sint32
            | Self::Sint64
            | Self::Sfixed32
            | Self::Sfixed64 => Kind::I64,
            Self::Uint32 | Self::Uint64 | Self::Fixed32 | Self::Fixed64 => Kind::U64,
            Self::Bool => Kind::Bool,
            Self::String => Kind::String,
            Self::Bytes => Kind::Bytes,
        }
    }
}
