//! `filter`: records for which an expression is true stay.

use std::sync::Arc;

use super::{
    expression::{Expression, Outcome},
    per_record::{PerRecord, needs},
    settings::Else,
};
use crate::model::{Op, Records, Row, Schema};

/// An expression, and what becomes of records for which it is false.
pub(super) struct Filter {
    pub expression: Expression,
    pub otherwise: Else,
}

impl PerRecord for Filter {
    type Plan = ();

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, ()), String> {
        needs(schema, self.expression.names())?;
        Ok((schema.clone(), ()))
    }

    fn record(&self, _plan: &(), row: &Row<'_>, out: &mut Records) -> Result<(), String> {
        if row.op() == Op::Delete {
            out.copy(row);
            return Ok(());
        }
        match self.expression.of(row)? {
            Outcome::Truth(true) => out.copy(row),
            Outcome::Truth(false) if self.otherwise == Else::Drop => (),
            Outcome::Truth(false) => {
                return Err(format!("`{}` is false", self.expression.text()));
            }
            Outcome::Value(_) => {
                let text = self.expression.text();
                return Err(format!("`{text}` is neither true nor false"));
            }
        }
        Ok(())
    }
}
