//! Calendar and clock values, as wide as the widest source.

use std::fmt;

/// A calendar day; zero and partial days (`0000-00-00`, `2025-00-15`) are values too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

/// A signed span of clock time, up to ±838:59:59.999999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Before zero.
    pub negative: bool,
    /// Hours, days included.
    pub hours: u16,
    /// 0 to 59.
    pub minutes: u8,
    /// 0 to 59.
    pub seconds: u8,
    /// 0 to 999,999.
    pub micros: u32,
}

/// A wall clock reading without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub micros: u32,
}

/// A point in time, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Seconds since 1970-01-01, negative before.
    pub seconds: i64,
    /// 0 to 999,999 after `seconds`.
    pub micros: u32,
}

impl Instant {
    /// From BSON's milliseconds.
    pub fn from_millis(millis: i64) -> Self {
        Self {
            seconds: millis.div_euclid(1000),
            micros: (millis.rem_euclid(1000) * 1000) as u32,
        }
    }

    /// To BSON's milliseconds; `None` past their range or between two of them.
    pub fn to_millis(self) -> Option<i64> {
        if !self.micros.is_multiple_of(1000) {
            return None;
        }
        self.seconds
            .checked_mul(1000)?
            .checked_add(i64::from(self.micros / 1000))
    }

    /// Reads what `Display` writes for the years 1 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let clock = text.strip_suffix('Z').filter(|it| it.contains('T'))?;
        Self::from_utc(DateTime::parse(clock)?)
    }

    /// The UTC wall clock, for the years 1 to 9999.
    pub fn to_utc(self) -> Option<DateTime> {
        let days = self.seconds.div_euclid(86_400);
        let second_of_day = self.seconds.rem_euclid(86_400);
        let date = Date::from_days(days)?;
        Some(DateTime {
            date,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            micros: self.micros,
        })
    }

    /// From a UTC wall clock; `None` where the day does not exist.
    pub fn from_utc(clock: DateTime) -> Option<Self> {
        let days = clock.date.to_days()?;
        let second_of_day =
            i64::from(clock.hour) * 3600 + i64::from(clock.minute) * 60 + i64::from(clock.second);
        Some(Self {
            seconds: days * 86_400 + second_of_day,
            micros: clock.micros,
        })
    }
}

impl Date {
    /// Reads what `Display` writes, zero and partial days too.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let date = Self {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
        };
        (date.year <= 9999 && date.month <= 12 && date.day <= 31).then_some(date)
    }

    /// The day that lies `days` after 1970-01-01, for the years 1 to 9999.
    fn from_days(days: i64) -> Option<Self> {
        use chrono::Datelike;
        let date = chrono::DateTime::from_timestamp(days.checked_mul(86_400)?, 0)?.date_naive();
        let year = u16::try_from(date.year()).ok()?;
        (1..=9999).contains(&year).then(|| Self {
            year,
            month: date.month() as u8,
            day: date.day() as u8,
        })
    }

    /// Days since 1970-01-01; `None` for zero and partial days and days that do not exist.
    fn to_days(self) -> Option<i64> {
        let date = chrono::NaiveDate::from_ymd_opt(
            i32::from(self.year),
            u32::from(self.month),
            u32::from(self.day),
        )?;
        let epoch = chrono::NaiveDate::from_ymd_opt(1970, 1, 1)?;
        Some(date.signed_duration_since(epoch).num_days())
    }
}

impl Time {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, clock) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (hours, minutes, seconds, micros) = parse_clock(clock)?;
        Some(Self {
            negative,
            hours,
            minutes,
            seconds,
            micros,
        })
    }
}

impl DateTime {
    /// Reads what `Display` writes; a `T` between day and clock is understood too.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, clock) = text.split_once([' ', 'T'])?;
        let (hour, minute, second, micros) = parse_clock(clock)?;
        Some(Self {
            date: Date::parse(date)?,
            hour: u8::try_from(hour).ok().filter(|it| *it < 24)?,
            minute,
            second,
            micros,
        })
    }
}

/// Hours, minutes, seconds and microseconds.
fn parse_clock(text: &str) -> Option<(u16, u8, u8, u32)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.splitn(3, ':');
    let hours = parts.next()?.parse().ok()?;
    let minutes = parts.next()?.parse().ok().filter(|it| *it < 60)?;
    let seconds = parts.next()?.parse().ok().filter(|it| *it < 60)?;
    let digits = fraction.bytes().all(|it| it.is_ascii_digit()) && fraction.len() <= 6;
    let micros = format!("{fraction:0<6}").parse().ok()?;
    digits.then_some((hours, minutes, seconds, micros))
}

/// Text of digits that is put together by hand: rows have it by the million, and the formatter's
/// own way takes ten times as long.
struct Digits {
    bytes: [u8; 40],
    length: usize,
}

