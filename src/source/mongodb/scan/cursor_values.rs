//! Cursor values of an incremental read: one of each class, and samples over time.
//!
//! Values of one class only ever compare with each other, so each class of a field has one of
//! its own: a number that comes after dates have been read is still behind the last number.

use std::collections::BTreeMap;

use mongodb::bson::Bson;

use super::class::Class;
use crate::source::{
    samples::{Sample, Samples},
    scan::{ScanCursor, ScanPhase},
};

/// The documents that an incremental read is behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CursorValues {
    /// The incremental value and the `_id`, of each class in order. Of the `_id` alone where that
    /// is the order; the value alone stands for all documents that have it.
    after: Vec<Vec<Bson>>,
    /// Of classes that are no clock, the last documents at times, in milliseconds.
    seen: BTreeMap<Class, Samples<Vec<Bson>>>,
}

impl CursorValues {
    /// Behind `values` alone; behind nothing where there are none.
    pub fn at(values: Vec<Bson>) -> Self {
        let mut cursor_values = Self::default();
        cursor_values.put(values);
        cursor_values
    }

    /// The whole of it; `None` where a class has no values, or a class has two.
    pub fn of_parts(after: Vec<Vec<Bson>>, seen: Vec<Sample<Vec<Bson>>>) -> Option<Self> {
        let mut cursor_values = Self::default();
        for values in after {
            if cursor_values.of(class(&values)?).is_some() {
                return None;
            }
            cursor_values.put(values);
        }
        let mut by_class: BTreeMap<Class, Vec<_>> = BTreeMap::new();
        for sample in seen {
            by_class
                .entry(class(&sample.value)?)
                .or_default()
                .push(sample);
        }
        let samples = by_class.into_iter();
        cursor_values.seen = samples
            .map(|(class, it)| (class, it.into_iter().collect()))
            .collect();
        Some(cursor_values)
    }

    /// The cursor values of each class, in the order of classes.
    pub fn all(&self) -> &[Vec<Bson>] {
        &self.after
    }

    /// What was seen, by class, oldest first.
    pub fn seen(&self) -> impl Iterator<Item = &Sample<Vec<Bson>>> {
        self.seen.values().flat_map(Samples::iter)
    }

    /// The cursor values of a class.
    pub fn of(&self, of: Class) -> Option<&[Bson]> {
        let mut all = self.after.iter();
        all.find(|it| class(it) == Some(of)).map(Vec::as_slice)
    }
}

impl ScanCursor for CursorValues {
    type Value = Bson;

    /// `None` stands for whatever there is, before any class is known.
    type Series = Option<Class>;

    fn of(&self, series: Option<Class>) -> &[Bson] {
        let found = series.and_then(|class| CursorValues::of(self, class));
        found.unwrap_or_default()
    }

    /// Moves the cursor values of their class.
    fn put(&mut self, values: Vec<Bson>) {
        let Some(class) = class(&values) else {
            return;
        };
        let values_at = |it: &Vec<Bson>| self::class(it).cmp(&Some(class));
        match self.after.binary_search_by(values_at) {
            Ok(at) => self.after[at] = values,
            Err(at) => self.after.insert(at, values),
        }
    }

    fn see(&mut self, _phase: ScanPhase, at: i64, last: Vec<Bson>) {
        let Some(class) = class(&last) else {
            return;
        };
        if CursorValues::of(self, class) != Some(last.as_slice()) {
            self.seen.entry(class).or_default().see(at, last);
        }
    }

    fn newest_until(&mut self, series: Option<Class>, until: i64) -> Option<Sample<Bson>> {
        let Sample { at, value } = self.seen.get_mut(&series?)?.newest_until(until)?;
        let (at, value) = (*at, value.first()?.clone());
        Some(Sample { at, value })
    }

    fn newest(&self, series: Option<Class>) -> Option<i64> {
        Some(self.seen.get(&series?)?.last()?.at)
    }

    /// Samples up to the cursor have been read; a class without any is left out.
    fn forget_read(&mut self) {
        for cursor_value in &self.after {
            if let Some(samples) = class(cursor_value).and_then(|it| self.seen.get_mut(&it)) {
                samples.forget(cursor_value);
            }
        }
        self.seen.retain(|_, it| !it.is_empty());
    }
}

fn class(values: &[Bson]) -> Option<Class> {
    values.first().map(Class::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values_at(value: i64) -> Vec<Bson> {
        vec![value.into(), (-value).into()]
    }

    fn text(value: &str) -> Vec<Bson> {
        vec![value.into(), 1.into()]
    }

    #[test]
    fn each_class_has_a_cursor_of_its_own() {
        let mut cursor_values = CursorValues::default();
        cursor_values.put(text("a"));
        cursor_values.put(values_at(5));
        cursor_values.put(text("b"));
        assert_eq!(cursor_values.all(), [values_at(5), text("b")]);
        assert_eq!(
            CursorValues::of(&cursor_values, Class::Number),
            Some(&values_at(5)[..])
        );
        assert_eq!(CursorValues::of(&cursor_values, Class::Date), None);
    }

    #[test]
    fn what_was_seen_before_a_time_is_settled_and_no_more() {
        let mut cursor_values = CursorValues::default();
        cursor_values.see(ScanPhase::Values, 1000, values_at(5));
        cursor_values.see(ScanPhase::Values, 2000, values_at(7));
        cursor_values.see(ScanPhase::Values, 3000, values_at(7));
        let mut newest_until = |class, until| {
            let newest = cursor_values.newest_until(Some(class), until);
            newest.map(|it| it.value)
        };
        assert_eq!(newest_until(Class::Number, 999), None);
        assert_eq!(newest_until(Class::Number, 1999), Some(5_i64.into()));
        assert_eq!(newest_until(Class::Number, 2000), Some(7_i64.into()));
        assert_eq!(newest_until(Class::Text, 9000), None);
    }

    #[test]
    fn what_has_been_read_is_forgotten() {
        let mut cursor_values = CursorValues::default();
        cursor_values.see(ScanPhase::Values, 1000, values_at(5));
        cursor_values.see(ScanPhase::Values, 1500, text("a"));
        cursor_values.see(ScanPhase::Values, 2000, values_at(7));
        cursor_values.put(values_at(5));
        cursor_values.forget_read();
        assert_eq!(cursor_values.seen().count(), 2);
        cursor_values.put(values_at(7));
        cursor_values.put(text("a"));
        cursor_values.forget_read();
        assert_eq!(
            cursor_values,
            CursorValues::of_parts(vec![values_at(7), text("a")], vec![]).expect("cursor values")
        );
        cursor_values.see(ScanPhase::Values, 3000, values_at(7));
        assert_eq!(
            cursor_values.seen().count(),
            0,
            "there is nothing behind the cursor"
        );
    }
}
