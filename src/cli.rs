//! The command line: commands, flags and their help. What they do is wired in `app`.

mod bounded_command;
mod cursor;
mod dead_letters;
mod demo;
mod help;
mod look;
mod manual;
mod migrate;
mod sync;
mod verify;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};
use tracing::Level;

pub use bounded_command::{ByItself, Run, ScheduleCommand};
pub use cursor::Cursor;
pub use dead_letters::{DeadLetterFilter, DeadLetterId, DeadLettersCommand};
pub use demo::Demo;
pub use help::{command, parse};
pub use look::{Check, Plan, Status, Test};
pub use manual::{Completions, Man, ManualPage, completions, manual};
pub use migrate::Migrate;
pub use sync::{Patience, Sink, Sync};
pub use verify::{Looking, Repair, Summing, Verify};

use crate::model::{topic_problem, units::duration};

/// How a process ends. Wrong data is never `Done`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// All was done.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// Wrong usage, or mistakes in the settings.
    Usage = 2,
    /// A verification found differences.
    Differences = 3,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// Keeps MongoDB, MySQL, MariaDB and SQLite in sync, through Kafka or directly.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, about, propagate_version = true)]
#[command(before_long_help = EXAMPLES, after_long_help = EXIT_STATUS)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub everywhere: Everywhere,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub struct Everywhere {
    /// Settings file
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "FILE",
        default_value = "settings.toml"
    )]
    pub settings: PathBuf,

    /// Print the result as JSON on stdout
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,

    /// Lowest level to log on stderr: error, warn, info, debug or trace
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "LEVEL",
        default_value = "info",
        value_parser = level
    )]
    pub log_level: Level,

    /// Print help: -h is a summary, --help has examples and details
    #[arg(short, long, global = true, help_heading = GLOBAL, action = ArgAction::Help)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, global = true, help_heading = GLOBAL, action = ArgAction::Version)]
    version: Option<bool>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how Highwater works, without a server or settings
    Demo(Demo),
    /// Read rows past the stored cursor and publish them, then stop
    Sync(Sync),
    /// Consume topics and write them to tables
    Sink(Sink),
    /// Run everything in the settings until stopped: schedules, followed sources and sinks
    Run(Run),
    /// List schedules and their next runs
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Move data between two systems without a broker
    Migrate(Migrate),
    /// Check settings, connections, rights and topics, and list what flows cannot see
    Check(Check),
    /// Show what `sync` would read and which tables `sink` would create, and change nothing
    Plan(Plan),
    /// Run your test cases for the steps in the settings
    Test(Test),
    /// Compare targets with their sources, row by row
    Verify(Verify),
    /// Make a target equal to its source
    Repair(Repair),
    /// Show the position, lag and owner of each flow
    Status(Status),
    /// List, show, move and remove cursors
    #[command(subcommand)]
    Cursor(Cursor),
    /// List, show and replay dead letters
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Print a completion script for your shell
    Completions(Completions),
    /// Print the manual page, or write one page for each command
    Man(Man),
}

const GLOBAL: &str = "Global options";
const RUN: &str = "Control the run";

const EXAMPLES: &str = "\
Examples:
  # See it work, without any server
  highwater demo

  # Check settings, connections and rights
  highwater check

  # Publish what is new, then stop
  highwater sync --topic information --data-type information

  # Write what is in the topic, then stop
  highwater sink --data-type information --until-caught-up

  # Run everything in the settings until stopped
  highwater run

  # Show the examples and flags of one command
  highwater sync --help";

const EXIT_STATUS: &str = "\
Exit status:
  0  Done
  1  Failed
  2  Wrong usage, or mistakes in the settings
  3  Source and target differ";

fn topic(text: &str) -> Result<String, String> {
    match topic_problem(text) {
        None => Ok(text.to_owned()),
        Some(problem) => Err(problem.to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "a time is written as 30s, 10m or 1h30m".to_owned())
}

fn level(text: &str) -> Result<Level, String> {
    // `Level` would also take numbers, which nobody means.
    let word = text.chars().all(|it| it.is_ascii_alphabetic());
    text.parse()
        .ok()
        .filter(|_| word)
        .ok_or_else(|| "it is one of error, warn, info, debug, trace".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|it| it.kind())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_older_producers_spelling_is_taken() {
        let cli = parse("highwater sync --topic t --data_type information --full_amount").unwrap();
        let Command::Sync(sync) = cli.command else {
            panic!("{:?}", cli.command)
        };
        assert_eq!(sync.topic.as_deref(), Some("t"));
        assert_eq!(sync.data_type.as_deref(), Some("information"));
        assert!(sync.full_amount && !sync.follow);
    }

    #[test]
    fn global_flags_stand_before_or_behind_the_command() {
        for line in [
            "highwater --settings a.toml --json --log-level debug check",
            "highwater check --settings a.toml --json --log-level debug",
        ] {
            let everywhere = parse(line).unwrap().everywhere;
            assert_eq!(everywhere.settings, PathBuf::from("a.toml"));
            assert!(everywhere.json);
            assert_eq!(everywhere.log_level, Level::DEBUG);
        }
    }

    #[test]
    fn help_and_package_promise_the_systems_that_there_are() {
        let about = Cli::command().get_about().expect("a line").to_string();
        assert_eq!(about, env!("CARGO_PKG_DESCRIPTION"));
        for system in ["MongoDB", "MySQL", "MariaDB", "SQLite", "Kafka"] {
            assert!(about.contains(system), "{about}");
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for (line, kind) in [
            (
                "highwater",
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ),
            ("highwater sink --bananas", ErrorKind::UnknownArgument),
            (
                "highwater check --log-level loud",
                ErrorKind::ValueValidation,
            ),
            ("highwater check --log-level 3", ErrorKind::ValueValidation),
            ("highwater sync --topic a/b", ErrorKind::ValueValidation),
            ("highwater demo --rows 0", ErrorKind::ValueValidation),
            ("highwater sync --wait soon", ErrorKind::ValueValidation),
            ("highwater sync --wait 0s", ErrorKind::ValueValidation),
            ("highwater sink --wait", ErrorKind::UnknownArgument),
            (
                "highwater cursor set flow",
                ErrorKind::MissingRequiredArgument,
            ),
        ] {
            assert_eq!(parse(line).unwrap_err(), kind, "{line}");
        }
    }

    #[test]
    fn a_wait_has_a_limit() {
        let wait = |line: &str| match parse(line).unwrap().command {
            Command::Sync(Sync { patience, .. })
            | Command::Cursor(Cursor::Set { patience, .. } | Cursor::Reset { patience, .. }) => {
                patience.wait.map(|it| it.as_secs())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("highwater sync"), None);
        assert_eq!(wait("highwater sync --wait --follow"), Some(3_600));
        assert_eq!(wait("highwater sync --wait 90s --follow"), Some(90));
        assert_eq!(wait("highwater cursor set a/b/c -5 --wait"), Some(3_600));
        assert_eq!(
            wait("highwater cursor reset --wait=1m a/b/c --yes"),
            Some(60)
        );
    }

    #[test]
    fn a_cursor_may_be_set_below_zero() {
        let cli = parse("highwater cursor set a/b/c -5").unwrap();
        assert!(matches!(
            cli.command,
            Command::Cursor(Cursor::Set { value, .. }) if value == "-5"
        ));
    }
}
