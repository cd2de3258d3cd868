//! A server that goes away in the middle of work and comes back, with its data.

use std::{env, process::Command};

use anyhow::{Result, bail};

use crate::sql::Sql;

/// How it went.
pub enum Restart {
    /// It was stopped and started.
    Whole,
    /// The server is not ours to stop: every session of the test's users was ended.
    Sessions,
}

/// Starts the server anew; where it is not ours, ends all sessions of these users.
///
/// # Errors
/// It does not come back.
pub async fn restart(server: &str, url: &str, users: &[String]) -> Result<Restart> {
    if xtask(&["services", "stop", server])? {
        return if xtask(&["services", "start", server])? {
            Ok(Restart::Whole)
        } else {
            bail!("{server} does not come back")
        };
    }
    let mut sql = Sql::open(url).await?;
    let users: Vec<_> = users.iter().map(|it| format!("'{it}'")).collect();
    let sessions = format!(
        "SELECT id FROM information_schema.processlist WHERE user IN ({})",
        users.join(",")
    );
    for id in sql.rows(&sessions).await? {
        // One that has ended by itself is no error.
        let _ = sql.run(&format!("KILL {id}")).await;
    }
    Ok(Restart::Sessions)
}

fn xtask(arguments: &[&str]) -> Result<bool> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", "xtask", "--"]);
    let output = command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.status.success())
}
