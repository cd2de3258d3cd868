//! A column of the binary protocol to a value, without an allocation.
//!
//! The driver's own decoding would take zero dates for NULL and refuse partial ones; here the
//! bytes of the wire are read as MySQL documents them ("Binary Protocol Value").

use crate::model::{Date, DateTime, Instant, Kind, Packer, Time, Value, domain::member_names};

/// How a column's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpack {
    Signed,
    Unsigned,
    Float,
    Double,
    Decimal,
    Text,
    Bytes,
    Date,
    DateTime,
    Timestamp,
    Time,
    Year,
    Bit,
    Enum,
    /// An ENUM with an empty member, beside the error value that has the same text.
    UnclearEnum,
    Json,
    Geometry,
}

/// Bytes that are not of the column's type: the table was changed while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Unpack {
    /// For information_schema's DATA_TYPE and COLUMN_TYPE. What is unknown (INET6, UUID) comes as
    /// text.
    pub fn of(data_type: &str, column_type: &str) -> Self {
        match data_type {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
                if column_type.contains("unsigned") {
                    Self::Unsigned
                } else {
                    Self::Signed
                }
            }
            "float" => Self::Float,
            "double" => Self::Double,
            "decimal" => Self::Decimal,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Self::Bytes,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "timestamp" => Self::Timestamp,
            "time" => Self::Time,
            "year" => Self::Year,
            "bit" => Self::Bit,
            "enum" if has_empty_member(column_type) => Self::UnclearEnum,
            "enum" | "set" => Self::Enum,
            "json" => Self::Json,
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => Self::Geometry,
            // The driver does not know the type: it is asked for as bytes (`super::columns`).
            "vector" => Self::Bytes,
            _ => Self::Text,
        }
    }

    /// What its values are, for a target.
    pub fn kind(self) -> Kind {
        match self {
            Self::Signed => Kind::I64,
            Self::Unsigned | Self::Bit => Kind::U64,
            Self::Year => Kind::I64,
            Self::Float => Kind::F32,
            Self::Double => Kind::F64,
            Self::Decimal => Kind::Decimal,
            Self::Text | Self::Enum | Self::UnclearEnum => Kind::String,
            Self::Bytes | Self::Geometry => Kind::Bytes,
            Self::Date => Kind::Date,
            Self::DateTime => Kind::DateTime,
            Self::Timestamp => Kind::Instant,
            Self::Time => Kind::Time,
            Self::Json => Kind::Json,
        }
    }

    /// A column of this name as it is asked for.
    pub fn selected(self, quoted: &str, data_type: &str) -> String {
        match self {
            // As bytes, since it has a byte that no text has.
            Self::UnclearEnum => format!(
                "IF({quoted}+0=0, X'{ERROR_VALUE:02X}', CAST(CONVERT({quoted} USING utf8mb4) AS BINARY)) AS {quoted}"
            ),
            // The driver gives up a whole result for this type alone.
            _ if data_type == "vector" => format!("CAST({quoted} AS BINARY) AS {quoted}"),
            _ => quoted.to_owned(),
        }
    }

    /// Whether the driver's name for a result's column is one that these bytes come under.
    pub fn comes_as(self, wire: &str) -> bool {
        let is_integer =
            || wire == "BOOLEAN" || wire.trim_end_matches(" UNSIGNED").ends_with("INT");
        match self {
            // The width is seen by the bytes.
            Self::Signed => is_integer() && !wire.ends_with("UNSIGNED"),
            // A one-digit TINYINT is "BOOLEAN" with either sign.
            Self::Unsigned => is_integer() && (wire.ends_with("UNSIGNED") || wire == "BOOLEAN"),
            Self::Float => wire == "FLOAT",
            Self::Double => wire == "DOUBLE",
            Self::Decimal => wire == "DECIMAL",
            Self::Date => wire == "DATE",
            Self::DateTime => wire == "DATETIME",
            Self::Timestamp => wire == "TIMESTAMP",
            Self::Time => wire == "TIME",
            Self::Year => wire == "YEAR",
            Self::Bit => wire == "BIT",
            Self::Geometry => wire == "GEOMETRY",
            Self::Json => wire == "JSON" || is_string(wire),
            Self::Text | Self::Bytes | Self::Enum | Self::UnclearEnum => is_string(wire),
        }
    }

    /// Appends the value of `bytes` to `packer`; `None` is NULL.
    pub fn pack(self, bytes: Option<&[u8]>, packer: &mut Packer<'_>) -> Result<(), Unreadable> {
        let Some(bytes) = bytes else {
            packer.value(Value::Null);
            return Ok(());
        };
        packer.value(match self {
            Self::Signed => Value::I64(signed(bytes)?),
            Self::Unsigned => Value::U64(unsigned(bytes)?),
            Self::Float => Value::F32(f32::from_le_bytes(exactly(bytes)?)),
            Self::Double => Value::F64(f64::from_le_bytes(exactly(bytes)?)),
            Self::Decimal => Value::Decimal(std::str::from_utf8(bytes).map_err(|_| Unreadable)?),
            Self::Text => text(bytes, Value::String),
            Self::UnclearEnum if bytes == [ERROR_VALUE] => Value::MinKey,
            Self::Enum | Self::UnclearEnum => text(bytes, Value::Enum),
            Self::Json => text(bytes, Value::Json),
            Self::Bytes => Value::Bytes(0, bytes),
            Self::Geometry => Value::Geometry(bytes),
            Self::Date => Value::Date(clock(bytes)?.date),
            Self::DateTime => Value::DateTime(clock(bytes)?),
            Self::Timestamp => timestamp(clock(bytes)?),
            Self::Time => Value::Time(time(bytes)?),
            Self::Year => Value::Year(u16::from_le_bytes(exactly(bytes)?)),
            Self::Bit => Value::Bit(bit(bytes)?),
        });
        Ok(())
    }
}

