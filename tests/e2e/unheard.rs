//! Answers that nobody reads, and answers that find no room.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    process::{Command, Output, Stdio},
};

fn answer(arguments: &str, out: Stdio) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("settings.toml");
    Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(arguments.split(' '))
        .arg("--settings")
        .arg(settings)
        .current_dir(folder.path())
        .stdout(out)
        .output()
        .expect("it starts")
}

const COMMANDS: &[&str] = &[
    "check --offline",
    "check --offline --json",
    "cursor list",
    "cursor list --json",
    "schedule list",
];

#[test]
fn a_reader_that_has_left_is_no_failure() {
    for arguments in COMMANDS {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let ended = answer(arguments, writer.into());
        let err = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{arguments}: {err}");
        assert_eq!(err, "", "{arguments}");
    }
}

#[test]
fn an_answer_that_finds_no_room_is_a_failure() {
    for arguments in COMMANDS {
        let full = OpenOptions::new().write(true).open("/dev/full");
        let ended = answer(arguments, full.expect("a full disk").into());
        let err = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{arguments}: {err}");
        let words = "highwater: the answer cannot be written: ";
        assert!(err.starts_with(words), "{arguments}: {err}");
    }
}
