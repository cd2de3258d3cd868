//! The shape of the code, checked like any other behaviour.

#[path = "tidy/systems.rs"]
mod systems;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Each module of `src/`, lowest floor first, with the modules of ours that it may name.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("fault", &[]),
    ("telemetry", &[]),
    ("connect", &["model", "fault"]),
    ("cli", &["model", "fault"]),
    ("source", &["model", "fault", "connect"]),
    ("codec", &["model", "fault"]),
    ("broker", &["model", "fault", "connect"]),
    ("cursor", &["model", "fault", "connect"]),
    ("pipeline", &["model", "fault", "connect"]),
    ("sink", &["model", "fault", "connect"]),
    ("digest", &["model", "fault", "connect"]),
    (
        "flow",
        &[
            "model", "fault", "source", "codec", "broker", "cursor", "pipeline", "sink",
        ],
    ),
    ("schedule", &["model", "fault", "cursor", "flow"]),
    // What a schedule may run is asked of a function that `app` hands in: settings know no command line.
    (
        "settings",
        &["model", "fault", "connect", "pipeline", "schedule"],
    ),
    (
        "verify",
        &[
            "model", "fault", "source", "codec", "pipeline", "sink", "digest", "flow",
        ],
    ),
];
/// Past this, a file has a second idea in it.
const LINES: usize = 420;
/// Past this, a folder has a second idea in it.
const FILES: usize = 25;
/// What `flow` may not name: it knows no system.
const SYSTEMS: &[&str] = &["mongo", "mysql", "maria", "sqlite", "kafka", "redis"];
/// What no name ends in.
const WORDS: &[&str] = &[
    "Manager", "Helper", "Util", "Utils", "Common", "Base", "Impl",
];

#[test]
fn every_module_keeps_to_its_floor() {
    let mut faults = Vec::new();
    for file in sources() {
        let Some((_, allowed)) = FLOORS.iter().find(|(floor, _)| *floor == file.module()) else {
            continue;
        };
        for (floor, _) in FLOORS.iter().chain(&[("app", &[][..])]) {
            let own = *floor == file.module();
            if !own && !allowed.contains(floor) && file.names(floor) {
                faults.push(format!("{}: may not name `{floor}`", file.name));
            }
        }
    }
    assert_tidy(faults);
}

#[test]
fn flows_see_contracts_and_no_adapter() {
    let mut faults = Vec::new();
    for file in sources()
        .iter()
        .filter(|it| ["flow", "verify"].contains(&it.module()))
    {
        let code = file.code().to_lowercase();
        for system in SYSTEMS {
            if code.contains(system) {
                faults.push(format!("{}: names {system}", file.name));
            }
        }
    }
    assert_tidy(faults);
}

#[test]
fn files_are_small_and_say_what_they_are() {
    let mut faults = Vec::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > LINES {
            faults.push(format!("{}: {lines} lines, at most {LINES}", file.name));
        }
        if !file.text.starts_with("//! ") {
            faults.push(format!("{}: does not open with a `//!` line", file.name));
        }
    }
    assert_tidy(faults);
}

#[test]
fn folders_are_small() {
    let mut files = BTreeMap::new();
    for file in sources() {
        let (folder, _) = file.name.rsplit_once('/').unwrap_or_default();
        *files.entry(folder.to_owned()).or_insert(0) += 1;
    }
    let faults = files
        .into_iter()
        .filter(|(_, files)| *files > FILES)
        .map(|(folder, files)| format!("{folder}/: {files} files, at most {FILES}"))
        .collect();
    assert_tidy(faults);
}

#[test]
fn unit_tests_are_called_tests() {
    let mut faults = Vec::new();
    for file in sources().iter().filter(|it| !it.name.contains("/tests/")) {
        let is_apart = !file.is_test && file.name.ends_with("tests.rs");
        let mut for_tests = file.text.split("#[cfg(test)]\n").skip(1);
        if is_apart || for_tests.any(|it| !it.trim_start().starts_with("mod tests")) {
            faults.push(format!(
                "{}: unit tests lie in `mod tests`, `tests.rs` or a folder `tests/`",
                file.name
            ));
        }
    }
    assert_tidy(faults);
}

#[test]
fn doubles_are_no_part_of_what_is_shipped() {
    let mut faults = Vec::new();
    for file in sources() {
        let code = file.code();
        for (at, _) in code.match_indices("mod memory") {
            if !code[..at].ends_with("#[cfg(any(test, feature = \"doubles\"))]\npub ") {
                faults.push(format!("{}: its double is compiled always", file.name));
            }
        }
    }
    assert_tidy(faults);
}

