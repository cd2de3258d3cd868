//! Range filters of a scan: one class at a time, between a cursor value and a bound.

use mongodb::bson::{Bson, Document, doc};

use super::{Ceiling, class::Class, position::Order};

/// Documents that one query finds, whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct RangeFilter<'a> {
    /// Values of this class; `None` where none is known yet.
    pub class: Option<Class>,
    /// Whether the field holds no other.
    pub alone: bool,
    /// Behind these values.
    pub after: &'a [Bson],
    /// Up to this ceiling.
    pub ceiling: &'a Ceiling,
}

/// Keeps a range below a ceiling.
fn add(ceiling: &Ceiling, range: &mut Document) {
    match ceiling {
        Ceiling::Below(value) => range.insert("$lt", value.clone()),
        Ceiling::UpTo(value) => range.insert("$lte", value.clone()),
        Ceiling::Open | Ceiling::Shut => None,
    };
}

impl Order {
    /// The filter that finds them in the incremental order.
    pub fn filter(&self, range_filter: RangeFilter<'_>) -> Document {
        let field = self.field.as_str();
        let values = |operator: &str, value: &Bson| {
            let mut range = doc! { operator: value.clone() };
            add(range_filter.ceiling, &mut range);
            range
        };
        match range_filter.after {
            [] => one(field, range_filter),
            [value] => doc! { field: values("$gt", value) },
            [value, id, ..] => {
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
            [id, ..] => {
                let mut range = doc! { "$gt": id.clone() };
                add(range_filter.ceiling, &mut range);
                doc! { "_id": range }
            }
            [] => one("_id", range_filter),
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
    add(range_filter.ceiling, &mut range);
    // Such a comparison keeps to the class by itself.
    if range.is_empty() {
        match range_filter.class {
            Some(class) if !range_filter.alone => range.insert("$type", class.types()),
            _ => return Document::new(),
        };
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

    fn range_filter<'a>(after: &'a [Bson], ceiling: &'a Ceiling) -> RangeFilter<'a> {
        RangeFilter {
            class: Some(Class::Number),
            alone: true,
            after,
            ceiling,
        }
    }

    #[test]
    fn ties_are_read_on_by_their_id() {
        let after = [Bson::Int32(7), Bson::Boolean(true)];
        assert_eq!(
            order("at").filter(range_filter(&after, &Ceiling::Open)),
            doc! { "$or": [
                { "at": { "$gt": 7 } },
                { "at": { "$eq": 7 }, "_id": { "$gt": true } },
                { "at": { "$eq": 7 }, "_id": { "$type": ["date", "timestamp"] } },
            ] }
        );
        assert_eq!(order("at").sort(1), doc! { "at": 1, "_id": 1 });
        assert_eq!(
            order("_id").filter(range_filter(&after[..1], &Ceiling::Open)),
            doc! { "_id": { "$gt": 7 } }
        );
    }

    #[test]
    fn no_branch_passes_the_bound() {
        let after = [Bson::Int32(7), Bson::Int32(1)];
        let ceiling = Ceiling::Below(Bson::Int32(9));
        let filter = order("at").filter(range_filter(&after, &ceiling));
        let branches = filter.get_array("$or").expect("branches");
        assert_eq!(branches.len(), 3);
        for branch in branches {
            let at = branch.as_document().expect("one").get_document("at");
            assert_eq!(at.expect("a range").get("$lt"), Some(&Bson::Int32(9)));
        }
    }

    #[test]
    fn a_class_alone_is_read_without_a_filter_and_one_of_several_by_its_types() {
        let alone = range_filter(&[], &Ceiling::Open);
        assert_eq!(order("at").filter(alone), doc! {});
        let one = RangeFilter {
            alone: false,
            ..alone
        };
        let filter = doc! { "at": { "$type": ["number"] } };
        assert_eq!(order("at").filter(one), filter);
        let ceiling = Ceiling::UpTo(Bson::Int32(9));
        let bounded = RangeFilter {
            ceiling: &ceiling,
            ..one
        };
        let filter = doc! { "at": { "$lte": 9 } };
        assert_eq!(order("at").filter(bounded), filter);
    }
}
