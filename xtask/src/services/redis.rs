//! Redis: Debian's own program, without the package that makes a system service of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::native::{Recipe, Site};
use super::{packages, process};
use crate::shell;

pub struct Redis;

impl Recipe for Redis {
    /// Server and dump checker are one program that goes by the name it is called; the tools'
    /// package brings it under the checker's name.
    fn provide(&self, site: &Site) -> Result<()> {
        if program(site).exists() {
            return Ok(());
        }
        let target = match shell::find("redis-server") {
            Some(server) => server,
            None => packages::program("redis-check-rdb", &["redis-tools"], &site.log)?,
        };
        fs::create_dir_all(&site.packages)?;
        let _ = fs::remove_file(program(site));
        symlink(target, program(site)).context("cannot link redis-server")
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        fs::create_dir_all(&site.data).context("cannot create the data folder")
    }

    fn command(&self, site: &Site) -> Result<Command> {
        let mut command = process::detached(program(site));
        command
            .args(["--port", &site.ports[0].to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(&site.data);
        Ok(command)
    }

    fn is_configured(&self, _: &Site) -> bool {
        true
    }
}

fn program(site: &Site) -> PathBuf {
    site.packages.join("redis-server")
}
