//! The scan position in a table, and its text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CursorValue, Full, KeyColumn, ScanPhase, ScanPosition, ScanState, Table,
    cursor_value::ValueKind,
    full_token::FullPart,
    hold_back::{clock, micros_of},
    moment,
};
use crate::{
    model::{Field, Kind, Position},
    source::{
        SourceError,
        deduplication::Sent,
        samples::{Sample, Samples},
        scan::ScanCursor,
    },
};

/// Behind which rows of a phase an incremental read is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::source) struct TableCursor {
    /// Behind these values of the phase's order; at the first row where there are none, behind all
    /// rows of the first value where there is only that.
    pub after: Vec<CursorValue>,
    /// What was the highest first value when, oldest first, where late commits are met by that.
    pub seen: Samples<CursorValue>,
}

impl ScanCursor for TableCursor {
    type Value = CursorValue;
    type Series = ();

    fn of(&self, _series: ()) -> &[CursorValue] {
        &self.after
    }

    fn put(&mut self, values: Vec<CursorValue>) {
        self.after = values;
    }

    /// Rows without a value are over where they have been read to the last one.
    fn see(&mut self, phase: ScanPhase, at: i64, last: Vec<CursorValue>) {
        let is_ahead = phase == ScanPhase::Values || last != self.after;
        if let (true, Some(highest)) = (is_ahead, last.into_iter().next()) {
            self.seen.see(at, highest);
        }
    }

    fn newest_until(&mut self, _series: (), until: i64) -> Option<Sample<CursorValue>> {
        self.seen.newest_until(until).cloned()
    }

    fn newest(&self, _series: ()) -> Option<i64> {
        self.seen.last().map(|it| it.at)
    }

    /// They stay with the position: the newest says what is settled until there is a newer one.
    fn forget_read(&mut self) {}
}

impl TableCursor {
    /// Behind these values.
    pub fn behind(after: Vec<CursorValue>) -> Self {
        Self {
            after,
            seen: Samples::default(),
        }
    }
}

/// The text is the source's own: `{"by":["updated_at","id"],"after":[{"datetime":"…"},{"u64":"7"}]}`,
/// and `{"full":…,"then":…}` whose second half is the same.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Token {
    Full { full: FullPart, then: Part },
    Incremental(Part),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    by: Vec<String>,
    after: Vec<Typed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<Seen>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    nulls: Vec<Typed>,
    #[serde(default, rename = "nulls-seen", skip_serializing_if = "Vec::is_empty")]
    nulls_seen: Vec<Seen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
}

/// A sample: `{"at":"2025-08-26 09:30:15.123000","value":{"u64":"7"}}`, in UTC.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    at: String,
    value: Typed,
}

/// A type's word, and the value's text.
pub(super) type Typed = BTreeMap<String, String>;

impl ScanPosition {
    /// Behind these values of the incremental field and the key.
    pub fn behind(after: Vec<CursorValue>) -> Self {
        Self::Incremental(ScanState::behind(TableCursor::behind(after)))
    }

    /// The position of this place in `table`.
    pub fn position(&self, table: &Table) -> Position {
        let token = match self {
            Self::Incremental(state) => Token::Incremental(state.part(table)),
            Self::Full(full) => Token::Full {
                full: FullPart::of(full, &table.key),
                then: full.then.part(table),
            },
        };
        // Strings and lists always have a JSON text.
        Position::new(serde_json::to_string(&token).unwrap_or_default())
    }

    /// Behind all rows with `value` in the incremental field, as a person writes it; a time with
    /// a zone, too, where the field holds points in time.
    ///
    /// # Errors
    /// `Position` where it is no value of that field.
    pub fn at(value: &str, table: &Table) -> Result<Self, SourceError> {
        let cursor_value = table
            .incremental
            .first()
            .and_then(|column| match column.kind {
                Some(ValueKind::DateTime) if moment::is_zoned(value) => {
                    let instant = moment::instant(value).filter(|_| holds_instants(column, table));
                    instant?.to_utc().map(CursorValue::DateTime)
                }
                Some(kind) => column.parse(kind, value),
                None => untyped(value, &column.name, table),
            });
        let cursor_value = cursor_value.ok_or_else(|| SourceError::Position {
            name: table.name.clone(),
            position: value.to_owned(),
            advice: table.incremental.first().map_or(String::new(), |column| {
                let (kind, name) = (column.kind.map_or("value", ValueKind::word), &column.name);
                if kind == ValueKind::DateTime.word() && moment::instant(value).is_some() {
                    format!("`{name}` has no time zone: write the time as it stands there")
                } else {
                    format!("it is no {kind}, as `{name}` has it")
                }
            }),
        })?;
        Ok(Self::behind(vec![cursor_value]))
    }

    /// The place that the `stored` position names in `table`; before the first row where there is none.
    ///
    /// # Errors
    /// As `parse`.
    pub fn stored(stored: Option<&Position>, table: &Table) -> Result<Self, SourceError> {
        let scan_position = stored.map(|it| Self::parse(it, table)).transpose()?;
        Ok(scan_position.unwrap_or_default())
    }

