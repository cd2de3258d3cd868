//! How a table's writers can be observed, and what its incremental column is.

use sqlx::{
    Row,
    mysql::{MySqlConnection, MySqlDatabaseError},
};

use super::{Column, Micros, Rest, Statements, Writers, ask};
use crate::{
    connect::mysql::{Flavor, MysqlConnection},
    model::Kind,
    source::{
        SourceError,
        mysql::scan::{MysqlScanSettings, columns::Learned},
        scan::table::{Index, failed},
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

/// What is set up to follow another server, whether it does so now or stands still: what it will
/// write then is older than what is here. By name, as versions know it; MySQL's table is for those
/// who may not ask otherwise.
const FOLLOWED: [&str; 4] = [
    "SHOW ALL SLAVES STATUS",
    "SHOW REPLICA STATUS",
    "SHOW SLAVE STATUS",
    "SELECT HOST FROM performance_schema.replication_connection_configuration WHERE HOST <> ''",
];

/// Threads that there is no room for are in none of its lists.
const UNSEEN: &str = "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM performance_schema.global_status \
    WHERE VARIABLE_NAME = 'Performance_schema_thread_instances_lost'";

/// How late commits of a table are known of; `None` where they are not met at all.
pub(in crate::source::mysql::scan) async fn learn(
    connection: &MysqlConnection,
    settings: &MysqlScanSettings,
    learned: &Learned,
) -> Result<Option<Writers>, SourceError> {
    let Some(hold_back) = settings.late.writers() else {
        return Ok(None);
    };
    let lost = |error| failed(&learned.table.name, error);
    let (mut digits, mut engine) = (6, String::new());
    let first = match settings.incremental.as_str() {
        "" => learned.table.incremental.first().map_or("", |it| &it.name),
        first => first,
    };
    let others = settings.rules.coalesce.iter().map(String::as_str);
    // The coarsest of several counts.
    for field in std::iter::once(first).chain(others) {
        let column = sqlx::query_as(COLUMN)
            .bind(learned.named.database.clone())
            .bind(learned.named.table.clone())
            .bind(field.to_owned())
            .fetch_one(connection.pool())
            .await;
        let (its, of): (i64, String) = column.map_err(lost)?;
        (digits, engine) = (digits.min(its), of);
    }
    let (rest, knows_source) = rest(connection, &engine).await.map_err(lost)?;
    Ok(Some(Writers {
        rest,
        knows_source,
        column: column_of(learned, digits),
        max_commit_delay: hold_back.max_commit_delay,
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

/// What it rests on, and whether it could be seen if the server was a replica that stands still.
async fn rest(connection: &MysqlConnection, engine: &str) -> Result<(Rest, bool), sqlx::Error> {
    // Statements of the others' own are all that there is: they have no transactions.
    if !matches!(engine, "innodb" | "myisam" | "aria" | "memory" | "csv") {
        let reason = "the table's engine does not list its transactions";
        return Ok((Rest::Declared(reason), true));
    }
    let mut session = connection.pool().acquire().await?;
    let variables = sqlx::query(VARIABLES).fetch_all(&mut *session).await?;
    let names = variables.iter().map(|it| it.try_get::<String, _>(0));
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    let follows = follows(&mut session).await?;
    let listed = match connection.flavor() {
        Flavor::Mariadb => Statements::Micros,
        Flavor::Mysql => Statements::Seconds,
    };
    let rest = match elsewhere(&names, follows) {
        Some(reason) => Rest::Declared(reason),
        None => seen(&mut session, listed, &names).await?,
    };
    Ok((rest, follows.is_some()))
}

/// Whether the server is set up to follow another; `None` where the user may not know.
async fn follows(session: &mut MySqlConnection) -> Result<Option<bool>, sqlx::Error> {
    for asked in FOLLOWED {
        match sqlx::raw_sql(asked).fetch_all(&mut *session).await {
            Ok(rows) => return Ok(Some(!rows.is_empty())),
            Err(error) => match number(&error) {
                Some(UNKNOWN_STATEMENT) => {}
                Some(number) if is_refusal(number) => {}
                _ => return Err(error),
            },
        }
    }
    Ok(None)
}

/// What can be seen of the writers on this very server.
async fn seen(
    session: &mut MySqlConnection,
    listed: Statements,
    names: &[String],
) -> Result<Rest, sqlx::Error> {
    if granted(ask::touches(session).await)?.is_none() {
        return Ok(Rest::Declared(
            "the user has not the PROCESS right: grant it to see transactions",
        ));
    }
    if ask::statements(listed, 0, session).await?.is_none() {
        return Ok(Rest::Declared(REPLICA));
    }
    if listed == Statements::Seconds && is_on(names, "performance_schema") {
        let lost = sqlx::query_scalar(UNSEEN)
            .fetch_optional(&mut *session)
            .await;
        let lost: Option<i64> = granted(lost)?.flatten();
        let listed = granted(ask::statements(Statements::Performance, 0, session).await)?;
        let known = granted(ask::transactions(0, session).await)?;
        if lost == Some(0) && listed.is_some() && known.is_some() {
            return Ok(Rest::Transactions);
        }
    }
    Ok(Rest::Touches(listed))
}

const REPLICA: &str = "the server is a replica: its writers are elsewhere";

fn is_on(names: &[String], name: &str) -> bool {
    names.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Why the writers are not all to be seen here, by the variables that are on, and by whether it
/// follows another server.
fn elsewhere(names: &[String], follows: Option<bool>) -> Option<&'static str> {
    if follows == Some(true) {
        Some(REPLICA)
    } else if is_on(names, "read_only") {
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
        Err(error) if number(&error).is_some_and(is_refusal) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The server's number of an error that it has told.
fn number(error: &sqlx::Error) -> Option<u16> {
    let said = error.as_database_error()?;
    Some(said.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

/// As a server of another kind or version answers.
const UNKNOWN_STATEMENT: u16 = 1064;

/// No right (to a list, a table, a column), no such table or column.
fn is_refusal(number: u16) -> bool {
    matches!(number, 1044 | 1142 | 1143 | 1227 | 1109 | 1146 | 1054)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_writers_are_elsewhere_is_known_by_its_variables_and_by_whom_it_follows() {
        let of = |names: &[&str], follows| {
            let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
            elsewhere(&names, follows).unwrap_or_default()
        };
        let on = "performance_schema";
        assert!(of(&[on, "read_only"], Some(false)).contains("replica"));
        assert!(of(&[on], Some(true)).contains("replica"));
        for follows in [Some(false), None] {
            assert!(of(&["wsrep_on"], follows).contains("Galera"));
            assert_eq!(of(&[on], follows), "");
        }
    }
}
