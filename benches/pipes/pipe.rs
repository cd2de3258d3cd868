//! The pipes that are measured.

use clap::ValueEnum;

/// From where to where rows move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pipe {
    MysqlToKafka,
    MongodbToKafka,
    KafkaToMysql,
}

impl Pipe {
    pub const ALL: [Self; 3] = [Self::MysqlToKafka, Self::MongodbToKafka, Self::KafkaToMysql];

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MysqlToKafka => "MySQL → Kafka",
            Self::MongodbToKafka => "MongoDB → Kafka",
            Self::KafkaToMysql => "Kafka → MySQL",
        }
    }

    /// As the command line takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::MysqlToKafka => "mysql-to-kafka",
            Self::MongodbToKafka => "mongodb-to-kafka",
            Self::KafkaToMysql => "kafka-to-mysql",
        }
    }
}
