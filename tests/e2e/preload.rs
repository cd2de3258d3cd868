//! Libraries of C that are loaded before a command's own: what a disk does to it, without being root.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::world::World;

/// Compiles `tests/e2e/NAME.c` into the test's folder.
///
/// # Errors
/// There is no C compiler, or it refuses.
pub fn library(world: &World, name: &str) -> Result<PathBuf> {
    let library = world.folder.path().join(format!("{name}.so"));
    let source = format!("tests/e2e/{name}.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(&source))
        .args(["-ldl", "-lpthread"])
        .output()
        .context("`cc`, which Highwater is built with, cannot be run")?;
    let said = String::from_utf8_lossy(&built.stderr);
    ensure!(built.status.success(), "{source}: {said}");
    Ok(library)
}
