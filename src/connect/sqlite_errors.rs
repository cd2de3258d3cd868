//! The written list: which error of SQLite may pass, which stops, which is a record's.

use super::{ErrorClass, sql_errors::UNKNOWN};

/// The verdict on SQLite's extended result `code` with its text.
pub(super) fn classify(code: i32, text: &str) -> ErrorClass {
    // The low byte is the primary code, the rest says more.
    match code & 0xff {
        // BUSY, LOCKED, NOMEM, INTERRUPT, PROTOCOL, SCHEMA
        5 | 6 | 7 | 9 | 15 | 17 => ErrorClass::Transient,
        // CONSTRAINT, TOOBIG, MISMATCH
        18..=20 => ErrorClass::Data,
        1 if text.contains("malformed JSON") => ErrorClass::Data,
        1 if text.contains("no such table") => {
            ErrorClass::Refused("there is no such table: create it, or correct its name")
        }
        1 if text.contains("no such column") || text.contains("has no column") => {
            ErrorClass::Refused("there is no such column: add it, or correct its name")
        }
        3 | 23 => ErrorClass::Refused("the file's rights do not allow it"),
        8 => ErrorClass::Refused("the file or its folder is read-only"),
        10 => ErrorClass::Refused("the disk failed: look at it"),
        11 => ErrorClass::Refused("the file is damaged: restore it"),
        13 => ErrorClass::Refused("the disk is full: make room"),
        14 => ErrorClass::Refused("the file cannot be opened: look at its path and rights"),
        26 => ErrorClass::Refused("the file is no SQLite database: correct the path"),
        _ => ErrorClass::Refused(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_byte_decides() {
        // SQLITE_BUSY_SNAPSHOT, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_IOERR_WRITE
        assert_eq!(classify(517, ""), ErrorClass::Transient);
        assert_eq!(classify(1555, ""), ErrorClass::Data);
        assert!(matches!(classify(778, ""), ErrorClass::Refused(_)));
    }
}
