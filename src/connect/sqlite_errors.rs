//! The written list: which error of SQLite may pass, which stops, which is a record's.

use super::{Verdict, sql_errors::UNKNOWN};

/// The verdict on SQLite's extended result `code` with its text.
pub(super) fn verdict(code: i32, text: &str) -> Verdict {
    // The low byte is the primary code, the rest says more.
    match code & 0xff {
        // BUSY, LOCKED, NOMEM, INTERRUPT, PROTOCOL, SCHEMA
        5 | 6 | 7 | 9 | 15 | 17 => Verdict::Transient,
        // CONSTRAINT, TOOBIG, MISMATCH
        18..=20 => Verdict::Data,
        1 if text.contains("malformed JSON") => Verdict::Data,
        1 if text.contains("no such table") => {
            Verdict::Refused("there is no such table: create it, or correct its name")
        }
        1 if text.contains("no such column") || text.contains("has no column") => {
            Verdict::Refused("there is no such column: add it, or correct its name")
        }
        3 | 23 => Verdict::Refused("the file's rights do not allow it"),
        8 => Verdict::Refused("the file or its folder is read-only"),
        10 => Verdict::Refused("the disk failed: look at it"),
        11 => Verdict::Refused("the file is damaged: restore it"),
        13 => Verdict::Refused("the disk is full: make room"),
        14 => Verdict::Refused("the file cannot be opened: look at its path and rights"),
        26 => Verdict::Refused("the file is no SQLite database: correct the path"),
        _ => Verdict::Refused(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_byte_decides() {
        // SQLITE_BUSY_SNAPSHOT, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_IOERR_WRITE
        assert_eq!(verdict(517, ""), Verdict::Transient);
        assert_eq!(verdict(1555, ""), Verdict::Data);
        assert!(matches!(verdict(778, ""), Verdict::Refused(_)));
    }
}
