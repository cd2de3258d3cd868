//! `verify --md5`: every row of kpm's tables against the hashes that its producer wrote down.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, bail, ensure};
use indicatif::HumanCount;
use serde_json::json;

use super::md5_rows::{Hash, TABLES, Tables};
use crate::{
    app::{context::App, select::Part},
    cli::ExitStatus,
};

/// What is left over is named, as far as so many.
const NAMED: usize = 10;

/// Compares, and says what is left over on either side.
pub(in crate::app) async fn run(
    app: &App,
    file: &Path,
    data_type: Option<&str>,
) -> anyhow::Result<ExitStatus> {
    let part: Part = ("into", |it| it.into.is_some());
    let chosen = match app.chosen(data_type, None, part) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let connections = chosen.iter().filter_map(|it| it.data_type.into.as_ref());
    let mut connections: Vec<&str> = connections.map(|it| it.connection.as_str()).collect();
    connections.sort_unstable();
    connections.dedup();
    let [named] = connections[..] else {
        let connections = connections.join(", ");
        err!(
            "highwater: the tables may be in {connections}: say which data type's with --data-type"
        );
        return Ok(ExitStatus::Usage);
    };
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut listed = Listed::read(&text).with_context(|| file.display().to_string())?;
    let tables = app.open.hashed(named).await?;
    let checked = check(app, &tables, &mut listed).await?;
    if app.json {
        out!("{}", checked.as_json())
    } else {
        checked.show(file)
    }
    Ok(if checked.is_complete() {
        ExitStatus::Done
    } else {
        ExitStatus::Differences
    })
}

/// The hashes of a file: in which line each stands first, and how often.
struct Listed(HashMap<Hash, (usize, u64)>);

/// What was found.
struct Checked {
    hashes: u64,
    rows: u64,
    /// Rows whose hash is not in the file, the first of them by name.
    unlisted: (u64, Vec<String>),
    /// Lines that no row has, the first of them by number, with what is there.
    without_row: (u64, Vec<(usize, String)>),
}

async fn check(app: &App, tables: &Tables, listed: &mut Listed) -> anyhow::Result<Checked> {
    let hashes = listed.0.values().map(|(_, times)| times).sum();
    let (mut rows, mut unlisted) = (0, (0, Vec::new()));
    for table in TABLES {
        let mut after = None;
        loop {
            ensure!(
                !app.stop.is_cancelled(),
                "stopped before all rows were read"
            );
            let mut read = 0;
            let last = tables
                .page(table, after.as_deref(), |id, hash| {
                    read += 1;
                    rows += 1;
                    if !hash.is_some_and(|it| listed.take(it)) {
                        unlisted.0 += 1;
                        if unlisted.1.len() < NAMED {
                            unlisted.1.push(format!("{} {id}", table.name));
                        }
                    }
                })
                .await?;
            if read == 0 {
                break;
            }
            after = last;
        }
    }
    Ok(Checked {
        hashes,
        rows,
        unlisted,
        without_row: listed.left(),
    })
}

impl Listed {
    fn read(text: &[u8]) -> anyhow::Result<Self> {
        let mut hashes = HashMap::new();
        for (index, line) in text.split(|it| *it == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            let Some(hash) = hash(line) else {
                bail!("line {} is no md5 hash of 32 hexadecimal digits", index + 1);
            };
            hashes.entry(hash).or_insert((index + 1, 0)).1 += 1;
        }
        ensure!(!hashes.is_empty(), "it has no hash at all");
        Ok(Self(hashes))
    }

    /// Whether the hash is there, once more.
    fn take(&mut self, hash: Hash) -> bool {
        match self.0.get_mut(&hash) {
            Some((_, times)) if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }

    fn left(&self) -> (u64, Vec<(usize, String)>) {
        let left = self.0.iter().filter(|(_, (_, times))| *times > 0);
        let mut named: Vec<_> = left.map(|(hash, (line, _))| (*line, hash)).collect();
        named.sort_unstable();
        let named = named.into_iter().take(NAMED);
        (
            self.0.values().map(|(_, times)| times).sum(),
            named
                .map(|(line, hash)| (line, hex::encode(hash)))
                .collect(),
        )
    }
}

impl Checked {
    fn is_complete(&self) -> bool {
        self.unlisted.0 == 0 && self.without_row.0 == 0
    }

    fn show(&self, file: &Path) {
        for row in &self.unlisted.1 {
            out!("{row}: its hash is not in the file");
        }
        print_more(self.unlisted.0, self.unlisted.1.len(), "rows");
        for (line, hash) in &self.without_row.1 {
            out!("line {line}: no row has {hash}");
        }
        print_more(self.without_row.0, self.without_row.1.len(), "lines");
        let (rows, hashes) = (HumanCount(self.rows), HumanCount(self.hashes));
        let found = format!("{rows} rows, {hashes} hashes in {}", file.display());
        if self.is_complete() {
            out!("{found}: complete, each row has its hash and each hash its row")
        } else {
            out!(
                "{found}: not complete, {} rows are not in the file and {} hashes have no row",
                HumanCount(self.unlisted.0),
                HumanCount(self.without_row.0)
            )
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let lines = self.without_row.1.iter();
        let lines: Vec<_> = lines
            .map(|(line, hash)| json!({ "line": line, "hash": hash }))
            .collect();
        json!({
            "complete": self.is_complete(),
            "rows": self.rows,
            "hashes": self.hashes,
            "rows_not_in_file": self.unlisted.0,
            "hashes_without_row": self.without_row.0,
            "first_rows": self.unlisted.1,
            "first_lines": lines,
        })
    }
}

fn print_more(all: u64, named: usize, what: &str) {
    let more = all.saturating_sub(named as u64);
    if more > 0 {
        out!("and {} more {what}", HumanCount(more));
    }
}

fn hash(line: &[u8]) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(line, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789ABCDEF";
    const OTHER: &str = "ffffffffffffffffffffffffffffffff";

    #[test]
    fn a_hash_is_taken_as_often_as_it_stands_and_what_is_left_has_its_line() {
        let text = format!("{OTHER}\n{ONE}\r\n\n{ONE}\n");
        let mut listed = Listed::read(text.as_bytes()).unwrap();
        let one = hash(ONE.as_bytes()).unwrap();
        assert_eq!(one[0], 0x01);
        assert!(listed.take(one) && listed.take(one));
        assert!(!listed.take(one));
        assert_eq!(listed.left(), (1, vec![(1, OTHER.to_owned())]));
    }

    #[test]
    fn what_is_no_hash_is_told_with_its_line() {
        for line in [
            "zz",
            &ONE[1..],
            &format!("{ONE}0"),
            &format!(" {ONE}"),
            "\u{ff}",
        ] {
            let text = format!("{ONE}\n{line}");
            let error = Listed::read(text.as_bytes()).err().unwrap();
            assert!(error.to_string().starts_with("line 2 is no md5"), "{error}");
        }
        assert!(Listed::read(b"\n").is_err());
    }
}
