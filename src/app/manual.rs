//! `completions` and `man`: what is made of the command line, on stdout or in a folder.

use std::{fs, io::Write, path::Path};

use anyhow::Context;
use serde_json::json;

use super::output::print::Out;
use crate::cli::{self, Completions, Everywhere, ExitStatus, Man, ManualPage};

/// Prints the script for a shell.
pub(super) fn completions(arguments: &Completions) -> anyhow::Result<ExitStatus> {
    Out.write_all(&cli::completions(arguments.shell))?;
    Ok(ExitStatus::Done)
}

/// Prints the first page, or writes all of them.
pub(super) fn man(arguments: &Man, everywhere: &Everywhere) -> anyhow::Result<ExitStatus> {
    let pages = cli::manual()?;
    let Some(folder) = &arguments.out else {
        if let Some(first) = pages.first() {
            Out.write_all(&first.roff)?;
        }
        return Ok(ExitStatus::Done);
    };
    write(&pages, folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    if everywhere.json {
        let files: Vec<&str> = pages.iter().map(|it| it.file.as_str()).collect();
        out!("{}", json!({ "folder": folder, "files": files }));
    } else {
        out!("{} manual pages in {}", pages.len(), folder.display());
    }
    Ok(ExitStatus::Done)
}

fn write(pages: &[ManualPage], folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    pages
        .iter()
        .try_for_each(|it| fs::write(folder.join(&it.file), &it.roff))
}
