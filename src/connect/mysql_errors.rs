//! The written list: which error of MySQL and MariaDB may pass, which stops, which is a record's.
//!
//! Numbers are those of both servers' error references. One that is not listed stops the flow:
//! to take it for a data error would set records aside that another hour would have written.

use super::{ErrorClass, sql_errors::UNKNOWN};

/// The verdict on the server's error `number` with its SQLSTATE and text.
pub(super) fn classify(number: u16, state: Option<&str>, text: &str) -> ErrorClass {
    if is_full_disk(number, text) {
        return ErrorClass::Refused("the server's disk is full: make room there");
    }
    match number {
        // Deadlock, lock wait, a statement or commit that the server gave up.
        1205 | 1213 | 1317 | 1180 | 1412 | 1615 | 1637 | 1969 | 3024 | 3058 | 3101 | 3572
        // Changed since it was read, under MariaDB's snapshot isolation.
        | 1020
        // Too many connections or statements just now; shutting down; not a primary yet.
        | 1040 | 1203 | 1226 | 1053 | 1077 | 1079 | 1152 | 1158..=1161 | 1184 | 1927 | 4031
        // The client's own: gone away, lost during a query.
        | 2002 | 2003 | 2006 | 2013
        // Not enough memory now.
        | 1037 | 1038 | 1041 => ErrorClass::Transient,
        // MySQL uses 4025 for another thing; in MariaDB it is a CHECK that failed.
        4025 if state == Some("23000") => ErrorClass::Data,
        _ if is_data(number) => ErrorClass::Data,
        _ => match (state, refused(number)) {
            (_, Some(advice)) => ErrorClass::Refused(advice),
            // Whole classes that the standard keeps for connections and for rollbacks.
            (Some(state), None) if state.starts_with("08") || state.starts_with("40") => {
                ErrorClass::Transient
            }
            // And for values (22) and constraints (23), among which is a name of two columns (1052).
            (Some(state), None)
                if number != 1052 && (state.starts_with("22") || state.starts_with("23")) =>
            {
                ErrorClass::Data
            }
            _ => ErrorClass::Refused(UNKNOWN),
        },
    }
}

/// A value or row that the table can never hold.
fn is_data(number: u16) -> bool {
    matches!(
        number,
        // Too long, out of range, truncated, not of the column's type, of no known character.
        1406 | 1264 | 1265 | 1366 | 1292 | 1300 | 1367 | 1411 | 1441 | 1690 | 3854 | 1977
        // A text that the column's character set cannot have, as a value or beside a key.
        | 1267 | 1270 | 1271 | 3987 | 3988 | 3995
        // NULL where there may be none, no default.
        | 1048 | 1263 | 1364 | 1138
        // A second row of a unique key, a missing parent, a child that is still there.
        | 1022 | 1062 | 1169 | 1586 | 1859 | 3008 | 1216 | 1217 | 1451 | 1452 | 1557 | 1761 | 1762
        // CHECK, and a trigger that refused by SIGNAL, or found too many rows or no case for this one.
        | 3819 | 1644 | 1172 | 1242 | 1339
        // What an expression of the table makes of the value: a division by zero, a logarithm, bits of two
        // lengths, a regular expression that takes too long or is none.
        | 1365 | 3020 | 3513 | 3684..=3700 | 3047..=3053
        // Text that is no JSON, or too deep, or too large.
        | 3140 | 3141 | 3144 | 3150 | 3156 | 3157 | 4035..=4040
        // Bytes that are no geometry.
        | 1416 | 3033..=3043 | 3055 | 3069..=3072 | 3134 | 3516 | 3616 | 3617 | 3643
        // A row larger than a page or a packet; no partition for it.
        | 1118 | 1139 | 1153 | 1301 | 1526 | 1591 | 1713 | 1748
        // A functional index that cannot take the value.
        | 3751 | 3752 | 3903 | 3904 | 3907 | 3908
        // Bytes that are no vector.
        | 6136..=6138
    )
}

