//! What an incremental read is behind: a document of each class, and what was seen when.
//!
//! Values of one class only ever compare with each other, so each class of a field has a mark of
//! its own: a number that comes after dates have been read is still behind the last number.

use std::collections::BTreeMap;

use mongodb::bson::Bson;

use super::class::Class;
use crate::source::samples::{Sample, Samples};

/// The documents that an incremental read is behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Marks {
    /// The incremental value and the `_id`, of each class in order. Of the `_id` alone where that
    /// is the order; the value alone stands for all documents that have it.
    after: Vec<Vec<Bson>>,
    /// Of classes that are no clock, the last documents at times, in milliseconds.
    seen: BTreeMap<Class, Samples<Vec<Bson>>>,
}

impl Marks {
    /// Behind `values` alone; behind nothing where there are none.
    pub fn at(values: Vec<Bson>) -> Self {
        let mut marks = Self::default();
        marks.put(values);
        marks
    }

    /// The whole of it; `None` where a mark has no values, or a class has two.
    pub fn of_parts(after: Vec<Vec<Bson>>, seen: Vec<Sample<Vec<Bson>>>) -> Option<Self> {
        let mut marks = Self::default();
        for values in after {
            if marks.of(class(&values)?).is_some() {
                return None;
            }
            marks.put(values);
        }
        let mut by_class: BTreeMap<Class, Vec<_>> = BTreeMap::new();
        for sample in seen {
            by_class
                .entry(class(&sample.value)?)
                .or_default()
                .push(sample);
        }
        let samples = by_class.into_iter();
        marks.seen = samples
            .map(|(class, it)| (class, it.into_iter().collect()))
            .collect();
        Some(marks)
    }

    /// The mark of each class, in the order of classes.
    pub fn all(&self) -> &[Vec<Bson>] {
        &self.after
    }

    /// What was seen, by class, oldest first.
    pub fn seen(&self) -> impl Iterator<Item = &Sample<Vec<Bson>>> {
        self.seen.values().flat_map(Samples::iter)
    }

    /// The mark of a class.
    pub fn of(&self, of: Class) -> Option<&[Bson]> {
        let mut all = self.after.iter();
        all.find(|it| class(it) == Some(of)).map(Vec::as_slice)
    }

    /// Moves the mark of the values' class.
    pub fn put(&mut self, values: Vec<Bson>) {
        let Some(class) = class(&values) else {
            return;
        };
        let place = |it: &Vec<Bson>| self::class(it).cmp(&Some(class));
        match self.after.binary_search_by(place) {
            Ok(at) => self.after[at] = values,
            Err(at) => self.after.insert(at, values),
        }
    }

    /// Notes that `last` had been the last document of its class at `at`.
    pub fn see(&mut self, at: i64, last: Vec<Bson>) {
        let Some(class) = class(&last) else {
            return;
        };
        if self.of(class) != Some(last.as_slice()) {
            self.seen.entry(class).or_default().see(at, last);
        }
    }

    /// The value up to which documents of a class that is no clock are settled, where everything
    /// taken before `until` is.
    pub fn settled(&mut self, class: Class, until: i64) -> Option<Bson> {
        self.seen.get_mut(&class)?.settled(until)?.first().cloned()
    }

    /// Leaves out what was seen and has been read by now.
    pub fn forget_read(&mut self) {
        for mark in &self.after {
            if let Some(samples) = class(mark).and_then(|it| self.seen.get_mut(&it)) {
                samples.forget(mark);
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

    fn place(value: i64) -> Vec<Bson> {
        vec![value.into(), (-value).into()]
    }

    fn text(value: &str) -> Vec<Bson> {
        vec![value.into(), 1.into()]
    }

    #[test]
    fn each_class_has_a_mark_of_its_own() {
        let mut marks = Marks::default();
        marks.put(text("a"));
        marks.put(place(5));
        marks.put(text("b"));
        assert_eq!(marks.all(), [place(5), text("b")]);
        assert_eq!(marks.of(Class::Number), Some(&place(5)[..]));
        assert_eq!(marks.of(Class::Date), None);
    }

    #[test]
    fn what_was_seen_before_a_time_is_settled_and_no_more() {
        let mut marks = Marks::default();
        marks.see(1000, place(5));
        marks.see(2000, place(7));
        marks.see(3000, place(7));
        assert_eq!(marks.settled(Class::Number, 999), None);
        assert_eq!(marks.settled(Class::Number, 1999), Some(5_i64.into()));
        assert_eq!(marks.settled(Class::Number, 2000), Some(7_i64.into()));
        assert_eq!(marks.settled(Class::Text, 9000), None);
    }

    #[test]
    fn what_has_been_read_is_forgotten() {
        let mut marks = Marks::default();
        marks.see(1000, place(5));
        marks.see(1500, text("a"));
        marks.see(2000, place(7));
        marks.put(place(5));
        marks.forget_read();
        assert_eq!(marks.seen().count(), 2);
        marks.put(place(7));
        marks.put(text("a"));
        marks.forget_read();
        assert_eq!(
            marks,
            Marks::of_parts(vec![place(7), text("a")], vec![]).expect("marks")
        );
        marks.see(3000, place(7));
        assert_eq!(marks.seen().count(), 0, "there is nothing behind the mark");
    }
}
