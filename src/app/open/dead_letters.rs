//! Opens the dead letters of a flow: a topic of its broker, or a table.

use super::{Open, no_role};
use crate::{
    app::output::report,
    broker::{
        BrokerError, OffsetRange, Publisher, Reader,
        dead_letters::{
            table::{DeadLetterTable, TablePublisher},
            table_reader::TableReader,
        },
    },
    connect::sqlite::Absent,
    flow::{DEAD_LETTER_HEADERS, FlowError},
    model::{Finding, Role, Severity, System},
    settings::{Chosen, DeadLettersTable, DeadLettersTo},
};

impl Open {
    /// A publisher of a data type's dead letters.
    pub(in crate::app) async fn dead_letters_publisher(
        &self,
        chosen: &Chosen<'_>,
        to: &DeadLettersTo,
    ) -> Result<Box<dyn Publisher>, FlowError> {
        match to {
            DeadLettersTo::Topic(topic) => self.publisher(chosen, topic).await,
            DeadLettersTo::Table(table) => self.dead_letters_into(table).await,
        }
    }

    /// A publisher into a table, which is made where it is missing.
    pub(in crate::app) async fn dead_letters_into(
        &self,
        table: &DeadLettersTable,
    ) -> Result<Box<dyn Publisher>, FlowError> {
        let table = self.dead_letters_table(table).await?;
        table.ensure().await?;
        Ok(Box::new(TablePublisher::new(table)))
    }

    /// What each partition of a data type's dead letters holds; none where nothing was set aside yet.
    pub(in crate::app) async fn dead_letter_offsets(
        &self,
        chosen: &Chosen<'_>,
        to: &DeadLettersTo,
    ) -> Result<Vec<OffsetRange>, FlowError> {
        match to {
            DeadLettersTo::Topic(topic) => match self.offset_ranges(&of_topic(chosen, topic)).await
            {
                Err(FlowError::Broker(BrokerError::NoTopic(_))) => Ok(Vec::new()),
                offset_ranges => {
                    Ok(offset_ranges?.map_or_else(Vec::new, |(_, offset_ranges)| offset_ranges))
                }
            },
            DeadLettersTo::Table(table) => {
                let Some(table) = self.existing_dead_letters(table).await? else {
                    return Ok(Vec::new());
                };
                Ok(table.offset_ranges().await?.into_iter().collect())
            }
        }
    }

    /// A reader of parts of a data type's dead letters.
    pub(in crate::app) async fn dead_letters_reader(
        &self,
        chosen: &Chosen<'_>,
        to: &DeadLettersTo,
        parts: Vec<OffsetRange>,
    ) -> Result<Box<dyn Reader>, FlowError> {
        match (to, &parts[..]) {
            (DeadLettersTo::Topic(topic), _) => self.reader(chosen, topic, parts).await,
            (DeadLettersTo::Table(table), [part]) => {
                let table = self.dead_letters_table(table).await?;
                Ok(Box::new(TableReader::new(table, *part)))
            }
            (DeadLettersTo::Table(_), _) => Err(FlowError::Partitions(to.name())),
        }
    }

    /// Whether dead letters can be set aside, and how many wait for somebody.
    pub(in crate::app) async fn check_dead_letters(
        &self,
        chosen: &Chosen<'_>,
        to: &DeadLettersTo,
    ) -> Result<Vec<Finding>, FlowError> {
        let finding = |severity, text| Finding { severity, text };
        let (mut findings, dead_letters) = match to {
            DeadLettersTo::Topic(topic) => {
                let findings = self.check_topic(chosen, topic).await?;
                let offset_ranges = self
                    .offset_ranges(&of_topic(chosen, topic))
                    .await
                    .ok()
                    .flatten();
                let offset_ranges = offset_ranges
                    .iter()
                    .flat_map(|(_, offset_ranges)| offset_ranges);
                let messages = offset_ranges.map(|it| it.end - it.first).sum::<i64>();
                (findings, u64::try_from(messages).unwrap_or(0))
            }
            DeadLettersTo::Table(table) => {
                let dead_letters = match self.existing_dead_letters(table).await? {
                    Some(table) => table.check().await?,
                    None => None,
                };
                let text = match dead_letters {
                    Some(_) => "the table exists and accepts dead letters",
                    None => "the table is created at its first use",
                };
                let findings = vec![finding(Severity::Good, text.to_owned())];
                (findings, dead_letters.unwrap_or(0))
            }
        };
        if dead_letters > 0 {
            let noun = match to {
                DeadLettersTo::Topic(_) => "message",
                DeadLettersTo::Table(_) => "dead letter",
            };
            let dead_letters = report::count(dead_letters, noun);
            let text = format!("{dead_letters}: see `highwater dead-letters list`");
            findings.push(finding(Severity::Note, text));
        }
        Ok(findings)
    }

    /// For looking: a file is not made for it. `None` where there is none.
    async fn existing_dead_letters(
        &self,
        to: &DeadLettersTable,
    ) -> Result<Option<DeadLetterTable>, FlowError> {
        match self.missing_file(&to.connection)? {
            Some(_) => Ok(None),
            None => self.dead_letters_table(to).await.map(Some),
        }
    }

    async fn dead_letters_table(
        &self,
        to: &DeadLettersTable,
    ) -> Result<DeadLetterTable, FlowError> {
        let DeadLettersTable { connection, table } = to;
        let opened = match self.system(connection)? {
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                return Err(super::not_built(connection, system));
            }
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => {
                let mysql = self.mysql(connection).await?;
                DeadLetterTable::in_mysql(mysql, table, DEAD_LETTER_HEADERS)
            }
            System::Sqlite => {
                let sqlite = self.sqlite(connection, Absent::Create).await?;
                DeadLetterTable::in_sqlite(sqlite, table, DEAD_LETTER_HEADERS)
            }
            system @ (System::Mongodb | System::Kafka | System::Embedded) => {
                return Err(no_role(connection, system, Role::DeadLetterTable));
            }
        };
        Ok(opened?)
    }
}

fn of_topic<'a>(chosen: &Chosen<'a>, topic: &str) -> Chosen<'a> {
    Chosen {
        topic: topic.to_owned(),
        ..chosen.clone()
    }
}
