//! What is written: settings to sinks.

use std::sync::Arc;

use super::{
    open::{Open, declared},
    open_codec::known_key,
};
use crate::{
    connect::sqlite::Absent,
    flow::FlowError,
    settings::{self, BinaryText, Chosen, Connection, JsonOptions, WriteInto},
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
        let key = declared(&into.key).or_else(|| known_key(chosen.data_type.format));
        let texts = texts(into, Some(chosen.data_type.json));
        self.sink_of(into, key, texts).await
    }

    /// Where the records of a task are written; `key` is how a table is made where the settings name
    /// none.
    pub(super) async fn sink_by(
        &self,
        into: &WriteInto,
        key: Option<Vec<String>>,
    ) -> Result<Arc<dyn Sink>, FlowError> {
        let key = declared(&into.key).or(key);
        self.sink_of(into, key, texts(into, None)).await
    }

    async fn sink_of(
        &self,
        into: &WriteInto,
        key: Option<Vec<String>>,
        texts: Texts,
    ) -> Result<Arc<dyn Sink>, FlowError> {
        let (name, drop) = (&into.connection, into.drop.clone());
        let create = match into.create_table {
            true => CreateTable::WhenMissing,
            false => CreateTable::Never,
        };
        Ok(match self.connection(name)? {
            Connection::Sqlite { .. } => {
                let sqlite = self.sqlite(name, Absent::Create).await?;
                let settings = SqliteSinkSettings {
                    key,
                    drop,
                    rules: row_rules(into),
                    create,
                    ..SqliteSinkSettings::new(&into.table)
                };
                Arc::new(SqliteSink::open(sqlite, settings)?)
            }
            _ => {
                let mysql = self.mysql(name).await?;
                let settings = MysqlSinkSettings {
                    key,
                    drop,
                    rules: row_rules(into),
                    silence: into.session_timeout / 2,
                    create,
                    texts,
                    ..MysqlSinkSettings::new(&into.table)
                };
                Arc::new(MysqlSink::open(mysql, settings)?)
            }
        })
    }
}

/// What texts stand for; of records that were messages, by how those were written.
fn texts(into: &WriteInto, json: Option<JsonOptions>) -> Texts {
    Texts {
        epoch: match json.map(|it| it.instants) {
            None | Some(settings::Instants::Text) => None,
            Some(settings::Instants::EpochMillis) => Some(1_000),
            Some(settings::Instants::EpochMicros) => Some(1_000_000),
        },
        bytes: match into.binary {
            BinaryText::Plain => BytesText::Plain,
            BinaryText::Base64 => BytesText::Base64,
            BinaryText::Hex => BytesText::Hex,
        },
        json: match into.json_text {
            settings::JsonText::Document => JsonText::Document,
            settings::JsonText::Value => JsonText::Value,
        },
    }
}

fn row_rules(into: &WriteInto) -> RowRules {
    RowRules {
        on_known: match into.on_known {
            settings::OnKnown::Update => OnKnown::Update,
            settings::OnKnown::Ignore => OnKnown::Ignore,
        },
        version: into.version.clone(),
        on_delete: match into.on_delete {
            settings::OnDelete::Delete => OnDelete::Delete,
            settings::OnDelete::Ignore => OnDelete::Ignore,
            settings::OnDelete::Refuse => OnDelete::Refuse,
        },
    }
}
