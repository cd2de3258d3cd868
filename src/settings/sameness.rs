//! Whether two connections are the same, their secrets included.

use secrecy::{ExposeSecret, SecretString};

use super::connection::{Connection, Kafka, Mysql};

impl Connection {
    /// Whether `other` would be opened in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Mongodb { url, database },
                Self::Mongodb {
                    url: other,
                    database: of,
                },
            ) => is_same(url, other) && database == of,
            (Self::Mysql(it), Self::Mysql(other)) | (Self::Mariadb(it), Self::Mariadb(other)) => {
                is_same_mysql(it, other)
            }
            (Self::Sqlite { path }, Self::Sqlite { path: other })
            | (Self::Embedded { path }, Self::Embedded { path: other }) => path == other,
            (Self::Kafka(it), Self::Kafka(other)) => is_same_kafka(it, other),
            // Two systems: each of these has its own pair above.
            (
                Self::Mongodb { .. }
                | Self::Mysql(_)
                | Self::Mariadb(_)
                | Self::Sqlite { .. }
                | Self::Kafka(_)
                | Self::Embedded { .. },
                _,
            ) => false,
        }
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

fn is_same_mysql(one: &Mysql, other: &Mysql) -> bool {
    let Mysql { url, pool, tls_ca } = one;
    is_same(url, &other.url) && *pool == other.pool && *tls_ca == other.tls_ca
}

fn is_same_kafka(one: &Kafka, other: &Kafka) -> bool {
    let Kafka {
        brokers,
        login,
        tls,
        tls_ca,
        options,
    } = one;
    let same_login = match (login, &other.login) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            one.username == other.username
                && is_same(&one.password, &other.password)
                && one.mechanism == other.mechanism
        }
        _ => false,
    };
    let mut pairs = options.iter().zip(&other.options);
    *brokers == other.brokers
        && same_login
        && *tls == other.tls
        && *tls_ca == other.tls_ca
        && options.len() == other.options.len()
        && pairs.all(|(one, other)| one.0 == other.0 && is_same(one.1, other.1))
}
