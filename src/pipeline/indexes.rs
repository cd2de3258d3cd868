//! Source indexes behind the steps: fields under their new names, and which are no longer known.

use super::StepSettings;
use crate::model::TableIndex;

/// What a step does to a field that an index has.
enum Became<'s> {
    Same,
    Named(&'s str),
    Gone,
    Changed,
}

/// The indexes of records behind `steps`. One that cannot be there any more says so in `beyond`; of a
/// field that a step changes nobody knows how long its values are, nor whether they are unique.
pub fn indexes_behind<'s>(
    steps: impl IntoIterator<Item = &'s StepSettings>,
    mut indexes: Vec<TableIndex>,
) -> Vec<TableIndex> {
    for step in steps {
        indexes.iter_mut().for_each(|it| behind(step, it));
    }
    indexes
}

fn behind(step: &StepSettings, index: &mut TableIndex) {
    let mut beyond = None;
    for part in &mut index.parts {
        match became(step, &part.field) {
            Became::Same => (),
            Became::Named(name) => part.field = name.to_owned(),
            Became::Gone => beyond = Some(format!("a step leaves out `{}`", part.field)),
            Became::Changed => {
                part.width = None;
                if index.is_unique {
                    beyond = Some(format!(
                        "it is unique, and a step may change `{}`",
                        part.field
                    ));
                }
            }
        }
    }
    index.beyond = index.beyond.take().or(beyond);
}

fn became<'s>(step: &'s StepSettings, field: &str) -> Became<'s> {
    let is_named = |names: &[String]| names.iter().any(|it| it == field);
    let changed = |is: bool| if is { Became::Changed } else { Became::Same };
    match step {
        StepSettings::Rename(pairs) => match pairs.iter().find(|(before, _)| before == field) {
            Some((_, after)) => Became::Named(after),
            None => Became::Same,
        },
        StepSettings::Keep(names) if !is_named(names) => Became::Gone,
        StepSettings::Drop(names) if is_named(names) => Became::Gone,
        StepSettings::Keep(_) | StepSettings::Drop(_) => Became::Same,
        // What is left out leaves the others as they were.
        StepSettings::Filter(..) | StepSettings::Branch(_) | StepSettings::Deduplicate(_) => {
            Became::Same
        }
        StepSettings::Trim(names)
        | StepSettings::Replace(names, ..)
        | StepSettings::Mask(names, _) => changed(is_named(names)),
        StepSettings::Cast(pairs) => changed(pairs.iter().any(|(name, _)| name == field)),
        StepSettings::Default(pairs) => changed(pairs.iter().any(|(name, _)| name == field)),
        StepSettings::Set(pairs) => changed(pairs.iter().any(|(name, _)| name == field)),
        StepSettings::Date(_)
        | StepSettings::Hash(_)
        | StepSettings::Map(_)
        | StepSettings::Lookup(_)
        | StepSettings::Flatten(..)
        | StepSettings::Unflatten(_)
        | StepSettings::Explode(_) => Became::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IndexPart;

    fn index(is_unique: bool) -> TableIndex {
        TableIndex {
            name: "i".to_owned(),
            is_primary: false,
            is_unique,
            is_hidden: false,
            parts: vec![IndexPart {
                field: "a".to_owned(),
                prefix: None,
                width: Some(9),
                is_descending: false,
                may_be_null: true,
                collation: None,
            }],
            beyond: None,
        }
    }

    fn one(step: StepSettings, is_unique: bool) -> TableIndex {
        indexes_behind([&step], vec![index(is_unique)]).remove(0)
    }

    #[test]
    fn an_index_has_the_new_name_of_its_field() {
        let renamed = one(
            StepSettings::Rename(vec![("a".to_owned(), "b".to_owned())]),
            true,
        );
        assert_eq!((renamed.fields().as_str(), renamed.beyond), ("b", None));
    }

    #[test]
    fn a_field_that_is_left_out_has_no_index() {
        let dropped = one(StepSettings::Drop(vec!["a".to_owned()]), false);
        assert_eq!(dropped.beyond.as_deref(), Some("a step leaves out `a`"));
    }

    #[test]
    fn values_that_a_step_changes_need_not_be_unique_any_more() {
        let trimmed = |is_unique| one(StepSettings::Trim(vec!["a".to_owned()]), is_unique);
        assert!(trimmed(true).beyond.is_some());
        assert_eq!(
            (trimmed(false).beyond, trimmed(false).parts[0].width),
            (None, None)
        );
    }
}