    /// The place that `position` names in `table`.
    ///
    /// # Errors
    /// `Position` where it is damaged, or was made for other fields.
    pub fn parse(position: &Position, table: &Table) -> Result<Self, SourceError> {
        let refused = |advice: String| SourceError::Position {
            name: table.name.clone(),
            position: position.as_str().to_owned(),
            advice: format!(
                "{advice}; `highwater cursor set` starts from a value, `highwater cursor reset` from the beginning"
            ),
        };
        let token: Token = serde_json::from_str(position.as_str())
            .map_err(|_| refused("it is damaged, or another kind of source has made it".into()))?;
        let scan_position = match token {
            Token::Incremental(part) => ScanState::parse(&part, table).map(Self::Incremental),
            Token::Full { full, then } => full.parse(&table.key).and_then(|(chunks, rows)| {
                let then = ScanState::parse(&then, table)?;
                Ok(Self::Full(Full { chunks, rows, then }))
            }),
        };
        scan_position.map_err(refused)
    }
}

/// TIMESTAMP, whose cursor values are in UTC; DATETIME is the wall clock of whoever wrote it.
fn holds_instants(column: &KeyColumn, table: &Table) -> bool {
    let mut fields = table.schema.names().unwrap_or_default().iter();
    fields.any(|it| it.name == column.name && it.kind == Kind::Instant)
}

/// Each value says its type itself: a person's number is a number. A text is behind all numbers,
/// so that in a column of these it can only be a slip.
fn untyped(value: &str, column: &str, table: &Table) -> Option<CursorValue> {
    let mut fields = table.schema.names().unwrap_or_default().iter();
    let of_numbers =
        |it: &Field| it.name == column && matches!(it.kind, Kind::I64 | Kind::F64 | Kind::Decimal);
    let is_number = value.bytes().any(|it| it.is_ascii_digit());
    let number = || {
        let kinds = [ValueKind::I64, ValueKind::F64].into_iter();
        kinds
            .filter(|_| is_number)
            .find_map(|kind| kind.parse(value))
    };
    if fields.any(of_numbers) {
        number()
    } else {
        number().or_else(|| ValueKind::Text.parse(value))
    }
}

impl ScanState {
    fn part(&self, table: &Table) -> Part {
        let Self {
            values,
            nulls,
            sent,
        } = self;
        Part {
            by: table.incremental.iter().map(KeyColumn::label).collect(),
            after: values.after.iter().map(typed).collect(),
            seen: values.seen.iter().map(written).collect(),
            nulls: nulls.after.iter().map(typed).collect(),
            nulls_seen: nulls.seen.iter().map(written).collect(),
            sent: *sent,
        }
    }

    fn parse(part: &Part, table: &Table) -> Result<Self, String> {
        expect_fields(&part.by, &table.incremental)?;
        Ok(Self {
            values: cursor(&part.after, &part.seen, &table.incremental)?,
            nulls: cursor(&part.nulls, &part.nulls_seen, &table.key)?,
            sent: part.sent,
        })
    }
}

pub(super) fn typed(cursor_value: &CursorValue) -> Typed {
    BTreeMap::from([(cursor_value.kind().word().to_owned(), cursor_value.text())])
}

fn written(sample: &Sample<CursorValue>) -> Seen {
    Seen {
        at: clock(sample.at).map_or(String::new(), |it| it.to_string()),
        value: typed(&sample.value),
    }
}

fn cursor(after: &[Typed], seen: &[Seen], columns: &[KeyColumn]) -> Result<TableCursor, String> {
    Ok(TableCursor {
        after: values(after, columns)?,
        seen: samples(seen, columns)?,
    })
}

pub(super) fn expect_fields(by: &[String], columns: &[KeyColumn]) -> Result<(), String> {
    let wanted: Vec<String> = columns.iter().map(KeyColumn::label).collect();
    if *by == wanted {
        Ok(())
    } else {
        Err(format!(
            "it was made for ({}), but the table is read by ({})",
            by.join(", "),
            wanted.join(", ")
        ))
    }
}

pub(super) fn values(typed: &[Typed], columns: &[KeyColumn]) -> Result<Vec<CursorValue>, String> {
    if typed.len() > columns.len() {
        return Err("it is damaged: it has more values than fields".to_owned());
    }
    let pairs = typed.iter().zip(columns);
    pairs
        .map(|(typed, column)| cursor_value(typed, column))
        .collect()
}

fn samples(seen: &[Seen], columns: &[KeyColumn]) -> Result<Samples<CursorValue>, String> {
    let sample = |it: &Seen, column| {
        let at = match ValueKind::DateTime.parse(&it.at) {
            Some(CursorValue::DateTime(at)) => micros_of(at),
            _ => None,
        };
        let at = at.ok_or("it is damaged at `seen`")?;
        let value = cursor_value(&it.value, column)?;
        Ok(Sample { at, value })
    };
    let first = columns.first();
    first.map_or(Ok(Samples::default()), |column| {
        seen.iter().map(|it| sample(it, column)).collect()
    })
}

fn cursor_value(typed: &Typed, column: &KeyColumn) -> Result<CursorValue, String> {
    let pair = typed.first_key_value().filter(|_| typed.len() == 1);
    let cursor_value = pair.and_then(|(word, text)| column.parse(ValueKind::of_word(word)?, text));
    let cursor_value = cursor_value.ok_or_else(|| format!("it is damaged at `{}`", column.name))?;
    match column.kind {
        Some(kind) if kind != cursor_value.kind() => Err(format!(
            "`{}` was of the type {} when it was made, and is {} now",
            column.name,
            cursor_value.kind().word(),
            kind.word()
        )),
        _ => Ok(cursor_value),
    }
}

#[cfg(test)]
mod tests;
