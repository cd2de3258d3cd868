//! Names of connections where settings refer to them: known, and of a system that plays the role.

use std::collections::BTreeMap;

use super::{
    connection::Connection,
    nearest::nearest,
    reading::{Scalar, Wanted},
    section::Section,
};
use crate::model::{Role, System};

/// The names of all connections; one whose kind is not known fits everywhere.
pub(super) struct Connections {
    systems: BTreeMap<String, Option<System>>,
    /// The databases of those that name one.
    databases: BTreeMap<String, String>,
}

impl Connections {
    pub fn new(connections: &BTreeMap<String, Option<Connection>>) -> Self {
        let system = |(name, it): (&String, &Option<Connection>)| {
            (name.clone(), it.as_ref().map(Connection::system))
        };
        let database = |(name, it): (&String, &Option<Connection>)| {
            let database = it.as_ref()?.database()?;
            Some((name.clone(), database.to_owned()))
        };
        Self {
            systems: connections.iter().map(system).collect(),
            databases: connections.iter().filter_map(database).collect(),
        }
    }

    /// The database that a connection names beside its URL; empty where it names none.
    pub fn database(&self, name: &str) -> &str {
        self.databases.get(name).map_or("", String::as_str)
    }

    pub fn system(&self, name: &str) -> Option<System> {
        self.systems.get(name).copied().flatten()
    }

    /// The connection that `key` names, with its system as far as it is known.
    pub fn named(
        &self,
        section: &mut Section<'_>,
        key: &'static str,
        role: Role,
    ) -> (String, Option<System>) {
        let fitting = self.fitting(role);
        let example = fitting.first().map_or("name", |it| it);
        let example = format!("\"{example}\"");
        let Some(name) = section.required(key, Wanted::Text, &example) else {
            return (String::new(), None);
        };
        self.check(section, key, &name, role);
        let system = self.system(&name.text);
        (name.text, system)
    }

    /// The broker of a data type; where there is only one, it need not be named.
    pub fn broker(&self, section: &mut Section<'_>) -> String {
        let fitting = self.fitting(Role::Topics);
        if let Some(name) = section.optional_text("broker") {
            self.check(section, "broker", &name, Role::Topics);
            return name.text;
        }
        match fitting.as_slice() {
            _ if section.written("broker").is_some() => String::new(),
            [only] => (*only).to_owned(),
            [] => {
                let message = "there is no connection that has topics".to_owned();
                let help = format!("add a connection of kind {}", kinds(Role::Topics));
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
    pub fn check(&self, section: &Section<'_>, key: &str, written: &Scalar, role: Role) {
        let name = written.text.as_str();
        let fitting = self.fitting(role);
        let known = match (nearest(name, fitting.iter().copied()), fitting.as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => format!("no connection can be used {role}"),
            (None, some) => format!("{} can be used {role}", some.join(", ")),
        };
        match self.systems.get(name) {
            None => {
                let path = section.path_of(key);
                let message = format!("{} is no connection", written.quoted());
                let span = written.span.clone();
                section.reading.absence(&path, span, message, Some(known));
            }
            Some(Some(system)) if !system.plays(role) => {
                let message = format!("`{name}` leads to {system}, which cannot be used {role}");
                let help = format!("name a connection of kind {}", kinds(role));
                section.wrong(key, &written.span, message, Some(help));
            }
            Some(_) => {}
        }
    }

    /// Names that fit; those of no known kind do not count.
    fn fitting(&self, role: Role) -> Vec<&str> {
        let fits = |system: &Option<System>| system.is_some_and(|it| it.plays(role));
        let names = self.systems.iter().filter(|(_, system)| fits(system));
        names.map(|(name, _)| name.as_str()).collect()
    }
}

/// The kinds of connections that play a role: "a, b or c".
fn kinds(role: Role) -> String {
    let kinds: Vec<&str> = role.systems().map(|it| it.facts().kind).collect();
    match &kinds[..] {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => kinds.concat(),
    }
}
