//! The systems that data moves between: their names, the roles that they play, and what differs.

use std::fmt;

/// Declares the systems and the list of all of them, so that neither is ever without the other.
macro_rules! systems {
    ($($(#[$caption:meta])* $system:ident,)*) => {
        /// A system that a connection leads to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum System {
            $($(#[$caption])* $system,)*
        }

        impl System {
            /// All systems, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$system,)*];
        }
    };
}

systems! {
    /// A MongoDB server or replica set.
    Mongodb,
    /// A MySQL server.
    Mysql,
    /// A MariaDB server.
    Mariadb,
    /// A SQLite file.
    Sqlite,
    /// A Kafka cluster.
    Kafka,
    /// Topics in a SQLite file.
    Embedded,
}

/// What a system can be used for. Each has its one `match` over the systems in `app/open/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Records are read from it.
    Source,
    /// Records are written to it.
    Sink,
    /// Cursors are kept in it.
    CursorStore,
    /// Its rows are compared with those of another.
    VerifySide,
    /// Steps look into its tables.
    LookupTable,
    /// Dead letters are kept in its tables.
    DeadLetterTable,
    /// Messages are published to it and consumed from it.
    Topics,
}

/// What is known of a system before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Its name, as its makers write it.
    pub name: &'static str,
    /// The `kind` of its connections in the settings.
    pub kind: &'static str,
    /// The roles that it plays; those that are missing here are refused with the settings.
    pub roles: &'static [Role],
    /// The Cargo feature that it comes with, where this build was made without that.
    pub missing_feature: Option<&'static str>,
    /// What records lie in.
    pub keeps: Keeps,
    /// Whether it is a file that this process opens: it has one writer at a time.
    pub is_file: bool,
    /// Whether a time in it may lack a zone, and is then in the server's zone.
    pub has_local_times: bool,
    /// Whether its columns have types that a text is read into: bytes from base64, or JSON.
    pub reads_texts: bool,
}

/// What records lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Rows in tables, found by their key's columns.
    Tables,
    /// Documents in collections, found by `_id`.
    Collections,
    /// Messages in topics.
    Topics,
}

/// The roles of a database whose tables can be reached by SQL.
const DATABASE: &[Role] = &[
    Role::Source,
    Role::Sink,
    Role::CursorStore,
    Role::VerifySide,
    Role::LookupTable,
    Role::DeadLetterTable,
];

const fn unless(is_built: bool, feature: &'static str) -> Option<&'static str> {
    if is_built { None } else { Some(feature) }
}

impl System {
    /// The one table of all systems.
    #[deny(clippy::wildcard_enum_match_arm)]
    pub const fn facts(self) -> Facts {
        match self {
            Self::Mongodb => Facts {
                name: "MongoDB",
                kind: "mongodb",
                missing_feature: unless(cfg!(feature = "mongodb"), "mongodb"),
                roles: &[
                    Role::Source,
                    Role::Sink,
                    Role::CursorStore,
                    Role::VerifySide,
                ],
                keeps: Keeps::Collections,
                is_file: false,
                has_local_times: false,
                reads_texts: false,
            },
            Self::Mysql => Facts {
                name: "MySQL",
                kind: "mysql",
                missing_feature: unless(cfg!(feature = "mysql"), "mysql"),
                roles: DATABASE,
                keeps: Keeps::Tables,
                is_file: false,
                has_local_times: true,
                reads_texts: true,
            },
            Self::Mariadb => Facts {
                name: "MariaDB",
                kind: "mariadb",
                missing_feature: unless(cfg!(feature = "mysql"), "mysql"),
                roles: DATABASE,
                keeps: Keeps::Tables,
                is_file: false,
                has_local_times: true,
                reads_texts: true,
            },
            Self::Sqlite => Facts {
                name: "SQLite",
                kind: "sqlite",
                missing_feature: None,
                roles: DATABASE,
                keeps: Keeps::Tables,
                is_file: true,
                has_local_times: false,
                reads_texts: false,
            },
            Self::Kafka => Facts {
                name: "Kafka",
                kind: "kafka",
                missing_feature: unless(cfg!(feature = "kafka"), "kafka"),
                roles: &[Role::Topics],
                keeps: Keeps::Topics,
                is_file: false,
                has_local_times: false,
                reads_texts: false,
            },
            Self::Embedded => Facts {
                name: "embedded topics",
                kind: "embedded",
                missing_feature: None,
                roles: &[Role::Topics],
                keeps: Keeps::Topics,
                is_file: true,
                has_local_times: false,
                reads_texts: false,
            },
        }
    }

    /// Whether it can be used in this role.
    pub fn plays(self, role: Role) -> bool {
        self.facts().roles.contains(&role)
    }

    /// Whether records are documents in it.
    pub fn keeps_documents(self) -> bool {
        self.facts().keeps == Keeps::Collections
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().name)
    }
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] = [
        Self::Source,
        Self::Sink,
        Self::CursorStore,
        Self::VerifySide,
        Self::LookupTable,
        Self::DeadLetterTable,
        Self::Topics,
    ];

    /// The systems that play it.
    pub fn systems(self) -> impl Iterator<Item = System> {
        let all = System::ALL.iter().copied();
        all.filter(move |it| it.plays(self))
    }
}

/// As it follows "cannot be used".
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "as a source",
            Self::Sink => "as a sink",
            Self::CursorStore => "as a cursor store",
            Self::VerifySide => "as a side of `verify`",
            Self::LookupTable => "for lookup tables",
            Self::DeadLetterTable => "for dead-letter tables",
            Self::Topics => "for topics",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_a_name_and_a_kind_of_its_own_and_plays_some_role() {
        for (index, system) in System::ALL.iter().enumerate() {
            let facts = system.facts();
            assert!(!facts.roles.is_empty(), "{system}");
            for other in &System::ALL[..index] {
                assert_ne!(facts.name, other.facts().name);
                assert_ne!(facts.kind, other.facts().kind);
            }
        }
    }

    #[test]
    fn every_role_is_played_by_some_system() {
        for role in Role::ALL {
            assert!(role.systems().next().is_some(), "nothing is used {role}");
        }
    }

    #[test]
    fn what_keeps_topics_is_no_place_for_rows_and_the_other_way_round() {
        for system in System::ALL {
            let topics = system.facts().keeps == Keeps::Topics;
            assert_eq!(system.plays(Role::Topics), topics, "{system}");
            assert_eq!(system.plays(Role::Sink), !topics, "{system}");
        }
    }
}
