//! What a sink is opened with: its settings, and step by step what they alone do not say.

use std::sync::Arc;

use super::{declared, sink::texts};
use crate::{
    model::{Kind, Schema, TableIndex},
    pipeline,
    settings::{IntoTable, JsonOptions, WriteInto},
    sink::Texts,
};

/// The tables of a sink that is to be opened.
#[derive(Clone)]
pub(in crate::app) struct TargetSpec<'i> {
    pub(super) into: &'i WriteInto,
    pub(super) tables: Vec<TableSpec<'i>>,
}

/// One of them.
#[derive(Clone)]
pub(super) struct TableSpec<'i> {
    pub(super) table: &'i IntoTable,
    pub(super) key: Option<Vec<String>>,
    pub(super) fields: Option<Vec<(String, Kind)>>,
    pub(super) indexes: Vec<TableIndex>,
    pub(super) texts: Texts,
    /// Fields that a document loses where its record does not have them.
    pub(super) loses: Vec<String>,
}

impl<'i> TargetSpec<'i> {
    /// As the settings say.
    pub(in crate::app) fn new(into: &'i WriteInto) -> Self {
        let tables = into.tables.iter().map(|table| TableSpec {
            table,
            key: declared(&table.key),
            fields: None,
            indexes: Vec::new(),
            texts: texts(table, None),
            loses: Vec::new(),
        });
        Self {
            into,
            tables: tables.collect(),
        }
    }

    /// Its records were messages of this format.
    pub(super) fn of_messages(mut self, json: JsonOptions) -> Self {
        for it in &mut self.tables {
            it.texts = texts(it.table, Some(json));
        }
        self
    }

    /// Where the settings declare no key, it is this one.
    pub(in crate::app) fn keyed_by_default(mut self, key: Option<&[String]>) -> Self {
        for it in &mut self.tables {
            it.key = declared(&it.table.key).or_else(|| key.map(<[_]>::to_vec));
        }
        self
    }

    /// The `_id` of its documents is made of `key`, whatever the settings declare, and those of
    /// `fields` go that a record does not have.
    pub(in crate::app) fn of_documents(
        mut self,
        key: Option<&[String]>,
        fields: &[String],
    ) -> Self {
        for it in &mut self.tables {
            it.key = key.map(<[_]>::to_vec);
            it.loses = fields.to_vec();
            it.texts = Texts::default();
        }
        self
    }

    /// The records of each table have these fields, where they are known.
    pub(in crate::app) fn with_fields(
        mut self,
        fields: impl IntoIterator<Item = Option<Vec<(String, Kind)>>>,
    ) -> Self {
        for (it, fields) in self.tables.iter_mut().zip(fields) {
            it.fields = fields;
        }
        self
    }

    /// The records of each table are of one of these shapes.
    pub(in crate::app) fn with_shapes(self, shapes: &[Arc<Schema>]) -> Self {
        self.with_fields(shapes.iter().map(|it| pipeline::named(it)))
    }

    /// A table may have these indexes besides.
    pub(in crate::app) fn with_indexes(mut self, indexes: &[TableIndex]) -> Self {
        for it in &mut self.tables {
            it.indexes = indexes.to_vec();
        }
        self
    }

    /// The fields that a sink of one table meets; one of several knows those of each by itself.
    pub(in crate::app) fn fields(&self) -> Option<&[(String, Kind)]> {
        match &self.tables[..] {
            [only] => only.fields.as_deref(),
            _ => None,
        }
    }
}
