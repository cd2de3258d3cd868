//! The command line: what people can say, with its help. What it does is wired in `app`.

mod bounded_command;
mod dead_letters;
mod look;
mod migrate;
mod verify;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use tracing::Level;

pub use bounded_command::{ByItself, Run, ScheduleCommand};
pub use dead_letters::{DeadLettersCommand, LetterFilter, LetterPlace};
pub use look::{Check, Plan, Status, Test};
pub use migrate::Migrate;
pub use verify::{Looking, Repair, Summing, Verify};

use crate::settings::{duration, topic_problem};

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

/// Keeps systems in step: MongoDB, MySQL, MariaDB and SQLite into each other, through Kafka or
/// without a broker, past a cursor that never skips.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, about, after_help = EXAMPLES, propagate_version = true)]
#[command(arg_required_else_help = true, subcommand_required = true)]
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
    /// The settings file
    #[arg(
        long,
        global = true,
        help_heading = "For every command",
        value_name = "FILE",
        default_value = "settings.toml"
    )]
    pub settings: PathBuf,

    /// Answer in JSON on stdout, for scripts
    #[arg(long, global = true, help_heading = "For every command")]
    pub json: bool,

    /// The least important lines on stderr: error, warn, info, debug or trace
    #[arg(
        long,
        global = true,
        help_heading = "For every command",
        value_name = "LEVEL",
        default_value = "info",
        value_parser = level
    )]
    pub log_level: Level,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it working: no server and no settings needed
    Demo(Demo),
    /// Read past the stored cursor and publish, then stop
    Sync(Sync),
    /// Consume topics and write them into tables
    Sink(Sink),
    /// Run everything in the settings until stopped: schedules, following flows, sinks
    Run(Run),
    /// See what runs by itself, and when
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Move data between two systems without a broker, by a task of the settings
    Migrate(Migrate),
    /// Check settings, connections, rights and topics, and say what flows cannot see
    Check(Check),
    /// Say what `sync` would read next, how the server finds it, and which table `sink` would make;
    /// changes nothing
    Plan(Plan),
    /// Run your own cases for the steps of the settings: records, and what has to come of them
    Test(Test),
    /// Prove that targets hold what their sources say, and nothing else
    Verify(Verify),
    /// Make a target equal to its source: by key, in small transactions; shows first what it would do
    Repair(Repair),
    /// Say where each flow stands: how far behind, who runs it, and who holds it back
    Status(Status),
    /// See and move cursors
    #[command(subcommand)]
    Cursor(Cursor),
    /// What was set aside, why, and again
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
}

/// `demo`.
#[derive(Debug, Args)]
#[command(after_help = "It can be run again and again; each run begins anew in its folder.")]
pub struct Demo {
    /// Rows to make
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub rows: u64,

    /// The folder for source, topics, target and cursors
    #[arg(long, value_name = "FOLDER", default_value = "runtime/demo")]
    pub folder: PathBuf,
}

/// `sync`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = SYNC_EXAMPLES)]
pub struct Sync {
    /// With --data-type, publish to this topic instead: a flow of its own, with its own cursor.
    /// Alone, the data types that have this topic
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub topic: Option<String>,

    /// The data type to read; without it, every one that has `from`
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,

    /// Read everything from the beginning; goes on where an interrupted one stopped
    #[arg(long, alias = "full_amount")]
    pub full_amount: bool,

    /// Go on with what comes, until stopped
    #[arg(long)]
    pub follow: bool,

    /// Where another process has the cursor.
    #[command(flatten)]
    pub patience: Patience,
}

/// `--wait`, of commands that take a flow's cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Patience {
    /// Where another process runs the flow, wait for its end, but no longer than this [1h where
    /// no time is given]; without it, refuse at once
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        default_missing_value = "1h",
        value_parser = time
    )]
    pub wait: Option<Duration>,
}

/// `sink`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = SINK_EXAMPLES)]
pub struct Sink {
    /// The data type to write; without it, every one that has `into`
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,

    /// With --data-type, consume this topic instead. Alone, the data types that have this topic
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub topic: Option<String>,

    /// Stop when all is written that was in the topic at the start
    #[arg(long)]
    pub until_caught_up: bool,
}

/// `cursor`.
#[derive(Debug, Subcommand)]
#[command(after_help = CURSOR_EXAMPLES)]
pub enum Cursor {
    /// All stored cursors
    List,
    /// One cursor: where it stands, when it was saved, and where it is kept
    Show {
        /// The flow's name, as `cursor list` writes it
        flow: String,
    },
    /// Put a cursor at a value: what is past it will be read
    Set {
        /// The flow's name, as `cursor list` writes it
        flow: String,
        /// A value of the incremental field, or a time where it says when: 2025-08-26,
        /// "2025-08-26 09:30" (UTC for points in time), 2025-08-26T09:30:15+08:00; for a sink,
        /// PARTITION:OFFSET
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Where another process has the cursor.
        #[command(flatten)]
        patience: Patience,
    },
    /// Forget a cursor: the next run reads from the beginning
    Reset {
        /// The flow's name, as `cursor list` writes it
        flow: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Where another process has the cursor.
        #[command(flatten)]
        patience: Patience,
    },
}

const EXAMPLES: &str = "\
Examples:
  highwater demo                                      see it work, without any server
  highwater check                                     are settings, servers and rights right?
  highwater sync --topic information --data-type information
  highwater sink --data-type information              consume and write until stopped
  highwater run                                       everything in the settings, unattended

Exit status: 0 done, 1 failed, 2 wrong usage or settings, 3 differences found";

const SYNC_EXAMPLES: &str = "\
Examples:
  highwater sync                                      every data type in the settings
  highwater sync --topic information --data-type information
  highwater sync --data-type information --follow     and go on with what comes
  highwater sync --data-type information --full-amount
  highwater sync --data-type information --wait 10m   after one that is still running";

const SINK_EXAMPLES: &str = "\
Examples:
  highwater sink                                      every data type in the settings
  highwater sink --data-type information --until-caught-up";

const CURSOR_EXAMPLES: &str = "\
Examples:
  highwater cursor list
  highwater cursor show  information/information/crawler.raw_list
  highwater cursor set   information/information/crawler.raw_list 42
  highwater cursor set   information/information/crawler.raw_list 2025-08-26T09:30:15+08:00
  highwater cursor reset information/information/crawler.raw_list --yes";

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
