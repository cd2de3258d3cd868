//! One of the tables that a SQL sink writes: what the settings say of it, and what was learned.

use std::sync::{Arc, PoisonError, RwLock, atomic::AtomicBool};

use super::{
    create::{CreateTable, designed},
    failure::beside_records,
    session::SqlSession,
    statements::{Dialect, Statements},
    table::{Column, Index, Table},
    write::SqlWriter,
};
use crate::{
    model::{Finding, Kind, Severity, TableIndex},
    sink::{SinkError, rules::RowRules},
};

/// What the settings say of one table, whatever the database.
#[derive(Debug)]
pub(in crate::sink) struct TableSettings {
    pub(in crate::sink) table: String,
    pub(in crate::sink) key: Option<Vec<String>>,
    pub(in crate::sink) drop: Vec<String>,
    pub(in crate::sink) rules: RowRules,
    pub(in crate::sink) fields: Option<Vec<(String, Kind)>>,
    pub(in crate::sink) indexes: Vec<TableIndex>,
    pub(in crate::sink) create: CreateTable,
}

/// A table, and what is known of it.
#[derive(Debug)]
pub(in crate::sink) struct SqlTarget {
    /// The connection and the table, for messages.
    pub(in crate::sink) name: String,
    pub(in crate::sink) settings: TableSettings,
    /// As it stands in statements.
    pub(in crate::sink) quoted: String,
    statements: Statements,
    known: RwLock<Option<Arc<Table>>>,
}

impl SqlTarget {
    /// The table that the settings name; nothing is known of it yet.
    pub(in crate::sink) fn new(
        name: String,
        settings: TableSettings,
        quoted: String,
        dialect: Dialect,
    ) -> Self {
        Self {
            name,
            settings,
            quoted,
            statements: Statements::new(dialect),
            known: RwLock::default(),
        }
    }

    /// The columns of its declared key.
    pub(in crate::sink) fn key(&self) -> &[String] {
        self.settings.key.as_deref().unwrap_or_default()
    }

    /// The fields of its records, where they are known: its own, else `given`.
    fn fields<'f>(&'f self, given: Option<&'f [(String, Kind)]>) -> Option<&'f [(String, Kind)]> {
        self.settings.fields.as_deref().or(given)
    }

    /// The columns that a missing table is made of: name, type, whether in the key. `column_type` is
    /// asked for the type.
    pub(in crate::sink) fn columns<'f>(
        &'f self,
        fields: Option<&'f [(String, Kind)]>,
        column_type: impl Fn(&str, Kind, bool) -> Option<String>,
    ) -> Result<Vec<(&'f str, String, bool)>, SinkError> {
        let (table, key) = (self.settings.table.as_str(), self.settings.key.as_deref());
        let fields = self.settings.create.fields(table, self.fields(fields));
        fields
            .and_then(|fields| designed((table, key), fields, &self.settings.drop, column_type))
            .map_err(|advice| self.incompatible(advice))
    }

    /// The table to write, out of what the server says of it.
    pub(in crate::sink) fn understand(
        &self,
        columns: Vec<Column>,
        indexes: Vec<Index>,
    ) -> Result<Table, SinkError> {
        let names = (self.settings.table.clone(), self.quoted.clone());
        Table::new(names, columns, indexes, self.settings.key.as_deref())
            .and_then(|it| it.ruled(&self.settings.rules))
            .map_err(|advice| self.incompatible(advice))
    }

    /// The table, where it was looked up before.
    pub(in crate::sink) fn known(&self) -> Option<Arc<Table>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Keeps the table as it was looked up now.
    pub(in crate::sink) fn remember(&self, table: Table) -> Arc<Table> {
        let table = Arc::new(table);
        self.statements.forget();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(table.clone());
        table
    }

    /// Whether records of these fields can be written.
    pub(in crate::sink) fn fit(
        &self,
        table: &Table,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<(), SinkError> {
        match self.fitting(table, fields) {
            Some(Err(advice)) => Err(self.incompatible(advice)),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Whether each field has its column, and what is left out.
    pub(in crate::sink) fn column_findings(
        &self,
        table: &Table,
        fields: Option<&[(String, Kind)]>,
    ) -> Vec<Finding> {
        let name = &table.name;
        let (severity, text) = match self.fitting(table, fields) {
            Some(Err(advice)) => (Severity::Problem, advice),
            Some(Ok(())) => (
                Severity::Good,
                format!("table {name} has a column for every field"),
            ),
            None => (
                Severity::Note,
                format!(
                    "the messages' fields are not known before the first one: each needs a column in table {name}"
                ),
            ),
        };
        let fitting = Finding { severity, text };
        [fitting]
            .into_iter()
            .chain(table.computed_finding())
            .collect()
    }

    /// `None` where the fields are not known.
    fn fitting(
        &self,
        table: &Table,
        fields: Option<&[(String, Kind)]>,
    ) -> Option<Result<(), String>> {
        let names = self.fields(fields)?.iter().map(|(name, _)| name.as_str());
        Some(table.fit(names, &self.settings.drop))
    }

    /// What writes its records in one transaction.
    pub(in crate::sink) fn writer<'w, S: SqlSession>(
        &'w self,
        table: &'w Table,
        (limits, is_fresh): (S::Limits, Option<&'w AtomicBool>),
        by_name: bool,
    ) -> SqlWriter<'w, S> {
        SqlWriter {
            table,
            statements: &self.statements,
            is_fresh,
            drop: &self.settings.drop,
            limits,
            by_name,
        }
    }

    pub(in crate::sink) fn incompatible(&self, advice: String) -> SinkError {
        SinkError::Incompatible {
            name: self.name.clone(),
            advice,
        }
    }

    /// What the server said, where no record was written.
    pub(in crate::sink) fn failed(&self, error: sqlx::Error) -> SinkError {
        beside_records(&self.name, error)
    }
}
