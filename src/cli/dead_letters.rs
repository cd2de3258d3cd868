//! `dead-letters`: what people can say of dead letters.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use clap::{Args, Subcommand};

use super::topic;
use crate::model::units::duration;

/// `dead-letters`.
#[derive(Debug, Subcommand)]
#[command(before_long_help = EXAMPLES)]
pub enum DeadLettersCommand {
    /// List dead letters, one line each: position, time, step, origin and reason
    #[command(before_long_help = LIST_EXAMPLES)]
    List {
        /// Which ones.
        #[command(flatten)]
        filter: DeadLetterFilter,
        /// Stop after this many dead letters
        #[arg(long, value_name = "N", help_heading = "Limit the output")]
        limit: Option<u64>,
    },
    /// Show one dead letter with the key, value and headers of its message
    #[command(before_long_help = SHOW_EXAMPLES)]
    Show {
        /// Position of the dead letter, as `list` prints it: PARTITION:OFFSET or file:LINE
        #[arg(value_name = "POSITION", value_parser = parse_id)]
        id: DeadLetterId,
        /// Data type of the dead letter
        #[arg(long, alias = "data_type", value_name = "NAME", help_heading = CHOOSE)]
        data_type: Option<String>,
    },
    /// Write dead letters of sinks to their tables again, each exactly once
    #[command(before_long_help = REPLAY_EXAMPLES, after_long_help = REPLAY_NOTES)]
    Replay {
        /// Which ones.
        #[command(flatten)]
        filter: DeadLetterFilter,
        /// Replay only this one: PARTITION:OFFSET or file:LINE, as `list` prints it
        #[arg(long, value_name = "POSITION", value_parser = parse_id, help_heading = CHOOSE)]
        id: Option<DeadLetterId>,
        /// Overwrite existing rows, even if they are newer than the dead letter
        #[arg(long, help_heading = "Change the target")]
        overwrite: bool,
    },
}

/// Which letters.
#[derive(Debug, Clone, Args)]
pub struct DeadLetterFilter {
    /// Only this data type [default: every data type in the settings]
    #[arg(long, alias = "data_type", value_name = "NAME", help_heading = CHOOSE)]
    pub data_type: Option<String>,

    /// Only messages of this topic
    ///
    /// With --data-type, takes this topic instead of the one in the settings.
    #[arg(long, value_name = "TOPIC", value_parser = topic, help_heading = CHOOSE)]
    pub topic: Option<String>,

    /// Only failures of this step: decode, write, encode, publish, or the name of a step
    #[arg(long, value_name = "STEP", help_heading = CHOOSE)]
    pub step: Option<String>,

    /// Only reasons that contain this text, in upper or lower case
    #[arg(long, value_name = "TEXT", help_heading = CHOOSE)]
    pub reason: Option<String>,

    /// Only failures at or after this time
    ///
    /// A time is 2025-08-26, "2025-08-26 09:30" (UTC), 2025-08-26T09:30:15+08:00, or an age such as 2h.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = CHOOSE)]
    pub since: Option<i64>,

    /// Only failures before this time
    ///
    /// A time is 2025-08-26, "2025-08-26 09:30" (UTC), 2025-08-26T09:30:15+08:00, or an age such as 2h.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = CHOOSE)]
    pub until: Option<i64>,

    /// Only messages from this partition of their topic
    #[arg(long, value_name = "N", help_heading = CHOOSE)]
    pub partition: Option<i32>,

    /// Only messages from this offset or range of offsets: 7 or 7..9
    #[arg(long, value_name = "OFFSET", value_parser = offsets, help_heading = CHOOSE)]
    pub offset: Option<(i64, i64)>,
}

/// Where a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterId {
    /// Partition and offset of the dead-letter topic; of a table, 0 and the letter's `id`.
    Topic(i32, i64),
    /// A line of the file.
    File(i64),
}

const CHOOSE: &str = "Choose dead letters";

const EXAMPLES: &str = "\
Examples:
  # List all dead letters
  highwater dead-letters list

  # Replay those of one data type, after the cause is fixed
  highwater dead-letters replay --data-type information";

const LIST_EXAMPLES: &str = "\
Examples:
  # List all dead letters
  highwater dead-letters list

  # List the write failures of the last two hours
  highwater dead-letters list --data-type information --step write --since 2h

  # List one kind of failure, for a script
  highwater dead-letters list --reason \"too long\" --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  # Show the dead letter at partition 0, offset 17 of its topic
  highwater dead-letters show 0:17 --data-type information";

const REPLAY_EXAMPLES: &str = "\
Examples:
  # Replay all dead letters of one data type
  highwater dead-letters replay --data-type information

  # Replay one of them
  highwater dead-letters replay --data-type information --id 0:17";

const REPLAY_NOTES: &str = "\
Notes:
  A replay decodes the message, applies the steps and writes the rows, as a
  sink does. The target stores which dead letters are written, in the same
  transaction as the rows: repeating a replay writes nothing twice.
  If the row exists already, the dead letter is superseded and the row is kept,
  unless you pass --overwrite.
  Dead letters of `sync` (encode, publish and its steps) are not replayed. Fix
  their rows in the source, or read again: highwater sync --full-amount";

fn parse_id(text: &str) -> Result<DeadLetterId, String> {
    let wrong = || "a letter is written as PARTITION:OFFSET or file:LINE".to_owned();
    let (parse_id, number) = text.split_once(':').ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    match parse_id {
        "file" => Ok(DeadLetterId::File(number)),
        partition => match partition.parse() {
            Ok(partition) if partition >= 0 => Ok(DeadLetterId::Topic(partition, number)),
            _ => Err(wrong()),
        },
    }
}

fn offsets(text: &str) -> Result<(i64, i64), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if from <= to => Ok((from, to)),
        _ => Err("offsets are written as 7 or 7..9".to_owned()),
    }
}

/// Milliseconds since the epoch.
fn time(text: &str) -> Result<i64, String> {
    if let Some(ago) = duration(text) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let then = now.unwrap_or(Duration::ZERO).saturating_sub(ago);
        return Ok(i64::try_from(then.as_millis()).unwrap_or(i64::MAX));
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.timestamp_millis());
    }
    let clocks = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let clock = clocks
        .iter()
        .find_map(|it| NaiveDateTime::parse_from_str(text, it).ok());
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    match clock.or_else(day) {
        Some(clock) => Ok(clock.and_utc().timestamp_millis()),
        None => Err(
            "a time is written as 2025-08-26, \"2025-08-26 09:30\", 2025-08-26T09:30:15+08:00, or 2h for so long ago"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_offsets_and_times_are_read() {
        assert_eq!(parse_id("3:17"), Ok(DeadLetterId::Topic(3, 17)));
        assert_eq!(parse_id("file:2"), Ok(DeadLetterId::File(2)));
        for wrong in ["17", "-1:4", "a:1", "1:b"] {
            assert!(parse_id(wrong).is_err(), "{wrong}");
        }
        assert_eq!(offsets("7"), Ok((7, 7)));
        assert_eq!(offsets("7..9"), Ok((7, 9)));
        assert!(offsets("9..7").is_err() && offsets("x").is_err());
        assert_eq!(time("1970-01-01 00:01"), Ok(60_000));
        assert_eq!(time("1970-01-02"), Ok(86_400_000));
        assert_eq!(time("1970-01-01T08:00:01+08:00"), Ok(1_000));
        assert!(time("2h").is_ok() && time("soon").is_err());
    }
}
