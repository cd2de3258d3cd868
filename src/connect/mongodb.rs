//! Connections to MongoDB: one client, and what its errors mean.

use std::{sync::Arc, time::Duration};

use mongodb::{
    Client, Database,
    bson::doc,
    error::{Error, ErrorKind, WriteFailure},
    options::ClientOptions,
};
use secrecy::{ExposeSecret, SecretString};

use super::ConnectError;
use crate::fault::Cause;

/// What a connection to MongoDB needs.
#[derive(Debug, Clone)]
pub struct MongodbSettings {
    /// `mongodb://user:password@host:port/database?…`, or `mongodb+srv://…`.
    pub url: SecretString,
    /// The database, where the URL names none, or another one.
    pub database: Option<String>,
}

/// An open client and its database. Cheap to clone.
#[derive(Clone)]
pub struct MongodbConnection {
    name: String,
    database: Database,
    secrets: Secrets,
}

/// Texts that no error may show.
#[derive(Clone)]
struct Secrets(Arc<[SecretString]>);

/// What an error of the driver means.
#[derive(Debug)]
pub enum ErrorClass {
    /// It may pass: the network, a server that cannot answer now, an election.
    Lost(Cause),
    /// It will not pass by itself.
    Refused {
        /// What to do about it.
        advice: &'static str,
        /// What the server or the driver said.
        cause: Cause,
    },
}

/// How long a server is looked for, and how long connecting to it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long ending the client may take.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// Opens the client and asks the server whether it is there and takes the password.
///
/// # Errors
/// `Settings` where the URL cannot be used, else as the server answers.
pub async fn open(
    name: &str,
    settings: &MongodbSettings,
) -> Result<MongodbConnection, ConnectError> {
    let wrong = |advice: String| ConnectError::Settings {
        name: name.to_owned(),
        advice,
    };
    let url = settings.url.expose_secret();
    let mut options = match ClientOptions::parse(url).await {
        Ok(options) => options,
        Err(error) if matches!(*error.kind, ErrorKind::DnsResolve { .. }) => {
            let cause = "the host name in its url cannot be resolved";
            return Err(ConnectError::Lost(name.to_owned(), cause.into()));
        }
        Err(error) => return Err(wrong(url_advice(url, &error))),
    };
    let app_name = || "highwater".to_owned();
    options.app_name.get_or_insert_with(app_name);
    options.server_selection_timeout.get_or_insert(PATIENCE);
    options.connect_timeout.get_or_insert(PATIENCE);
    let database = settings
        .database
        .clone()
        .or_else(|| options.default_database.clone())
        .ok_or_else(|| {
            wrong("no database: write it as `database`, or behind the host in the url".into())
        })?;
    let secrets = Secrets::of(url, &options);
    let client = Client::with_options(options)
        .map_err(|error| wrong(secrets.redacted(error.kind.to_string())))?;
    let connection = MongodbConnection {
        name: name.to_owned(),
        database: client.database(&database),
        secrets,
    };
    match connection.database.run_command(doc! { "ping": 1 }).await {
        Ok(_) => Ok(connection),
        Err(error) => Err(connection.connect_error(&error)),
    }
}

impl MongodbConnection {
    /// The connection's name in the settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database that it reads.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Ends the client for all who share it. Without it the driver does so when the last of them is
    /// dropped, from a task of its own, which panics where the runtime ends meanwhile.
    pub async fn close(self) {
        let ended = self.database.client().clone().shutdown().immediate(true);
        // A server that does not answer must not keep a finished process.
        let _ = tokio::time::timeout(GOOD_BYE, ended.into_future()).await;
    }

    /// What `error` means; its text without the password.
    pub fn classify(&self, error: &Error) -> ErrorClass {
        // The driver's own text also prints the server's whole answer, byte by byte.
        let cause: Cause = self.secrets.redacted(error.kind.to_string()).into();
        match refused(&error.kind) {
            None => ErrorClass::Lost(cause),
            Some(advice) => ErrorClass::Refused { advice, cause },
        }
    }

    fn connect_error(&self, error: &Error) -> ConnectError {
        let name = self.name.clone();
        match self.classify(error) {
            ErrorClass::Lost(cause) => ConnectError::Lost(name, cause),
            ErrorClass::Refused { advice, cause } => ConnectError::Refused {
                name,
                advice: advice.to_owned(),
                cause,
            },
        }
    }
}

