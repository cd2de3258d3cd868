//! The help of every command, its completions and manual pages, held against the parser.

mod commands;
mod running;

use std::{fs, path::Path};

use clap::{Parser, ValueEnum, error::ErrorKind};
use clap_complete::Shell;
use highwater::cli::{Cli, completions, manual};

use commands::{Found, call, commands, examples};

/// A terminal of 80 columns shows as many without breaking the line.
const WIDTH: usize = 79;

#[test]
fn every_command_has_an_example_of_its_own() {
    for Found { path, command } in commands() {
        let own = |line: &String| {
            let words = call(line).unwrap_or_default().join(" ");
            words.starts_with(&path)
        };
        assert!(examples(&command).iter().any(own), "{path}");
    }
}

#[test]
fn every_example_is_understood_by_the_parser() {
    for Found { path, command } in commands() {
        for line in examples(&command) {
            let Some(words) = call(&line) else {
                let others = ["export ", "cd ", "man "];
                let known = others.iter().any(|it| line.starts_with(it));
                assert!(known, "{path}: {line}");
                continue;
            };
            match Cli::try_parse_from(words) {
                Ok(_) => (),
                Err(error) if error.kind() == ErrorKind::DisplayHelp => (),
                Err(error) => panic!("{path}: {line}\n{error}"),
            }
        }
    }
}

#[test]
fn every_example_names_what_its_settings_have() {
    let value = |words: &[String], flag: &str| {
        let at = words.iter().position(|it| it == flag)?;
        words.get(at + 1).cloned()
    };
    for Found { path, command } in commands() {
        for line in examples(&command) {
            let words = call(&line).unwrap_or_default();
            for (flag, section) in [("--data-type", "data-types"), ("--task", "tasks")] {
                let Some(name) = value(&words, flag) else {
                    continue;
                };
                let file = value(&words, "--settings").unwrap_or("settings.toml".to_owned());
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                let text = fs::read_to_string(&file).expect("settings");
                let settings: toml::Table = text.parse().expect("TOML");
                let named = settings.get(section).and_then(|it| it.get(&name));
                assert!(named.is_some(), "{path}: {line}: {}", file.display());
            }
        }
    }
}

#[test]
fn no_line_of_an_example_is_broken_by_a_terminal_of_80_columns() {
    for Found { path, command } in commands() {
        let texts = [
            command.get_before_long_help(),
            command.get_after_long_help(),
        ];
        for text in texts.into_iter().flatten() {
            for line in text.to_string().lines() {
                assert!(line.chars().count() <= WIDTH, "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_flag_has_a_help_text_and_stands_below_a_heading() {
    for Found { path, command } in commands() {
        for it in command.get_arguments().filter(|it| !it.is_hide_set()) {
            let name = it.get_id();
            assert!(it.get_help().is_some(), "{path}: {name}: no help");
            let heading = it.is_positional() || it.get_help_heading().is_some();
            assert!(heading, "{path}: {name}: no heading");
        }
    }
}

#[test]
fn the_help_is_a_sentence_then_examples_then_flags() {
    for Found { path, mut command } in commands() {
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_else(|| panic!("{path}: no sentence"));
        let help = command.render_long_help().to_string();
        let (examples, flags) = (help.find("Examples:"), help.find("Global options:"));
        assert!(
            !about.contains('\n') && help.starts_with(&about),
            "{path}:\n{help}"
        );
        assert!(examples.is_some() && examples < flags, "{path}:\n{help}");
    }
}

#[test]
fn the_short_help_is_short() {
    for Found { path, mut command } in commands() {
        let help = command.render_help().to_string();
        let lines = help.lines().count();
        assert!(!help.contains("Examples:"), "{path}:\n{help}");
        assert!(lines <= 36, "{path}: {lines} lines\n{help}");
    }
}

#[test]
fn every_shell_completes_every_command() {
    for shell in Shell::value_variants() {
        let script = String::from_utf8(completions(*shell)).expect("UTF-8");
        for Found { path, command } in commands() {
            assert!(script.contains(command.get_name()), "{shell}: {path}");
        }
        assert!(script.contains("until-caught-up"), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_examples_and_flags() {
    let pages = manual().expect("pages");
    let files: Vec<&str> = pages.iter().map(|it| it.file.as_str()).collect();
    let all = commands();
    let names = all.iter().map(|it| it.path.replace(' ', "-"));
    let expected: Vec<String> = names.map(|it| format!("{it}.1")).collect();
    assert_eq!(files, expected);
    for (page, Found { path, command }) in pages.iter().zip(all) {
        let roff = String::from_utf8(page.roff.clone()).expect("UTF-8");
        // Roff writes a hyphen that may be copied with a backslash.
        let roff = roff.replace("\\-", "-");
        for heading in [".SH NAME", ".SH EXAMPLES", ".SH \"GLOBAL OPTIONS\""] {
            assert!(roff.contains(heading), "{path}: {heading}\n{roff}");
        }
        for line in examples(&command) {
            let first = line.split("  ").next().unwrap_or_default();
            assert!(roff.contains(first), "{path}: {first}\n{roff}");
        }
        for flag in command.get_arguments().filter_map(|it| it.get_long()) {
            assert!(roff.contains(&format!("--{flag}")), "{path}: --{flag}");
        }
    }
}
