//! `steps`: what happens to records on their way, one table for each step.

use super::{
    reading::Wanted, references::Connections, section::Section, step_values, typed::Choice,
};
use crate::pipeline::{
    Algorithm, DeduplicateStep, Else, ExplodeStep, Expression, HashStep, Keep, Literal,
    StepSettings, Unknown,
};

/// The words that say which step a table is.
const STEPS: &[&str] = &[
    "rename",
    "keep",
    "drop",
    "cast",
    "date",
    "default",
    "set",
    "filter",
    "trim",
    "replace",
    "mask",
    "hash",
    "map",
    "lookup",
    "flatten",
    "unflatten",
    "explode",
    "deduplicate",
    "branch",
];

/// Branches in branches, at most.
const DEPTH: usize = 4;

/// The steps of a data type, or of its `into`, in order.
pub(super) fn read(section: &mut Section<'_>, connections: &Connections) -> Vec<StepSettings> {
    steps(section, "steps", connections, DEPTH)
}

fn steps(
    section: &mut Section<'_>,
    key: &'static str,
    connections: &Connections,
    depth: usize,
) -> Vec<StepSettings> {
    let read = section.list(key, "steps.*", |it| step(it, connections, depth));
    read.into_iter().flatten().collect()
}

fn step(
    section: &mut Section<'_>,
    connections: &Connections,
    depth: usize,
) -> Option<StepSettings> {
    let named: Vec<&'static str> = STEPS
        .iter()
        .copied()
        .filter(|it| section.written(it).is_some())
        .collect();
    let [name] = named[..] else {
        let message = match named[..] {
            [] => format!("is no step: one of {} says which", STEPS.join(", ")),
            _ => format!("is several steps: {}", named.join(", ")),
        };
        let help = "each step is a table of its own, run in the order of the file".to_owned();
        section.missing("", message, Some(help));
        section.leave_the_rest();
        return None;
    };
    Some(match name {
        "rename" => StepSettings::Rename(rename(section)),
        "keep" => StepSettings::Keep(texts(section, "keep")),
        "drop" => StepSettings::Drop(texts(section, "drop")),
        "cast" => step_values::cast(section),
        "date" => step_values::date(section),
        "default" => StepSettings::Default(defaults(section)),
        "set" => StepSettings::Set(set(section)),
        "filter" => {
            let text = section.scalar("filter", Wanted::Text, None);
            let otherwise = section.choice_or("otherwise", Else::Drop);
            let text = text?;
            match Expression::parse(&text.text) {
                Ok(expression) => StepSettings::Filter(expression, otherwise),
                Err(reason) => {
                    section.wrong("filter", &text.span, format!("is no CEL: {reason}"), None);
                    return None;
                }
            }
        }
        "trim" => StepSettings::Trim(texts(section, "trim")),
        "replace" => StepSettings::Replace(
            texts(section, "replace"),
            section.text("find", "\"http://\""),
            section.text("with", "\"https://\""),
        ),
        "mask" => StepSettings::Mask(
            texts(section, "mask"),
            section.number_or("keep-last", 0, 0..=1_000),
        ),
        "hash" => hash(section),
        "map" => step_values::map(section),
        "lookup" => return step_values::lookup(section, connections),
        "flatten" => {
            let fields = texts(section, "flatten");
            StepSettings::Flatten(fields, section.text_or("separator", "."))
        }
        "unflatten" => StepSettings::Unflatten(section.text("unflatten", "\".\"")),
        "explode" => StepSettings::Explode(ExplodeStep {
            field: section.text("explode", "\"tags\""),
            number: section.optional_text("number").map(|it| it.text),
            keep_empty: section.flag_or("keep-empty", true),
        }),
        "deduplicate" => StepSettings::Deduplicate(DeduplicateStep {
            fields: texts(section, "deduplicate"),
            keep: section.choice_or("keep-row", Keep::Last),
            otherwise: section.choice_or("otherwise", Else::Drop),
        }),
        _ if depth == 0 => {
            section.missing("", "is a branch in too many branches".to_owned(), None);
            section.leave_the_rest();
            return None;
        }
        _ => StepSettings::Branch(steps(section, "branch", connections, depth - 1)),
    })
}

fn texts(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    section.texts(key).into_iter().map(|it| it.text).collect()
}

fn rename(section: &mut Section<'_>) -> Vec<(String, String)> {
    let pairs = section.pairs("rename", &[Wanted::Text]);
    let mut names: Vec<(String, String)> = Vec::new();
    for (before, after) in pairs {
        if names.iter().any(|(_, it)| *it == after.text) {
            let message = format!("two fields would be named `{}`", after.text);
            section.wrong("rename", &after.span, message, None);
        }
        names.push((before, after.text));
    }
    names
}

fn defaults(section: &mut Section<'_>) -> Vec<(String, Literal)> {
    let wanted = [Wanted::Text, Wanted::Number, Wanted::Flag];
    let mut values = Vec::new();
    for (name, it) in section.pairs("default", &wanted) {
        let literal = match it.wanted {
            Wanted::Flag => Some(Literal::Truth(it.text == "true")),
            Wanted::Number => it.text.parse().ok().map(Literal::Integer),
            _ => Some(Literal::Text(it.text)),
        };
        match literal {
            Some(literal) => values.push((name, literal)),
            None => {
                let message = "is no whole number of 64 bits".to_owned();
                section.wrong("default", &it.span, message, None);
            }
        }
    }
    values
}

fn set(section: &mut Section<'_>) -> Vec<(String, Expression)> {
    let mut values = Vec::new();
    for (name, it) in section.pairs("set", &[Wanted::Text]) {
        match Expression::parse(&it.text) {
            Ok(expression) => values.push((name, expression)),
            Err(reason) => {
                let message = format!("`{name}` is no CEL: {reason}");
                section.wrong("set", &it.span, message, None);
            }
        }
    }
    values
}

fn hash(section: &mut Section<'_>) -> StepSettings {
    let fields = texts(section, "hash");
    let separator = section.optional_text("separator");
    if fields.len() > 1 && separator.is_none() && section.written("separator").is_none() {
        let message = "is missing where several fields are hashed".to_owned();
        let help = "without it, \"a\" and \"bc\" would hash as \"ab\" and \"c\"".to_owned();
        section.missing("separator", message, Some(help));
    }
    StepSettings::Hash(HashStep {
        fields,
        algorithm: section.choice_or("algorithm", Algorithm::Sha256),
        separator: separator.map_or_else(String::new, |it| it.text),
        into: section.text("into", "\"md5_encode\""),
    })
}

impl Choice for Else {
    const WORDS: &'static [(&'static str, Self)] =
        &[("drop", Self::Drop), ("dead-letter", Self::DeadLetter)];
}

impl Choice for Unknown {
    const WORDS: &'static [(&'static str, Self)] =
        &[("dead-letter", Self::DeadLetter), ("null", Self::Null)];
}

impl Choice for Keep {
    const WORDS: &'static [(&'static str, Self)] = &[("first", Self::First), ("last", Self::Last)];
}

impl Choice for Algorithm {
    const WORDS: &'static [(&'static str, Self)] = &[("md5", Self::Md5), ("sha256", Self::Sha256)];
}
