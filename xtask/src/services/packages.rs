//! Packages of the distribution: installed where that is harmless, unpacked beside the system where not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use super::mirror;
use crate::shell;

/// Installs packages of the system's own release. Only libraries and programs are asked for,
/// never a package that starts a service.
///
/// # Errors
/// We may not install, or apt fails; apt's complaint and the log are named.
pub fn install(packages: &[&str], log: &Path) -> Result<()> {
    // One apt at a time: servers are provided in parallel.
    static APT: Mutex<()> = Mutex::new(());
    let _turn = APT.lock().unwrap_or_else(PoisonError::into_inner);
    println!("servers: installing {}", packages.join(" "));
    let install = || {
        let mut command = apt_as_root()?;
        command.args([
            "-y",
            "-q",
            "-o",
            "DPkg::Lock::Timeout=120",
            "install",
            "--no-install-recommends",
        ]);
        shell::logged(command.args(packages), log)
    };
    if install().is_ok() {
        return Ok(());
    }
    // Old or missing lists are the usual reason; a foreign source that fails to update is not ours to judge.
    let _ = shell::logged(apt_as_root()?.args(["-q", "update"]), log);
    install().with_context(|| format!("{} could not be installed", packages.join(" ")))
}

/// Installs the packages unless a program is there already, and returns the program's path.
///
/// # Errors
/// The installation fails or does not bring the program.
pub fn program(name: &str, packages: &[&str], log: &Path) -> Result<PathBuf> {
    if let Some(path) = shell::find(name) {
        return Ok(path);
    }
    install(packages, log)?;
    shell::find(name).with_context(|| format!("{} brought no `{name}`", packages.join(" ")))
}

/// Fetches a package of Debian unstable with all it depends on, and unpacks it into `root`,
/// through an apt whose lists, cache and status are its own.
///
/// # Errors
/// The system names no mirror, or apt or dpkg fail.
pub fn unpack_unstable(package: &str, folder: &Path, root: &Path, log: &Path) -> Result<()> {
    let apt = folder.join("apt");
    for path in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(path))?;
    }
    fs::write(apt.join("sources.list"), mirror::unstable()?)?;
    fs::write(apt.join("status"), "")?;
    println!("servers: fetching {package} of Debian unstable");
    shell::logged(private_apt(&apt).arg("update"), log)?;
    let mut fetch = private_apt(&apt);
    shell::logged(
        fetch.args([
            "-y",
            "--download-only",
            "--no-install-recommends",
            "install",
            package,
        ]),
        log,
    )?;

    let unpacked = folder.join("root.new");
    let _ = fs::remove_dir_all(&unpacked);
    fs::create_dir_all(&unpacked)?;
    let mut archives: Vec<_> = fs::read_dir(apt.join("cache/archives"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    // The package that lays out the folders comes first, so that the others follow its links.
    archives.sort_by_key(|path| !path.to_string_lossy().contains("/base-files_"));
    for archive in archives {
        shell::logged(
            Command::new("dpkg").arg("-x").arg(archive).arg(&unpacked),
            log,
        )?;
    }
    fs::rename(&unpacked, root).context("cannot put the unpacked packages in place")
}

/// Whether we are root.
pub fn is_root() -> bool {
    static ROOT: LazyLock<bool> =
        LazyLock::new(|| shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0"));
    *ROOT
}

fn apt_as_root() -> Result<Command> {
    if shell::find("apt-get").is_none() {
        bail!("this system has no apt-get");
    }
    let mut command = if is_root() {
        Command::new("apt-get")
    } else if shell::succeeds(Command::new("sudo").args(["-n", "true"])) {
        let mut command = Command::new("sudo");
        command.args(["-n", "apt-get"]);
        command
    } else {
        bail!("only root may install packages, and `sudo -n` is refused");
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

fn private_apt(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    let set = |name: &str, path: &str| format!("{name}={}", folder.join(path).display());
    for option in [
        set("Dir::Etc::SourceList", "sources.list"),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        "Dir::Etc::PreferencesParts=/dev/null".to_owned(),
        set("Dir::State", ""),
        set("Dir::State::Lists", "lists"),
        set("Dir::State::status", "status"),
        set("Dir::Cache", "cache"),
        "APT::Sandbox::User=root".to_owned(),
        // The mirror may be a snapshot, whose index is signed but no longer fresh.
        "Acquire::Check-Valid-Until=false".to_owned(),
    ] {
        command.args(["-o", &option]);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.arg("-q");
    command
}