/// What stands for the error value of an ENUM (number 0), where an empty member has its text. No text
/// has this byte. It is less than every member, and no column takes it.
const ERROR_VALUE: u8 = 0xff;

fn has_empty_member(column_type: &str) -> bool {
    member_names(column_type).is_some_and(|names| names.iter().any(String::is_empty))
}

fn is_string(wire: &str) -> bool {
    ["CHAR", "BINARY", "TEXT", "BLOB", "ENUM", "SET"]
        .iter()
        .any(|it| wire.ends_with(it))
}

/// Bytes that are no UTF-8 (an old table may hold them under a text type) go on as bytes.
fn text<'b>(bytes: &'b [u8], value: fn(&'b str) -> Value<'b>) -> Value<'b> {
    std::str::from_utf8(bytes).map_or(Value::Bytes(0, bytes), value)
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unreadable> {
    bytes.try_into().map_err(|_| Unreadable)
}

fn signed(bytes: &[u8]) -> Result<i64, Unreadable> {
    Ok(match bytes.len() {
        1 => i64::from(i8::from_le_bytes(exactly(bytes)?)),
        2 => i64::from(i16::from_le_bytes(exactly(bytes)?)),
        4 => i64::from(i32::from_le_bytes(exactly(bytes)?)),
        _ => i64::from_le_bytes(exactly(bytes)?),
    })
}

fn unsigned(bytes: &[u8]) -> Result<u64, Unreadable> {
    Ok(match bytes.len() {
        1 => u64::from(u8::from_le_bytes(exactly(bytes)?)),
        2 => u64::from(u16::from_le_bytes(exactly(bytes)?)),
        4 => u64::from(u32::from_le_bytes(exactly(bytes)?)),
        _ => u64::from_le_bytes(exactly(bytes)?),
    })
}

fn bit(bytes: &[u8]) -> Result<u64, Unreadable> {
    if bytes.len() > 8 {
        return Err(Unreadable);
    }
    Ok(bytes
        .iter()
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
}

/// A length byte, then as much of year, month, day, hour, minute, second, microseconds as is not
/// zero.
fn clock(bytes: &[u8]) -> Result<DateTime, Unreadable> {
    let (length, parts) = bytes.split_first().ok_or(Unreadable)?;
    if usize::from(*length) != parts.len() || !matches!(length, 0 | 4 | 7 | 11) {
        return Err(Unreadable);
    }
    let mut all = [0; 11];
    all[..parts.len()].copy_from_slice(parts);
    let [
        year_low,
        year_high,
        month,
        day,
        hour,
        minute,
        second,
        micros @ ..,
    ] = all;
    Ok(DateTime {
        date: Date {
            year: u16::from_le_bytes([year_low, year_high]),
            month,
            day,
        },
        hour,
        minute,
        second,
        micros: u32::from_le_bytes(micros),
    })
}

/// The session is in UTC. `0000-00-00 00:00:00` is no point in time and stays what it is.
fn timestamp(clock: DateTime) -> Value<'static> {
    Instant::from_utc(clock).map_or(Value::DateTime(clock), Value::Instant)
}

