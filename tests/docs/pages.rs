//! The pages, and the rule that each block of them follows.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use crate::{
    block::{Block, blocks},
    commands, links, settings, shell,
    world::World,
};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and all of `docs/`: the path from the root, and the text.
pub fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .expect("docs")
        .map(|it| it.expect("an entry").path())
        .filter(|it| it.extension().is_some_and(|it| it == "md"))
        .chain([root().join("README.md")])
        .collect();
    paths.sort();
    assert!(paths.len() > 10, "the pages are somewhere else");
    let name = |path: &Path| {
        let path = path.strip_prefix(root()).expect("below the root");
        path.to_string_lossy().replace('\\', "/")
    };
    let read = |path: PathBuf| {
        (
            name(&path),
            fs::read_to_string(&path).expect("a page is UTF-8"),
        )
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_example_of_every_page_is_true() {
    let is_writing = std::env::var_os("HIGHWATER_DOCS").is_some_and(|it| it == "write");
    let pages = pages();
    let faults: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = pages
            .iter()
            .map(|(name, text)| scope.spawn(move || page(name, text, is_writing)))
            .collect();
        running
            .into_iter()
            .flat_map(|it| it.join().expect("no rule panics"))
            .collect()
    });
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Goes through a page in order; what is wrong with it.
fn page(name: &str, text: &str, is_writing: bool) -> Vec<String> {
    let world = World::new();
    let (mut faults, mut shown) = (Vec::new(), Vec::new());
    for block in blocks(name, text) {
        match follow(&block, &world) {
            Ok(None) => {}
            Ok(Some(body)) if is_writing => shown.push((block, body)),
            Ok(Some(body)) => faults.push(format!(
                "{}: shows\n{}\nand the program writes\n{}",
                block.at,
                block.text(),
                body.join("\n")
            )),
            Err(fault) => faults.push(format!("{}: {fault}", block.at)),
        }
    }
    if !shown.is_empty() {
        rewrite(name, text, &shown);
    }
    faults
}

/// Follows the rule of one block. What it should show instead, where it shows something else.
///
/// # Errors
/// What is wrong with it.
fn follow(block: &Block, world: &World) -> Result<Option<Vec<String>>, String> {
    if let Some(test) = block.says("checked by") {
        return checked_by(block, test).map(|()| None);
    }
    let file = block.says("file");
    match (block.language.as_str(), file) {
        ("console", None) => commands::run(block, world),
        ("sh", None) => shell::parse(block).map(|()| None),
        ("toml", file) if !file.is_some_and(|it| it.ends_with("cases.toml")) => {
            settings::check(block, world).map(|()| None)
        }
        (_, Some(file)) => world.write(file, &block.text()).map(|()| None),
        ("text", None) if block.comment == "drawing" => Ok(None),
        (language, None) => Err(format!(
            "no rule covers this block of `{language}` with the comment `{}`; tests/docs/main.rs has the rules",
            block.comment
        )),
    }
}

/// The test has to name the page beside its own name.
fn checked_by(block: &Block, test: &str) -> Result<(), String> {
    let page = block.at.split(':').next().unwrap_or_default();
    let has = |text: &String| text.contains(&format!("fn {test}(")) && text.contains(page);
    if links::code().iter().any(has) {
        Ok(())
    } else {
        Err(format!("no file with the test `{test}` names {page}"))
    }
}

fn rewrite(name: &str, text: &str, shown: &[(Block, Vec<String>)]) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (block, body) in shown.iter().rev() {
        let indent = " ".repeat(block.indent);
        let body = body
            .iter()
            .map(|it| format!("{indent}{it}").trim_end().to_owned());
        lines.splice(block.first..block.first + block.body.len(), body);
    }
    lines.push(String::new());
    fs::write(root().join(name), lines.join("\n")).expect("the page is written");
}