/// What to do about an error that will not pass; `None` for one that may.
fn refused(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Shutdown => None,
        ErrorKind::Authentication { .. } => Some(
            "the server does not accept this user and password: check them, and `authSource` in the url",
        ),
        ErrorKind::Command(error) => refused_command(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => refused_command(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => refused_command(error.code),
        ErrorKind::InvalidTlsConfig { .. } => Some("check the TLS options in its url"),
        _ => Some("the server's answer does not say that it will pass: see the cause"),
    }
}

/// By the numbers of MongoDB's `error_codes.yml`.
fn refused_command(code: i32) -> Option<&'static str> {
    match code {
        // Host unreachable or not found, network timeout, time limits, shutdown, primary changes,
        // no fitting member, killed or lost cursors and queries, a moved chunk, a full election.
        6
        | 7
        | 43
        | 50
        | 63
        | 64
        | 89
        | 91
        | 112
        | 133
        | 134
        | 150
        | 175
        | 189
        | 202
        | 234
        | 237
        | 262
        | 317
        | 358
        | 384
        | 462
        | 9001
        | 10058
        | 10107
        | 11600..=11602
        | 13388
        | 13435
        | 13436 => None,
        11 | 18 | 334 | 8000 => Some(
            "the server does not accept this user and password: check them, and `authSource` in the url",
        ),
        13 => Some("the user has no right to do this: grant it the role `read` on the database"),
        26 => Some("the database or collection does not exist: check their names"),
        73 => Some("the server does not take this name: check the database and collection"),
        292 => Some(
            "sorting takes more memory than the server allows: create an index on the incremental field and `_id`",
        ),
        _ => Some("the server refuses this for good: see the cause"),
    }
}

/// What is wrong with a URL. The driver's sentence may quote it, so it is only passed on where
/// there is nothing secret in it.
fn url_advice(url: &str, error: &Error) -> String {
    if url.contains('@') || url.to_ascii_lowercase().contains("password") {
        "its url cannot be read: it starts with `mongodb://` or `mongodb+srv://`, user and password \
         are percent-encoded (`@` is `%40`, `:` is `%3A`, `/` is `%2F`), and its options must be known"
            .to_owned()
    } else {
        format!("its url cannot be read: {}", error.kind)
    }
}

impl Secrets {
    /// The password as the server gets it and as the URL spells it.
    fn of(url: &str, options: &ClientOptions) -> Self {
        let credential = options.credential.as_ref();
        let decoded = credential.and_then(|it| it.password.clone());
        let spelled = url
            .split_once("://")
            .and_then(|(_, rest)| rest.rsplit_once('@'))
            .and_then(|(user, _)| user.split_once(':'))
            .map(|(_, password)| password.to_owned());
        let known = decoded.into_iter().chain(spelled);
        Self(
            known
                .filter(|it| !it.is_empty())
                .map(SecretString::from)
                .collect(),
        )
    }

    fn redacted(&self, mut text: String) -> String {
        for secret in self.0.iter() {
            text = text.replace(secret.expose_secret(), "***");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::chain;

    async fn opened(url: &str) -> Result<MongodbConnection, ConnectError> {
        let settings = MongodbSettings {
            url: url.into(),
            database: None,
        };
        open("crawler", &settings).await
    }

    async fn text_of(url: &str) -> String {
        match opened(url).await {
            Ok(_) => panic!("{url} opened"),
            Err(error) => format!("{} {error:?}", chain(&error)),
        }
    }

    #[tokio::test]
    async fn no_error_shows_the_password() {
        for url in [
            "mongodb://user:sec/ret@127.0.0.1:1/db",
            "mongodb://user:sec@ret@127.0.0.1:1/db",
            "mongodb://user:sec:ret@127.0.0.1:1/db",
            "mongodb://user:secret@127.0.0.1:none/db",
            "mongodb://user:secret@127.0.0.1:1/db?unknownOption=secret",
            "mongodb://user:secret@127.0.0.1:1/",
            "mongodb://user:secret@127.0.0.1:1/db?serverSelectionTimeoutMS=1",
            "mongo://user:secret@127.0.0.1:1/db",
        ] {
            let text = text_of(url).await;
            for secret in ["sec/", "sec@", "sec:", "secret", "ret@"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn a_url_without_secrets_is_explained_by_the_driver() {
        let text = text_of("mongodb://127.0.0.1:none/db").await;
        assert!(
            text.contains("its url cannot be read") && text.contains("port"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_url_without_database_says_where_to_write_it() {
        let text = text_of("mongodb://127.0.0.1:1").await;
        assert!(text.contains("no database"), "{text}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_may_come_back() {
        let error = opened("mongodb://127.0.0.1:1/db?serverSelectionTimeoutMS=1").await;
        assert!(matches!(error, Err(ConnectError::Lost(..))));
    }

    #[test]
    fn rights_are_refused_and_elections_pass() {
        assert!(refused_command(13).is_some() && refused_command(18).is_some());
        assert!(refused_command(10107).is_none() && refused_command(43).is_none());
    }
}
