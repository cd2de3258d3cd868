//! What a SQLite sink needs for one table.

use crate::{
    model::{Kind, TableIndex},
    sink::{CreateTable, PROGRESS_TABLE, RowRules, sql::target::TableSettings},
};

/// What a SQLite sink needs for one table.
#[derive(Debug, Clone)]
pub struct SqliteSinkSettings {
    /// The table.
    pub table: String,
    /// The columns that identify a row: the primary key (also where this is `None`) or those of
    /// a unique index.
    pub key: Option<Vec<String>>,
    /// Fields of the messages that are left out.
    pub drop: Vec<String>,
    /// How rows that are there already are treated.
    pub rules: RowRules,
    /// The fields of the records, where they are known and not given otherwise.
    pub fields: Option<Vec<(String, Kind)>>,
    /// The source's indexes.
    pub indexes: Vec<TableIndex>,
    /// Whether a missing table is made.
    pub create: CreateTable,
    /// The table that keeps the progress, in the same file.
    pub progress_table: String,
}

impl SqliteSinkSettings {
    /// The usual settings for `table`.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            key: None,
            drop: Vec::new(),
            rules: RowRules::default(),
            fields: None,
            indexes: Vec::new(),
            create: CreateTable::WhenMissing,
            progress_table: PROGRESS_TABLE.to_owned(),
        }
    }

    /// What is said of the table alone.
    pub(in crate::sink) fn of_table(self) -> TableSettings {
        TableSettings {
            table: self.table,
            key: self.key,
            drop: self.drop,
            rules: self.rules,
            fields: self.fields,
            indexes: self.indexes,
            create: self.create,
        }
    }
}
