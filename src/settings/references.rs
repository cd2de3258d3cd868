//! Names of connections where settings refer to them: known, and of a kind that fits.

use std::collections::BTreeMap;

use super::{
    connection::{Connection, ConnectionKind as Kind},
    nearest::nearest,
    reading::{Scalar, Wanted},
    section::Section,
};

/// What can be read.
pub(super) const SOURCES: Use = Use {
    what: "records can be read from",
    kinds: &[Kind::Mongodb, Kind::Mysql, Kind::Mariadb, Kind::Sqlite],
};

/// What can be written.
pub(super) const SINKS: Use = Use {
    what: "records can be written to",
    kinds: &[Kind::Mongodb, Kind::Mysql, Kind::Mariadb, Kind::Sqlite],
};

/// What has tables to look into.
pub(super) const LOOKUPS: Use = Use {
    what: "tables to look into are in",
    kinds: &[Kind::Mysql, Kind::Mariadb, Kind::Sqlite],
};

/// What keeps cursors.
pub(super) const STORES: Use = Use {
    what: "cursors can be kept in",
    kinds: &[Kind::Mongodb, Kind::Mysql, Kind::Mariadb, Kind::Sqlite],
};

/// What has topics.
const BROKERS: Use = Use {
    what: "topics are in",
    kinds: &[Kind::Kafka, Kind::Embedded],
};

/// What a connection is wanted for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub what: &'static str,
    pub kinds: &'static [Kind],
}

/// The names of all connections; one whose kind is not known fits everywhere.
pub(super) struct Connections {
    kinds: BTreeMap<String, Option<Kind>>,
    /// The databases of those that name one.
    databases: BTreeMap<String, String>,
}

impl Connections {
    pub fn new(connections: &BTreeMap<String, Option<Connection>>) -> Self {
        let kind = |(name, it): (&String, &Option<Connection>)| {
            (name.clone(), it.as_ref().map(Connection::kind))
        };
        let database = |(name, it): (&String, &Option<Connection>)| match it {
            Some(Connection::Mongodb { database, .. }) => Some((name.clone(), database.clone())),
            _ => None,
        };
        Self {
            kinds: connections.iter().map(kind).collect(),
            databases: connections.iter().filter_map(database).collect(),
        }
    }

    /// The database that a connection names beside its URL; empty where it names none.
    pub fn database(&self, name: &str) -> &str {
        self.databases.get(name).map_or("", String::as_str)
    }

    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.kinds.get(name).copied().flatten()
    }

    /// The connection that `key` names, with its kind as far as it is known.
    pub fn named(
        &self,
        section: &mut Section<'_>,
        key: &'static str,
        wanted: Use,
    ) -> (String, Option<Kind>) {
        let fitting = self.fitting(wanted);
        let example = fitting.first().map_or("name", |it| it);
        let example = format!("\"{example}\"");
        let Some(name) = section.required(key, Wanted::Text, &example) else {
            return (String::new(), None);
        };
        self.check(section, key, &name, wanted);
        let kind = self.kind(&name.text);
        (name.text, kind)
    }

    /// The broker of a data type; where there is only one, it need not be named.
    pub fn broker(&self, section: &mut Section<'_>) -> String {
        let fitting = self.fitting(BROKERS);
        if let Some(name) = section.optional_text("broker") {
            self.check(section, "broker", &name, BROKERS);
            return name.text;
        }
        match fitting.as_slice() {
            _ if section.written("broker").is_some() => String::new(),
            [only] => (*only).to_owned(),
            [] => {
                let message = "there is no connection that has topics".to_owned();
                let help = "add a connection of kind kafka or embedded".to_owned();
                section.missing("broker", message, Some(help));
                String::new()
            }
            many => {
                let message = "is missing, as there is more than one".to_owned();
                let help = format!("it is one of {}", many.join(", "));
                section.missing("broker", message, Some(help));
                String::new()
            }
        }
    }

    /// Complains where `name` is no connection, or one that does not fit.
    pub fn check(&self, section: &Section<'_>, key: &str, written: &Scalar, wanted: Use) {
        let name = written.text.as_str();
        let fitting = self.fitting(wanted);
        let known = match (nearest(name, fitting.iter().copied()), fitting.as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => format!("no connection is one that {}", wanted.what),
            (None, some) => format!("{} {}", wanted.what, some.join(", ")),
        };
        match self.kinds.get(name) {
            None => {
                let path = section.path_of(key);
                let message = "this value is no connection".to_owned();
                let span = written.span.clone();
                section.reading.absence(&path, span, message, Some(known));
            }
            Some(Some(kind)) if !wanted.kinds.contains(kind) => {
                let kinds: Vec<&str> = wanted.kinds.iter().map(|it| it.word()).collect();
                let message = format!(
                    "`{name}` is of kind {}; {} {}",
                    kind.word(),
                    wanted.what,
                    kinds.join(", ")
                );
                section.wrong(key, &written.span, message, None);
            }
            Some(_) => {}
        }
    }

    /// Names that fit; those of no known kind do not count.
    fn fitting(&self, wanted: Use) -> Vec<&str> {
        let fits = |kind: &Option<Kind>| kind.is_some_and(|it| wanted.kinds.contains(&it));
        let names = self.kinds.iter().filter(|(_, kind)| fits(kind));
        names.map(|(name, _)| name.as_str()).collect()
    }
}
