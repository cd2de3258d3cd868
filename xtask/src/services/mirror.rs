//! The distribution's own mirror, as its sources file names it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const FOLDER: &str = "/etc/apt/sources.list.d";

/// The line of a sources list that offers Debian unstable from this system's own mirror.
///
/// # Errors
/// This is not Debian, or no sources file of it names the mirror of its release.
pub fn unstable() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let field = |name: &str| {
        let line = release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    if field("ID") != "debian" {
        bail!("it is unpacked from Debian's unstable release, and this system is not Debian");
    }
    let codename = field("VERSION_CODENAME");
    sources_files()
        .iter()
        .find_map(|path| {
            let text = fs::read_to_string(path).ok()?;
            if path
                .extension()
                .is_some_and(|extension| extension == "sources")
            {
                from_stanzas(&text, &codename)
            } else {
                from_lines(&text, &codename)
            }
        })
        .with_context(|| format!("no file under /etc/apt names a mirror of Debian {codename}"))
}

/// Debian's own files first: those of others may offer a suite of the same name.
fn sources_files() -> Vec<PathBuf> {
    let mut others: Vec<_> = fs::read_dir(FOLDER)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    others.sort();
    let mut files = vec![
        Path::new(FOLDER).join("debian.sources"),
        PathBuf::from("/etc/apt/sources.list"),
    ];
    files.extend(others);
    files
}

/// The newer form: stanzas of `Field: value`.
fn from_stanzas(text: &str, codename: &str) -> Option<String> {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines
        .split(|line| line.trim().is_empty())
        .find_map(|stanza| {
            let field = |name: &str| {
                stanza.iter().find_map(|line| {
                    let (key, value) = line.split_once(':')?;
                    key.eq_ignore_ascii_case(name).then_some(value.trim())
                })
            };
            let has = |name: &str, word: &str| {
                field(name).is_some_and(|value| value.split_whitespace().any(|each| each == word))
            };
            let offered =
                has("Types", "deb") && has("Suites", codename) && has("Components", "main");
            if !offered || field("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no")) {
                return None;
            }
            let uri = field("URIs")?.split_whitespace().next()?;
            // A key may also stand in the stanza itself; then the system's trusted keys have to do.
            let key = field("Signed-By").filter(|key| key.starts_with('/'));
            let options = key
                .map(|key| format!("[signed-by={key}] "))
                .unwrap_or_default();
            Some(format!("deb {options}{uri} sid main\n"))
        })
}

/// The older form: `deb [options] uri suite component…`.
fn from_lines(text: &str, codename: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest
                .split_once(']')
                .map(|(options, rest)| (format!("[{options}] "), rest))?,
            None => (String::new(), rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        (suite == codename && words.any(|component| component == "main"))
            .then(|| format!("deb {options}{uri} sid main\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_release_and_not_of_its_security_updates() {
        let text = "# a comment\nTypes: deb\nURIs: http://one.example/security\nSuites: bookworm-security\n\
                    Components: main\n\nTypes: deb deb-src\n# another\nURIs: http://two.example/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /keys/archive.gpg\n";
        let expected = "deb [signed-by=/keys/archive.gpg] http://two.example/debian sid main\n";
        assert_eq!(from_stanzas(text, "bookworm").as_deref(), Some(expected));
        assert_eq!(from_stanzas(text, "trixie"), None);
    }

    #[test]
    fn a_disabled_stanza_is_passed_over() {
        let text = "Types: deb\nURIs: http://one.example\nSuites: bookworm\nComponents: main\nEnabled: no\n";
        assert_eq!(from_stanzas(text, "bookworm"), None);
    }

    #[test]
    fn a_line_keeps_its_options() {
        let text = "# deb http://no.example bookworm main\ndeb [arch=amd64 signed-by=/k.gpg] http://one.example bookworm main\n";
        let expected = "deb [arch=amd64 signed-by=/k.gpg] http://one.example sid main\n";
        assert_eq!(from_lines(text, "bookworm").as_deref(), Some(expected));
        assert_eq!(
            from_lines("deb http://one.example bookworm contrib\n", "bookworm"),
            None
        );
    }
}
