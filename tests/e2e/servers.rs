//! Where the real servers are.

use std::env;

use anyhow::{Result, bail};

/// The servers' addresses, as `cargo xtask test` gives them.
pub struct Servers {
    /// `mysql://user:password@host:port`, without a database.
    pub mysql: String,
    /// As MySQL's.
    pub mariadb: String,
    /// With its options.
    pub mongodb: String,
    /// `host:port`.
    pub kafka: String,
}

impl Servers {
    /// # Errors
    /// A server is missing.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            mysql: address("HIGHWATER_TEST_MYSQL_URL")?,
            mariadb: address("HIGHWATER_TEST_MARIADB_URL")?,
            mongodb: address("HIGHWATER_TEST_MONGODB_URL")?,
            kafka: address("HIGHWATER_TEST_KAFKA_BROKERS")?,
        })
    }
}

fn address(variable: &str) -> Result<String> {
    let Ok(address) = env::var(variable) else {
        bail!(
            "{variable} is not set: `cargo xtask test` brings the servers up and runs these tests"
        );
    };
    Ok(address.trim_end_matches('/').to_owned())
}
