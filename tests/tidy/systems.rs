//! No place forgets a system: each role has one match, and the compiler lists what a new one lacks.

use super::{assert_tidy, sources};

/// Where each role is opened.
const ROLES: &str = "app/open/";
/// Where each system says how its tables may be called.
const NAMES: &str = "settings/table_name.rs";
/// Where a connection is opened as what it is: the only place that takes one variant for itself.
const CLIENTS: &str = "app/open/connections.rs";
/// Where systems are declared, and made from the settings.
const DECLARED: [&str; 2] = ["model/system.rs", "settings/connection.rs"];
/// Whose variants are systems.
const ENUMS: [&str; 2] = ["System::", "Connection::"];
/// What says to the compiler that no arm may stand for all others.
const DENIED: &str = "deny(clippy::wildcard_enum_match_arm)";

#[test]
fn systems_are_told_apart_in_one_match_for_each_role() {
    let mut faults = Vec::new();
    for file in sources() {
        let code = without_texts(&file.code());
        let found = match &file.name {
            name if DECLARED.contains(&name.as_str()) => catch_all(&code),
            name if name.starts_with(ROLES) || name == NAMES => inside(&code, name == CLIENTS),
            _ => outside(&code),
        };
        faults.extend(found.into_iter().map(|it| format!("{}: {it}", file.name)));
    }
    assert_tidy(faults);
}

#[test]
fn the_compiler_refuses_an_arm_for_all_other_systems() {
    let mut faults = Vec::new();
    for name in DECLARED.into_iter().chain([NAMES, "app/open/mod.rs"]) {
        let file = sources().into_iter().find(|it| it.name == name);
        if !file.is_some_and(|it| it.code().contains(DENIED)) {
            faults.push(format!("{name}: does not {DENIED}"));
        }
    }
    assert_tidy(faults);
}

#[test]
fn each_way_to_forget_a_system_is_found() {
    let arms = "match self.system(name)? { System::Mysql => 1, ";
    let known = "match connections.system(name) { Some(System::Mysql) => 1, ";
    for (code, is_clean) in [
        (
            format!("{arms}System::Kafka | System::Sqlite => 2 }}"),
            true,
        ),
        (
            format!("{arms}it @ (System::Kafka | System::Sqlite) => {{ f(it) }} }}"),
            true,
        ),
        (
            format!("{known}Some(System::Kafka | System::Sqlite) | None => 2 }}"),
            true,
        ),
        (format!("{known}Some(System::Kafka) => 2, _ => 3 }}"), false),
        (format!("{arms}_ => 2 }}"), false),
        (format!("{arms}other => 2 }}"), false),
        (
            format!("{arms}System::Kafka if late => 2, System::Kafka => 3 }}"),
            false,
        ),
        (
            "let it = matches!(system, System::Mysql | System::Mariadb);".to_owned(),
            false,
        ),
        (
            "if let System::Mysql = system { 1 } else { 2 }".to_owned(),
            false,
        ),
        (
            "let System::Mysql = system else { return };".to_owned(),
            false,
        ),
        (
            "if system == System::Mysql { 1 } else { 2 }".to_owned(),
            false,
        ),
        ("let it = system != System::Mysql;".to_owned(), false),
        (
            "let it = [System::Mysql].contains(&system);".to_owned(),
            false,
        ),
        (
            "match it { Connection::Kafka(it) => 1, Connection::Sqlite { .. } => 2 }".to_owned(),
            false,
        ),
        ("use crate::model::System as Kind;".to_owned(), false),
        ("use crate::model::System::*;".to_owned(), false),
    ] {
        assert_eq!(inside(&code, false).is_empty(), is_clean, "{code}");
        let names = ENUMS.iter().any(|it| code.contains(it)) || code.contains("System as");
        assert_eq!(outside(&code).is_empty(), !names, "{code}");
    }
    let client = "let Connection::Kafka(it) = connection else { return };";
    assert!(inside(client, true).is_empty());
    assert_eq!(inside(client, false).len(), 1);
}

