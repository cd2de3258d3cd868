//! Expressions in CEL: compiled with the settings, evaluated over the fields that they name.

use std::{
    collections::BTreeSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cel::{
    Context, ExecutionError, Program,
    common::ast::{EntryExpr, Expr},
    parser::Expression as Tree,
};

use super::expression_values::{from_cel, from_json, to_cel};
use crate::model::{OwnedValue, Row, Value};

/// The longest expression.
const MOST_BYTES: usize = 4 * 1024;

/// What CEL itself means by these names, where a record has no such field.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// An expression that parses.
#[derive(Clone)]
pub struct Expression {
    text: String,
    program: Arc<Program>,
    context: Arc<Context<'static, 'static>>,
    names: Vec<String>,
    /// The field whose value it is, where it is nothing else.
    field: Option<String>,
}

/// What an expression gives.
#[derive(Debug)]
pub(super) enum Outcome {
    Truth(bool),
    Value(OwnedValue),
}

impl Expression {
    /// Compiles `text`.
    ///
    /// # Errors
    /// Why it is no expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("is longer than {MOST_BYTES} bytes"));
        }
        let compiled = catch_unwind(|| Program::compile(text));
        let program = compiled
            .map_err(|_| "cannot be understood".to_owned())?
            .map_err(|error| first_line(&error.to_string()))?;
        let mut functions: Vec<String> = Vec::new();
        let mut names = BTreeSet::new();
        {
            let references = program.references();
            functions.extend(references.functions().into_iter().map(str::to_owned));
            names.extend(references.variables().into_iter().map(str::to_owned));
        }
        let context = context()?;
        let mut bound = BTreeSet::new();
        bound_names(program.expression(), &mut bound);
        names.retain(|it| !bound.contains(it));
        let field = match &program.expression().expr {
            Expr::Ident(name) => Some(name.to_string()),
            _ => None,
        };
        Ok(Self {
            text: text.to_owned(),
            program: Arc::new(program),
            context: Arc::new(context),
            names: names.into_iter().collect(),
            field,
        })
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields that it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().map(String::as_str);
        names.filter(|it| !TYPES.contains(it))
    }

    /// What it gives for `row`. A document's missing field is null. A field alone is copied as it
    /// is, whatever its type.
    pub(super) fn of(&self, row: &Row<'_>) -> Result<Outcome, String> {
        if let Some(field) = &self.field {
            return Ok(match row.packed_fields().find(|(it, _)| it == field) {
                None => Outcome::Value(OwnedValue::new(Value::Null)),
                Some((_, packed)) => match packed.value() {
                    Value::Bool(truth) => Outcome::Truth(truth),
                    _ => Outcome::Value(packed.into()),
                },
            });
        }
        let mut context = self.context.new_inner_scope();
        for name in &self.names {
            let value = match row.get(name) {
                Some(value) => to_cel(value).map_err(|it| format!("field `{name}`: {it}"))?,
                None if TYPES.contains(&name.as_str()) => continue,
                None => cel::Value::Null,
            };
            context.add_variable_from_value(name.as_str(), value);
        }
        let run = AssertUnwindSafe(|| self.program.execute(&context));
        let value = catch_unwind(run)
            .map_err(|_| format!("`{}` cannot be evaluated", self.text))?
            .map_err(|error| format!("`{}`: {}", self.text, reason(&error)))?;
        match value {
            cel::Value::Bool(truth) => Ok(Outcome::Truth(truth)),
            other => from_cel(&other).map(Outcome::Value),
        }
    }
}

impl Outcome {
    pub(super) fn into_value(self) -> OwnedValue {
        match self {
            Self::Truth(truth) => OwnedValue::new(Value::Bool(truth)),
            Self::Value(value) => value,
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Expression({:?})", self.text)
    }
}

/// CEL's own functions, `host` and `json`.
fn context() -> Result<Context<'static, 'static>, String> {
    let mut context = Context::default();
    let added = context.add_function("host", |url: Arc<String>| host(&url));
    added.map_err(|error| error.to_string())?;
    let added = context.add_function("json", |text: Arc<String>| {
        from_json(&text).ok_or_else(|| ExecutionError::function_error("json", "it is no JSON"))
    });
    added.map_err(|error| error.to_string())?;
    Ok(context)
}

/// The host of a URL in small letters, without user, port and brackets; empty where there is none.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
    let host = match host_and_port.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

/// Why an evaluation failed, without any value of the record.
fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no `{key}`"),
        ExecutionError::UndeclaredReference(name) => format!("`{name}` is not known"),
        ExecutionError::NoSuchOverload(it) => it.to_string(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "a division by zero".to_owned()
        }
        ExecutionError::Overflow(operator, ..) => format!("`{operator}` leaves the range"),
        ExecutionError::UnexpectedType { got, want } => format!("{got} where {want} is needed"),
        ExecutionError::ValuesNotComparable(..) => "values of types that do not compare".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "an index is out of bounds".to_owned(),
        ExecutionError::FunctionError { function, .. } => format!("`{function}` failed"),
        _ => "it does not fit the values".to_owned(),
    }
}

fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    let line = lines.next().unwrap_or("cannot be understood");
    line.chars().take(160).collect()
}

/// The names that macros such as `list.all(x, …)` bind themselves.
fn bound_names(tree: &Tree, bound: &mut BTreeSet<String>) {
    match &tree.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|it| bound_names(it, bound));
            call.args.iter().for_each(|it| bound_names(it, bound));
        }
        Expr::Comprehension(it) => {
            bound.insert(it.iter_var.to_string());
            bound.extend(it.iter_var2.as_ref().map(ToString::to_string));
            bound.insert(it.accu_var.to_string());
            for part in [
                &it.iter_range,
                &it.accu_init,
                &it.loop_cond,
                &it.loop_step,
                &it.result,
            ] {
                bound_names(part, bound);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|it| bound_names(it, bound)),
        Expr::Map(map) => {
            for entry in &map.entries {
                match &entry.expr {
                    EntryExpr::MapEntry(it) => {
                        bound_names(&it.key, bound);
                        bound_names(&it.value, bound);
                    }
                    EntryExpr::StructField(it) => bound_names(&it.value, bound),
                }
            }
        }
        Expr::Select(select) => bound_names(&select.operand, bound),
        _ => (),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_found() {
        for (url, found) in [
            (
                "https://User:pw@WWW.Example.com:8443/a?b#c",
                "www.example.com",
            ),
            ("http://[::1]:80/", "::1"),
            ("https://example.com?x=://y", "example.com"),
            ("example.com/a", ""),
            ("", ""),
        ] {
            assert_eq!(host(url), found, "{url}");
        }
    }

    #[test]
    fn only_fields_are_named() {
        let names = |text: &str| -> Vec<String> {
            let expression = Expression::parse(text).unwrap();
            expression.names().map(str::to_owned).collect()
        };
        assert_eq!(names("a > 1 && b.c == 'x'"), ["a", "b"]);
        assert_eq!(names("tags.exists(t, t == name)"), ["name", "tags"]);
        assert_eq!(names("type(a) == int"), ["a"]);
    }

    #[test]
    fn what_is_no_expression_is_told() {
        for text in ["a >", "", "a b", "((", "'open", "\u{0}", "a..b"] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
