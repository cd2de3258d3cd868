//! Server processes: started apart from us, known by their own id, stopped by it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell;

const POLL: Duration = Duration::from_millis(50);

/// A command that will outlive us: it gets its own session, so that no Ctrl-C of ours reaches it.
pub fn detached(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

/// Starts a server in its folder, waits until it answers, and returns its process id.
///
/// # Errors
/// It ended while starting, or did not answer in time and was stopped.
pub fn start(
    command: &mut Command,
    folder: &Path,
    log: &Path,
    answers: impl Fn() -> bool,
) -> Result<u32> {
    let file = shell::append_to(log)?;
    let since = file.metadata()?.len();
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("`setsid` cannot be run")?;
    let pid = child.id();
    fs::write(folder.join("pid"), pid.to_string())?;
    let patience = Instant::now() + Duration::from_secs(90);
    while !answers() {
        if let Some(status) = child.try_wait()? {
            bail!(
                "it ended while starting ({status}): {}; log: {}",
                shell::complaint(log, since),
                log.display()
            );
        }
        if Instant::now() > patience {
            stop(pid, folder)?;
            bail!("it did not answer within 90 s; log: {}", log.display());
        }
        thread::sleep(POLL);
    }
    Ok(pid)
}

/// The process of a folder's pid file, if it is still that server and not a stranger with its number.
pub fn alive(folder: &Path) -> Option<u32> {
    let pid = fs::read_to_string(folder.join("pid"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    works_in(pid, folder).then_some(pid)
}

/// Asks a server to stop, insists after half a minute, and returns when it is gone.
///
/// # Errors
/// The process is still there.
pub fn stop(pid: u32, folder: &Path) -> Result<()> {
    for (signal, patience) in [("TERM", 30), ("KILL", 10)] {
        let until = Instant::now() + Duration::from_secs(patience);
        // `kill` as a program is not part of a small Debian; the shell's own always is.
        shell::succeeds(Command::new("sh").args(["-c", &format!("kill -s {signal} {pid}")]));
        while Instant::now() < until {
            if !works_in(pid, folder) {
                let _ = fs::remove_file(folder.join("pid"));
                return Ok(());
            }
            thread::sleep(POLL);
        }
    }
    bail!("process {pid} does not end")
}

/// A free port of 127.0.0.1: the preferred one, or one below the range that the kernel hands out
/// for outgoing connections, so that it is likely to be free again when a server comes back.
///
/// # Errors
/// No port is free.
pub fn free_port(preferred: Option<u16>, salt: u16) -> Result<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    let begin = (id() as u16)
        .wrapping_mul(31)
        .wrapping_add(salt.wrapping_mul(997))
        % COUNT;
    preferred
        .into_iter()
        .chain((0..COUNT).map(|step| FIRST + (begin + step) % COUNT))
        .find(|&port| is_free(port))
        .context("no port of 127.0.0.1 is free")
}

/// Whether nobody listens on a port of 127.0.0.1.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A process is known by where it works: every server is started in its folder and stays in it.
/// An ended process that nobody has waited for has no such place any more.
fn works_in(pid: u32, folder: &Path) -> bool {
    let folder = folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_path_buf());
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|paths| paths.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_elsewhere_is_a_stranger() {
        let folder = std::env::temp_dir().join(format!("highwater-xtask-{}", id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pid"), id().to_string()).unwrap();
        assert_eq!(alive(&folder), None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_port(Some(port), 0).unwrap(), port);
    }
}
