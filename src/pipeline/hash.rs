//! `hash` and `set`: fields made from others.

use md5::{Digest, Md5};
use sha2::Sha256;

use super::{
    assign::AssignStep,
    expression::Expression,
    settings::{Algorithm, HashStep},
    text::{hex, plain_text},
};
use crate::model::{Kind, OwnedValue, Row, Value};

/// The hash of fields' texts, in small hex digits.
pub(super) struct Hash(pub HashStep);

/// Fields and the expressions of their values.
pub(super) struct Set(pub Vec<(String, Expression)>);

impl AssignStep for Hash {
    fn targets(&self) -> Vec<&str> {
        vec![&self.0.into]
    }

    fn reads(&self) -> Vec<&str> {
        self.0.fields.iter().map(String::as_str).collect()
    }

    fn kind(&self, _target: usize) -> Kind {
        Kind::String
    }

    fn value(&self, _target: usize, row: &Row<'_>) -> Result<Option<OwnedValue>, String> {
        let mut text = String::new();
        let mut nulls = 0;
        for (index, field) in self.0.fields.iter().enumerate() {
            if index > 0 {
                text.push_str(&self.0.separator);
            }
            match row.get(field).unwrap_or(Value::Null).widened() {
                Value::Null => nulls += 1,
                value => text.push_str(&plain_text(value)?),
            }
        }
        // The hash of nothing would look like that of something.
        let hash = if nulls == self.0.fields.len() {
            OwnedValue::new(Value::Null)
        } else {
            OwnedValue::new(Value::String(&self.0.algorithm.of(text.as_bytes())))
        };
        Ok(Some(hash))
    }
}

impl Algorithm {
    fn of(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(bytes)),
            Self::Sha256 => hex(&Sha256::digest(bytes)),
        }
    }
}

impl AssignStep for Set {
    fn targets(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn reads(&self) -> Vec<&str> {
        self.0.iter().flat_map(|(_, it)| it.names()).collect()
    }

    fn kind(&self, _target: usize) -> Kind {
        Kind::Any
    }

    fn value(&self, target: usize, row: &Row<'_>) -> Result<Option<OwnedValue>, String> {
        Ok(Some(self.0[target].1.of(row)?.into_value()))
    }
}
