//! The pipes that are measured.

use clap::ValueEnum;

use crate::{
    seed::TOGETHER,
    seldom::{EVERY, FEW},
};

/// From where to where rows move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pipe {
    MysqlToKafka,
    MongodbToKafka,
    KafkaToMysql,
    /// MySQL to MySQL, without a broker.
    Migrate,
}

/// How ours moves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Past the cursor, which is at the beginning.
    Incremental,
    /// `--full-amount`, shared out among so many.
    Full(u32),
    /// Into a table, so many rows in a transaction.
    Batches(usize),
    /// Into a table, few rows, seldom.
    Seldom,
    /// Into a table without a broker, by so many writers.
    Writers(u32),
    /// The same, beside a dump that is piped into the other server.
    BesideDump(u32),
    /// Both tables compared, beside the copy by one writer; where they are summed up.
    Verify(&'static str),
}

impl Way {
    /// As people read it.
    pub fn name(self) -> String {
        match self {
            Self::Incremental => "incremental".to_owned(),
            Self::Full(1) => "full, 1 worker".to_owned(),
            Self::Full(workers) => format!("full, {workers} workers"),
            Self::Batches(rows) => format!("batches of {rows}"),
            Self::Seldom => format!("{FEW} rows every {} s", EVERY.as_secs()),
            Self::Writers(1) => "migrate, 1 writer".to_owned(),
            Self::Writers(writers) => format!("migrate, {writers} writers"),
            Self::BesideDump(1) => "migrate, 1 writer, beside the dump".to_owned(),
            Self::BesideDump(writers) => format!("migrate, {writers} writers, beside the dump"),
            Self::Verify(sums) => format!("verify --sums {sums}, beside the copy by 1 writer"),
        }
    }

    /// Rows that the bare pipe beside it writes in a transaction.
    pub fn together(self) -> usize {
        match self {
            Self::Incremental | Self::Full(_) => TOGETHER,
            Self::Batches(rows) => rows,
            Self::Seldom => FEW,
            // What a task writes in a transaction, where its settings say nothing.
            Self::Writers(_) | Self::BesideDump(_) | Self::Verify(_) => 10_000,
        }
    }
}

impl Pipe {
    /// The ways that are measured.
    pub fn ways(self) -> &'static [Way] {
        match self {
            Self::MysqlToKafka | Self::MongodbToKafka => {
                &[Way::Incremental, Way::Full(1), Way::Full(2), Way::Full(4)]
            }
            Self::KafkaToMysql => &[Way::Batches(1_000), Way::Batches(10_000)],
            Self::Migrate => &[
                Way::Writers(1),
                Way::Writers(2),
                Way::BesideDump(1),
                Way::BesideDump(2),
                Way::Verify("faster"),
                Way::Verify("servers"),
                Way::Verify("here"),
            ],
        }
    }

    pub const ALL: [Self; 4] = [
        Self::MysqlToKafka,
        Self::MongodbToKafka,
        Self::KafkaToMysql,
        Self::Migrate,
    ];

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MysqlToKafka => "MySQL → Kafka",
            Self::MongodbToKafka => "MongoDB → Kafka",
            Self::KafkaToMysql => "Kafka → MySQL",
            Self::Migrate => "MySQL → MySQL",
        }
    }

    /// As the command line takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::MysqlToKafka => "mysql-to-kafka",
            Self::MongodbToKafka => "mongodb-to-kafka",
            Self::KafkaToMysql => "kafka-to-mysql",
            Self::Migrate => "migrate",
        }
    }
}
