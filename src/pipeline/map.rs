//! `map`: replaces a text by the settings' table.

use std::collections::HashMap;

use super::{assign::AssignStep, settings::MapStep, text::plain_text};
use crate::model::{Kind, OwnedValue, Row, Value};

/// The step, with its table.
pub(super) struct Map {
    step: MapStep,
    values: HashMap<String, String>,
}

impl Map {
    pub fn new(step: MapStep) -> Self {
        let values = step.values.iter().cloned().collect();
        Self { step, values }
    }
}

impl AssignStep for Map {
    fn targets(&self) -> Vec<&str> {
        vec![&self.step.into]
    }

    fn reads(&self) -> Vec<&str> {
        vec![&self.step.field]
    }

    fn kind(&self, _target: usize) -> Kind {
        Kind::String
    }

    fn value(&self, _target: usize, row: &Row<'_>) -> Result<Option<OwnedValue>, String> {
        let field = &self.step.field;
        let found = match row.get(field).unwrap_or(Value::Null).widened() {
            Value::Null => None,
            value => self.values.get(&*plain_text(value)?),
        };
        match found.or(self.step.otherwise.as_ref()) {
            Some(text) => Ok(Some(OwnedValue::new(Value::String(text)))),
            None => Err(format!(
                "the value of `{field}` is not among `values`, and there is no `otherwise`"
            )),
        }
    }
}
