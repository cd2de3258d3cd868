//! Range filters of a scan: one class at a time, between a cursor value and a bound.

use mongodb::bson::{Bson, Document, doc};

use super::{class::Class, position::Order};

/// How far a class may be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    /// Values below this one.
    Below(Bson),
    /// This value and those below it.
    UpTo(Bson),
}

/// Documents that one query finds, whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct RangeFilter<'a> {
    /// Values of this class; `None` where none is known yet.
    pub class: Option<Class>,
    /// Whether the field holds no other.
    pub alone: bool,
    /// Behind this mark.
    pub after: Option<&'a [Bson]>,
    /// Before this bound.
    pub bound: Option<&'a Bound>,
}

impl Bound {
    fn add_to(&self, range: &mut Document) {
        let (operator, value) = match self {
            Self::Below(value) => ("$lt", value),
            Self::UpTo(value) => ("$lte", value),
        };
        range.insert(operator, value.clone());
    }
}

impl Order {
    /// The filter that finds them in the incremental order.
    pub fn filter(&self, range_filter: RangeFilter<'_>) -> Document {
        let field = self.field.as_str();
        let values = |operator: &str, value: &Bson| {
            let mut range = doc! { operator: value.clone() };
            if let Some(bound) = range_filter.bound {
                bound.add_to(&mut range);
            }
            range
        };
        match range_filter.after {
            None | Some([]) => one(field, range_filter),
            Some([value]) => doc! { field: values("$gt", value) },
            Some([value, id, ..]) => {
                // Said outright: a document's own `$ref` would be taken for an operator.
                let tied = |id: Document| doc! { field: values("$eq", value), "_id": id };
                let mut branches = vec![
                    doc! { field: values("$gt", value) },
                    tied(doc! { "$gt": id.clone() }),
                ];
                // `$gt` would pass over the ids of other classes.
                let higher = Class::of(id).types_behind();
                if !higher.is_empty() {
                    branches.push(tied(doc! { "$type": higher }));
                }
                doc! { "$or": branches }
            }
        }
    }

    /// The filter that finds them in the order of `_id`.
    pub fn filter_of_ids(&self, range_filter: RangeFilter<'_>) -> Document {
        match range_filter.after {
            Some([id, ..]) => {
                let mut range = doc! { "$gt": id.clone() };
                if let Some(bound) = range_filter.bound {
                    bound.add_to(&mut range);
                }
                doc! { "_id": range }
            }
            None | Some([]) => one("_id", range_filter),
        }
    }

    /// The incremental order, or with -1 its reverse.
    pub fn sort(&self, direction: i32) -> Document {
        let mut sort = doc! { self.field.as_str(): direction };
        if !self.is_id() {
            sort.insert("_id", direction);
        }
        sort
    }
}

/// A class from its beginning.
fn one(field: &str, range_filter: RangeFilter<'_>) -> Document {
    let mut range = Document::new();
    match (range_filter.bound, range_filter.class) {
        // Such a comparison keeps to the class by itself.
        (Some(bound), _) => bound.add_to(&mut range),
        (None, Some(class)) if !range_filter.alone => {
            range.insert("$type", class.types());
        }
        (None, _) => return Document::new(),
    }
    doc! { field: range }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(field: &str) -> Order {
        Order {
            source: "crawler.list".into(),
            field: field.into(),
        }
    }

    fn range_filter<'a>(after: &'a [Bson], bound: Option<&'a Bound>) -> RangeFilter<'a> {
        RangeFilter {
            class: Some(Class::Number),
            alone: true,
            after: Some(after),
            bound,
        }
    }

    #[test]
    fn ties_are_read_on_by_their_id() {
        let after = [Bson::Int32(7), Bson::Boolean(true)];
        assert_eq!(
            order("at").filter(range_filter(&after, None)),
            doc! { "$or": [
                { "at": { "$gt": 7 } },
                { "at": { "$eq": 7 }, "_id": { "$gt": true } },
                { "at": { "$eq": 7 }, "_id": { "$type": ["date", "timestamp"] } },
            ] }
        );
        assert_eq!(order("at").sort(1), doc! { "at": 1, "_id": 1 });
        assert_eq!(
            order("_id").filter(range_filter(&after[..1], None)),
            doc! { "_id": { "$gt": 7 } }
        );
    }

    #[test]
    fn no_branch_passes_the_bound() {
        let after = [Bson::Int32(7), Bson::Int32(1)];
        let bound = Bound::Below(Bson::Int32(9));
        let filter = order("at").filter(range_filter(&after, Some(&bound)));
        let branches = filter.get_array("$or").expect("branches");
        assert_eq!(branches.len(), 3);
        for branch in branches {
            let at = branch.as_document().expect("one").get_document("at");
            assert_eq!(at.expect("a range").get("$lt"), Some(&Bson::Int32(9)));
        }
    }

    #[test]
    fn a_class_alone_is_read_without_a_filter_and_one_of_several_by_its_types() {
        let alone = range_filter(&[], None);
        assert_eq!(order("at").filter(alone), doc! {});
        let one = RangeFilter {
            alone: false,
            ..alone
        };
        let filter = doc! { "at": { "$type": ["number"] } };
        assert_eq!(order("at").filter(one), filter);
        let bound = Bound::UpTo(Bson::Int32(9));
        let bounded = RangeFilter {
            bound: Some(&bound),
            ..one
        };
        let filter = doc! { "at": { "$lte": 9 } };
        assert_eq!(order("at").filter(bounded), filter);
    }
}