/// A length byte, then sign, days, hours, minutes, seconds, microseconds.
fn time(bytes: &[u8]) -> Result<Time, Unreadable> {
    let (length, parts) = bytes.split_first().ok_or(Unreadable)?;
    if usize::from(*length) != parts.len() || !matches!(length, 0 | 8 | 12) {
        return Err(Unreadable);
    }
    let mut all = [0; 12];
    all[..parts.len()].copy_from_slice(parts);
    let [
        negative,
        day0,
        day1,
        day2,
        day3,
        hours,
        minutes,
        seconds,
        micros @ ..,
    ] = all;
    let days = u32::from_le_bytes([day0, day1, day2, day3]);
    let hours = days
        .checked_mul(24)
        .and_then(|it| it.checked_add(u32::from(hours)));
    Ok(Time {
        negative: negative != 0,
        hours: hours
            .and_then(|it| u16::try_from(it).ok())
            .ok_or(Unreadable)?,
        minutes,
        seconds,
        micros: u32::from_le_bytes(micros),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Unpack; 17] = [
        Unpack::Signed,
        Unpack::Unsigned,
        Unpack::Float,
        Unpack::Double,
        Unpack::Decimal,
        Unpack::Text,
        Unpack::Bytes,
        Unpack::Date,
        Unpack::DateTime,
        Unpack::Timestamp,
        Unpack::Time,
        Unpack::Year,
        Unpack::Bit,
        Unpack::Enum,
        Unpack::UnclearEnum,
        Unpack::Json,
        Unpack::Geometry,
    ];

    fn packed(value: Value<'_>) -> Vec<u8> {
        let mut packed = Vec::new();
        Packer::new(&mut packed).value(value);
        packed
    }

    fn check(unpack: Unpack, bytes: &[u8], expected: Value<'_>) {
        let mut seen = Vec::new();
        assert_eq!(
            unpack.pack(Some(bytes), &mut Packer::new(&mut seen)),
            Ok(()),
            "{unpack:?}"
        );
        assert_eq!(seen, packed(expected), "{unpack:?} {bytes:?}: {expected:?}");
    }

    #[test]
    fn integers_keep_their_sign_at_every_width() {
        check(Unpack::Signed, &[0x80], Value::I64(-128));
        check(Unpack::Unsigned, &[0x80], Value::U64(128));
        check(Unpack::Signed, &[0xff, 0xff], Value::I64(-1));
        check(
            Unpack::Signed,
            &[0, 0, 0, 0x80],
            Value::I64(i64::from(i32::MIN)),
        );
        check(Unpack::Unsigned, &[0xff; 8], Value::U64(u64::MAX));
        check(Unpack::Bit, &[1, 0], Value::Bit(256));
    }

    #[test]
    fn zero_and_partial_dates_are_values() {
        let date = |year, month, day| Date { year, month, day };
        check(Unpack::Date, &[0], Value::Date(date(0, 0, 0)));
        check(
            Unpack::Date,
            &[4, 0xe9, 0x07, 0, 15],
            Value::Date(date(2025, 0, 15)),
        );
        let zero = DateTime {
            date: date(0, 0, 0),
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
        };
        check(Unpack::Timestamp, &[0], Value::DateTime(zero));
        let micros = [11, 0xb2, 0x07, 1, 1, 0, 0, 1, 1, 0, 0, 0];
        check(
            Unpack::Timestamp,
            &micros,
            Value::Instant(Instant {
                seconds: 1,
                micros: 1,
            }),
        );
    }

    #[test]
    fn a_time_counts_its_days_as_hours() {
        let longest = Time {
            negative: true,
            hours: 838,
            minutes: 59,
            seconds: 59,
            micros: 0,
        };
        check(
            Unpack::Time,
            &[8, 1, 34, 0, 0, 0, 22, 59, 59],
            Value::Time(longest),
        );
    }

    #[test]
    fn text_that_is_none_goes_on_as_bytes() {
        check(Unpack::Text, b"\xff\x00", Value::Bytes(0, b"\xff\x00"));
        check(Unpack::Text, "ä".as_bytes(), Value::String("ä"));
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_server_panic(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            for unpack in ALL {
                let mut packed = Vec::new();
                let _ = unpack.pack(Some(&bytes), &mut Packer::new(&mut packed));
            }
        }
    }
}
