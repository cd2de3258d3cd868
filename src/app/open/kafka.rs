//! Settings of Kafka, in the form that its adapters take.

use secrecy::ExposeSecret;

use crate::{
    broker::kafka::{
        CreateTopic, KafkaCompression, KafkaPartitioner, KafkaPublisherSettings,
        KafkaSubscriptionSettings,
    },
    connect::kafka::{KafkaSasl, KafkaSettings, KafkaTls, SaslMechanism},
    settings::{self, Compression, DataType, Kafka, Mechanism, Partitioner, WriteInto},
};

pub(super) fn connecting(kafka: &Kafka) -> KafkaSettings {
    let sasl = kafka.login.as_ref().map(|login| KafkaSasl {
        mechanism: match login.mechanism {
            Mechanism::Plain => SaslMechanism::Plain,
            Mechanism::ScramSha256 => SaslMechanism::ScramSha256,
            Mechanism::ScramSha512 => SaslMechanism::ScramSha512,
        },
        username: login.username.clone(),
        password: login.password.clone(),
    });
    let options = kafka.options.iter();
    KafkaSettings {
        brokers: kafka.brokers.join(","),
        sasl,
        tls: kafka.tls.then(|| KafkaTls {
            ca: kafka.tls_ca.clone(),
            identity: None,
        }),
        options: options
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect(),
    }
}

pub(in crate::app) fn create(create: settings::CreateTopic) -> CreateTopic {
    CreateTopic {
        partitions: i32::try_from(create.partitions).unwrap_or(i32::MAX),
        replication: i32::from(create.replication),
    }
}

pub(super) fn publishing(data_type: &DataType) -> KafkaPublisherSettings {
    KafkaPublisherSettings {
        compression: match data_type.compression {
            Compression::None => KafkaCompression::None,
            Compression::Gzip => KafkaCompression::Gzip,
            Compression::Snappy => KafkaCompression::Snappy,
            Compression::Lz4 => KafkaCompression::Lz4,
            Compression::Zstd => KafkaCompression::Zstd,
        },
        partitioner: match data_type.partitioner {
            Partitioner::Murmur2 => KafkaPartitioner::Murmur2,
            Partitioner::Fnv1a => KafkaPartitioner::Fnv1a,
            Partitioner::Crc32 => KafkaPartitioner::Consistent,
        },
        ..KafkaPublisherSettings::default()
    }
}

pub(super) fn subscribing(into: &WriteInto) -> KafkaSubscriptionSettings {
    KafkaSubscriptionSettings {
        session_timeout: into.session_timeout,
        ..KafkaSubscriptionSettings::default()
    }
}
