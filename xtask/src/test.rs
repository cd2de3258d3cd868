//! `cargo xtask test`: every check and every test, by itself.

use std::collections::BTreeMap;
use std::process::{Command, exit};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail};

use crate::services::{self, Entry, Server};
use crate::{paths, shell};

/// What takes longer hangs: on two slow cores the longest step, building and running all tests,
/// takes a third of it.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// The test targets that speak to real servers.
const WITH_SERVERS: [&str; 3] = ["alone", "contracts", "e2e"];

#[derive(clap::Args)]
pub struct Arguments {
    /// Leave out the tests that need servers
    #[arg(long)]
    fast: bool,
}

/// # Errors
/// A check or a test failed, or a server cannot be had.
pub fn run(arguments: &Arguments) -> Result<()> {
    let begun = Instant::now();
    components()?;
    if arguments.fast {
        fast()
    } else {
        with_servers()
    }?;
    println!("\n== everything passed in {}", seconds(begun.elapsed()));
    Ok(())
}

fn fast() -> Result<()> {
    lints()?;
    let mut tests = cargo(&["test", "--locked", "--workspace", "--lib", "--bins"]);
    for target in targets()?
        .iter()
        .filter(|target| !WITH_SERVERS.contains(&target.as_str()))
    {
        tests.args(["--test", target]);
    }
    step("unit and flow tests", &mut tests)?;
    step(
        "examples in the documentation",
        &mut cargo(&["test", "--locked", "--doc", "--package", "highwater"]),
    )
}

/// The servers come up while the compiler works, and those that were not up before go down at the end.
fn with_servers() -> Result<()> {
    let before: Vec<Server> = up_now()?;
    stop_ours_on_interrupt(before.clone())?;
    let servers = thread::spawn(|| services::up(&Server::DEFAULT));
    let linted = lints();
    let begun = Instant::now();
    let had = servers
        .join()
        .unwrap_or_else(|_| Err(anyhow!("the servers' thread panicked")));
    let tested = linted.and_then(|()| {
        heading("servers");
        let had = had?;
        done("servers", begun.elapsed());
        tests(&had)
    });
    let stopped = stop_ours(&before);
    tested.and(stopped)
}

fn lints() -> Result<()> {
    step("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    let mut clippy = cargo(&["clippy", "--locked", "--workspace", "--all-targets"]);
    step("clippy", clippy.args(["--", "-D", "warnings"]))?;
    let mut documentation = cargo(&[
        "doc",
        "--locked",
        "--no-deps",
        "--package",
        "highwater",
        "--lib",
    ]);
    step(
        "documentation",
        documentation.env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    demo()
}

/// The build of the README's first command, which has no system with a server: it shows the demo, and
/// refuses settings that name what it does not have. All other steps are of the full build.
fn demo() -> Result<()> {
    let alone = [
        "--locked",
        "--package",
        "highwater",
        "--no-default-features",
    ];
    let mut clippy = cargo(&["clippy", "--bin", "highwater"]);
    step(
        "clippy of the demo's build",
        clippy.args(alone).args(["--", "-D", "warnings"]),
    )?;
    let folder = paths::workspace().join("target/tmp/demo-build");
    let run = || {
        let mut command = cargo(&["run", "--quiet"]);
        command.args(alone).arg("--");
        command
    };
    let mut shown = run();
    shown.args(["demo", "--rows", "1000", "--folder"]);
    step("the demo's build", shown.arg(&folder))?;
    let settings = folder.join("crawler.toml");
    let crawler =
        "[connections.crawler]\nkind = \"mongodb\"\nurl = \"mongodb://h\"\ndatabase = \"d\"\n";
    fs::write(&settings, crawler)?;
    let refused = run()
        .args(["check", "--offline", "--settings"])
        .arg(&settings)
        .current_dir(paths::workspace())
        .output()?;
    let message = String::from_utf8_lossy(&refused.stderr);
    let expected = [
        "this build has no MongoDB",
        "build with `--features mongodb`",
    ];
    if refused.status.code() != Some(2) || !expected.iter().all(|it| message.contains(it)) {
        bail!("a build without MongoDB does not refuse settings that name it: {message}");
    }
    Ok(())
}

/// Unit, flow, tidy, contract and end-to-end tests; a server that is missing fails them.
fn tests(had: &BTreeMap<Server, Entry>) -> Result<()> {
    // All of them, so that one run tells everything that is wrong.
    let mut command = cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    command.env("HIGHWATER_TEST_SERVERS", "required");
    for (server, entry) in had {
        command.env(server.variable(), &entry.address);
    }
    step("tests", &mut command)
}

/// The files and folders of `tests/` that Cargo makes test targets of.
fn targets() -> Result<Vec<String>> {
    let folder = paths::workspace().join("tests");
    let mut targets: Vec<_> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension().is_some_and(|is| is == "rs") || path.join("main.rs").exists()
        })
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    targets.sort();
    Ok(targets)
}

/// A toolchain of the minimal profile has neither formatter nor linter.
fn components() -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !shell::succeeds(cargo(&[subcommand, "--version"]).env("RUSTUP_AUTO_INSTALL", "0")) {
            step(
                component,
                Command::new("rustup").args(["component", "add", component]),
            )?;
        }
    }
    Ok(())
}

pub(crate) fn up_now() -> Result<Vec<Server>> {
    let known = services::status()?.into_iter();
    Ok(known
        .filter(|(_, _, answers)| *answers)
        .map(|(server, _, _)| server)
        .collect())
}

pub(crate) fn stop_ours(before: &[Server]) -> Result<()> {
    let ours: Vec<_> = Server::DEFAULT
        .into_iter()
        .filter(|server| !before.contains(server))
        .collect();
    services::stop(&ours)
}

/// Ctrl-C and SIGTERM end the run at once, but not without the servers it started.
pub(crate) fn stop_ours_on_interrupt(before: Vec<Server>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    thread::spawn(move || {
        let asked = runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                outcome = tokio::signal::ctrl_c() => outcome,
                _ = terminate.recv() => Ok(()),
            }
        });
        if asked.is_ok() {
            eprintln!("\n== interrupted; stopping the servers this run started");
            let _ = stop_ours(&before);
            exit(130);
        }
    });
    Ok(())
}

pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    heading(name);
    let begun = Instant::now();
    let mut child = command
        .current_dir(paths::workspace())
        .spawn()
        .with_context(|| {
            format!(
                "{name}: {} could not be started",
                command.get_program().display()
            )
        })?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > LIMIT {
            kill_with_children(child.id());
            child.wait()?;
            bail!("{name} did not end within {}", seconds(LIMIT));
        }
        thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        bail!(
            "{name} failed after {} ({status})",
            seconds(begun.elapsed())
        );
    }
    done(name, begun.elapsed());
    Ok(())
}

/// Cargo's children, a test that hangs among them, would outlive it.
fn kill_with_children(parent: u32) {
    let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = listed.unwrap_or_default();
    let all = children.split_whitespace().map(str::to_owned);
    for process in all.chain([parent.to_string()]) {
        shell::succeeds(Command::new("kill").args(["-KILL", &process]));
    }
}

fn heading(name: &str) {
    println!("\n== {name}");
}

fn done(name: &str, elapsed: Duration) {
    println!("== {name}: {}", seconds(elapsed));
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

/// The Cargo that runs us, so that the toolchain is the same.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}
