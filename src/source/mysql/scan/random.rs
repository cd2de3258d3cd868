//! Whether values are random (UUIDs of version 4): such a column does not grow, so that nothing can be read past it.

use super::{MysqlScan, columns::Learned, failed};
use crate::{
    connect::identifier::statement,
    source::{
        Late, SourceError,
        scan::table::{KeyColumn, ValueKind},
    },
};

impl MysqlScan {
    /// No cursor can be kept in what comes anywhere.
    pub(super) async fn refuse_random(&self, learned: &Learned) -> Result<(), SourceError> {
        if self.settings.late == Late::None {
            return Ok(());
        }
        let first = learned.table.incremental.first();
        let texts = |it: &&KeyColumn| matches!(it.kind, Some(ValueKind::Text | ValueKind::Bytes));
        let Some(column) = first.filter(texts) else {
            return Ok(());
        };
        let text = format!(
            "SELECT CAST({} AS BINARY) FROM {} LIMIT 32",
            column.quoted, learned.quoted_table
        );
        let values = sqlx::query_scalar(statement(text))
            .fetch_all(self.connection.pool())
            .await;
        let values: Vec<Vec<u8>> = values.map_err(|error| failed(&self.name, error))?;
        if is_random(&values) {
            Err(SourceError::Incompatible {
                name: self.name.clone(),
                advice: format!(
                    "the values of {} are random (UUIDs of version 4), so that new rows come before the \
                     cursor as well and would never be read: choose an `incremental` that grows",
                    column.quoted
                ),
            })
        } else {
            Ok(())
        }
    }
}

/// Whether all of these are; so few that it may be chance are not taken for it.
pub(super) fn is_random(values: &[Vec<u8>]) -> bool {
    let texts = values.iter().all(|it| is_random_text(it));
    let binary = values.len() >= 8 && values.iter().all(|it| is_random_binary(it));
    !values.is_empty() && (texts || binary)
}

/// `xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx`, or its digits alone.
fn is_random_text(value: &[u8]) -> bool {
    let dashes = [8, 13, 18, 23];
    let digits: Vec<u8> = match value.len() {
        36 if dashes.iter().all(|at| value[*at] == b'-') => {
            value.iter().copied().filter(|it| *it != b'-').collect()
        }
        32 => value.to_vec(),
        _ => return false,
    };
    digits.len() == 32
        && digits.iter().all(u8::is_ascii_hexdigit)
        && digits[12] == b'4'
        && matches!(digits[16], b'8' | b'9' | b'a' | b'b' | b'A' | b'B')
}

/// As it is, or with its time fields in front (`UUID_TO_BIN(…, 1)`).
fn is_random_binary(value: &[u8]) -> bool {
    value.len() == 16 && value[8] >> 6 == 0b10 && (value[6] >> 4 == 4 || value[0] >> 4 == 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> bool {
        let values: Vec<Vec<u8>> = values.iter().map(|it| it.as_bytes().to_vec()).collect();
        is_random(&values)
    }

    #[test]
    fn random_identifiers_are_told_from_those_with_a_time() {
        let random = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
        assert!(texts(&[random, "F47AC10B58CC4372A5670E02B2C3D479"]));
        // Version 1, version 7, and other texts of that length.
        assert!(!texts(&["2c1d43b8-e6d9-11ee-9d6f-0242ac120002"]));
        assert!(!texts(&["018f4e2a-7c3b-7def-8a12-3456789abcde"]));
        assert!(!texts(&[random, "order-0000000000000000000000000000042"]));
        assert!(!texts(&[]));
        let bytes = |six: u8| {
            let mut bytes = [7; 16];
            (bytes[6], bytes[8]) = (six, 0x9f);
            vec![bytes.to_vec(); 8]
        };
        assert!(is_random(&bytes(0x4a)));
        assert!(!is_random(&bytes(0x7a)));
        assert!(!is_random(&bytes(0x4a)[..1]));
    }
}
