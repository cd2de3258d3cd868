//! Where a flow's dead letters are: a topic of its broker, or a table.

use super::{Open, no_role};
use crate::{
    broker::{
        BrokerError, Held, Publisher, Reader,
        dead_letters::{
            table::{LetterTable, TablePublisher},
            table_reader::TableReader,
        },
    },
    connect::sqlite::Absent,
    flow::{FlowError, LETTER_HEADERS},
    model::{Finding, Role, Severity, System},
    settings::{Chosen, LettersTable, LettersTo},
};

impl Open {
    /// A publisher of a data type's dead letters.
    pub(in crate::app) async fn letters_publisher(
        &self,
        chosen: &Chosen<'_>,
        to: &LettersTo,
    ) -> Result<Box<dyn Publisher>, FlowError> {
        match to {
            LettersTo::Topic(topic) => self.publisher(chosen, topic).await,
            LettersTo::Table(table) => self.letters_into(table).await,
        }
    }

    /// A publisher into a table, which is made where it is missing.
    pub(in crate::app) async fn letters_into(
        &self,
        table: &LettersTable,
    ) -> Result<Box<dyn Publisher>, FlowError> {
        let table = self.letters_table(table).await?;
        table.ensure().await?;
        Ok(Box::new(TablePublisher::new(table)))
    }

    /// What each partition of a data type's dead letters holds; none where nothing was set aside yet.
    pub(in crate::app) async fn letters_held(
        &self,
        chosen: &Chosen<'_>,
        to: &LettersTo,
    ) -> Result<Vec<Held>, FlowError> {
        match to {
            LettersTo::Topic(topic) => match self.held(&of_topic(chosen, topic)).await {
                Err(FlowError::Broker(BrokerError::NoTopic(_))) => Ok(Vec::new()),
                held => Ok(held?.map_or_else(Vec::new, |(_, held)| held)),
            },
            LettersTo::Table(table) => {
                let Some(table) = self.letters_as_they_are(table).await? else {
                    return Ok(Vec::new());
                };
                Ok(table.held().await?.into_iter().collect())
            }
        }
    }

    /// A reader of parts of a data type's dead letters.
    pub(in crate::app) async fn letters_reader(
        &self,
        chosen: &Chosen<'_>,
        to: &LettersTo,
        parts: Vec<Held>,
    ) -> Result<Box<dyn Reader>, FlowError> {
        match (to, &parts[..]) {
            (LettersTo::Topic(topic), _) => self.reader(chosen, topic, parts).await,
            (LettersTo::Table(table), [part]) => {
                let table = self.letters_table(table).await?;
                Ok(Box::new(TableReader::new(table, *part)))
            }
            (LettersTo::Table(_), _) => Err(FlowError::Partitions(to.name())),
        }
    }

    /// Whether dead letters can be set aside, and how many wait for somebody.
    pub(in crate::app) async fn check_letters(
        &self,
        chosen: &Chosen<'_>,
        to: &LettersTo,
    ) -> Result<Vec<Finding>, FlowError> {
        let finding = |severity, text| Finding { severity, text };
        let (mut findings, letters) = match to {
            LettersTo::Topic(topic) => {
                let findings = self.check_topic(chosen, topic).await?;
                let held = self.held(&of_topic(chosen, topic)).await.ok().flatten();
                let held = held.iter().flat_map(|(_, held)| held);
                let messages = held.map(|it| it.end - it.first).sum::<i64>();
                (findings, u64::try_from(messages).unwrap_or(0))
            }
            LettersTo::Table(table) => {
                let letters = match self.letters_as_they_are(table).await? {
                    Some(table) => table.check().await?,
                    None => None,
                };
                let text = match letters {
                    Some(_) => "it is there, and letters can be written to it",
                    None => "it is made when it is first used",
                };
                let findings = vec![finding(Severity::Good, text.to_owned())];
                (findings, letters.unwrap_or(0))
            }
        };
        if letters > 0 {
            let what = match to {
                LettersTo::Topic(_) => "messages",
                LettersTo::Table(_) => "letters",
            };
            let text = format!("it holds {letters} {what}: see `highwater dead-letters list`");
            findings.push(finding(Severity::Note, text));
        }
        Ok(findings)
    }

    /// For looking: a file is not made for it. `None` where there is none.
    async fn letters_as_they_are(
        &self,
        to: &LettersTable,
    ) -> Result<Option<LetterTable>, FlowError> {
        match self.missing_file(&to.connection)? {
            Some(_) => Ok(None),
            None => self.letters_table(to).await.map(Some),
        }
    }

    async fn letters_table(&self, to: &LettersTable) -> Result<LetterTable, FlowError> {
        let LettersTable { connection, table } = to;
        let opened = match self.system(connection)? {
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                return Err(super::not_built(connection, system));
            }
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => {
                let mysql = self.mysql(connection).await?;
                LetterTable::in_mysql(mysql, table, LETTER_HEADERS)
            }
            System::Sqlite => {
                let sqlite = self.sqlite(connection, Absent::Create).await?;
                LetterTable::in_sqlite(sqlite, table, LETTER_HEADERS)
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
