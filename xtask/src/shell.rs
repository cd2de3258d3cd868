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
/// The command could not be started or failed; the sentence carries its complaint and the log's path.
pub fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let line = spoken(command);
    let mut file = append_to(log)?;
    writeln!(file, "$ {line}")?;
    let since = file.metadata()?.len();
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!(
            "`{line}` failed ({status}): {}; log: {}",
            complaint(log, since),
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

/// What a log says went wrong since an offset: the first line that speaks of an error, or else the last.
pub fn complaint(log: &Path, since: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let start = usize::try_from(since).map_or(0, |since| since.min(bytes.len()));
    complaint_in(&String::from_utf8_lossy(&bytes[start..]))
}

fn complaint_in(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let speaks = |line: &&str| line.starts_with("E: ") || line.to_lowercase().contains("error");
    let line = lines().find(speaks).or_else(|| lines().next_back());
    line.unwrap_or("it printed nothing")
        .chars()
        .take(300)
        .collect()
}

fn spoken(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_complaint_is_the_first_error_or_the_last_words() {
        assert_eq!(
            complaint_in("reading\n[ERROR] no such jar\n[ERROR] read more\n\n"),
            "[ERROR] no such jar"
        );
        assert_eq!(complaint_in("one\ntwo\n"), "two");
        assert_eq!(complaint_in(""), "it printed nothing");
    }
}
