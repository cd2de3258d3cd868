//! `completions` and `man`: scripts for shells and manual pages, made of the command line itself.

use std::{io, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, help::sections};

/// `completions`.
#[derive(Debug, Args)]
#[command(before_long_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// Shell to complete commands in
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `man`.
#[derive(Debug, Args)]
#[command(before_long_help = MAN_EXAMPLES)]
pub struct Man {
    /// Write one page for each command to this folder
    #[arg(long, value_name = "FOLDER", help_heading = "Choose the output")]
    pub out: Option<PathBuf>,
}

/// A page of the manual.
#[derive(Debug)]
pub struct ManualPage {
    /// The name of its file: `highwater-sync.1`.
    pub file: String,
    /// Its text in roff.
    pub roff: Vec<u8>,
}

/// The script by which a shell completes commands and flags.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "highwater", &mut script);
    script
}

/// The pages of the manual: that of `highwater` itself first, then one for each command.
///
/// # Errors
/// A page cannot be written into memory.
pub fn manual() -> io::Result<Vec<ManualPage>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, &mut pages)?;
    Ok(pages)
}

fn add_pages(command: &clap::Command, pages: &mut Vec<ManualPage>) -> io::Result<()> {
    pages.push(page(command)?);
    let commands = command.get_subcommands().filter(|it| !it.is_hide_set());
    let mut commands = commands;
    commands.try_for_each(|it| add_pages(it, pages))
}

fn page(command: &clap::Command) -> io::Result<ManualPage> {
    let man = clap_mangen::Man::new(command.clone())
        .manual("Highwater")
        .source(format!("highwater {}", env!("CARGO_PKG_VERSION")));
    let mut roff = Vec::new();
    man.render_title(&mut roff)?;
    man.render_name_section(&mut roff)?;
    man.render_synopsis_section(&mut roff)?;
    man.render_description_section(&mut roff)?;
    write_sections(command.get_before_long_help(), &mut roff)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut roff)?;
    }
    man.render_options_section(&mut roff)?;
    write_sections(command.get_after_long_help(), &mut roff)?;
    man.render_version_section(&mut roff)?;
    Ok(ManualPage {
        file: man.get_filename(),
        roff,
    })
}

/// Writes a text of help, line by line as it is.
fn write_sections(text: Option<&clap::builder::StyledStr>, out: &mut Vec<u8>) -> io::Result<()> {
    let text = text.map(ToString::to_string).unwrap_or_default();
    for (heading, lines) in sections(&text) {
        let mut roff = Roff::default();
        roff.control("SH", [heading.to_uppercase().as_str()]);
        roff.control("nf", []);
        for line in lines {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
        roff.to_writer(out)?;
    }
    Ok(())
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  # Complete commands in this session of bash
  source <(highwater completions bash)

  # Install completions for bash, zsh or fish
  highwater completions bash \\
    > ~/.local/share/bash-completion/completions/highwater
  highwater completions zsh > \"${fpath[1]}/_highwater\"
  highwater completions fish > ~/.config/fish/completions/highwater.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  # Read the manual page
  highwater man | man -l -

  # Install one page for each command, and read one
  highwater man --out ~/.local/share/man/man1
  man highwater-sync";
