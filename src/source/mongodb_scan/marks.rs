//! What an incremental read is behind: a document of each class, and what was seen when.
//!
//! Values of one class only ever compare with each other, so each class of a field has a mark of
//! its own: a number that comes after dates have been read is still behind the last number.

use mongodb::bson::Bson;

use super::class::Class;

/// The documents that an incremental read is behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Marks {
    /// The incremental value and the `_id`, of each class in order. Of the `_id` alone where that
    /// is the order; the value alone stands for all documents that have it.
    after: Vec<Vec<Bson>>,
    /// Of classes that are no clock, the last documents at a time, oldest first.
    seen: Vec<Sample>,
}

/// At this time of the server (milliseconds), this had been the last document of its class. Values
/// below it had been taken before then.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub at: i64,
    pub last: Vec<Bson>,
}

/// Samples of a class at most. Where there are more, as an open transaction holds them all back,
/// every other one is left out: what is held back is held back somewhat longer.
const SAMPLES: usize = 12;

impl Marks {
    /// Behind `values` alone; behind nothing where there are none.
    pub fn at(values: Vec<Bson>) -> Self {
        let mut marks = Self::default();
        marks.put(values);
        marks
    }

    /// The whole of it; `None` where a mark has no values, or a class has two.
    pub fn of_parts(after: Vec<Vec<Bson>>, seen: Vec<Sample>) -> Option<Self> {
        let mut marks = Self::default();
        for values in after {
            if marks.of(class(&values)?).is_some() {
                return None;
            }
            marks.put(values);
        }
        marks.seen = seen;
        Some(marks)
    }

    /// The mark of each class, in the order of classes.
    pub fn all(&self) -> &[Vec<Bson>] {
        &self.after
    }

    /// What was seen, oldest first.
    pub fn seen(&self) -> &[Sample] {
        &self.seen
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
        let Some(of) = class(&last) else {
            return;
        };
        let same = |it: &Sample| class(&it.last) == Some(of);
        // What is ahead was taken by a clock that has been set back, or by another server's.
        self.seen.retain(|it| !same(it) || it.at <= at);
        let known = self.seen.iter().rev().find(|it| same(it));
        if self.of(of) == Some(last.as_slice()) || known.is_some_and(|it| it.last == last) {
            return;
        }
        self.seen.push(Sample { at, last });
        let count = self.seen.iter().filter(|it| same(it)).count();
        if count > SAMPLES {
            let mut number = 0;
            self.seen.retain(|it| {
                number += usize::from(same(it));
                // The oldest is the first to be settled, the newest is as far as it will get.
                !same(it) || number % 2 == 1 || number == count
            });
        }
    }

    /// The value up to which documents of a class that is no clock are settled, where everything
    /// taken before `until` is.
    pub fn settled(&mut self, of: Class, until: i64) -> Option<Bson> {
        let same = |it: &Sample| class(&it.last) == Some(of);
        let (at, value) = self
            .seen
            .iter()
            .rev()
            .find(|it| same(it) && it.at <= until)
            .map(|it| (it.at, it.last.first().cloned()))?;
        self.seen.retain(|it| !same(it) || it.at >= at);
        value
    }

    /// Leaves out what was seen and has been read by now.
    pub fn forget_read(&mut self) {
        for mark in &self.after {
            let of = class(mark);
            let same = |it: &Sample| class(&it.last) == of;
            if let Some(read) = self.seen.iter().rev().find(|it| it.last == *mark) {
                let at = read.at;
                self.seen.retain(|it| !same(it) || it.at > at);
            }
        }
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
        assert_eq!(marks.seen().len(), 2);
        marks.put(place(7));
        marks.put(text("a"));
        marks.forget_read();
        assert_eq!(
            marks,
            Marks::of_parts(vec![place(7), text("a")], vec![]).expect("marks")
        );
        marks.see(3000, place(7));
        assert!(marks.seen().is_empty(), "there is nothing behind the mark");
    }

    #[test]
    fn samples_are_thinned_and_never_pretend_to_be_older() {
        let mut marks = Marks::default();
        for second in 1..=1000 {
            marks.see(second * 1000, place(second));
            assert!(marks.seen().len() <= SAMPLES);
            assert!(marks.seen().iter().all(|it| it.last == place(it.at / 1000)));
            let (first, last) = (&marks.seen()[0], &marks.seen()[marks.seen().len() - 1]);
            assert_eq!((first.at, last.at), (1000, second * 1000));
        }
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_back_for_ever() {
        let mut marks = Marks::default();
        marks.see(9_000_000, place(5));
        marks.see(1000, place(5));
        assert_eq!(marks.settled(Class::Number, 1000), Some(5_i64.into()));
    }
}
