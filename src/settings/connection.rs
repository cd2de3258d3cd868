//! `[connections]`: the systems that data moves between, named once and referred to.

#![deny(clippy::wildcard_enum_match_arm)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{reading::Wanted, section::Section, typed::Choice};
use crate::model::System;

/// A system, with all that is needed to open it.
#[derive(Debug)]
pub enum Connection {
    /// A MongoDB server or replica set.
    Mongodb {
        /// The driver's URL; TLS is chosen in it.
        url: SecretString,
        /// The database.
        database: String,
    },
    /// A MySQL server.
    Mysql(Mysql),
    /// A MariaDB server.
    Mariadb(Mysql),
    /// A SQLite file.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A Kafka cluster.
    Kafka(Kafka),
    /// Topics in a SQLite file.
    Embedded {
        /// The file.
        path: PathBuf,
    },
}

/// How to reach MySQL or MariaDB.
#[derive(Debug)]
pub struct Mysql {
    /// `mysql://user:password@host:3306/database`.
    pub url: SecretString,
    /// Connections, at most.
    pub pool: u32,
    /// Certificates to trust, PEM. With it the server's certificate is checked.
    pub tls_ca: Option<PathBuf>,
}

/// How to reach Kafka.
#[derive(Debug)]
pub struct Kafka {
    /// `host:port` of some brokers.
    pub brokers: Vec<String>,
    /// The name to log in with; without one there is no log-in.
    pub login: Option<KafkaLogin>,
    /// Whether the way to the brokers is encrypted.
    pub tls: bool,
    /// Certificates to trust, PEM; the system's own where there are none.
    pub tls_ca: Option<PathBuf>,
    /// Further properties for librdkafka, as its manual names them. Some hold passwords.
    pub options: BTreeMap<String, SecretString>,
}

/// Who logs in to Kafka, and how.
#[derive(Debug)]
pub struct KafkaLogin {
    /// The name.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// The SASL mechanism.
    pub mechanism: Mechanism,
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The password as it is: with TLS only.
    Plain,
    /// Salted challenge and response, SHA-256.
    ScramSha256,
    /// Salted challenge and response, SHA-512.
    ScramSha512,
}

/// Kinds of systems that nothing reads or writes yet, with their names.
const UNUSED: [(&str, &str); 1] = [("redis", "Redis")];

/// Properties that Highwater sets itself, with the key that says the same or nothing.
const OWN_PROPERTIES: [(&str, Option<&str>); 21] = [
    ("bootstrap.servers", Some("brokers")),
    ("metadata.broker.list", Some("brokers")),
    ("sasl.username", Some("username")),
    ("sasl.password", Some("password")),
    ("sasl.mechanism", Some("mechanism")),
    ("sasl.mechanisms", Some("mechanism")),
    ("security.protocol", Some("tls")),
    ("ssl.ca.location", Some("tls-ca")),
    ("compression.type", Some("compression")),
    ("compression.codec", Some("compression")),
    ("partitioner", Some("partitioner")),
    ("group.id", Some("group")),
    ("session.timeout.ms", Some("session-timeout")),
    ("acks", None),
    ("request.required.acks", None),
    ("enable.idempotence", None),
    ("transactional.id", None),
    ("enable.auto.commit", None),
    ("enable.auto.offset.store", None),
    ("auto.offset.reset", None),
    ("partition.assignment.strategy", None),
];

impl Connection {
    /// The system that it leads to.
    pub fn system(&self) -> System {
        match self {
            Self::Mongodb { .. } => System::Mongodb,
            Self::Mysql(_) => System::Mysql,
            Self::Mariadb(_) => System::Mariadb,
            Self::Sqlite { .. } => System::Sqlite,
            Self::Kafka(_) => System::Kafka,
            Self::Embedded { .. } => System::Embedded,
        }
    }

    /// The database that is named beside the URL.
    pub(super) fn database(&self) -> Option<&str> {
        match self {
            Self::Mongodb { database, .. } => Some(database),
            Self::Mysql(_)
            | Self::Mariadb(_)
            | Self::Sqlite { .. }
            | Self::Kafka(_)
            | Self::Embedded { .. } => None,
        }
    }

