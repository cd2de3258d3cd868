//! What settings say of steps, and the steps that come of it.

use std::{collections::HashMap, sync::Arc};

use super::{
    Step,
    assign::Assign,
    branch::Branch,
    cast::{Cast, Target},
    date::DateStep,
    deduplicate::Deduplicate,
    edit::Edit,
    explode::Explode,
    expression::Expression,
    fields::{Default, DropFields, KeepFields, Rename},
    filter::Filter,
    flatten::{Flatten, Unflatten},
    hash::{Hash, Set},
    lookup::{Lookup, LookupStep, Unknown},
    lookup_tables::LookupTable,
    map::Map,
    per_record::{PerRecord, Planned},
    text::{TextChange, Texts},
};
use crate::model::{Kind, Value};

/// One step as the settings describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepSettings {
    /// Other names: before and after.
    Rename(Vec<(String, String)>),
    /// The only fields that stay.
    Keep(Vec<String>),
    /// Fields that go.
    Drop(Vec<String>),
    /// Fields and the types of their values.
    Cast(Vec<(String, Target)>),
    /// Days and times in another form.
    Date(DateStep),
    /// Values for fields that are missing or null.
    Default(Vec<(String, Literal)>),
    /// Fields and the expressions of their values.
    Set(Vec<(String, Expression)>),
    /// The expression that is true of records that stay, and what becomes of others.
    Filter(Expression, Else),
    /// Texts without blanks at their ends.
    Trim(Vec<String>),
    /// In these texts, one text for another.
    Replace(Vec<String>, String, String),
    /// Texts of which only the last letters can be read.
    Mask(Vec<String>, usize),
    /// A hash of some fields.
    Hash(HashStep),
    /// One text for another.
    Map(MapStep),
    /// A value out of a table.
    Lookup(Box<LookupStep>),
    /// Documents whose fields stand beside others, and what joins their names.
    Flatten(Vec<String>, String),
    /// What divides names into documents.
    Unflatten(String),
    /// A record for each item of a list.
    Explode(ExplodeStep),
    /// One record of those of a batch that share a key.
    Deduplicate(DeduplicateStep),
    /// Checks on a copy.
    Branch(Vec<StepSettings>),
}

impl StepSettings {
    /// Whether there may be more or fewer records behind it than in front of it.
    pub fn changes_number(&self) -> bool {
        matches!(
            self,
            Self::Explode(_) | Self::Filter(..) | Self::Deduplicate(_)
        )
    }
}

/// What becomes of a record that a step has no use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Else {
    /// It is left out.
    Drop,
    /// It becomes a dead letter.
    DeadLetter,
}

/// Which record of several stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The one that came first.
    First,
    /// The one that came last: the newest state.
    Last,
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5: for what others have written, not against forgery.
    Md5,
    /// SHA-256.
    Sha256,
}

/// A value that is written in settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Truth(bool),
}

/// `hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashStep {
    /// The fields, in order.
    pub fields: Vec<String>,
    /// How.
    pub algorithm: Algorithm,
    /// Between two of their texts.
    pub separator: String,
    /// The field that gets it.
    pub into: String,
}

/// `map`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapStep {
    /// The field whose text is looked for.
    pub field: String,
    /// The field that gets what is found.
    pub into: String,
    /// Texts, each with what stands for it.
    pub values: Vec<(String, String)>,
    /// What stands for null and for every other text; without it the record fails.
    pub otherwise: Option<String>,
}

/// `explode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplodeStep {
    /// The list's field, which has one item afterwards.
    pub field: String,
    /// The field that gets the item's number, from 1.
    pub number: Option<String>,
    /// Whether a record without items stays, with null.
    pub keep_empty: bool,
}

/// `deduplicate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeduplicateStep {
    /// The fields of the key.
    pub fields: Vec<String>,
    /// Which one stays.
    pub keep: Keep,
    /// What becomes of the others.
    pub otherwise: Else,
}

impl Literal {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Text(it) => Value::String(it),
            Self::Integer(it) => Value::I64(*it),
            Self::Truth(it) => Value::Bool(*it),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::String,
            Self::Integer(_) => Kind::I64,
            Self::Truth(_) => Kind::Bool,
        }
    }
}

