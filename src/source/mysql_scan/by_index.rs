//! Which index the pages of a table go by, told to the server.

use super::check::serves;
use crate::{
    connect::identifier::backticked,
    source::keyset::{Index, KeyColumn, Table},
};

/// With the indexes that keep its orders. Left to themselves, MySQL and MariaDB read and sort the
/// whole table for a page that is a large part of it, and again for the next page (seen on 12,000
/// rows and pages of 10,000). `None` where there is no such index.
pub(super) fn by_index(table: &Table, indexes: &[Index]) -> Option<String> {
    let key = table.schema.key();
    let serving = |by: &[KeyColumn]| {
        let order: Vec<String> = by.iter().map(|it| it.name.clone()).collect();
        let mut found = indexes.iter();
        found.find(|it| serves(&it.columns, &order, key))
    };
    let mut names = vec![
        backticked(&serving(&table.incremental)?.name).ok()?,
        backticked(&serving(&table.key)?.name).ok()?,
    ];
    names.dedup();
    Some(format!(
        "{} FORCE INDEX ({})",
        table.select,
        names.join(", ")
    ))
}
