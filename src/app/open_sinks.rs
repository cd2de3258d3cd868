//! Where a data type is written: a sink for its tables, and the ways to them.

use std::sync::Arc;

use super::open::{Open, declared};
use crate::{
    connect::sqlite::Absent,
    flow::FlowError,
    model::Kind,
    pipeline::{Deletions, Replaces, RouteBy, Routes, StepSettings, TableRoute},
    settings::{
        self, BinaryText, Chosen, Connection, Format, IntoTable, JsonOptions, Route, WriteInto,
    },
    sink::{
        BytesText, CreateTable, JsonText, OnDelete, OnKnown, RowRules, Sink, Texts,
        mysql::{MysqlSink, MysqlSinkSettings},
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
};

impl Open {
    /// Where a data type is written.
    pub(super) async fn sink(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Arc<dyn Sink>, FlowError> {
        let mut tables = Vec::with_capacity(into.tables.len());
        for it in &into.tables {
            // Those of an only table are told by the way of all sinks.
            let fields = match into.tables.len() {
                1 => None,
                _ => self.fields_of(chosen, into, it).await?,
            };
            tables.push((it, key(chosen, into, it), fields));
        }
        let name = &into.connection;
        Ok(match self.connection(name)? {
            Connection::Sqlite { .. } => {
                let sqlite = self.sqlite(name, Absent::Create).await?;
                let tables = tables
                    .into_iter()
                    .map(|(it, key, fields)| SqliteSinkSettings {
                        key,
                        fields,
                        drop: it.drop.clone(),
                        rules: row_rules(it),
                        create: create(it),
                        ..SqliteSinkSettings::new(&it.table)
                    });
                Arc::new(SqliteSink::of_tables(sqlite, tables.collect())?)
            }
            _ => {
                let mysql = self.mysql(name).await?;
                let tables = tables
                    .into_iter()
                    .map(|(it, key, fields)| MysqlSinkSettings {
                        key,
                        fields,
                        drop: it.drop.clone(),
                        rules: row_rules(it),
                        silence: into.session_timeout / 2,
                        create: create(it),
                        texts: texts(it, chosen.data_type.json),
                        ..MysqlSinkSettings::new(&it.table)
                    });
                Arc::new(MysqlSink::of_tables(mysql, tables.collect())?)
            }
        })
    }

    /// Which tables the records of a sink are for, and what happens to them on the way there.
    pub(super) async fn routes(&self, into: &WriteInto) -> Result<Routes, FlowError> {
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
    pub(super) async fn fields(
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

fn key(chosen: &Chosen<'_>, into: &WriteInto, it: &IntoTable) -> Option<Vec<String>> {
    let known = || match into.tables.len() {
        1 => known_key(chosen.data_type.format),
        _ => None,
    };
    declared(&it.key).or_else(known)
}

/// The field that identifies a row, where the format itself says so.
fn known_key(format: Format) -> Option<Vec<String>> {
    match format {
        Format::InformationJson | Format::InformationProtobuf => Some(vec!["uid".into()]),
        Format::Json | Format::Protobuf => None,
    }
}

fn create(it: &IntoTable) -> CreateTable {
    match it.create_table {
        true => CreateTable::WhenMissing,
        false => CreateTable::Never,
    }
}

fn texts(it: &IntoTable, json: JsonOptions) -> Texts {
    Texts {
        epoch: match json.instants {
            settings::Instants::Text => None,
            settings::Instants::EpochMillis => Some(1_000),
            settings::Instants::EpochMicros => Some(1_000_000),
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
        version: it.version.clone(),
        on_delete: match it.on_delete {
            settings::OnDelete::Delete => OnDelete::Delete,
            settings::OnDelete::Ignore => OnDelete::Ignore,
            settings::OnDelete::Refuse => OnDelete::Refuse,
        },
        replace_by: it.replace_by.clone(),
    }
}
