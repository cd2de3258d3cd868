//! Running other programs: their output to a log, their failure as one sentence.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io::Write};

use anyhow::{Context, Result, bail};

/// Runs a command to its end, its output appended to `log`.
///
/// # Errors
/// The command could not be started or failed; the sentence carries its last line and the log's path.
pub fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let line = spoken(command);
    let mut file = append_to(log)?;
    writeln!(file, "$ {line}")?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!(
            "`{line}` failed ({status}): {}; log: {}",
            last_line(log),
            log.display()
        );
    }
    Ok(())
}

/// What a command prints, trimmed.
///
/// # Errors
/// The command could not be started or failed.
pub fn output(command: &mut Command) -> Result<String> {
    let line = spoken(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !output.status.success() {
        bail!(
            "`{line}` failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a command runs and succeeds.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where a program is found. Debian keeps servers in `sbin`, which is not on everyone's `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Opens a log for appending, with its folder.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn append_to(log: &Path) -> Result<File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))
}

/// The last line of a log that is not empty.
pub fn last_line(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("it printed nothing").trim().to_owned()
}

fn spoken(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}
