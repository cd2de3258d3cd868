//! Connections to MySQL and MariaDB: one pool, every session in the same state.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    ConnectOptions, Executor, MySql,
    mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions, MySqlSslMode},
    pool::PoolConnection,
};
use tokio::time::timeout;

use super::ConnectError;

/// What a connection to MySQL or MariaDB needs.
#[derive(Debug, Clone)]
pub struct MysqlSettings {
    /// `mysql://user:password@host:port/database`, with `?ssl-mode=…` where wanted.
    pub url: SecretString,
    /// Connections at most.
    pub pool: u32,
    /// A file with the authorities (PEM) that the server's certificate must come from. Without
    /// an `ssl-mode` in the URL it also asks for `VERIFY_IDENTITY`.
    pub tls_ca: Option<PathBuf>,
}

/// An open pool and what the server behind it is. Cheap to clone.
#[derive(Clone)]
pub struct MysqlConnection {
    name: String,
    pool: MySqlPool,
    flavor: Flavor,
    version: String,
    max_allowed_packet: usize,
    encrypted: bool,
    database: Option<String>,
}

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// As its makers write it.
impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
        })
    }
}

/// How long one attempt to connect may take, the first questions to the server, and a wait for a
/// free connection of the pool.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state of every session.
///
/// - The whole `sql_mode`: strict, since a lenient server cuts values silently; zero and partial
///   dates are values here; a zero in an AUTO_INCREMENT column is a zero.
/// - UTC, so that TIMESTAMP columns are points in time.
/// - READ COMMITTED: a fence must see what the last transaction has committed, and lanes that
///   write neighbouring keys must not meet in each other's gap locks. A scan does not care: each
///   of its pages is one statement.
const SESSION: &str = "SET sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,\
    ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION', \
    time_zone = '+00:00', NAMES utf8mb4; \
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Opens the pool and asks the server what it is.
///
/// # Errors
/// `Settings` where the URL cannot be used, else as the server answers.
pub async fn open(name: &str, settings: &MysqlSettings) -> Result<MysqlConnection, ConnectError> {
    let options = options(name, settings)?;
    let database = options.get_database().map(str::to_owned);
    let pool = MySqlPoolOptions::new()
        .max_connections(settings.pool.max(1))
        .acquire_timeout(PATIENCE)
        .after_connect(|session, _| {
            Box::pin(async move { session.execute(sqlx::raw_sql(SESSION)).await.map(drop) })
        })
        .connect_lazy_with(options.clone());
    // The pool would go on trying and then speak of its own timeout; a connection of our own
    // says what is wrong.
    first_contact(name, &options).await?;
    let learned = timeout(PATIENCE, learn(&pool)).await;
    let learned = learned.map_err(|elapsed| ConnectError::Lost(name.to_owned(), elapsed.into()))?;
    let (version, comment, max_allowed_packet, cipher) =
        learned.map_err(|error| ConnectError::of_sql(name, error))?;
    let is_mariadb = [&version, &comment]
        .into_iter()
        .any(|it| it.to_lowercase().contains("mariadb"));
    Ok(MysqlConnection {
        name: name.to_owned(),
        pool,
        flavor: if is_mariadb {
            Flavor::Mariadb
        } else {
            Flavor::Mysql
        },
        version,
        max_allowed_packet: usize::try_from(max_allowed_packet).unwrap_or(usize::MAX),
        encrypted: !cipher.is_empty(),
        database,
    })
}

/// What the server says of itself: version, comment, longest statement, and the session's cipher.
async fn learn(pool: &MySqlPool) -> Result<(String, String, u64, String), sqlx::Error> {
    let (version, comment, max_allowed_packet) = sqlx::query_as(
        "SELECT CAST(@@version AS CHAR), CAST(@@version_comment AS CHAR), CAST(@@max_allowed_packet AS UNSIGNED)",
    )
    .fetch_one(pool)
    .await?;
    let (_, cipher): (String, String) = sqlx::query_as("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        .fetch_one(pool)
        .await?;
    Ok((version, comment, max_allowed_packet, cipher))
}

/// A session of the pool that goes back only where that is said. One in which a statement failed,
/// or was given up while it waited for its answer, is closed when it is dropped: the next to have
/// it would wait behind that statement, or read its answer for its own.
pub struct Session {
    connection: PoolConnection<MySql>,
    is_whole: bool,
}

impl Session {
    /// Its last statement was answered, and it is in no transaction.
    pub fn give_back(mut self) {
        self.is_whole = true;
    }
}

impl Deref for Session {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_whole {
            self.connection.close_on_drop();
        }
    }
}

