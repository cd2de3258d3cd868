//! Which index the pages of a table go by, told to the server; and which would be wanted.

use super::columns::{By, Learned};
use crate::{
    connect::{identifier::backticked, mysql::Flavor},
    source::scan::table::{Index, Table},
};

/// With the indexes that keep its orders. Left to themselves, MySQL and MariaDB read and sort the
/// whole table for a page that is a large part of it, and again for the next page (seen on 12,000
/// rows and pages of 10,000). `None` where there is no such index.
pub(super) fn by_index(table: &Table, indexes: &[Index], by: &By) -> Option<String> {
    let key = table.schema.key();
    let of_key = indexes.iter().find(|it| it.serves(key, key))?;
    let mut names = vec![
        backticked(serving(table, indexes, by)?).ok()?,
        backticked(&of_key.name).ok()?,
    ];
    names.dedup();
    Some(format!(
        "{} FORCE INDEX ({})",
        table.select,
        names.join(", ")
    ))
}

/// The index that keeps the incremental order.
pub(super) fn serving<'i>(table: &Table, indexes: &'i [Index], by: &'i By) -> Option<&'i str> {
    let key = table.schema.key();
    let mut order: Vec<String> = table.incremental.iter().map(|it| it.name.clone()).collect();
    match by {
        By::Sort => return None,
        // The rest of the order is behind the expression.
        By::Index(index) => {
            return index
                .serves(order.get(1..)?, key)
                .then_some(index.name.as_str());
        }
        By::Generated(column) => column.clone_into(order.first_mut()?),
        By::Column => {}
    }
    let found = indexes.iter().find(|it| it.serves(&order, key));
    found.map(|it| it.name.as_str())
}

/// What would make the missing index.
pub(super) fn remedy(learned: &Learned, (flavor, version): (Flavor, &str)) -> String {
    let table = &learned.table;
    let (quoted_table, of) = (&learned.quoted_table, table.incremental.first());
    let rest = table.incremental.iter().skip(1).map(|it| it.quoted.clone());
    let expression = of.map_or("", |it| it.quoted.as_str());
    match (&learned.by, indexes_expressions(flavor, version)) {
        (By::Column | By::Generated(_), _) => table.create_index(quoted_table),
        (By::Sort | By::Index(_), true) => {
            let parts: Vec<String> = std::iter::once(format!("({expression})"))
                .chain(rest)
                .collect();
            let parts = parts.join(", ");
            format!("CREATE INDEX highwater_order ON {quoted_table} ({parts})")
        }
        (By::Sort | By::Index(_), false) => format!(
            "make a generated column that is {expression}, and an index on it and the key (it is a \
             column like any other, which comes along)"
        ),
    }
}

/// Whether the server has indexes over expressions: MySQL from 8.0.13 on.
pub(super) fn indexes_expressions(flavor: Flavor, version: &str) -> bool {
    let number = |it: &str| -> u32 {
        let digits: String = it.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    let mut parts = version.split('.').map(number);
    let mut next = || parts.next().unwrap_or(0);
    flavor == Flavor::Mysql && (next(), next(), next()) >= (8, 0, 13)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_indexed_from_a_version_on() {
        for (version, expected) in [
            ("8.0.12", false),
            ("8.0.13", true),
            ("8.4.3-log", true),
            ("9.1.0", true),
            ("5.7.44-log", false),
        ] {
            let found = indexes_expressions(Flavor::Mysql, version);
            assert_eq!(found, expected, "{version}");
        }
        assert!(!indexes_expressions(Flavor::Mariadb, "11.8.2-MariaDB"));
    }
}
