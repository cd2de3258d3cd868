//! `rename`, `keep`, `drop` and `default`: which fields there are.

use super::{
    assign::AssignStep,
    edit::{FieldStep, On},
    settings::Literal,
};
use crate::model::{Kind, OwnedValue, Row, Value};

/// Other names for fields: before and after.
pub(super) struct Rename(pub Vec<(String, String)>);

/// The only fields that stay.
pub(super) struct KeepFields(pub Vec<String>);

/// Fields that go.
pub(super) struct DropFields(pub Vec<String>);

/// Values for fields that are missing or null.
pub(super) struct Default(pub Vec<(String, Literal)>);

impl FieldStep for Rename {
    fn on(&self, name: &str) -> On<'_> {
        let found = self.0.iter().find(|(before, _)| before == name);
        found.map_or(On::Copy, |(_, after)| On::As(after))
    }

    fn named(&self) -> Vec<&str> {
        self.0.iter().map(|(before, _)| before.as_str()).collect()
    }
}

impl FieldStep for KeepFields {
    fn on(&self, name: &str) -> On<'_> {
        if self.0.iter().any(|it| it == name) {
            On::Copy
        } else {
            On::Drop
        }
    }

    fn named(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl FieldStep for DropFields {
    fn on(&self, name: &str) -> On<'_> {
        if self.0.iter().any(|it| it == name) {
            On::Drop
        } else {
            On::Copy
        }
    }

    fn named(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl AssignStep for Default {
    fn targets(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn reads(&self) -> Vec<&str> {
        Vec::new()
    }

    fn kind(&self, target: usize) -> Kind {
        self.0[target].1.kind()
    }

    fn value(&self, target: usize, row: &Row<'_>) -> Result<Option<OwnedValue>, String> {
        let (name, literal) = &self.0[target];
        Ok(match row.get(name).map(Value::widened) {
            None | Some(Value::Null) => Some(OwnedValue::new(literal.value())),
            Some(_) => None,
        })
    }
}
