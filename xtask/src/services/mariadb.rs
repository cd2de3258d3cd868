//! MariaDB: Debian's own server program, without the package that makes a system service of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::native::{Recipe, Site};
use super::{packages, process};
use crate::shell;

/// A server of its own number, with so much memory for tables.
pub struct Mariadb {
    pub number: u8,
    pub memory: &'static str,
    /// Whether it is a node of a Galera cluster, of one node.
    pub galera: bool,
}

const PACKAGES: [&str; 2] = ["mariadb-server-core", "mariadb-client-core"];

/// What makes a node of a server.
const GALERA: &str = "/usr/lib/galera/libgalera_smm.so";

impl Recipe for Mariadb {
    fn provide(&self, site: &Site) -> Result<()> {
        packages::program("mariadbd", &PACKAGES, &site.log)?;
        packages::program("my_print_defaults", &PACKAGES, &site.log)?;
        if self.galera {
            packages::program("mariadb", &PACKAGES, &site.log)?;
            if !Path::new(GALERA).exists() {
                packages::install(&["galera-4"], &site.log)?;
            }
        }
        Ok(())
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        // The accounts without a name would take precedence over tests' own at local addresses.
        fs::write(
            site.folder.join("init.sql"),
            "DELETE FROM mysql.global_priv WHERE User = '';\nFLUSH PRIVILEGES;\n",
        )?;
        if site.data.exists() {
            return may_begin(&site.data.join("grastate.dat"));
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
            .arg(format!("--datadir={}", fresh.display()))
            .env("TMPDIR", temporary(site)?);
        shell::logged(&mut command, &site.log)?;
        fs::rename(&fresh, &site.data).context("cannot put the data folder in place")
    }

    fn command(&self, site: &Site) -> Result<Command> {
        let mut command = process::detached(packages::program("mariadbd", &PACKAGES, &site.log)?);
        command
            .arg("--no-defaults")
            .args(user())
            .arg(format!("--datadir={}", site.data.display()))
            .arg(format!(
                "--init-file={}",
                site.folder.join("init.sql").display()
            ))
            .arg(format!("--tmpdir={}", temporary(site)?.display()))
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
        if self.galera {
            let port = site.ports[1];
            command
                .args(["--wsrep-on=ON", "--wsrep-cluster-address=gcomm://"])
                .arg(format!("--wsrep-provider={GALERA}"))
                .args([
                    "--wsrep-node-address=127.0.0.1",
                    "--innodb-autoinc-lock-mode=2",
                ])
                .arg(format!(
                    "--wsrep-provider-options=base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};gcache.size=16M"
                ));
        }
        Ok(command)
    }

    /// A node greets its clients before it answers them.
    fn is_configured(&self, site: &Site) -> bool {
        if !self.galera {
            return true;
        }
        let port = format!("--port={}", site.ports[0]);
        let asked = ["--no-defaults", "--host=127.0.0.1", "--user=root", &port];
        shell::succeeds(
            Command::new("mariadb")
                .args(asked)
                .args(["--execute", "SELECT COUNT(*) FROM mysql.global_priv"]),
        )
    }
}

/// A folder for temporary files: another server that starts deletes what it takes for its own in a
/// shared one.
fn temporary(site: &Site) -> Result<PathBuf> {
    let folder = site.folder.join("tmp");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The only node of a cluster is the one to begin with, also when it was killed.
fn may_begin(state: &Path) -> Result<()> {
    let Ok(text) = fs::read_to_string(state) else {
        return Ok(());
    };
    let text = text.replace("safe_to_bootstrap: 0", "safe_to_bootstrap: 1");
    fs::write(state, text).with_context(|| format!("cannot write {}", state.display()))
}

/// mariadbd refuses to run as root unless that is said.
fn user() -> Option<&'static str> {
    packages::is_root().then_some("--user=root")
}
