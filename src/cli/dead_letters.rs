//! `dead-letters`: what people can say of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use clap::{Args, Subcommand};

use super::topic;
use crate::model::units::duration;

/// `dead-letters`.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum DeadLettersCommand {
    /// One line for each letter: where it is, when, in which step, where from and why
    List {
        /// Which ones.
        #[command(flatten)]
        filter: LetterFilter,
        /// Stop after so many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// All of one letter: its message as it was, with key, value and headers
    Show {
        /// PARTITION:OFFSET or file:LINE, as `list` writes it
        #[arg(value_parser = place)]
        letter: LetterPlace,
        /// The data type
        #[arg(long, alias = "data_type", value_name = "NAME")]
        data_type: Option<String>,
    },
    /// Write letters of sinks once more, after what was wrong is mended; each lands once, however
    /// often this is said
    Replay {
        /// Which ones.
        #[command(flatten)]
        filter: LetterFilter,
        /// Only this letter: PARTITION:OFFSET or file:LINE, as `list` writes it
        #[arg(long, value_name = "LETTER", value_parser = place)]
        letter: Option<LetterPlace>,
        /// Also over rows that are there, which may be newer than the letter
        #[arg(long)]
        overwrite: bool,
    },
}

/// Which letters.
#[derive(Debug, Clone, Args)]
pub struct LetterFilter {
    /// The data type; without it, every one in the settings
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,

    /// Messages of this topic: with --data-type, instead of its own
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub topic: Option<String>,

    /// Set aside in this step: decode, write, encode, publish, or a step's own name
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,

    /// Whose reason has this text, in whichever case
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Set aside at or after this: 2025-08-26, "2025-08-26 09:30" (UTC),
    /// 2025-08-26T09:30:15+08:00, or so long ago: 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<i64>,

    /// Set aside before this
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<i64>,

    /// Whose message stood in this partition of its topic
    #[arg(long, value_name = "N")]
    pub partition: Option<i32>,

    /// Whose message stood at this offset, or between two: 7 or 7..9
    #[arg(long, value_name = "OFFSET", value_parser = offsets)]
    pub offset: Option<(i64, i64)>,
}

/// Where a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterPlace {
    /// Partition and offset of the dead-letter topic; of a table, 0 and the letter's `id`.
    Topic(i32, i64),
    /// A line of the file.
    File(i64),
}

const EXAMPLES: &str = "\
Examples:
  highwater dead-letters list
  highwater dead-letters list --data-type orders --step write --reason \"too long\" --since 2h --json
  highwater dead-letters show 0:17 --data-type orders
  highwater dead-letters replay --data-type orders

A replay takes the way of the sink: decode, steps, write. A letter that has landed is remembered in the
target, in the transaction that wrote it. A letter whose row is there is superseded and stays as it is,
but with --overwrite. Letters of a producing flow (encode, publish and its steps) are not replayed: their
rows are in the source, perhaps newer by now; change them there, or read again: sync --full-amount.";

fn place(text: &str) -> Result<LetterPlace, String> {
    let wrong = || "a letter is written as PARTITION:OFFSET or file:LINE".to_owned();
    let (place, number) = text.split_once(':').ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    match place {
        "file" => Ok(LetterPlace::File(number)),
        partition => match partition.parse() {
            Ok(partition) if partition >= 0 => Ok(LetterPlace::Topic(partition, number)),
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
        assert_eq!(place("3:17"), Ok(LetterPlace::Topic(3, 17)));
        assert_eq!(place("file:2"), Ok(LetterPlace::File(2)));
        for wrong in ["17", "-1:4", "a:1", "1:b"] {
            assert!(place(wrong).is_err(), "{wrong}");
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
