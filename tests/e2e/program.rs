//! The `highwater` command, as a user starts and stops it.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::world::World;

/// No command of a test takes as long.
const LIMIT: Duration = Duration::from_secs(90);

/// A command that runs; it is killed when this is dropped.
pub struct Running {
    /// The number of its process.
    pub id: u32,
    child: Child,
    output: TempDir,
}

/// How a command ended, and what it said.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

/// Starts `highwater` with these arguments in the test's folder.
///
/// # Errors
/// It cannot be started.
pub fn start(world: &World, arguments: &str) -> Result<Running> {
    start_with(world, arguments, &[])
}

/// As `start`, with further variables in its environment.
///
/// # Errors
/// It cannot be started.
pub fn start_with(world: &World, arguments: &str, more: &[(&str, &OsStr)]) -> Result<Running> {
    // Files, not pipes: nobody has to read while it runs, and what it said outlives a kill.
    let output = tempfile::tempdir()?;
    let file = |name: &str| File::create(output.path().join(name));
    let child = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(words(arguments))
        .current_dir(world.folder.path())
        .envs(world.variables())
        .env_remove("RUST_LOG")
        .env("COLUMNS", "200")
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .stdout(file("out")?)
        .stderr(file("err")?)
        .kill_on_drop(true)
        .spawn()?;
    let id = child.id().unwrap_or_default();
    Ok(Running { id, child, output })
}

/// Runs `highwater` to its end.
///
/// # Errors
/// It cannot be started, or does not end.
pub async fn run(world: &World, arguments: &str) -> Result<Ended> {
    start(world, arguments)?.ended().await
}

impl Running {
    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub async fn ended(mut self) -> Result<Ended> {
        let Ok(status) = timeout(LIMIT, self.child.wait()).await else {
            let (out, err) = (self.said("out"), self.said("err"));
            bail!("it did not end within {LIMIT:?}\n{out}{err}");
        };
        Ok(Ended {
            status: status?,
            out: self.said("out"),
            err: self.said("err"),
        })
    }

    /// Asks it to stop, as a service manager does, once it has begun to listen for that: one that
    /// was started a moment ago would just be ended by the system.
    ///
    /// # Errors
    /// It has ended already, or does not listen.
    pub fn terminate(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !self.is_over()? && !self.catches_terminate() {
            ensure!(begun.elapsed() < LIMIT, "it does not listen for SIGTERM");
            thread::sleep(Duration::from_millis(5));
        }
        self.signal("TERM")
    }

    /// Whether SIGTERM, the 15th signal, is one of those that it handles itself.
    fn catches_terminate(&self) -> bool {
        let caught = || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
            let line = status.lines().find_map(|it| it.strip_prefix("SigCgt:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        };
        caught().is_some_and(|it| it & (1 << 14) != 0)
    }

    /// Sends it a signal: `STOP`, `CONT`.
    ///
    /// # Errors
    /// It has ended already.
    pub fn signal(&mut self, name: &str) -> Result<()> {
        let Some(id) = self.child.id() else {
            bail!("it has ended already");
        };
        // The shell's own `kill`: a bare system has no other.
        let kill = format!("kill -{name} {id}");
        let status = std::process::Command::new("sh")
            .args(["-c", &kill])
            .status()?;
        ensure!(status.success(), "`{kill}` failed");
        Ok(())
    }

    /// Kills it as the system does, at once. Answers whether it was still running.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(&mut self) -> Result<bool> {
        if self.child.try_wait()?.is_some() {
            return Ok(false);
        }
        self.child.kill().await?;
        Ok(true)
    }

    /// Whether it has ended, by itself.
    ///
    /// # Errors
    /// The system does not say.
    pub fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// The most memory that it has had so far, in bytes; `None` where it is over.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// What it has said so far on `out` or `err`.
    pub fn said(&self, stream: &str) -> String {
        let bytes = fs::read(self.output.path().join(stream)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Ended {
    /// Holds what happened against what is expected, line by line.
    ///
    /// # Errors
    /// A line does not hold; the error shows everything that was said.
    pub fn expect(&self, lines: &str, folder: &Path) -> Result<()> {
        for line in lines.lines().filter(|it| !it.trim().is_empty()) {
            let holds = self.holds(line, folder).with_context(|| self.described())?;
            ensure!(holds, "does not hold: {line}\n{}", self.described());
        }
        Ok(())
    }

    fn holds(&self, line: &str, folder: &Path) -> Result<bool> {
        let rest = |prefix: &str| line.strip_prefix(prefix);
        Ok(if let Some(status) = rest("exit ") {
            self.status.code() == Some(status.trim().parse()?)
        } else if let Some(text) = rest("out contains ") {
            self.out.contains(text)
        } else if let Some(text) = rest("out lacks ") {
            !self.out.contains(text)
        } else if let Some(text) = rest("err contains ") {
            flat(&self.err).contains(text) || self.err.contains(text)
        } else if let Some(text) = rest("err lacks ") {
            !self.err.contains(text) && !flat(&self.err).contains(text)
        } else if let Some(secret) = rest("nowhere ") {
            let said = self.out.contains(secret) || self.err.contains(secret);
            !said && !written_below(folder, secret)?
        } else {
            bail!("`{line}` is no expectation")
        })
    }

    fn described(&self) -> String {
        let Self { status, out, err } = self;
        format!("{status}\n--- stdout\n{out}--- stderr\n{err}---")
    }
}

/// Arguments as a shell takes them apart: by blanks, but not between double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Text as it was before it was broken into lines and framed.
fn flat(text: &str) -> String {
    let words = text.split(|it: char| it.is_whitespace() || it == '│');
    let words: Vec<_> = words.filter(|it| !it.is_empty()).collect();
    words.join(" ")
}

/// Whether a file below `folder` has this text; settings, which are the test's own, apart.
fn written_below(folder: &Path, text: &str) -> Result<bool> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|it| it != "toml")
                && String::from_utf8_lossy(&fs::read(&path)?).contains(text)
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
