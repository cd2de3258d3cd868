//! How pages are written: short cells, the field's words, settings that exist.

use std::{collections::BTreeSet, fs, sync::LazyLock};

use clap::CommandFactory;
use highwater::cli::Cli;
use regex::Regex;

use crate::{
    block::prose,
    pages::{pages, root},
};

/// Words in a cell of a table, at most.
const CELL: usize = 20;
/// Lines of the README, at most.
const README: usize = 150;

/// Private words, each with a standard term beside it in the glossary.
static RETIRED: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"places?|tell|tells|told|untold|settled?|settles|held|standing|marks?|lanes?|passages?|anew|so|such a one|of no use|misfit|unfit|amiss|letters?";
    Regex::new(&format!(r"\b(?:{words})\b")).expect("a pattern")
});
static CODE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"`[^`]*`|\]\([^)]*\)").expect("a pattern"));

#[test]
fn no_cell_of_a_table_is_long() {
    let mut faults = Vec::new();
    for (page, text) in pages() {
        for (line, text) in prose(&text)
            .into_iter()
            .filter(|(_, it)| it.trim_start().starts_with('|'))
        {
            for cell in text.split('|') {
                let words = cell.split_whitespace().count();
                if words > CELL {
                    faults.push(format!("{page}:{line}: {words} words: {}", cell.trim()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn pages_use_the_fields_words() {
    let mut faults = Vec::new();
    for (page, text) in pages() {
        let mut before = "";
        for (line, text) in prose(&text) {
            let plain = CODE.replace_all(text, "·").to_lowercase();
            let plain = plain
                .replace("dead letter", "·")
                .replace("dead-letter", "·");
            // A dead letter may stand on two lines.
            let plain = if before.to_lowercase().ends_with("dead") {
                plain.trim_start().trim_start_matches("letter")
            } else {
                &plain
            };
            before = text;
            if let Some(word) = RETIRED.find(plain) {
                faults.push(format!(
                    "{page}:{line}: `{}` in: {text}",
                    word.as_str().trim()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string(root().join("README.md")).expect("the README");
    let lines = text.lines().count();
    assert!(
        lines <= README,
        "the README has {lines} lines, at most {README}"
    );
}

#[test]
fn every_key_in_a_table_of_settings_is_a_setting() {
    let shipped = fs::read_to_string(root().join("settings.toml")).expect("the settings");
    let key = Regex::new(r"([a-z0-9-]+) = |\.([a-z0-9-]+)\]").expect("a pattern");
    let known: BTreeSet<&str> = key
        .captures_iter(&shipped)
        .filter_map(|it| it.get(1).or(it.get(2)).map(|it| it.as_str()))
        .collect();
    let (mut faults, mut checked, mut is_settings) = (Vec::new(), 0, false);
    for (page, text) in pages() {
        for (line, text) in prose(&text) {
            if !text.starts_with('|') {
                is_settings = false;
            } else if text.starts_with("| key |") || text.starts_with("| setting |") {
                is_settings = true;
            } else if is_settings && !text.starts_with("|---") {
                let cell = text.split('|').nth(1).unwrap_or_default();
                for name in cell.split('`').skip(1).step_by(2) {
                    checked += 1;
                    let last = name.rsplit('.').next().unwrap_or(name);
                    if !known.contains(last) {
                        faults.push(format!("{page}:{line}: settings.toml has no `{last}`"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(checked > 40, "only {checked} keys were found");
}

#[test]
fn every_command_and_every_flag_is_documented() {
    let pages: Vec<String> = pages().into_iter().map(|(_, text)| text).collect();
    let commands = fs::read_to_string(root().join("docs/commands.md")).expect("the commands");
    let mut faults = Vec::new();
    let mut open = vec![(String::new(), Cli::command())];
    while let Some((name, command)) = open.pop() {
        for flag in command.get_arguments().filter_map(|it| it.get_long()) {
            let written = format!("--{flag}");
            if !pages.iter().any(|it| it.contains(&written)) {
                faults.push(format!("{name}: no page has `{written}`"));
            }
        }
        let inner: Vec<_> = command.get_subcommands().cloned().collect();
        if inner.is_empty() && !commands.contains(&format!("`{}", name.trim())) {
            faults.push(format!("docs/commands.md lacks `{}`", name.trim()));
        }
        open.extend(
            inner
                .into_iter()
                .map(|it| (format!("{name} {}", it.get_name()), it)),
        );
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
