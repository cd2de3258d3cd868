//! What `check` says of a table as it is.

use super::table::Table;
use crate::{
    model::{Finding, Severity},
    sink::rules::OnKnown,
};

impl Table {
    /// Whether an older change can overwrite a newer row.
    pub(in crate::sink) fn version_finding(&self) -> Option<Finding> {
        let name = &self.name;
        match self.version {
            _ if self.replaces() => None,
            Some(it) => Some(Finding {
                severity: Severity::Good,
                text: format!(
                    "table {name} keeps the version of its records in `{}`: an older change never overwrites a newer row",
                    self.columns[it].name
                ),
            }),
            None if self.on_known == OnKnown::Ignore => Some(Finding {
                severity: Severity::Good,
                text: format!("table {name}: rows that are there stay, whatever comes later"),
            }),
            None => Some(Finding {
                severity: Severity::Note,
                text: format!(
                    "table {name} keeps no version of its records: an older change that comes later overwrites a newer row; where they have one, name its column with `version`"
                ),
            }),
        }
    }

    /// What another unique index means for the flow; `None` where no row can meet one.
    pub(in crate::sink) fn others_finding(&self) -> Option<Finding> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let index = self.redirecting(&all)?;
        let unseen = match index.columns {
            Some(_) => "",
            None => {
                " (it is of an expression, of a part of a column or of some rows: who holds a value is not told)"
            }
        };
        Some(Finding {
            severity: Severity::Note,
            text: format!(
                "table {} has another unique index ({}){unseen}: it never redirects a write, which goes by the key alone; rows that are known are written one by one, so more slowly; a row whose value there another row holds makes its partition wait for `conflict-wait`, then it is a dead letter",
                self.name, index.name
            ),
        })
    }

    /// How its rows are replaced; `None` where they are not. `leading` are the columns of each
    /// index, in order.
    pub(in crate::sink) fn replaced_finding(&self, leading: &[Vec<String>]) -> Option<Finding> {
        if !self.replaces() {
            return None;
        }
        let by = self.replace_by.iter().map(|it| &self.columns[*it].name);
        let by: Vec<&String> = by.collect();
        let begins = |index: &Vec<String>| {
            let first = index.iter().take(by.len());
            index.len() >= by.len() && first.clone().all(|it| by.contains(&it))
        };
        let indexed = leading.iter().any(begins);
        let by: Vec<&str> = by.iter().map(|it| it.as_str()).collect();
        let (name, by) = (&self.name, by.join(", "));
        Some(if indexed {
            Finding {
                severity: Severity::Good,
                text: format!(
                    "rows of table {name} are replaced by {by}: those that a message no longer has go"
                ),
            }
        } else {
            Finding {
                severity: Severity::Note,
                text: format!(
                    "no index of table {name} begins with {by}: for the rows that a message replaces the whole table is read; make one with CREATE INDEX"
                ),
            }
        })
    }
}

/// The columns that are not written, whatever the messages have.
pub(in crate::sink) fn left_out(table: &Table) -> Option<Finding> {
    let computed: Vec<&str> = table.computed().collect();
    (!computed.is_empty()).then(|| {
        let (name, computed) = (&table.name, computed.join(", "));
        let text = format!(
            "table {name} computes {computed} by itself: fields of these names are left out"
        );
        Finding {
            severity: Severity::Note,
            text,
        }
    })
}
