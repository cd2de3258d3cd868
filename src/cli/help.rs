//! The layout of the help: one sentence, usage, examples, then flags by what they are for.

use clap::{CommandFactory, FromArgMatches, builder::StyledStr};

use super::Cli;

/// Examples stand before the flags: most readers look for a line that they can copy.
const LAYOUT: &str = "\
{about-with-newline}
{usage-heading} {usage}

{before-help}{all-args}{after-help}";

/// The whole command line with its help. Shell completions and manual pages are made of it, too.
pub fn command() -> clap::Command {
    laid_out(Cli::command())
}

/// What this process was asked to do. Ends the process where that is help, or wrong usage.
pub fn parse() -> Cli {
    let matches = command().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The parts of a text of help: each heading with its lines.
pub(super) fn sections(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (heading(line), sections.last_mut()) {
            (Some(heading), _) => sections.push((heading, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => sections.push(("Notes", vec![line])),
        }
    }
    sections
}

fn heading(line: &str) -> Option<&str> {
    line.strip_suffix(':').filter(|it| !it.starts_with(' '))
}

fn laid_out(mut command: clap::Command) -> clap::Command {
    if let Some(text) = command.get_before_long_help().map(ToString::to_string) {
        let text = styled(&command, &text);
        command = command.before_long_help(text);
    }
    if let Some(text) = command.get_after_long_help().map(ToString::to_string) {
        let text = styled(&command, &text);
        command = command.after_long_help(text);
    }
    command.help_template(LAYOUT).mut_subcommands(laid_out)
}

/// The text with its headings as clap writes its own.
fn styled(command: &clap::Command, text: &str) -> StyledStr {
    let style = command.get_styles().get_header();
    let lines = text.lines().map(|line| match heading(line) {
        Some(heading) => format!("{style}{heading}:{style:#}"),
        None => line.to_owned(),
    });
    StyledStr::from(lines.collect::<Vec<_>>().join("\n"))
}
