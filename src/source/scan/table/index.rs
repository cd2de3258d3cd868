//! The indexes of a table, and the columns that identify its rows.

/// An index with its columns in order; what is no whole column ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Index {
    pub name: String,
    pub is_unique: bool,
    pub is_primary: bool,
    pub columns: Vec<String>,
    /// Behind those columns it goes on with what is no whole column.
    pub is_cut: bool,
}

impl Index {
    /// From (name, unique, column) in order; no column stands for an expression or a part of one.
    pub fn gather(parts: impl IntoIterator<Item = (String, bool, Option<String>)>) -> Vec<Self> {
        let mut indexes: Vec<Self> = Vec::new();
        for (name, is_unique, column) in parts {
            if indexes.last().is_none_or(|it| it.name != name) {
                indexes.push(Self {
                    is_primary: name == "PRIMARY",
                    name,
                    is_unique,
                    columns: Vec::new(),
                    is_cut: false,
                });
            }
            if let Some(index) = indexes.last_mut() {
                index.is_cut |= column.is_none();
                match column {
                    Some(column) if !index.is_cut => index.columns.push(column),
                    // Unique only by what is not seen here.
                    _ => index.is_unique = false,
                }
            }
        }
        indexes
    }

    /// Whether it keeps the order of these columns; a secondary one is followed by the `key`.
    pub fn serves(&self, ordering: &[String], key: &[String]) -> bool {
        let followed = key
            .iter()
            .filter(|it| !self.is_cut && !self.columns.contains(it));
        let followed: Vec<&String> = self.columns.iter().chain(followed).collect();
        followed.len() >= ordering.len() && ordering.iter().zip(followed).all(|(it, by)| it == by)
    }
}

/// The places among `columns` of those that identify a row: the `declared` ones, else the primary
/// key's.
///
/// # Errors
/// What is wrong, for a person.
pub(in crate::source) fn key(
    columns: &[&str],
    indexes: &[Index],
    declared: Option<&[String]>,
) -> Result<Vec<usize>, String> {
    let primary = indexes.iter().find(|it| it.is_primary);
    let Some(names) = declared.or(primary.map(|it| it.columns.as_slice())) else {
        return Err(
            "it has no primary key: name the columns of a unique index as `key`".to_owned(),
        );
    };
    let found = names.iter().map(|it| column_index(columns, it, "key"));
    let key: Vec<usize> = found.collect::<Result<_, _>>()?;
    // Rows that are equal in all ordering columns would be skipped at a page's end.
    let is_in_key = |column: &String| key.iter().any(|it| columns[*it] == column);
    let is_unique = |it: &Index| it.is_unique && it.columns.iter().all(is_in_key);
    if indexes.iter().any(is_unique) {
        Ok(key)
    } else {
        let names = names.join(", ");
        Err(format!(
            "`key` ({names}) is not unique: make a unique index of it"
        ))
    }
}

/// The place among `columns` of the one called `name`, as the setting `setting` does.
///
/// # Errors
/// That there is none, for a person.
pub(in crate::source) fn column_index(
    columns: &[&str],
    name: &str,
    setting: &str,
) -> Result<usize, String> {
    let found = columns.iter().position(|it| it.eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("there is no column `{name}`, which is named as `{setting}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, column: Option<&str>) -> (String, bool, Option<String>) {
        (name.to_owned(), true, column.map(str::to_owned))
    }

    #[test]
    fn an_index_over_part_of_a_text_makes_no_key() {
        let found = Index::gather([
            part("a", Some("x")),
            part("a", None),
            part("a", Some("y")),
            part("b", Some("z")),
        ]);
        let seen = found.iter().map(|it| (it.is_unique, it.columns.join(",")));
        assert!(seen.eq([(false, "x".to_owned()), (true, "z".to_owned())]));
    }

    #[test]
    fn an_index_on_the_incremental_field_is_followed_by_the_key() {
        let of = |index: &[Option<&str>], ordering: &[&str], key: &[&str]| {
            let list = |it: &[&str]| it.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let found = Index::gather(index.iter().map(|it| part("a", *it)));
            found[0].serves(&list(ordering), &list(key))
        };
        assert!(of(&[Some("u")], &["u", "id"], &["id"]));
        assert!(of(&[Some("u"), Some("id")], &["u", "id"], &["id"]));
        assert!(of(&[Some("id")], &["id"], &["id"]));
        assert!(!of(&[Some("u"), Some("other")], &["u", "id"], &["id"]));
        assert!(!of(&[Some("id")], &["u", "id"], &["id"]));
        // Part of a text stands between the field and the key.
        assert!(!of(&[Some("u"), None], &["u", "id"], &["id"]));
        assert!(of(&[Some("u"), None], &["u"], &["id"]));
    }

    #[test]
    fn a_key_must_tell_rows_apart() {
        let of = |parts: &[&str], declared: Option<&[&str]>| {
            let indexes = Index::gather(parts.iter().map(|it| {
                let (name, column) = it.split_once(' ').expect("an index and its column");
                part(name, Some(column))
            }));
            let declared: Option<Vec<String>> =
                declared.map(|it| it.iter().map(|name| (*name).to_owned()).collect());
            key(&["id", "a", "b"], &indexes, declared.as_deref())
        };
        assert_eq!(of(&["PRIMARY id"], None), Ok(vec![0]));
        assert_eq!(of(&["PRIMARY id"], Some(&["ID", "a"])), Ok(vec![0, 1]));
        assert_eq!(of(&["PRIMARY id", "u b"], Some(&["b"])), Ok(vec![2]));
        assert!(of(&["u a"], None).is_err_and(|it| it.contains("no primary key")));
        assert!(of(&["PRIMARY id"], Some(&["a"])).is_err_and(|it| it.contains("not unique")));
        assert!(of(&["PRIMARY id"], Some(&["c"])).is_err_and(|it| it.contains("no column `c`")));
    }
}
