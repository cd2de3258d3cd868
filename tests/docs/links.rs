//! Links between pages, and what pages name of the repository: files, headings and tests.

use std::{collections::BTreeSet, fs, sync::LazyLock};

use regex::Regex;

use crate::{
    block::prose,
    pages::{pages, root},
};

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern"));
/// A test's name in code.
static TEST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){4,})`").expect("a pattern"));
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`((?:src|tests|examples|proto|docs)/[\w./-]*)`").expect("a pattern")
});

#[test]
fn every_link_leads_somewhere() {
    let mut pages = pages();
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(name)).expect("a page");
        pages.push((name.to_owned(), text));
    }
    let (mut faults, mut checked) = (Vec::new(), 0);
    for (page, text) in &pages {
        let lines = prose(text);
        for (line, link) in lines
            .iter()
            .flat_map(|(line, text)| LINK.captures_iter(text).map(move |it| (line, it)))
        {
            checked += 1;
            let link = &link[1];
            if !link.starts_with("https://")
                && let Err(fault) = follow(page, text, link)
            {
                faults.push(format!("{page}:{line}: {link}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(checked > 50, "only {checked} links were found");
}

fn follow(page: &str, text: &str, link: &str) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = root().join(page);
    let folder = folder.parent().expect("a page is in a folder");
    let target = match path {
        "" => root().join(page),
        path => folder.join(path),
    };
    if !target.exists() {
        return Err("there is no such file".to_owned());
    }
    if anchor.is_empty() {
        return Ok(());
    }
    let text = match path {
        "" => text.to_owned(),
        _ => fs::read_to_string(&target).map_err(|error| error.to_string())?,
    };
    if headings(&text).any(|it| slug(it) == anchor) {
        Ok(())
    } else {
        Err("there is no such heading".to_owned())
    }
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    let lines = prose(text).into_iter().map(|(_, line)| line);
    let headings = lines.filter(|it| it.starts_with('#'));
    headings.map(|it| it.trim_start_matches('#').trim())
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let kept = |it: &char| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_');
    let lower = heading.to_lowercase();
    lower
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn the_index_names_every_page() {
    let index = fs::read_to_string(root().join("docs/README.md")).expect("the index");
    for (page, _) in pages() {
        if let Some(name) = page.strip_prefix("docs/").filter(|it| *it != "README.md") {
            assert!(
                index.contains(&format!("]({name})")),
                "docs/README.md lacks {name}"
            );
        }
    }
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let known = tests();
    let mut named = 0;
    for (page, text) in pages() {
        for name in TEST.captures_iter(&text) {
            named += 1;
            assert!(
                known.contains(&name[1]),
                "{page}: there is no test `{}`",
                &name[1]
            );
        }
    }
    assert!(named > 10, "the pages name only {named} tests");
}

#[test]
fn every_path_that_a_page_names_is_there() {
    for (page, text) in pages() {
        for path in PATH.captures_iter(&text) {
            assert!(
                root().join(&path[1]).exists(),
                "{page}: there is no `{}`",
                &path[1]
            );
        }
    }
}

/// The names of all functions in `src/` and `tests/`.
fn tests() -> BTreeSet<String> {
    let function = Regex::new(r"fn ([a-z0-9_]+)").expect("a pattern");
    let names = |text: &String| {
        let names = function.captures_iter(text);
        names.map(|it| it[1].to_owned()).collect::<Vec<_>>()
    };
    code().iter().flat_map(names).collect()
}

/// The text of every file of code in `src/` and `tests/`.
pub fn code() -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                texts.push(fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    texts
}

#[test]
fn an_anchor_is_made_as_github_makes_it() {
    assert_eq!(slug("Exit status: `3`"), "exit-status-3");
    assert_eq!(slug("MongoDB → Kafka"), "mongodb--kafka");
}