impl MysqlConnection {
    /// A session for statements that may be given up.
    ///
    /// # Errors
    /// Where none is free in time.
    pub async fn session(&self) -> Result<Session, sqlx::Error> {
        let connection = self.pool.acquire().await?;
        Ok(Session {
            connection,
            is_whole: false,
        })
    }

    /// Its name in the settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pool. A session in which a statement was given up must not go back into it.
    pub fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    /// Which server it is.
    pub fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// The server's version, as it says it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The longest statement that the server takes, in bytes.
    pub fn max_allowed_packet(&self) -> usize {
        self.max_allowed_packet
    }

    /// Whether its sessions are encrypted.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// The database that the URL names.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }
}

/// By hand: the pool's options hold the password.
impl fmt::Debug for MysqlConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            flavor,
            version,
            ..
        } = self;
        write!(f, "MysqlConnection({name}, {flavor} {version})")
    }
}

async fn first_contact(name: &str, options: &MySqlConnectOptions) -> Result<(), ConnectError> {
    use sqlx::Connection;
    let attempt = timeout(PATIENCE, async {
        let mut session = options.connect().await?;
        session.execute(sqlx::raw_sql(SESSION)).await?;
        Ok(session)
    });
    let prepared = attempt
        .await
        .map_err(|elapsed| ConnectError::Lost(name.to_owned(), elapsed.into()))?;
    let session = prepared.map_err(|error| ConnectError::of_sql(name, error))?;
    // Only politeness to the server.
    let _ = timeout(PATIENCE, session.close()).await;
    Ok(())
}

fn options(name: &str, settings: &MysqlSettings) -> Result<MySqlConnectOptions, ConnectError> {
    let wrong = |advice: String| ConnectError::Settings {
        name: name.to_owned(),
        advice,
    };
    let url =
        without_empty_password(settings.url.expose_secret()).map_err(|it| wrong(it.to_owned()))?;
    let options = MySqlConnectOptions::from_str(&url).map_err(|error| {
        wrong(format!(
            "the URL cannot be used ({})",
            crate::fault::chain(&error)
        ))
    })?;
    let asks_for_mode = url.contains("ssl-mode=") || url.contains("sslmode=");
    let options = match &settings.tls_ca {
        Some(authorities) if asks_for_mode => options.ssl_ca(authorities),
        Some(authorities) => options
            .ssl_ca(authorities)
            .ssl_mode(MySqlSslMode::VerifyIdentity),
        // Nobody listens on the way to this machine itself.
        None if !asks_for_mode && is_this_machine(options.get_host()) => {
            options.ssl_mode(MySqlSslMode::Disabled)
        }
        None => options,
    };
    // What the driver would set is set at once in `SESSION`; its log would print whole statements.
    Ok(options
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging())
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

/// The URL, where an empty password is none: MariaDB refuses the answer to an empty one.
fn without_empty_password(url: &str) -> Result<String, &'static str> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or("the URL must read mysql://user:password@host:port/database")?;
    if !matches!(scheme, "mysql" | "mariadb") {
        return Err("the URL must begin with mysql://");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else {
        // A part of the password would be taken for the host's or the database's name, and be
        // printed with it.
        if path.contains('@') {
            return Err(
                "a password with `/`, `?` or `#` must be written percent-encoded in the URL",
            );
        }
        return Ok(format!("mysql://{authority}{path}"));
    };
    let user = match user.split_once(':') {
        Some((user, "")) => user,
        _ => user,
    };
    Ok(format!("mysql://{user}@{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::chain;

    #[test]
    fn an_empty_password_is_none() {
        assert_eq!(
            without_empty_password("mysql://root:@h:1/d").as_deref(),
            Ok("mysql://root@h:1/d")
        );
    }

    #[tokio::test]
    async fn no_error_prints_the_password() {
        for url in [
            "mysql://user:hunter2@host:port/db",
            "mysql://user:hunter2/x@host/db",
            "mysql://user:hunter2#x@host/db",
            "mysql://user:hunter2@127.0.0.1:1/db",
            "mysql://user:hunter2@host/db?ssl-mode=unheard",
            "mysql://user:hunter2@[::bad/db",
            "redis://user:hunter2@host/db",
            "user:hunter2",
        ] {
            let settings = MysqlSettings {
                url: url.into(),
                pool: 1,
                tls_ca: None,
            };
            let error = open("warehouse", &settings)
                .await
                .expect_err("no such server");
            let said = format!("{} {error:?} {settings:?}", chain(&error));
            assert!(!said.contains("hunter2"), "{said}");
            assert!(said.contains("warehouse"), "{said}");
        }
    }
}
