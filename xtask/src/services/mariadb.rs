//! MariaDB: Debian's own server program, without the package that makes a system service of it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::native::{Recipe, Site};
use super::{packages, process};
use crate::shell;

/// A server of its own number, with so much memory for tables.
pub struct Mariadb {
    pub number: u8,
    pub memory: &'static str,
}

const PACKAGES: [&str; 2] = ["mariadb-server-core", "mariadb-client-core"];

impl Recipe for Mariadb {
    fn provide(&self, site: &Site) -> Result<()> {
        packages::program("mariadbd", &PACKAGES, &site.log)?;
        packages::program("my_print_defaults", &PACKAGES, &site.log)?;
        Ok(())
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        // The accounts without a name would take precedence over tests' own at local addresses.
        fs::write(
            site.folder.join("init.sql"),
            "DELETE FROM mysql.global_priv WHERE User = '';\nFLUSH PRIVILEGES;\n",
        )?;
        if site.data.exists() {
            return Ok(());
        }
        let fresh = site.folder.join("data.new");
        let _ = fs::remove_dir_all(&fresh);
        let mut command = Command::new(packages::program(
            "mariadb-install-db",
            &PACKAGES,
            &site.log,
        )?);
        command
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .args(user())
            .arg(format!("--datadir={}", fresh.display()));
        shell::logged(&mut command, &site.log)?;
        fs::rename(&fresh, &site.data).context("cannot put the data folder in place")
    }

    fn command(&self, site: &Site) -> Result<Command> {
        let temporary = site.folder.join("tmp");
        fs::create_dir_all(&temporary)?;
        let mut command = process::detached(packages::program("mariadbd", &PACKAGES, &site.log)?);
        command
            .arg("--no-defaults")
            .args(user())
            .arg(format!("--datadir={}", site.data.display()))
            .arg(format!(
                "--init-file={}",
                site.folder.join("init.sql").display()
            ))
            // Another server that starts deletes what it takes for its own in a shared one.
            .arg(format!("--tmpdir={}", temporary.display()))
            .arg(format!("--port={}", site.ports[0]))
            .args([
                "--socket=mariadb.sock",
                "--pid-file=mariadbd.pid",
                "--bind-address=127.0.0.1",
            ])
            .args([
                "--log-bin",
                "--binlog-format=ROW",
                "--binlog-row-metadata=FULL",
            ])
            .arg(format!("--server-id={}", self.number))
            .args([
                "--local-infile=1",
                "--secure-file-priv=",
                "--max-connections=300",
            ])
            .arg(format!("--innodb-buffer-pool-size={}", self.memory))
            .arg(format!("--innodb-log-file-size={}", self.memory))
            .arg("--innodb-flush-log-at-trx-commit=2");
        Ok(command)
    }

    fn settled(&self, _: &Site) -> bool {
        true
    }
}

/// mariadbd refuses to run as root unless that is said.
fn user() -> Option<&'static str> {
    packages::is_root().then_some("--user=root")
}
