//! `run` and `schedule`, and the bounded commands that a schedule may run.

use clap::{Args, Parser, Subcommand};

use super::{Command, Migrate, Sink, Sync, Verify};

/// `run`.
#[derive(Debug, Args)]
#[command(before_long_help = RUN_EXAMPLES, after_long_help = RUN_NOTES)]
pub struct Run {}

/// `schedule`.
#[derive(Debug, Subcommand)]
#[command(before_long_help = SCHEDULE_EXAMPLES)]
pub enum ScheduleCommand {
    /// List each schedule with its next five runs and the result of the last one
    #[command(before_long_help = SCHEDULE_EXAMPLES)]
    List,
}

/// A command that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByItself {
    /// `sync`.
    Sync(Sync),
    /// `sink --until-caught-up`.
    Sink(Sink),
    /// `migrate`.
    Migrate(Migrate),
    /// `verify`.
    Verify(Verify),
}

/// The command line without what holds for every command: that is `run`'s own.
#[derive(Parser)]
#[command(name = "run", no_binary_name = true, disable_help_flag = true)]
#[command(disable_help_subcommand = true)]
struct Words {
    #[command(subcommand)]
    command: Command,
}

impl ByItself {
    /// Reads the words of a command line, without `highwater` before them.
    ///
    /// # Errors
    /// What is wrong with them, as a person reads it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(words) = shlex::split(text) else {
            return Err("has a quote without its end".to_owned());
        };
        let words = Words::try_parse_from(words).map_err(|error| {
            let said = error.to_string();
            let first = said.split("\n\n").next().unwrap_or_default();
            let first = first.trim().trim_start_matches("error: ");
            format!("is no command: {}", first.replace('\n', " "))
        })?;
        match words.command {
            Command::Sync(it) if it.follow => {
                Err("with `--follow` it does not end by itself".to_owned())
            }
            Command::Sync(it) => Ok(Self::Sync(it)),
            Command::Sink(it) if it.until_caught_up => Ok(Self::Sink(it)),
            Command::Sink(_) => {
                Err("without `--until-caught-up` a sink does not end by itself".to_owned())
            }
            Command::Migrate(it) if it.dry_run => {
                Err("with `--dry-run` it would do nothing".to_owned())
            }
            Command::Migrate(it) => Ok(Self::Migrate(it)),
            Command::Verify(it) if it.md5.is_some() => {
                Err("with `--md5` it is not run by a schedule".to_owned())
            }
            Command::Verify(it) => Ok(Self::Verify(it)),
            Command::Demo(_)
            | Command::Run(_)
            | Command::Check(_)
            | Command::Repair(_)
            | Command::Plan(_)
            | Command::Test(_)
            | Command::Status(_)
            | Command::Schedule(_)
            | Command::Cursor(_)
            | Command::DeadLetters(_)
            | Command::Completions(_)
            | Command::Man(_) => Err(
                "only `sync`, `sink --until-caught-up`, `migrate` and `verify` run by a schedule"
                    .to_owned(),
            ),
        }
    }
}

const RUN_EXAMPLES: &str = "\
Examples:
  # Run everything in the settings until stopped
  highwater run

  # The same, but log warnings and errors only
  highwater run --log-level warn";

const RUN_NOTES: &str = "\
Notes:
  `run` runs the schedules of the settings. It follows each data type that no
  schedule reads, and writes each data type that no schedule writes.
  SIGHUP reads the settings again. SIGTERM and Ctrl-C finish what is in flight,
  save all positions and exit. See docs/schedules.md";

const SCHEDULE_EXAMPLES: &str = "\
Examples:
  # List each schedule with its next runs
  highwater schedule list

  # The same for a script
  highwater schedule list --json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_end_by_themselves_are_taken() {
        let sync = ByItself::parse("sync --data-type 'my orders' --full-amount --wait 10m");
        let Ok(ByItself::Sync(sync)) = sync else {
            panic!("{sync:?}")
        };
        assert_eq!(sync.data_type.as_deref(), Some("my orders"));
        assert!(sync.full_amount && sync.patience.wait.is_some());
        let sink = ByItself::parse("sink --until-caught-up");
        assert!(matches!(sink, Ok(ByItself::Sink(_))), "{sink:?}");
        let migrate = ByItself::parse("migrate --task nightly");
        assert!(matches!(migrate, Ok(ByItself::Migrate(_))), "{migrate:?}");
    }

    #[test]
    fn what_would_never_end_or_is_no_command_is_refused() {
        for (text, words) in [
            ("sync --follow", "does not end"),
            ("sink", "does not end"),
            ("migrate --task t --dry-run", "do nothing"),
            ("verify --md5 md5.info", "not run by a schedule"),
            ("run", "only `sync`"),
            ("cursor reset a/b/c --yes", "only `sync`"),
            ("demo", "only `sync`"),
            ("snyc", "is no command: unrecognized subcommand 'snyc'"),
            ("sync --bananas", "unexpected argument '--bananas'"),
            (
                "sync --settings other.toml",
                "unexpected argument '--settings'",
            ),
            ("sync --data-type \"a", "without its end"),
            ("--help", "is no command"),
            ("sync --help", "is no command"),
        ] {
            let refused = ByItself::parse(text).expect_err(text);
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }
}