impl Digits {
    fn new() -> Self {
        Self {
            bytes: [0; 40],
            length: 0,
        }
    }

    fn sign(&mut self, sign: u8) {
        self.bytes[self.length] = sign;
        self.length += 1;
    }

    /// Appends `number` with at least `width` digits.
    fn number(&mut self, number: u32, width: usize) {
        let mut digits = [b'0'; 10];
        let (mut first, mut rest) = (digits.len(), number);
        while rest > 0 || digits.len() - first < width {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let end = self.length + digits.len() - first;
        self.bytes[self.length..end].copy_from_slice(&digits[first..]);
        self.length = end;
    }

    fn date(&mut self, date: Date) {
        self.number(date.year.into(), 4);
        self.sign(b'-');
        self.number(date.month.into(), 2);
        self.sign(b'-');
        self.number(date.day.into(), 2);
    }

    /// The fraction has six digits, and is not there at all where it is zero.
    fn clock(&mut self, hours: u32, minutes: u8, seconds: u8, micros: u32) {
        self.number(hours, 2);
        self.sign(b':');
        self.number(minutes.into(), 2);
        self.sign(b':');
        self.number(seconds.into(), 2);
        if micros > 0 {
            self.sign(b'.');
            self.number(micros, 6);
        }
    }

    fn date_time(&mut self, it: DateTime, between: u8) {
        self.date(it.date);
        self.sign(between);
        self.clock(it.hour.into(), it.minute, it.second, it.micros);
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(&self.bytes[..self.length]);
        f.write_str(text.map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Digits::new();
        digits.date(*self);
        digits.write(f)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Digits::new();
        if self.negative {
            digits.sign(b'-');
        }
        digits.clock(self.hours.into(), self.minutes, self.seconds, self.micros);
        digits.write(f)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Digits::new();
        digits.date_time(*self, b' ');
        digits.write(f)
    }
}

/// RFC 3339 in UTC: `2025-08-26T09:30:15.123000Z`; seconds since the epoch, followed by `s`,
/// outside the years 1 to 9999.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(clock) => {
                let mut digits = Digits::new();
                digits.date_time(clock, b'T');
                digits.sign(b'Z');
                digits.write(f)
            }
            None if self.micros == 0 => write!(f, "{}s", self.seconds),
            None => write!(f, "{}.{:06}s", self.seconds, self.micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_before_the_epoch_counts_its_fraction_forwards() {
        let instant = Instant::from_millis(-1);
        assert_eq!(instant.to_string(), "1969-12-31T23:59:59.999000Z");
        assert_eq!(instant.to_millis(), Some(-1));
    }

    #[test]
    fn utc_and_back_is_the_same_instant() {
        for millis in [
            0,
            1,
            -1,
            1_756_200_615_123,
            -62_135_596_800_000,
            253_402_300_799_999,
        ] {
            let instant = Instant::from_millis(millis);
            let clock = instant.to_utc().expect("within the years 1 to 9999");
            assert_eq!(Instant::from_utc(clock), Some(instant), "{clock}");
            assert_eq!(Instant::parse(&instant.to_string()), Some(instant));
        }
    }

    #[test]
    fn what_is_no_point_in_time_is_read_as_none() {
        for text in [
            "2025-08-26T09:30:15",
            "2025-08-26 09:30:15Z",
            "2025-02-31T09:30:15Z",
            "0000-00-00T00:00:00Z",
            "253402300800s",
            "Z",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }

    #[test]
    fn clocks_have_all_their_zeros_and_no_empty_fraction() {
        let date = Date {
            year: 25,
            month: 0,
            day: 7,
        };
        let mut clock = DateTime {
            date,
            hour: 1,
            minute: 2,
            second: 3,
            micros: 40,
        };
        assert_eq!(clock.to_string(), "0025-00-07 01:02:03.000040");
        clock.micros = 0;
        assert_eq!(clock.to_string(), "0025-00-07 01:02:03");
        let mut time = Time {
            negative: true,
            hours: 838,
            minutes: 59,
            seconds: 9,
            micros: 999_999,
        };
        assert_eq!(time.to_string(), "-838:59:09.999999");
        time.hours = 0;
        assert_eq!(time.to_string(), "-00:59:09.999999");
        let largest = DateTime {
            date: Date {
                year: u16::MAX,
                month: u8::MAX,
                day: u8::MAX,
            },
            hour: u8::MAX,
            minute: u8::MAX,
            second: u8::MAX,
            micros: u32::MAX,
        };
        assert_eq!(
            largest.to_string(),
            "65535-255-255 255:255:255.4294967295",
            "what no source sends is written, too"
        );
    }

    #[test]
    fn a_year_past_9999_has_no_wall_clock() {
        assert_eq!(Instant::from_millis(253_402_300_800_000).to_utc(), None);
        assert_eq!(Instant::from_millis(i64::MAX).to_utc(), None);
    }
}
