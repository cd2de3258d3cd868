//! `console` blocks: each command is run, and what it writes is compared with what the page shows.

use std::fs;

use crate::{
    block::Block,
    compare::is_shown,
    shell::program,
    world::{Ended, World},
};

/// Runs the commands of a block, the last of which ends with the status that the block names.
///
/// # Errors
/// A command that is not known, cannot run, or ends with another status.
pub fn run(block: &Block, world: &World) -> Result<Option<Vec<String>>, String> {
    let wanted: i32 = match block.says("exit") {
        Some(status) => status.parse().map_err(|_| "exit: no number".to_owned())?,
        None => 0,
    };
    let commands = commands(block)?;
    let (mut body, mut is_as_shown) = (Vec::new(), true);
    let last = commands.len() - 1;
    for (index, (command, shown)) in commands.into_iter().enumerate() {
        let ended = one(&command, world)?;
        let wanted = if index == last { wanted } else { 0 };
        if ended.status != wanted {
            return Err(format!(
                "`{command}` ended with {} instead of {wanted}:\n{}",
                ended.status,
                ended.lines.join("\n")
            ));
        }
        body.push(format!("$ {command}"));
        if is_shown(&shown, &ended.lines) {
            body.extend(shown);
        } else {
            is_as_shown = false;
            body.extend(ended.lines);
        }
    }
    Ok((!is_as_shown).then_some(body))
}

/// Each command with the lines that are shown below it.
fn commands(block: &Block) -> Result<Vec<(String, Vec<String>)>, String> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in &block.body {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((_, shown))) => shown.push(line.clone()),
            (None, None) => return Err("does not begin with `$ `".to_owned()),
        }
    }
    if commands.is_empty() {
        Err("has no command".to_owned())
    } else {
        Ok(commands)
    }
}

fn one(command: &str, world: &World) -> Result<Ended, String> {
    let words = shlex::split(command).ok_or_else(|| format!("`{command}` is not closed"))?;
    if let Some(arguments) = program(&words) {
        return Ok(world.highwater(arguments));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let lines = match words[..] {
        ["sqlite3", file, "<", script] => {
            let path = world.path().join(script);
            let text = fs::read_to_string(path).map_err(|error| format!("{script}: {error}"))?;
            world.sqlite(file, &text)?
        }
        ["sqlite3", file, statements] => world.sqlite(file, statements)?,
        ["cat", file] => {
            let path = world.path().join(file);
            let text = fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
            text.lines().map(str::to_owned).collect()
        }
        _ => return Err(format!("`{command}` is not for a console block")),
    };
    Ok(Ended { lines, status: 0 })
}
