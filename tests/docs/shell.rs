//! `sh` blocks: every line is a command that exists, with arguments that it takes.

use std::fs;

use clap::Parser;
use highwater::cli::Cli;

use crate::{block::Block, pages::root};

/// Programs that are not ours.
const OTHERS: [&str; 8] = [
    "curl", "docker", "eval", "export", "kill", "mysql", "protoc", "sqlite3",
];

/// Parses every line of a block.
///
/// # Errors
/// The first line that is no such command.
pub fn parse(block: &Block) -> Result<(), String> {
    for line in block.text().replace("\\\n", " ").lines() {
        let words = shlex::split(line).ok_or_else(|| format!("`{line}` is not closed"))?;
        if !words.is_empty() {
            one(&words).map_err(|error| format!("`{line}`: {error}"))?;
        }
    }
    Ok(())
}

/// The arguments, where a line runs our program, by itself, by `cargo run … --` or by `cargo demo`.
pub fn program(words: &[String]) -> Option<&[String]> {
    match words {
        [first, rest @ ..] if first == "highwater" => Some(rest),
        // The alias of `.cargo/config.toml`: the demo's build, and its command.
        [first, second, ..] if first == "cargo" && second == "demo" => Some(&words[1..]),
        [first, second, rest @ ..] if first == "cargo" && second == "run" => {
            let end = rest.iter().position(|it| it == "--")?;
            let is_other = rest[..end]
                .iter()
                .any(|it| it == "--example" || it == "--package");
            (!is_other).then_some(&rest[end + 1..])
        }
        _ => None,
    }
}

fn one(words: &[String]) -> Result<(), String> {
    if let Some(arguments) = program(words) {
        let line = std::iter::once("highwater").chain(arguments.iter().map(String::as_str));
        return match Cli::try_parse_from(line) {
            Err(error) if error.use_stderr() => Err(error.to_string()),
            _ => Ok(()),
        };
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["cargo", "xtask", ref rest @ ..] => xtask(rest),
        ["cargo", "install" | "build" | "test", ..] => Ok(()),
        ["cargo", "bench", "--bench", name, ..] => exists("benches", name),
        ["cargo", "run", "--release", "--example", name, ..]
        | ["cargo", "run", "--example", name, ..] => exists("examples", name),
        [other, ..] if OTHERS.contains(&other) => Ok(()),
        _ => Err("is no command that tests/docs/shell.rs knows".to_owned()),
    }
}

/// Words of developers' commands stand in their source.
fn xtask(words: &[&str]) -> Result<(), String> {
    let mut source = String::new();
    for file in ["main", "test", "bench", "proof", "services/command"] {
        let path = root().join("xtask/src").join(file).with_extension("rs");
        source.push_str(&fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?);
    }
    let source = source.to_lowercase();
    let words = words.iter().map(|it| it.trim_start_matches("--"));
    let mut plain = words.filter(|it| it.chars().all(|it| it.is_ascii_alphabetic()));
    match plain.find(|it| !source.contains(*it)) {
        None => Ok(()),
        Some(word) => Err(format!("xtask knows no `{word}`")),
    }
}

fn exists(folder: &str, name: &str) -> Result<(), String> {
    let folder = root().join(folder);
    let file = folder.join(format!("{name}.rs"));
    if file.exists() || folder.join(name).join("main.rs").exists() {
        Ok(())
    } else {
        Err(format!("{} does not exist", file.display()))
    }
}
