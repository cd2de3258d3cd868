//! MySQL: Debian unstable's own, unpacked beside the system and run by the C library it brings.

use std::env::consts::ARCH;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::native::{Recipe, Site};
use super::{packages, process};
use crate::shell;

pub struct Mysql;

impl Recipe for Mysql {
    fn provide(&self, site: &Site) -> Result<()> {
        if root(site).exists() {
            Ok(())
        } else {
            packages::unpack_unstable("mysql-server-core", &site.packages, &root(site), &site.log)
        }
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        if site.data.exists() {
            return Ok(());
        }
        let fresh = site.folder.join("data.new");
        let _ = fs::remove_dir_all(&fresh);
        let mut command = Command::new(loader(site)?);
        command
            .args(program(site)?)
            .arg("--initialize-insecure")
            .arg(format!("--datadir={}", fresh.display()));
        shell::logged(&mut command, &site.log)?;
        fs::rename(&fresh, &site.data).context("cannot put the data folder in place")
    }

    fn command(&self, site: &Site) -> Result<Command> {
        let mut command = process::detached(loader(site)?);
        command
            .args(program(site)?)
            .arg(format!("--datadir={}", site.data.display()))
            .arg(format!("--port={}", site.ports[0]))
            // Both are relative to the data folder: an absolute socket path may not be long.
            .args(["--socket=mysql.sock", "--pid-file=mysqld.pid"])
            .args([
                "--bind-address=127.0.0.1",
                "--mysqlx=OFF",
                "--secure-file-priv=",
                "--local-infile=1",
            ])
            .args(["--max-connections=300", "--binlog-row-metadata=FULL"])
            .args([
                "--innodb-buffer-pool-size=512M",
                "--innodb-redo-log-capacity=512M",
            ])
            .arg("--innodb-flush-log-at-trx-commit=2");
        Ok(command)
    }

    fn is_configured(&self, _: &Site) -> bool {
        true
    }
}

/// The arguments of the loader up to what every run of mysqld shares.
fn program(site: &Site) -> Result<Vec<String>> {
    let root = root(site);
    let at = |path: &str| root.join(path).display().to_string();
    let mut words = vec![
        "--library-path".to_owned(),
        at(&format!("usr/lib/{ARCH}-linux-gnu")),
        at("usr/sbin/mysqld"),
        "--no-defaults".to_owned(),
        format!("--basedir={}", at("usr")),
        format!("--lc-messages-dir={}", at("usr/share/mysql")),
        format!("--plugin-dir={}", at("usr/lib/mysql/plugin")),
    ];
    // mysqld refuses to run as root unless that is said.
    if packages::is_root() {
        words.push("--user=root".to_owned());
    }
    Ok(words)
}

/// The dynamic loader among the unpacked packages: its name differs from one architecture to another.
fn loader(site: &Site) -> Result<PathBuf> {
    let libraries = root(site).join(format!("usr/lib/{ARCH}-linux-gnu"));
    fs::read_dir(&libraries)
        .with_context(|| format!("cannot read {}", libraries.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
        })
        .with_context(|| format!("no loader in {}", libraries.display()))
}

fn root(site: &Site) -> PathBuf {
    site.packages.join("root")
}