/// What will not pass by itself, and what to do about it.
fn refused(number: u16) -> Option<&'static str> {
    Some(match number {
        1045 | 1698 => "the server does not take this user and password",
        1130 | 1129 => "the server does not let this machine in",
        1251 | 1275 | 1524 | 2059 => "the server wants a way of logging in that is not known here",
        1820 | 1862 => "the password has expired: set a new one",
        3118 | 3955 | 4151 => "the account is locked: unlock it",
        3159 | 1835 => "the server wants an encrypted connection: set `ssl-mode=REQUIRED`",
        1044 | 1142 | 1143 | 1227 | 1370 | 1410 | 1419 | 1445 => "the user lacks a right: grant it",
        1049 => "there is no such database: create it, or correct the URL",
        1046 => "no database is named: add it to the URL",
        1051 | 1109 | 1146 | 1932 => "there is no such table: create it, or correct its name",
        1054 | 1072 => "there is no such column: add it, or correct its name",
        1288 | 1471 => "this is a view that cannot be written: name its table",
        1290 | 1792 | 1836 | 1874 | 3946 => {
            "the server is read-only: connect to the one that is written"
        }
        1665 => "the server logs statements: set `binlog_format=ROW` there",
        1071 => "a key is too long for this server: choose shorter text columns for it",
        1067 | 1068 | 1069 | 1070 | 1101 | 1103 | 1059 | 1060 | 1061 | 1117 => {
            "the table cannot be made like this"
        }
        1033 | 1034 | 1194 | 1195 | 1712 | 1877 => "the table is damaged: repair it",
        1030 | 1026 | 1815 => "the server's storage failed: look into its log",
        _ => return None,
    })
}

/// 1021 and 1114 say so; others carry the system's number 28 (ENOSPC) in their text.
fn is_full_disk(number: u16, text: &str) -> bool {
    match number {
        1021 | 1114 => true,
        3 | 1026 | 1030 | 1815 => {
            text.contains("rror 28") || text.contains("rrno: 28") || text.contains("No space left")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: u16) -> ErrorClass {
        classify(number, None, "")
    }

    #[test]
    fn what_may_pass_is_told_from_what_a_record_did() {
        for number in [1205, 1213, 1040, 2006, 1927] {
            assert_eq!(of(number), ErrorClass::Transient, "{number}");
        }
        for number in [1406, 1264, 1366, 1048, 1062, 3140, 3819, 1452, 1153] {
            assert_eq!(of(number), ErrorClass::Data, "{number}");
        }
    }

    #[test]
    fn a_key_that_its_character_set_cannot_have_is_a_records() {
        for number in [1267, 1270, 1271, 3988] {
            assert_eq!(of(number), ErrorClass::Data, "{number}");
        }
    }

    #[test]
    fn the_standards_classes_of_values_and_constraints_are_a_records() {
        // MariaDB's overflow and illegal value of a conversion.
        for (number, state) in [(1916, "22003"), (1918, "22007"), (1999, "23000")] {
            let classified = classify(number, Some(state), "");
            assert_eq!(classified, ErrorClass::Data, "{number}");
        }
        let ambiguous = classify(1052, Some("23000"), "");
        assert!(matches!(ambiguous, ErrorClass::Refused(_)));
    }

    #[test]
    fn what_concerns_the_whole_table_never_costs_a_record() {
        for number in [
            1045, 1044, 1142, 1049, 1146, 1054, 1290, 1836, 1021, 1114, 1064, 1999,
        ] {
            assert!(matches!(of(number), ErrorClass::Refused(_)), "{number}");
        }
    }

    #[test]
    fn number_4025_is_a_failed_check_only_by_its_state() {
        assert_eq!(classify(4025, Some("23000"), ""), ErrorClass::Data);
        assert!(matches!(
            classify(4025, Some("HY000"), ""),
            ErrorClass::Refused(_)
        ));
    }

    #[test]
    fn a_full_disk_behind_another_number_is_found_by_its_text() {
        let text = "Got error 28 \"No space left on device\" from storage engine InnoDB";
        let ErrorClass::Refused(advice) = classify(1030, Some("HY000"), text) else {
            panic!("a full disk stops the flow");
        };
        assert!(advice.contains("disk is full"));
    }
}
