//! What a connection to Kafka needs, as the configuration of librdkafka that every client of ours
//! starts from.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};
use secrecy::{ExposeSecret, SecretString};

use super::ConnectError;

/// What a connection to Kafka needs.
#[derive(Clone, Default)]
pub struct KafkaSettings {
    /// Where to ask first: `host:port`, several by commas.
    pub brokers: String,
    /// How we say who we are, where the brokers ask for it.
    pub sasl: Option<KafkaSasl>,
    /// Encryption, where the brokers want it.
    pub tls: Option<KafkaTls>,
    /// Properties of librdkafka by their names there, but for those that our guarantees rest on.
    pub options: BTreeMap<String, String>,
}

/// A name and a password.
#[derive(Debug, Clone)]
pub struct KafkaSasl {
    /// How they are proved.
    pub mechanism: SaslMechanism,
    /// The name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// How a password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// By sending it: only over TLS.
    Plain,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
}

/// Encryption of the connection.
#[derive(Debug, Clone, Default)]
pub struct KafkaTls {
    /// The certificates that we trust, as PEM; the system's where it is missing.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key.
    pub identity: Option<KafkaIdentity>,
}

/// A client certificate.
#[derive(Debug, Clone)]
pub struct KafkaIdentity {
    /// The certificate, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
    /// The key's password.
    pub password: Option<SecretString>,
}

impl KafkaSettings {
    /// What every client starts from. `name` is the connection's name in the settings.
    ///
    /// # Errors
    /// `Settings` for an option that is ours, unknown, or has a value that librdkafka refuses; it
    /// names all those that are ours at once.
    pub fn client_config(&self, name: &str) -> Result<ClientConfig, ConnectError> {
        let refused = |advice: String| ConnectError::Settings {
            name: name.to_owned(),
            advice,
        };
        let ours = self.refused_options();
        if !ours.is_empty() {
            let lines: Vec<_> = ours
                .iter()
                .map(|(option, advice)| format!("`options.{option}` cannot be set: {advice}"))
                .collect();
            return Err(refused(lines.join("; ")));
        }
        let mut config = ClientConfig::new();
        config
            .set_log_level(RDKafkaLogLevel::Info)
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "highwater")
            // A producer or consumer never makes a topic by asking for it.
            .set("allow.auto.create.topics", "false")
            // Partitions that are added are seen within this time; the default is five minutes.
            .set("topic.metadata.refresh.interval.ms", "30000");
        self.secure(&mut config);
        for (option, value) in &self.options {
            config.set(option, value);
        }
        match config.create_native_config() {
            Ok(_) => Ok(config),
            // The error's own text carries the value, which may be a secret.
            Err(KafkaError::ClientConfig(_, said, option, _)) => {
                Err(refused(format!("`options.{option}`: {said}")))
            }
            Err(_) => Err(refused("an option has a zero byte in it".to_owned())),
        }
    }

    /// The options that are not for settings to change, each with what to do instead.
    pub fn refused_options(&self) -> Vec<(&str, &'static str)> {
        let advice = |option: &str| {
            let listed = OURS.iter().find(|(names, _)| names.contains(&option));
            listed.map(|(_, advice)| *advice)
        };
        self.options
            .keys()
            .filter_map(|option| Some((option.as_str(), advice(option)?)))
            .collect()
    }

    fn secure(&self, config: &mut ClientConfig) {
        let protocol = match (&self.sasl, &self.tls) {
            (None, None) => "plaintext",
            (None, Some(_)) => "ssl",
            (Some(_), None) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(sasl) = &self.sasl {
            config
                .set("sasl.mechanism", sasl.mechanism.name())
                .set("sasl.username", &sasl.username)
                .set("sasl.password", sasl.password.expose_secret());
        }
        let Some(tls) = &self.tls else { return };
        if let Some(ca) = &tls.ca {
            config.set("ssl.ca.location", ca.to_string_lossy());
        }
        if let Some(identity) = &tls.identity {
            config
                .set(
                    "ssl.certificate.location",
                    identity.certificate.to_string_lossy(),
                )
                .set("ssl.key.location", identity.key.to_string_lossy());
            if let Some(password) = &identity.password {
                config.set("ssl.key.password", password.expose_secret());
            }
        }
    }
}

/// Options may hold secrets: only their names are shown.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("sasl", &self.sasl)
            .field("tls", &self.tls)
            .field("options", &self.options.keys())
            .finish()
    }
}

impl SaslMechanism {
    /// Its name as Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// The options that our guarantees or other settings own, with all their names in librdkafka.
const OURS: &[(&[&str], &str)] = &[
    (
        &["bootstrap.servers", "metadata.broker.list"],
        "write `brokers`",
    ),
    (
        &[
            "acks",
            "request.required.acks",
            "enable.idempotence",
            "enable.gapless.guarantee",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "retries",
            "message.send.max.retries",
            "transactional.id",
        ],
        "a cursor is saved only behind messages that every replica has, in order",
    ),
    (
        &[
            "enable.auto.commit",
            "auto.commit.enable",
            "enable.auto.offset.store",
            "auto.offset.reset",
            "isolation.level",
        ],
        "a sink starts where its own progress says, and never skips what it cannot find",
    ),
    (
        &[
            "group.id",
            "group.protocol",
            "partition.assignment.strategy",
            "enable.partition.eof",
        ],
        "how sinks share partitions is fixed; the group is a setting of the sink",
    ),
    (
        &["allow.auto.create.topics"],
        "topics are made by `create-topic` alone",
    ),
    (
        &["partitioner", "compression.codec", "compression.type"],
        "it is a setting of its own",
    ),
    (
        &[
            "sasl.username",
            "sasl.password",
            "ssl.ca.location",
            "ssl.certificate.location",
            "ssl.key.location",
            "ssl.key.password",
        ],
        "write it under `sasl` or `tls`, where secrets are kept",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::chain;

    fn with_option(option: &str, value: &str) -> KafkaSettings {
        KafkaSettings {
            brokers: "127.0.0.1:9092".to_owned(),
            options: [(option.to_owned(), value.to_owned())].into(),
            ..KafkaSettings::default()
        }
    }

    #[test]
    fn what_undoes_a_guarantee_is_refused_by_name() {
        let mut settings = with_option("acks", "1");
        settings
            .options
            .insert("enable.auto.commit".into(), "true".into());
        let error = chain(&settings.client_config("bus").expect_err("refused"));
        assert!(error.contains("`options.acks`"), "{error}");
        assert!(error.contains("`options.enable.auto.commit`"), "{error}");
    }

    #[test]
    fn an_unknown_or_wrong_option_is_named_without_its_value() {
        let error = with_option("sasl.pasword", "hunter2").client_config("bus");
        let error = chain(&error.expect_err("unknown"));
        assert!(error.contains("sasl.pasword"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = with_option("socket.timeout.ms", "soon").client_config("bus");
        assert!(chain(&error.expect_err("no number")).contains("socket.timeout.ms"));
        let fine = with_option("socket.timeout.ms", "5000").client_config("bus");
        assert_eq!(fine.expect("taken").get("socket.timeout.ms"), Some("5000"));
    }

    #[test]
    fn passwords_are_never_shown() {
        let mut settings = with_option("ssl.keystore.password", "hunter2");
        settings.sasl = Some(KafkaSasl {
            mechanism: SaslMechanism::ScramSha256,
            username: "highwater".to_owned(),
            password: "hunter2".into(),
        });
        let config = settings.client_config("bus").expect("taken");
        assert_eq!(config.get("security.protocol"), Some("sasl_plaintext"));
        let shown = format!("{settings:?} {config:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
