//! One process and its children: how long it ran, how much CPU they used, how much memory they held.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub rows: u64,
    pub wall: Duration,
    pub cpu: Duration,
    pub peak_bytes: u64,
}

impl Run {
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.wall.as_secs_f64()
    }

    pub fn cpu_seconds_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.rows as f64
    }

    pub fn peak_megabytes(&self) -> f64 {
        self.peak_bytes as f64 / 1e6
    }
}

/// Runs a command that moves `rows` rows; what it prints goes to files in `folder`.
///
/// # Errors
/// It failed, with the last lines that it wrote, or the system has no `/proc`.
pub fn run(mut command: Command, folder: &Path, rows: u64) -> Result<Run> {
    let said = folder.join("stderr");
    command
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("stdout"))?)
        .stderr(File::create(&said)?);
    let began = Instant::now();
    let mut child = command.spawn().context("it could not be started")?;
    let watched = watch(&child);
    let wall = began.elapsed();
    if watched.is_err() {
        let _ = child.kill();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("it failed ({status}): {}", last_lines(&said));
    }
    let (cpu, peak_bytes) = watched?;
    Ok(Run {
        rows,
        wall,
        cpu,
        peak_bytes,
    })
}

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// `/proc` counts CPU time in these, on every machine that Linux runs on today.
const TICK: Duration = Duration::from_millis(10);

/// Looks at the process until it has ended. As long as nobody has waited for it, the system keeps
/// its CPU time; its memory is only known while it runs.
fn watch(child: &Child) -> Result<(Duration, u64)> {
    let folder = Path::new("/proc").join(child.id().to_string());
    let mut peaks = BTreeMap::new();
    loop {
        let status = fs::read_to_string(folder.join("status"))
            .context("processes are measured through /proc, which Linux has")?;
        look(child.id(), &status, &mut peaks);
        for process in children(&folder) {
            if let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) {
                look(process, &status, &mut peaks);
            }
        }
        if field(&status, "State:") == Some("Z") {
            break;
        }
        thread::sleep(LOOK);
    }
    Ok((cpu(&folder)?, peaks.values().sum()))
}

/// What a process that runs has used so far: its CPU time, and the most memory that it held.
pub fn so_far(child: &Child) -> Result<(Duration, u64)> {
    let folder = Path::new("/proc").join(child.id().to_string());
    let mut peaks = BTreeMap::new();
    look(
        child.id(),
        &fs::read_to_string(folder.join("status"))?,
        &mut peaks,
    );
    Ok((cpu(&folder)?, peaks.values().sum()))
}

fn cpu(folder: &Path) -> Result<Duration> {
    let stat = fs::read_to_string(folder.join("stat"))?;
    // The second field is the name in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("no line of /proc/…/stat")?;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        // Its own, and those of its children that it has waited for: user and system each.
        .take(4)
        .filter_map(|it| it.parse::<u32>().ok())
        .sum();
    Ok(TICK * ticks)
}

/// Remembers the most memory that the process has held.
fn look(process: u32, status: &str, peaks: &mut BTreeMap<u32, u64>) {
    if let Some(kilobytes) = field(status, "VmHWM:").and_then(|it| it.parse::<u64>().ok()) {
        peaks.insert(process, kilobytes * 1024);
    }
}

/// The children that its first thread has started.
fn children(folder: &Path) -> Vec<u32> {
    let id = folder.file_name().unwrap_or_default();
    let listed = fs::read_to_string(folder.join("task").join(id).join("children"));
    let listed = listed.unwrap_or_default();
    let numbers = listed.split_whitespace();
    numbers.filter_map(|it| it.parse().ok()).collect()
}

fn field<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    let line = status.lines().find_map(|it| it.strip_prefix(name))?;
    line.split_whitespace().next()
}

fn last_lines(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