#[test]
fn tests_that_run_alone_go_through_the_gate_first() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alone");
    let mut files = Vec::new();
    gather(&root, &root, &mut files);
    let (mut tests, mut faults) = (0, Vec::new());
    for file in files.iter().filter(|it| it.name.contains('/')) {
        let gate = format!("let _gate = gate(\"{}\");", file.module());
        let lines: Vec<_> = file.text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let is_test = line.starts_with("#[") && line.contains("test]");
            if is_test && !line.contains("cfg") {
                tests += 1;
                let function = lines[at..].iter().position(|it| it.contains("fn "));
                let first = function.and_then(|it| lines.get(at + it + 1));
                if first.is_none_or(|it| **it != gate) {
                    faults.push(format!("{}:{}: not `{gate}` first", file.name, at + 1));
                }
            }
        }
    }
    assert!(tests > 20, "the tests are somewhere else");
    assert_tidy(faults);
}

#[test]
fn only_app_and_settings_read_the_environment() {
    let mut faults = Vec::new();
    for file in sources() {
        let may = ["app", "settings", "main"].contains(&file.module());
        if !may && (file.code().contains("env::var") || file.code().contains("env::args")) {
            faults.push(format!("{}: reads the environment", file.name));
        }
    }
    assert_tidy(faults);
}

#[test]
fn the_model_knows_no_wire_format_and_codecs_do_no_io() {
    let mut faults = Vec::new();
    for file in sources() {
        let code = file.code();
        if file.module() == "model" && code.contains("Serialize") {
            faults.push(format!("{}: a model type is `Serialize`", file.name));
        }
        let io = ["std::fs", "std::net", "tokio", "async fn"];
        if file.module() == "codec" && io.iter().any(|it| code.contains(it)) {
            faults.push(format!("{}: a codec does I/O", file.name));
        }
    }
    assert_tidy(faults);
}

#[test]
fn no_source_stores_a_cursor() {
    let faults = sources()
        .iter()
        .filter(|it| it.module() == "source" && it.code().contains("CursorStore"))
        .map(|it| format!("{}: a source stores a cursor", it.name))
        .collect();
    assert_tidy(faults);
}

#[test]
fn no_type_is_named_for_nothing() {
    let mut faults = Vec::new();
    for file in sources() {
        for line in file.code().lines() {
            let named = ["struct ", "enum ", "trait ", "type ", "mod "]
                .iter()
                .find_map(|it| {
                    line.trim_start()
                        .trim_start_matches("pub ")
                        .strip_prefix(it)
                });
            let end = |it: char| !it.is_alphanumeric() && it != '_';
            let name = named.and_then(|it| it.split(end).next()).unwrap_or("");
            if WORDS
                .iter()
                .any(|it| name.ends_with(it) || name == it.to_lowercase())
            {
                faults.push(format!("{}: `{name}`", file.name));
            }
        }
    }
    assert_tidy(faults);
}

#[test]
fn code_outside_tests_does_not_give_up() {
    let mut faults = Vec::new();
    for file in sources() {
        for word in [".unwrap()", "todo!(", "unimplemented!(", "panic!("] {
            if file.code().contains(word) {
                faults.push(format!("{}: {word}", file.name));
            }
        }
    }
    assert_tidy(faults);
}

struct Source {
    /// Below `src/`, with slashes.
    name: String,
    text: String,
    /// Whether it is compiled for tests alone: those lie in `tests/` folders, or are called so.
    is_test: bool,
}

impl Source {
    /// The module of `src/` that it belongs to.
    fn module(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap_or_default()
    }

    /// Its lines but for comments and tests.
    fn code(&self) -> String {
        if self.is_test {
            return String::new();
        }
        let tests = self.text.find("#[cfg(test)]\nmod tests {");
        self.text[..tests.unwrap_or(self.text.len())]
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |code, line| code + line + "\n")
    }

    /// Whether it names a module of ours, also within `use crate::{…}`.
    fn names(&self, module: &str) -> bool {
        let code = self.code();
        let inside = |list: &str| {
            let mut depth = 0_usize;
            let mut word = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => word.clear(),
                    ':' if depth == 0 && word.trim() == module => return true,
                    ':' => word.push(':'),
                    character if depth == 0 => word.push(character),
                    _ => (),
                }
            }
            false
        };
        code.contains(&format!("crate::{module}::"))
            || code.contains(&format!("highwater::{module}::"))
            || code.split("use crate::{").skip(1).any(inside)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    gather(&root, &root, &mut found);
    assert!(found.len() > 20, "the sources are somewhere else");
    found
}

fn gather(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder of sources")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(root, &path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let name = path.strip_prefix(root).expect("below the root");
            let name = name.to_string_lossy().replace('\\', "/");
            found.push(Source {
                is_test: name.contains("/tests/") || name.ends_with("/tests.rs"),
                text: fs::read_to_string(&path).expect("UTF-8"),
                name,
            });
        }
    }
}

#[track_caller]
fn assert_tidy(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
