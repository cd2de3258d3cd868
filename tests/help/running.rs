//! The examples of the help, run by a shell as they stand, after the demo.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::commands::{Found, commands, examples};

/// Seconds that the examples of one command may take.
const LIMIT: &str = "90";

/// Whether a line ends by itself, needs no server and no dead letter, and writes nothing that only an
/// installed program would.
fn runs_here(line: &str) -> bool {
    let starts = ["highwater demo", "highwater run", "man "];
    let parts = [
        "--follow",
        "--settings",
        "0:17",
        "completions/",
        "fpath",
        "|",
    ];
    let never_ends = line == "highwater sink";
    !never_ends
        && !starts.iter().any(|it| line.starts_with(it))
        && !parts.iter().any(|it| line.contains(it))
}

#[track_caller]
fn run(script: &str, folder: &Path) {
    let program = Path::new(env!("CARGO_BIN_EXE_highwater"));
    let programs = program.parent().expect("a folder").display();
    let path = std::env::var("PATH").expect("a PATH");
    let script = format!("set -eu\n{script}");
    let output = Command::new("timeout")
        .args([LIMIT, "bash", "-c", &script])
        .current_dir(folder)
        .env("HOME", folder)
        .env("PATH", format!("{programs}:{path}"))
        .output()
        .expect("a shell");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(
        output.status.success(),
        "{script}\n--- stdout\n{out}--- stderr\n{err}"
    );
}

/// A folder as one has it that has cloned the project.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = "examples/information";
    fs::create_dir_all(folder.path().join(example)).expect("a folder");
    for file in [
        "settings.toml",
        "examples/information/settings.toml",
        "examples/information/cases.toml",
    ] {
        fs::copy(root.join(file), folder.path().join(file)).expect(file);
    }
    folder
}

#[test]
fn examples_that_need_no_server_work_after_the_demo() {
    let folder = folder();
    run("highwater demo --rows 200", folder.path());
    let mut count = 0;
    for Found { command, .. } in commands() {
        let mut lines = examples(&command);
        lines.retain(|it| runs_here(it));
        count += lines.len();
        run(&lines.join("\n"), folder.path());
    }
    assert!(count > 30, "only {count} examples were run");
    let page = ".local/share/man/man1/highwater-sync.1";
    assert!(folder.path().join(page).exists(), "{page}");
}