/// What is wrong with code that opens nothing: it asks for facts, and names no system.
fn outside(code: &str) -> Vec<String> {
    let mut faults = renamed(code);
    let mentions = mentions(code);
    faults.extend(mentions.map(|at| {
        let name = &code[at..];
        let end = name.find(|it: char| !it.is_alphanumeric() && it != ':');
        let name = &name[..end.unwrap_or(name.len())];
        format!("names {name}: ask `model::System` for a fact, or match in {ROLES}")
    }));
    faults
}

/// What is wrong with code that opens a role: each system stands as an arm's pattern, beside all others.
fn inside(code: &str, is_clients: bool) -> Vec<String> {
    let mut faults = renamed(code);
    for at in mentions(code) {
        let name = code[at..].split(['(', ' ', '{', ')', ',', ';']).next();
        let name = name.unwrap_or_default();
        if name.starts_with("Connection") {
            if !is_clients {
                faults.push(format!("takes {name} apart: that is for {CLIENTS}"));
            }
        } else if !is_pattern(&code[at..]) {
            faults.push(format!("{name} stands outside of an arm of a `match`"));
        } else {
            faults.extend(catch_all_beside(code, at));
        }
    }
    faults
}

fn renamed(code: &str) -> Vec<String> {
    let hidden = [
        "System as ",
        "System::*",
        "System::{",
        "Connection::*",
        "Connection::{",
    ];
    let found = hidden.iter().filter(|it| code.contains(**it));
    found.map(|it| format!("`{it}` hides systems")).collect()
}

fn catch_all(code: &str) -> Vec<String> {
    let found = code
        .contains("_ =>")
        .then(|| "has an arm `_ =>`".to_owned());
    found.into_iter().collect()
}

/// Where a variant of one of the enums is named.
fn mentions(code: &str) -> impl Iterator<Item = usize> {
    let found = ENUMS.iter().flat_map(|it| code.match_indices(it));
    found.filter_map(|(at, it)| {
        let is_whole = !code[..at].ends_with(|it: char| it.is_alphanumeric() || it == '_');
        let mut variant = code[at + it.len()..].chars();
        let first = variant.next().is_some_and(char::is_uppercase);
        let is_variant = first && variant.next().is_some_and(char::is_lowercase);
        (is_whole && is_variant).then_some(at)
    })
}

/// Whether nothing but the rest of a pattern stands between here and `=>`.
fn is_pattern(code: &str) -> bool {
    let mut rest = code;
    loop {
        rest = rest.trim_start_matches(|it: char| it.is_whitespace() || matches!(it, '|' | ')'));
        if rest.starts_with("=>") {
            return true;
        }
        let next = rest.strip_prefix("System::").or(rest.strip_prefix("None"));
        let Some(behind) = next else {
            return false;
        };
        rest = behind.trim_start_matches(char::is_alphanumeric);
    }
}

/// The arms for everything else in the `match` whose arm stands at `at`.
fn catch_all_beside(code: &str, at: usize) -> Vec<String> {
    let mut depth = 0_i32;
    let opened = code[..at].char_indices().rev().find(|(_, it)| {
        match it {
            '{' => depth -= 1,
            '}' => depth += 1,
            _ => (),
        }
        depth < 0
    });
    let block = opened.map_or("", |(at, _)| &code[at + 1..]);
    let (mut depth, mut arm, mut faults) = (0_i32, 0, Vec::new());
    for (at, letter) in block.char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            '>' if depth == 0 && block[..at].ends_with('=') => {
                let pattern = block[arm..at - 1].trim();
                let word = pattern.split_whitespace().next().unwrap_or_default();
                let is_word = word.starts_with(|it: char| it.is_lowercase() || it == '_');
                if is_word && !pattern.contains('@') {
                    faults.push(format!("`{pattern} =>` stands for systems without a name"));
                }
            }
            _ => (),
        }
        if depth < 0 {
            break;
        }
        if depth == 0 && matches!(letter, ',' | '}') {
            arm = at + 1;
        }
    }
    faults
}

/// Without what stands in quotes, which may hold braces.
fn without_texts(code: &str) -> String {
    let mut letters = code.chars();
    let (mut plain, mut is_text) = (String::new(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if is_text => {
                letters.next();
            }
            '"' => is_text = !is_text,
            letter if !is_text => plain.push(letter),
            _ => (),
        }
    }
    plain
}