/// The tables of `lookup`, by connection.
pub type Tables = HashMap<String, LookupTable>;

/// The steps that `settings` describe, in order; none of them may be a `lookup`.
pub fn steps(settings: &[StepSettings]) -> Vec<Box<dyn Step>> {
    steps_with(settings, &Tables::new())
}

/// The steps that `settings` describe, in order.
pub fn steps_with(settings: &[StepSettings], tables: &Tables) -> Vec<Box<dyn Step>> {
    settings.iter().map(|it| step(it, tables)).collect()
}

impl StepSettings {
    /// The same step as it would be if tables of which `is_empty` is true had no rows.
    pub fn over_empty(&self, is_empty: &dyn Fn(&LookupStep) -> bool) -> Self {
        match self {
            Self::Branch(inner) => {
                let inner = inner.iter().map(|it| it.over_empty(is_empty));
                Self::Branch(inner.collect())
            }
            Self::Lookup(it) if is_empty(it) => {
                let constant = |text| Expression::parse(text).expect("a constant");
                match it.unknown {
                    Unknown::Null => Self::Set(vec![(it.into.clone(), constant("null"))]),
                    Unknown::DeadLetter => Self::Filter(constant("false"), Else::DeadLetter),
                }
            }
            other => other.clone(),
        }
    }

    /// The connections that these steps read tables from.
    pub fn connections(steps: &[StepSettings]) -> Vec<&str> {
        let mut names = Vec::new();
        for step in steps {
            match step {
                Self::Lookup(it) => names.push(it.connection.as_str()),
                Self::Branch(inner) => names.extend(Self::connections(inner)),
                _ => (),
            }
        }
        names
    }
}

fn step(settings: &StepSettings, tables: &Tables) -> Box<dyn Step> {
    fn planned<T: PerRecord + 'static>(name: &str, step: T) -> Box<dyn Step> {
        Box::new(Planned::new(name, step))
    }
    let texts = |name: &str, fields: &Vec<String>, change| {
        let fields = fields.clone();
        planned(name, Edit(Texts { fields, change }))
    };
    match settings.clone() {
        StepSettings::Rename(names) => planned("rename", Edit(Rename(names))),
        StepSettings::Keep(fields) => planned("keep", Edit(KeepFields(fields))),
        StepSettings::Drop(fields) => planned("drop", Edit(DropFields(fields))),
        StepSettings::Cast(targets) => planned("cast", Edit(Cast(targets))),
        StepSettings::Date(it) => planned("date", Edit(it)),
        StepSettings::Default(values) => planned("default", Assign(Default(values))),
        StepSettings::Set(values) => planned("set", Assign(Set(values))),
        StepSettings::Filter(expression, otherwise) => {
            let filter = Filter {
                expression,
                otherwise,
            };
            planned("filter", filter)
        }
        StepSettings::Trim(fields) => texts("trim", &fields, TextChange::Trim),
        StepSettings::Replace(fields, find, with) => {
            texts("replace", &fields, TextChange::Replace { find, with })
        }
        StepSettings::Mask(fields, keep_last) => {
            let with = '*';
            texts("mask", &fields, TextChange::Mask { with, keep_last })
        }
        StepSettings::Hash(it) => planned("hash", Assign(Hash(it))),
        StepSettings::Map(it) => planned("map", Assign(Map::new(it))),
        StepSettings::Lookup(it) => {
            let table = tables.get(&it.connection).cloned();
            Box::new(Lookup::new(*it, table))
        }
        StepSettings::Flatten(fields, separator) => {
            planned("flatten", Flatten { fields, separator })
        }
        StepSettings::Unflatten(separator) => planned("unflatten", Unflatten { separator }),
        StepSettings::Explode(it) => planned("explode", Explode(it)),
        StepSettings::Deduplicate(it) => Box::new(Deduplicate(Arc::new(it))),
        StepSettings::Branch(inner) => Box::new(Branch(steps_with(&inner, tables))),
    }
}
