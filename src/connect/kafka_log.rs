//! Log lines of librdkafka: throttled, and the last connection error is kept.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
    statistics::Statistics,
};

/// The context of every client of ours: hears its log lines and errors.
#[derive(Debug)]
pub struct KafkaLog {
    /// The connection's name in the settings.
    name: String,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    connection_error: Option<(KafkaConnectionError, Instant)>,
    logged: HashMap<String, Instant>,
}

/// What a client said of its connections when it could not do its work.
#[derive(Debug, Clone)]
pub struct KafkaConnectionError {
    /// Its code.
    pub code: RDKafkaErrorCode,
    /// Its words; they name broker and cause, never a password.
    pub said: String,
}

/// With no broker, librdkafka repeats itself without pause.
const QUIET: Duration = Duration::from_secs(30);
/// What was wrong so long ago explains nothing now.
const PAST: Duration = Duration::from_secs(180);

impl KafkaLog {
    /// For one client of the connection `name`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            heard: Mutex::default(),
        }
    }

    /// The connection's name in the settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The last trouble with the connections, if it is not long past.
    pub fn connection_error(&self) -> Option<KafkaConnectionError> {
        let heard = self.heard();
        let recent = heard
            .connection_error
            .as_ref()
            .filter(|it| it.1.elapsed() < PAST);
        recent.map(|it| it.0.clone())
    }

    /// Whether a broker does not let us in: waiting longer is of no use.
    pub fn denied(&self) -> bool {
        self.connection_error().is_some_and(|it| it.denied())
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a line of this kind may be logged again.
    fn due(&self, kind: &str) -> bool {
        let mut heard = self.heard();
        let now = Instant::now();
        match heard.logged.get(kind) {
            Some(last) if now.duration_since(*last) < QUIET => false,
            _ => {
                heard.logged.insert(kind.to_owned(), now);
                true
            }
        }
    }
}

impl ClientContext for KafkaLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        let connection = self.name();
        match level {
            RDKafkaLogLevel::Debug => tracing::trace!(connection, facility, "{line}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::debug!(connection, facility, "{line}");
            }
            // The same comes as an error, below.
            _ if facility == "FAIL" => tracing::debug!(connection, facility, "{line}"),
            _ if self.due(facility) => tracing::warn!(connection, facility, "{line}"),
            _ => (),
        }
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        if self.due(&format!("{code:?}")) {
            tracing::warn!(connection = self.name(), ?code, "Kafka: {reason}");
        }
        let mut heard = self.heard();
        // "All brokers are down" says less than what brought them down.
        if code != RDKafkaErrorCode::AllBrokersDown || heard.connection_error.is_none() {
            let said = reason.to_owned();
            heard.connection_error = Some((KafkaConnectionError { code, said }, Instant::now()));
        }
    }
}

impl ConsumerContext for KafkaLog {}

impl KafkaConnectionError {
    /// Whether it is about who we are, and not about the way.
    pub fn denied(&self) -> bool {
        use RDKafkaErrorCode as Code;
        matches!(
            self.code,
            Code::Authentication | Code::SSL | Code::SaslAuthenticationFailed
        )
    }
}

impl fmt::Display for KafkaConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for KafkaConnectionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_outlives_the_news_that_all_brokers_are_down() {
        let log = KafkaLog::new("bus");
        let say = |code, reason| log.error(KafkaError::Global(code), reason);
        say(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        say(
            RDKafkaErrorCode::BrokerTransportFailure,
            "connection refused",
        );
        say(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        let connection_error = log.connection_error().expect("some");
        assert_eq!(connection_error.to_string(), "connection refused");
        assert!(!log.denied());
        say(RDKafkaErrorCode::Authentication, "wrong password");
        assert!(log.denied());
    }

    #[test]
    fn the_same_news_is_told_once_in_a_while() {
        let log = KafkaLog::new("bus");
        assert!(log.due("GETPID"));
        assert!(!log.due("GETPID"));
        assert!(log.due("other"));
    }
}
