//! What is written: settings to sinks, and the ways to their tables.

use std::sync::Arc;

use super::{Open, codec::known_key, no_role, target_spec::TargetSpec};
use crate::{
    connect::sqlite::Absent,
    flow::FlowError,
    model::{Kind, Role, System},
    pipeline::{Deletions, Replaces, RouteBy, Routes, StepSettings, TableRoute},
    settings::{self, BinaryText, Chosen, IntoTable, JsonOptions, Route, WriteInto},
    sink::{
        BytesText, CreateTable, JsonText, KeyMatch, OnDelete, OnKnown, RowRules, Sink, Texts,
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
};

#[cfg(feature = "mongodb")]
use crate::sink::mongodb::{MongodbSink, MongodbSinkSettings};
#[cfg(feature = "mysql")]
use crate::sink::mysql::{MysqlSink, MysqlSinkSettings};

impl Open {
    /// Where a data type is written.
    pub(in crate::app) async fn sink(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Arc<dyn Sink>, FlowError> {
        let is_only = into.tables.len() == 1;
        let known = known_key(chosen.data_type.format).filter(|_| is_only);
        let mut spec = TargetSpec::new(into)
            .of_messages(chosen.data_type.json)
            .keyed_by_default(known.as_deref());
        // Those of an only table are told by the way of all sinks.
        if !is_only {
            let mut fields = Vec::with_capacity(into.tables.len());
            for table in &into.tables {
                fields.push(self.fields_of(chosen, into, table).await?);
            }
            spec = spec.with_fields(fields);
        }
        self.target(&spec).await
    }

    /// Whether the target keeps documents: they have the source's key, whether the collection is
    /// there or not.
    pub(in crate::app) fn keeps_documents(&self, into: &WriteInto) -> Result<bool, FlowError> {
        Ok(self.system(&into.connection)?.keeps_documents())
    }

    /// The sink of these tables. Nothing is asked of its server yet.
    pub(in crate::app) async fn target(
        &self,
        spec: &TargetSpec<'_>,
    ) -> Result<Arc<dyn Sink>, FlowError> {
        let TargetSpec { into, tables } = spec.clone();
        let name = &into.connection;
        Ok(match self.system(name)? {
            System::Sqlite => {
                let sqlite = self.sqlite(name, Absent::Create).await?;
                let tables = tables.into_iter().map(|it| SqliteSinkSettings {
                    key: it.key,
                    fields: it.fields,
                    indexes: it.indexes,
                    drop: it.table.drop.clone(),
                    rules: row_rules(it.table),
                    create: create(it.table),
                    ..SqliteSinkSettings::new(&it.table.table)
                });
                Arc::new(SqliteSink::of_tables(sqlite, tables.collect())?)
            }
            #[cfg(not(feature = "mongodb"))]
            system @ System::Mongodb => return Err(super::not_built(name, system)),
            #[cfg(feature = "mongodb")]
            System::Mongodb => {
                let mongodb = self.mongodb(name).await?;
                // Settings with a list of them are refused.
                let only = tables.into_iter().next();
                let it = only.ok_or_else(|| FlowError::NoTable(name.clone()))?;
                let settings = MongodbSinkSettings {
                    key: it.key,
                    indexes: it.indexes,
                    drop: it.table.drop.clone(),
                    loses: it.loses,
                    rules: row_rules(it.table),
                    ..MongodbSinkSettings::new(&it.table.table)
                };
                Arc::new(MongodbSink::open(mongodb, settings)?)
            }
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                return Err(super::not_built(name, system));
            }
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => {
                let mysql = self.mysql(name).await?;
                let tables = tables.into_iter().map(|it| MysqlSinkSettings {
                    key: it.key,
                    fields: it.fields,
                    indexes: it.indexes,
                    drop: it.table.drop.clone(),
                    rules: row_rules(it.table),
                    silence: into.session_timeout / 2,
                    create: create(it.table),
                    texts: it.texts,
                    ..MysqlSinkSettings::new(&it.table.table)
                });
                Arc::new(MysqlSink::of_tables(mysql, tables.collect())?)
            }
            system @ (System::Kafka | System::Embedded) => {
                return Err(no_role(name, system, Role::Sink));
            }
        })
    }

    /// Which tables the records of a sink are for, and what happens to them on the way there.
    pub(in crate::app) async fn routes(&self, into: &WriteInto) -> Result<Routes, FlowError> {
        let mut tables = Vec::with_capacity(into.tables.len());
        for it in &into.tables {
            tables.push(TableRoute {
                table: it.table.clone(),
                when: it.when.clone(),
                steps: self.steps(&it.steps).await?,
                replaces: replaces(it),
            });
        }
        let by = into.route.as_ref().map(|it| match it {
            Route::Field(name) => RouteBy::Field(name.clone()),
            Route::Header(name) => RouteBy::Header(name.clone()),
            Route::Key => RouteBy::Key,
        });
        Ok(Routes::new(by, tables))
    }

    /// The fields that a sink of one table meets, where they are known before the first message;
    /// one of several tables has those of each from its settings.
    pub(in crate::app) async fn fields(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Option<Vec<(String, Kind)>>, FlowError> {
        match &into.tables[..] {
            [only] => self.fields_of(chosen, into, only).await,
            _ => Ok(None),
        }
    }
}

fn replaces(it: &IntoTable) -> Option<Replaces> {
    let in_front_of = it.steps.iter().position(StepSettings::changes_number);
    (!it.replace_by.is_empty()).then(|| Replaces {
        by: it.replace_by.clone(),
        in_front_of: in_front_of.unwrap_or(it.steps.len()),
        deletions: match it.on_delete {
            settings::OnDelete::Delete => Deletions::Follow,
            settings::OnDelete::Ignore => Deletions::Stay,
            settings::OnDelete::Refuse => Deletions::Refused,
        },
    })
}

fn create(it: &IntoTable) -> CreateTable {
    if it.create_table {
        CreateTable::WhenMissing
    } else {
        CreateTable::Never
    }
}

/// What texts stand for; of records that were messages, by how those were written.
pub(in crate::app) fn texts(it: &IntoTable, json: Option<JsonOptions>) -> Texts {
    Texts {
        epoch: match json.map(|it| it.instants) {
            None | Some(settings::Instants::Text) => None,
            Some(settings::Instants::EpochMillis) => Some(1_000),
            Some(settings::Instants::EpochMicros) => Some(1_000_000),
        },
        bytes: match it.binary {
            BinaryText::Plain => BytesText::Plain,
            BinaryText::Base64 => BytesText::Base64,
            BinaryText::Hex => BytesText::Hex,
        },
        json: match it.json_text {
            settings::JsonText::Document => JsonText::Document,
            settings::JsonText::Value => JsonText::Value,
        },
    }
}

fn row_rules(it: &IntoTable) -> RowRules {
    RowRules {
        on_known: match it.on_known {
            settings::OnKnown::Update => OnKnown::Update,
            settings::OnKnown::Ignore => OnKnown::Ignore,
        },
        key_match: match it.key_match {
            settings::KeyMatch::Auto => KeyMatch::Auto,
            settings::KeyMatch::Exact => KeyMatch::Exact,
            settings::KeyMatch::Collation => KeyMatch::Collation,
        },
        version: it.version.clone(),
        on_delete: match it.on_delete {
            settings::OnDelete::Delete => OnDelete::Delete,
            settings::OnDelete::Ignore => OnDelete::Ignore,
            settings::OnDelete::Refuse => OnDelete::Refuse,
        },
        replace_by: it.replace_by.clone(),
    }
}
