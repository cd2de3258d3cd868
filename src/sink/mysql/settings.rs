//! What a MySQL sink needs for one table.

use std::time::Duration;

use crate::{
    model::{Kind, TableIndex},
    sink::{CreateTable, PROGRESS_TABLE, RowRules, Texts, sql::target::TableSettings},
};

/// What a MySQL sink needs for one table.
#[derive(Debug, Clone)]
pub struct MysqlSinkSettings {
    /// The table, or `database.table` where it is not in the connection's database; see
    /// `TableName`.
    pub table: String,
    /// The columns that identify a row: the primary key (also where this is `None`) or those of
    /// a unique index.
    pub key: Option<Vec<String>>,
    /// Fields of the messages that are left out.
    pub drop: Vec<String>,
    /// How rows that are there already are treated.
    pub rules: RowRules,
    /// How long a session that writes may be silent before the server undoes its transaction:
    /// less than the consumer session's time-out, so that a writer that stands still holds
    /// nothing when its partitions go to another.
    pub silence: Duration,
    /// The fields of the records, where they are known and not given otherwise.
    pub fields: Option<Vec<(String, Kind)>>,
    /// The source's indexes.
    pub indexes: Vec<TableIndex>,
    /// Whether a missing table is made.
    pub create: CreateTable,
    /// What texts stand for in columns of bytes and of JSON.
    pub texts: Texts,
    /// The table that keeps the progress, in the target's database.
    pub progress_table: String,
}

impl MysqlSinkSettings {
    /// The usual settings for `table`.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            key: None,
            drop: Vec::new(),
            rules: RowRules::default(),
            silence: Duration::from_secs(22),
            fields: None,
            indexes: Vec::new(),
            create: CreateTable::WhenMissing,
            texts: Texts::default(),
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