    /// The file that it is; `None` for a server.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { path } | Self::Embedded { path } => Some(path),
            Self::Mongodb { .. } | Self::Mysql(_) | Self::Mariadb(_) | Self::Kafka(_) => None,
        }
    }

    /// The file that it is, to be put elsewhere; `None` for a server.
    pub fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Sqlite { path } | Self::Embedded { path } => Some(path),
            Self::Mongodb { .. } | Self::Mysql(_) | Self::Mariadb(_) | Self::Kafka(_) => None,
        }
    }

    /// Reads one; `None` where its kind is not known.
    pub(super) fn read(name: &str, section: &mut Section<'_>) -> Option<Self> {
        if name == "file" {
            let message = "`file` is what `[cursors] store` calls its folder".to_owned();
            let help = Some("choose another name".to_owned());
            section.wrong("", &section.span.clone(), message, help);
        }
        let Some(system) = read_system(section) else {
            // Which keys are right depends on the kind: saying more would be guessing.
            section.leave_the_rest();
            return None;
        };
        section.pattern = format!("connections.{}", system.facts().kind);
        Some(match system {
            System::Mongodb => Self::Mongodb {
                url: section.url(
                    "url",
                    &["mongodb", "mongodb+srv"],
                    "\"mongodb://127.0.0.1:27017\"",
                ),
                database: section.text("database", "\"spider\""),
            },
            System::Mysql => Self::Mysql(Mysql::read(section)),
            System::Mariadb => Self::Mariadb(Mysql::read(section)),
            System::Sqlite => Self::Sqlite {
                path: section.path("path", "\"runtime/data.db\""),
            },
            System::Kafka => Self::Kafka(Kafka::read(section)),
            System::Embedded => Self::Embedded {
                path: section.path("path", "\"runtime/topics.db\""),
            },
        })
    }
}

fn read_system(section: &mut Section<'_>) -> Option<System> {
    let written = section.required("kind", Wanted::Text, "\"mysql\"")?;
    if let Some((_, name)) = UNUSED.iter().find(|(kind, _)| *kind == written.text) {
        let message = format!("nothing reads or writes {name} yet");
        let help = Some("leave this connection out".to_owned());
        section.wrong("kind", &written.span, message, help);
        return None;
    }
    let system: System = section.as_choice("kind", &written)?;
    let Some(feature) = system.facts().missing_feature else {
        return Some(system);
    };
    let message = format!("this build has no {system}");
    let help = Some(format!("build with `--features {feature}`"));
    section.wrong("kind", &written.span, message, help);
    None
}

impl Mysql {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            url: section.url(
                "url",
                &["mysql", "mariadb"],
                "\"mysql://user:${PASSWORD}@127.0.0.1:3306/database\"",
            ),
            pool: section.number_or("pool", 8, 1..=1_000),
            tls_ca: section.optional_path("tls-ca"),
        }
    }
}

impl Kafka {
    fn read(section: &mut Section<'_>) -> Self {
        section.needed("brokers", "[\"127.0.0.1:9092\"]");
        let mut brokers = Vec::new();
        for written in section.texts("brokers") {
            for broker in written.text.split(',').map(str::trim) {
                if is_address(broker) {
                    brokers.push(broker.to_owned());
                } else {
                    let message = "this value is not host:port".to_owned();
                    section.wrong("brokers", &written.span, message, None);
                }
            }
        }
        let tls_ca = section.optional_path("tls-ca");
        let tls = section.flag_or("tls", tls_ca.is_some());
        if let (false, Some(span)) = (tls, section.written("tls-ca")) {
            let message = "has no effect unless `tls = true`".to_owned();
            section.wrong("tls-ca", &span, message, None);
        }
        Self {
            brokers,
            login: KafkaLogin::read(section),
            tls,
            tls_ca,
            options: kafka_options(section),
        }
    }
}

impl KafkaLogin {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let username = section.optional_text("username");
        let password = section.secret("password");
        let mechanism = section.choice_or("mechanism", Mechanism::ScramSha512);
        for (key, other) in [("username", "password"), ("password", "username")] {
            if section.written(key).is_some() && section.written(other).is_none() {
                let help = Some(format!("`{key}` has no effect without it"));
                section.missing(other, "is missing".to_owned(), help);
            }
        }
        Some(Self {
            username: username?.text,
            password: password?,
            mechanism,
        })
    }
}

fn kafka_options(section: &mut Section<'_>) -> BTreeMap<String, SecretString> {
    let mut options = BTreeMap::new();
    for (name, (span, value)) in section.secrets("options") {
        if let Some((_, instead)) = OWN_PROPERTIES.iter().find(|(own, _)| *own == name) {
            let message = format!("`{name}` is not for settings: Highwater sets it itself");
            let help = match instead {
                Some(key) => format!("use `{key}`"),
                None => "leave it out: that nothing is lost rests on it".to_owned(),
            };
            section.wrong("options", &span, message, Some(help));
        }
        options.insert(name, value);
    }
    options
}

fn is_address(broker: &str) -> bool {
    broker
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|it| it > 0))
}

impl Choice for System {
    const WORDS: &'static [(&'static str, Self)] = &{
        let mut words = [("", Self::ALL[0]); Self::ALL.len()];
        let mut index = 0;
        while index < words.len() {
            words[index] = (Self::ALL[index].facts().kind, Self::ALL[index]);
            index += 1;
        }
        words
    };
}

impl Choice for Mechanism {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("PLAIN", Self::Plain),
        ("SCRAM-SHA-256", Self::ScramSha256),
        ("SCRAM-SHA-512", Self::ScramSha512),
    ];
}
