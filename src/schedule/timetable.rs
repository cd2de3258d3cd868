//! When a schedule is due: the times that a cron line names in a time zone, also where clocks are changed.

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

/// A cron line in a time zone.
///
/// Where clocks are changed, a line that names hours goes by the clock on the wall: a time that does
/// not exist is due at the first one after the gap, once; a time that exists twice is due at its first.
/// A line with `*` for the hour goes by what passes: it is due whenever the wall shows one of its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Timetable {
    text: String,
    cron: Cron,
    zone: Tz,
    by_wall: bool,
}

/// No zone has put its clocks forward by more: Samoa left out a day.
const LONGEST_GAP: i64 = 26 * 3_600;

/// Times that are counted one by one; beyond, the number says nothing more.
const MOST_COUNTED: u64 = 10_000;

impl Timetable {
    /// Reads a line of five fields, or of six with seconds first.
    ///
    /// # Errors
    /// What is wrong with it, as a person reads it.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if !matches!(fields.len(), 5 | 6) {
            return Err(format!(
                "has {} fields; a cron line has five, or six with seconds first",
                fields.len()
            ));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        let cron = parser
            .parse(text)
            .map_err(|error| format!("is no cron line: {}", said(&error.to_string())))?;
        let by_wall = !fields[fields.len() - 4].starts_with('*');
        let timetable = Self {
            text: fields.join(" "),
            cron,
            zone,
            by_wall,
        };
        match timetable.after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(timetable),
            None => Err("names a day that never comes".to_owned()),
        }
    }

    /// The line, with single blanks.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where its clock hangs.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first time that is due after `moment`; `None` where there is none in thousands of years.
    pub fn after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.by_wall {
            self.after_on_the_wall(moment)
        } else {
            self.after_passed(moment)
        }
    }

    /// The next `count` times after `moment`.
    pub fn next(&self, moment: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
        let following = std::iter::successors(self.after(moment), |it| self.after(*it));
        following.take(count).collect()
    }

    /// The last time that is due after `since` and not after `now`.
    pub fn latest(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // A window that holds one is looked through from its beginning; windows grow, so that a
        // line of every second is not followed through a year of absence.
        let seconds = [2, 60, 3_600, 86_400, 40 * 86_400, 400 * 86_400];
        let windows = seconds.iter().map(|it| now - Duration::seconds(*it));
        let mut found = None;
        for begin in windows.chain([since]) {
            let begin = begin.max(since);
            found = self.after(begin).filter(|it| *it <= now);
            if found.is_some() || begin == since {
                break;
            }
        }
        let mut last = found?;
        while let Some(next) = self.after(last).filter(|it| *it <= now) {
            last = next;
        }
        Some(last)
    }

    /// How many times are due after `since` and not after `now`, as far as they are counted.
    pub fn count(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
        let (mut count, mut at) = (0, since);
        while let Some(next) = self.after(at).filter(|it| *it <= now) {
            count += 1;
            at = next;
            if count >= MOST_COUNTED {
                break;
            }
        }
        count
    }

    fn after_on_the_wall(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut wall = self.on_wall(moment);
        loop {
            wall = self.wall_after(wall, false)?;
            // In the second pass of a doubled hour the first one is over.
            let at = self.instant(wall)?;
            if at > moment {
                return Some(at);
            }
        }
    }

    /// The instant of a time on the wall: the first of two, or the end of the gap that it is in.
    fn instant(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&wall) {
            LocalResult::Single(at) => Some(at.to_utc()),
            LocalResult::Ambiguous(one, other) => Some(one.to_utc().min(other.to_utc())),
            LocalResult::None => {
                // As if the zone's offset were still what it was before: a time behind the change.
                let before = wall - Duration::seconds(LONGEST_GAP);
                let before = self.zone.from_local_datetime(&before).earliest()?;
                let behind = Utc.from_utc_datetime(&(wall - before.offset().fix()));
                Some(self.change_before(before.to_utc(), behind))
            }
        }
    }

    fn after_passed(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (mut from, mut inclusive) = (moment, false);
        loop {
            let offset = self.offset(from);
            let wall = self.wall_after(self.on_wall(from), inclusive)?;
            let at = Utc.from_utc_datetime(&(wall - offset));
            if self.offset(at) == offset {
                return Some(at);
            }
            // The clocks are changed before that: the wall shows other times from then on.
            (from, inclusive) = (self.change_before(from, at), true);
        }
    }

    /// The instant, up to `behind`, from which on the offset is no longer that of `before`.
    fn change_before(&self, before: DateTime<Utc>, behind: DateTime<Utc>) -> DateTime<Utc> {
        let old = self.offset(before);
        let (mut low, mut high) = (before.timestamp(), behind.timestamp());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.offset(instant_of(middle)) == old {
                low = middle
            } else {
                high = middle
            }
        }
        instant_of(high)
    }

    /// Croner's own ways around changed clocks are not asked for: on the wall there are none.
    fn wall_after(&self, wall: NaiveDateTime, inclusive: bool) -> Option<NaiveDateTime> {
        let found = self
            .cron
            .find_next_occurrence(&Utc.from_utc_datetime(&wall), inclusive);
        found.ok().map(|it| it.naive_utc())
    }

    fn on_wall(&self, moment: DateTime<Utc>) -> NaiveDateTime {
        // Whole seconds: what is found keeps the parts of one that it was looked for with.
        let wall = moment.with_timezone(&self.zone).naive_local();
        wall.with_nanosecond(0).unwrap_or(wall)
    }

    fn offset(&self, moment: DateTime<Utc>) -> chrono::FixedOffset {
        moment.with_timezone(&self.zone).offset().fix()
    }
}

/// The parser's words as a part of a sentence.
fn said(error: &str) -> &str {
    let behind = error.rsplit_once(": ").map_or(error, |(_, it)| it);
    behind.trim_end_matches('.')
}

fn instant_of(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests;
