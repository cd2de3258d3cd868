//! Names of tables and collections: whether the system that has them allows them.

#![deny(clippy::wildcard_enum_match_arm)]

use super::{references::Connections, section::Section};
use crate::{
    connect::{
        identifier::double_quoted,
        table_name::{TableName, allowed},
    },
    model::System,
};

/// What is done with a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// It is there, whoever has made it.
    Read,
    /// It is made where it is missing.
    Write,
    /// It is looked into. No database stands before its name.
    LookUp,
}

/// Bytes of a database and a collection of MongoDB with the dot between them, at most.
const NAMESPACE: usize = 255;

/// Complains where the connection's system has no table of the name that `key` has.
pub(super) fn check(
    section: &Section<'_>,
    key: &str,
    (name, (connections, connection)): (&str, (&Connections, &str)),
    usage: Usage,
) {
    // What is missing or empty is complained of already.
    let (Some(span), false) = (section.written(key), name.is_empty()) else {
        return;
    };
    let problem = match connections.system(connection) {
        Some(System::Mysql | System::Mariadb) => {
            let checked = match usage {
                Usage::Read | Usage::Write => TableName::parse(name).map(drop),
                Usage::LookUp => allowed(name),
            };
            checked.err().map(|it| it.to_string())
        }
        Some(System::Sqlite) => of_sqlite(name, usage),
        Some(System::Mongodb) => of_mongodb(name, connections.database(connection), usage),
        // They have no tables, which is said of the connection.
        Some(System::Kafka | System::Embedded) | None => None,
    };
    if let Some(problem) = problem {
        section.wrong(key, &span, problem, None);
    }
}

fn of_sqlite(name: &str, usage: Usage) -> Option<String> {
    if let Err(error) = double_quoted(name) {
        return Some(error.to_string());
    }
    let start = name.get(..7).unwrap_or_default();
    let is_own = start.eq_ignore_ascii_case("sqlite_");
    (is_own && usage == Usage::Write).then(|| {
        format!("`{name}` is a name that SQLite keeps for itself, as all that begin with sqlite_")
    })
}

fn of_mongodb(name: &str, database: &str, usage: Usage) -> Option<String> {
    let room = NAMESPACE.saturating_sub(database.len() + 1);
    if name.contains(['$', '\0']) {
        Some(format!(
            "{name:?} holds a dollar or a zero byte, which no collection of MongoDB may"
        ))
    } else if name.starts_with('.') {
        Some(format!(
            "`{name}` begins with a dot, which no collection of MongoDB may"
        ))
    } else if name.len() > room {
        Some(format!(
            "`{name}` is longer than the {room} bytes that MongoDB leaves to a collection of the database `{database}`"
        ))
    } else if name.starts_with("system.") && usage == Usage::Write {
        Some(format!(
            "`{name}` is a name that MongoDB keeps for itself, as all that begin with system."
        ))
    } else {
        None
    }
}
