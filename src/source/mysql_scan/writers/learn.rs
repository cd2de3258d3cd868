//! What tells of a table's writers, and what its incremental column is.

use sqlx::{Row, mysql::MySqlDatabaseError};

use super::{Column, Micros, Rest, Statements, Writers, ask};
use crate::{
    connect::mysql::{Flavor, MysqlConnection},
    model::Kind,
    source::{
        SourceError,
        keyset::{Index, failed},
        mysql_scan::{MysqlScanSettings, columns::Learned},
    },
};

const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
    ('read_only', 'wsrep_on', 'performance_schema') AND Value NOT IN ('OFF', '0')";

/// Fraction digits of the incremental column, and the table's engine.
const COLUMN: &str = "SELECT CAST(COALESCE(DATETIME_PRECISION, 0) AS SIGNED), \
    LOWER(COALESCE((SELECT CAST(ENGINE AS CHAR) FROM information_schema.TABLES t \
        WHERE t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME), '')) \
    FROM information_schema.COLUMNS c \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND COLUMN_NAME = ?";

/// Threads that there is no room for are in none of its lists.
const UNSEEN: &str = "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM performance_schema.global_status \
    WHERE VARIABLE_NAME = 'Performance_schema_thread_instances_lost'";

/// How late commits of a table are known of; `None` where they are not met at all.
pub(in crate::source::mysql_scan) async fn learn(
    connection: &MysqlConnection,
    settings: &MysqlScanSettings,
    learned: &Learned,
) -> Result<Option<Writers>, SourceError> {
    let Some(hold_back) = settings.late.writers() else {
        return Ok(None);
    };
    let lost = |error| failed(&learned.table.name, error);
    let (mut digits, mut engine) = (6, String::new());
    // The coarsest of several counts.
    for field in std::iter::once(&settings.incremental).chain(&settings.rules.coalesce) {
        let column = sqlx::query_as(COLUMN)
            .bind(learned.named.database.clone())
            .bind(learned.named.table.clone())
            .bind(field.clone())
            .fetch_one(connection.pool())
            .await;
        let (its, of): (i64, String) = column.map_err(lost)?;
        (digits, engine) = (digits.min(its), of);
    }
    Ok(Some(Writers {
        rest: rest(connection, &engine).await.map_err(lost)?,
        column: column_of(learned, digits),
        settle: hold_back.settle,
        clock_skew: hold_back.clock_skew,
        zone: settings.time_zone,
    }))
}

fn column_of(learned: &Learned, digits: i64) -> Column {
    let table = &learned.table;
    let first = table.incremental.first().map_or("", |it| it.name.as_str());
    let fields = table.schema.names().unwrap_or_default();
    let kind = fields.iter().find(|it| it.name == first).map(|it| it.kind);
    let digits = u32::try_from(digits.clamp(0, 6)).unwrap_or_default();
    let unit: Micros = 10_i64.pow(6 - digits);
    let others = table.incremental.first().map_or(0, |it| it.others.len());
    let alone = |it: &Index| others == 0 && it.is_unique && it.columns.iter().eq([first]);
    match kind {
        Some(Kind::Instant) => Column::Timestamp(unit),
        Some(Kind::DateTime) => Column::DateTime(unit),
        Some(Kind::Date) => Column::Date,
        _ => Column::Other {
            is_unique: learned.indexes.iter().any(alone),
        },
    }
}

async fn rest(connection: &MysqlConnection, engine: &str) -> Result<Rest, sqlx::Error> {
    // Statements of the others' own are all that there is: they have no transactions.
    if !matches!(engine, "innodb" | "myisam" | "aria" | "memory" | "csv") {
        return Ok(Rest::Settle(
            "the table's engine does not list its transactions",
        ));
    }
    let mut session = connection.pool().acquire().await?;
    let variables = sqlx::query(VARIABLES).fetch_all(&mut *session).await?;
    let names = variables.iter().map(|it| it.try_get::<String, _>(0));
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    if let Some(reason) = elsewhere(&names) {
        return Ok(Rest::Settle(reason));
    }
    let listed = match connection.flavor() {
        Flavor::Mariadb => Statements::Micros,
        Flavor::Mysql => Statements::Seconds,
    };
    if granted(ask::touches(&mut session).await)?.is_none() {
        return Ok(Rest::Settle(
            "the user has not the PROCESS right: grant it to see transactions",
        ));
    }
    if ask::statements(listed, 0, &mut session).await?.is_none() {
        return Ok(Rest::Settle(
            "the server is a replica: its writers are elsewhere",
        ));
    }
    if connection.flavor() == Flavor::Mysql && is_on(&names, "performance_schema") {
        let lost = sqlx::query_scalar(UNSEEN)
            .fetch_optional(&mut *session)
            .await;
        let lost: Option<i64> = granted(lost)?.flatten();
        let listed = granted(ask::statements(Statements::Performance, 0, &mut session).await)?;
        let known = granted(ask::transactions(0, &mut session).await)?;
        if lost == Some(0) && listed.is_some() && known.is_some() {
            return Ok(Rest::Transactions);
        }
    }
    Ok(Rest::Touches(listed))
}

fn is_on(names: &[String], name: &str) -> bool {
    names.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Why the writers are not all to be seen here, by the variables that are on.
fn elsewhere(names: &[String]) -> Option<&'static str> {
    if is_on(names, "read_only") {
        Some("the server is a replica, or read-only: its writers are elsewhere")
    } else if is_on(names, "wsrep_on") {
        Some("the server is one of a Galera cluster: other nodes write, too")
    } else {
        None
    }
}

/// `None` where the user may not ask for it, or the server has no such list.
fn granted<T>(asked: Result<T, sqlx::Error>) -> Result<Option<T>, sqlx::Error> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => match error.as_database_error() {
            Some(said) if is_refusal(said.try_downcast_ref::<MySqlDatabaseError>()) => Ok(None),
            _ => Err(error),
        },
    }
}

/// No right (to a list, a table, a column), no such table or column.
fn is_refusal(said: Option<&MySqlDatabaseError>) -> bool {
    said.is_some_and(|it| matches!(it.number(), 1044 | 1142 | 1143 | 1227 | 1109 | 1146 | 1054))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_writers_are_elsewhere_is_known_by_its_variables() {
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
            elsewhere(&names).unwrap_or_default()
        };
        assert!(of(&["performance_schema", "read_only"]).contains("replica"));
        assert!(of(&["wsrep_on"]).contains("Galera"));
        assert_eq!(of(&["performance_schema"]), "");
    }
}
