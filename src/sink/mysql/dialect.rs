//! What MySQL and MariaDB do in their own way while rows are written.

use sqlx::{MySqlConnection, mysql::MySqlDatabaseError};

use super::values::{Bound, size};
use crate::{
    connect::identifier::statement,
    model::Value,
    sink::{
        Texts,
        sql::{
            incompatible::ValueError,
            runs::{Columns, RunLimits},
            session::{SqlSession, Types, Words, statements},
            statements::{Dialect, step},
            table::{Column, ColumnType, Table},
        },
    },
};

/// What statements of one server go by.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) struct MysqlLimits {
    /// What texts stand for.
    pub(in crate::sink) texts: Texts,
    pub(in crate::sink) max_allowed_packet: usize,
    /// Whether the session is encrypted.
    pub(in crate::sink) encrypted: bool,
}

/// Rows in one statement, at most. Fewer cost round trips; more make the server slower again.
const ROWS: usize = 256;

/// Bytes in one statement, at most: larger ones only take memory on both sides.
const STATEMENT: usize = 4 << 20;

/// The same on an encrypted session. What is longer than one TLS record leaves the driver in
/// several pieces, and waits some 40 ms for the first one's acknowledgement (sqlx #4335).
const ENCRYPTED_STATEMENT: usize = 15 << 10;

/// Placeholders in one statement: their number has 16 bits.
const PLACEHOLDERS: usize = 65_535;

/// Room in a packet for everything but values.
const PACKET_HEAD: usize = 1024;

impl SqlSession for MySqlConnection {
    type Bound = Bound;
    type Limits = MysqlLimits;

    const WORDS: Words = Words {
        dialect: Dialect::Mysql,
        now: "UTC_TIMESTAMP(6)",
        // Sessions are in UTC.
        saved_at: "CAST(UNIX_TIMESTAMP(MAX(updated_at)) AS SIGNED)",
        partition: "`partition`",
        once: "",
        shared: " LOCK IN SHARE MODE",
        any: " LIMIT 1 FOR UPDATE",
        // MariaDB compares names in its catalogue without regard to case.
        dependents: "SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS \
             WHERE DELETE_RULE NOT IN ('RESTRICT','NO ACTION') \
             AND (UNIQUE_CONSTRAINT_SCHEMA=DATABASE() AND REFERENCED_TABLE_NAME=? \
             OR CONCAT(UNIQUE_CONSTRAINT_SCHEMA,'.',REFERENCED_TABLE_NAME)=?) \
             AND (@@lower_case_table_names<>0 OR CAST(? AS BINARY) IN (CAST(REFERENCED_TABLE_NAME AS BINARY), \
             CAST(CONCAT(UNIQUE_CONSTRAINT_SCHEMA,'.',REFERENCED_TABLE_NAME) AS BINARY)))",
        // With it the primary key takes 2,856 of the 3,072 bytes that InnoDB allows; a Kafka
        // topic's name has 249 at most.
        flow: 400,
        types: Types {
            flow: "VARCHAR(400)",
            topic: "VARCHAR(249)",
            topic_id: "VARCHAR(64)",
            partition: "INT",
            offset: "BIGINT",
            position: "LONGTEXT",
            moment: "DATETIME(6)",
        },
    };
    const RUN: RunLimits = RunLimits {
        rows: ROWS,
        values: PLACEHOLDERS,
    };
    const UPSERTS_BY_KEY: bool = false;

    fn bound(limits: MysqlLimits, values: usize, bytes: usize) -> Bound {
        Bound::with_room((values, bytes), limits.texts)
    }

    fn next_statement(
        limits: MysqlLimits,
        table: &Table,
        columns: &Columns,
        values: &[Value<'_>],
    ) -> Result<(usize, usize), ValueError> {
        let width = columns.len();
        let packet = limits.max_allowed_packet.saturating_sub(PACKET_HEAD);
        let statement = if limits.encrypted {
            packet.min(ENCRYPTED_STATEMENT)
        } else {
            packet.min(STATEMENT)
        };
        let (mut rows, mut bytes) = (0, 0);
        for row in values.chunks_exact(width) {
            let row: usize = row.iter().map(size).sum();
            if rows > 0 && bytes + row > statement {
                break;
            }
            rows += 1;
            bytes += row;
        }
        if rows == 1 {
            Self::fits(limits, table, columns, &values[..width])?;
        }
        let fewer = step(rows);
        let bytes = values[..fewer * width].iter().map(size).sum();
        Ok((fewer, bytes))
    }

    /// The server would close the connection instead of answering.
    fn fits(
        limits: MysqlLimits,
        table: &Table,
        columns: &Columns,
        row: &[Value<'_>],
    ) -> Result<usize, ValueError> {
        let (bytes, most) = (row.iter().map(size).sum(), limits.max_allowed_packet);
        if bytes <= most.saturating_sub(PACKET_HEAD) {
            return Ok(bytes);
        }
        let sized = columns.iter().zip(row);
        let largest = sized.max_by_key(|(_, value)| size(value));
        let field = largest.map_or("", |(ordinal, _)| &table.columns[*ordinal].name);
        let reason = format!(
            "the record takes {bytes} bytes, more than the server's max_allowed_packet of {most}"
        );
        Err(ValueError::new(field, reason))
    }

    fn is_taken(error: &sqlx::Error) -> bool {
        number(error) == Some(DUPLICATE)
    }

    fn is_unconvertible(error: &sqlx::Error) -> bool {
        number(error).is_some_and(|it| UNCONVERTIBLE.contains(&it))
    }

    fn is_missing_table(error: &sqlx::Error) -> bool {
        number(error) == Some(NO_TABLE)
    }

    fn as_text(column: &Column) -> String {
        match column.stored_type {
            ColumnType::Bytes => format!("LOWER(HEX({}))", column.quoted),
            // Bits are bytes otherwise.
            ColumnType::Integer => format!("CAST({}+0 AS CHAR)", column.quoted),
            _ => format!("CAST({} AS CHAR)", column.quoted),
        }
    }

    statements!();
}

/// ER_DUP_ENTRY.
pub(in crate::sink) const DUPLICATE: u16 = 1062;

/// ER_CANT_AGGREGATE_2COLLATIONS and its like, ER_IMPOSSIBLE_STRING_CONVERSION: they name no column.
const UNCONVERTIBLE: [u16; 4] = [1267, 1270, 1271, 3988];

/// ER_NO_SUCH_TABLE.
pub(super) const NO_TABLE: u16 = 1146;

/// The server's number of an error of its own.
pub(in crate::sink) fn number(error: &sqlx::Error) -> Option<u16> {
    let said = error.as_database_error()?;
    Some(said.try_downcast_ref::<MySqlDatabaseError>()?.number())
}
