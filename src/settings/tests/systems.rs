//! Which connections a settings file may name where: every system and role, from their one table.

use super::cases::{check_flow, mistakes};
use crate::{
    model::{Role, System},
    settings::Settings,
};

/// What stands in the environment: the examples of secrets name variables.
fn environment(_: &str) -> Option<String> {
    Some("word".to_owned())
}

fn parse(text: &str) -> Result<Settings, Vec<String>> {
    let parsed = Settings::parse(text, "s", &environment, &crate::app::command_scope);
    parsed.map_err(|it| it.lines().collect())
}

/// The connection `it`, with the keys that the settings themselves say it needs.
fn connection(system: System) -> String {
    let mut text = format!("[connections.it]\nkind = \"{}\"\n", system.facts().kind);
    for line in parse(&text).err().into_iter().flatten() {
        let (_, added) = line.split_once("is missing, add ").expect(&line);
        text += &format!("{added}\n");
    }
    text
}

/// The key that names a connection for `role`, and the line that does.
fn naming(role: Role) -> Option<(&'static str, &'static str)> {
    Some(match role {
        Role::Source => (
            "data-types.a.from.connection",
            "from = { connection = \"it\", table = \"t\" }",
        ),
        Role::Sink => (
            "data-types.a.into.connection",
            "into = { connection = \"it\", table = \"t\" }",
        ),
        Role::CursorStore => ("cursors.store", "cursors = { store = \"it\" }"),
        Role::LookupTable => (
            "data-types.a.steps[0].connection",
            "steps = [{ lookup = \"a\", by = \"b\", connection = \"it\", table = \"t\", key = \"k\", value = \"v\" }]",
        ),
        Role::DeadLetterTable => (
            "data-types.a.dead-letters.connection",
            "dead-letters = { connection = \"it\", table = \"t\" }",
        ),
        Role::Topics => ("data-types.a.broker", "broker = \"it\""),
        // The sides of `verify` are named as a source and a sink.
        Role::VerifySide => return None,
    })
}

#[test]
fn a_system_without_the_role_is_refused_by_both_names_where_it_is_named() {
    let mut refused = 0;
    for (role, system) in pairs() {
        let Some((key, line)) = naming(role) else {
            continue;
        };
        let (place, text) = match role {
            Role::CursorStore => (1, line.to_owned()),
            _ => (
                2,
                format!("[data-types.a]\n{line}\nformat = \"json\"\ntopic = \"t\""),
            ),
        };
        let text = format!("{text}\n{}", connection(system));
        let found = parse(&text).err().unwrap_or_default();
        let found: Vec<&String> = found.iter().filter(|it| it.contains("leads to")).collect();
        if system.plays(role) {
            assert!(found.is_empty(), "{text}\n{found:?}");
            continue;
        }
        let said = format!(
            "s:{place}: {key}: `it` leads to {system}, which cannot be used {role}, name a connection of kind "
        );
        assert_eq!(found.len(), 1, "{text}\n{found:?}");
        assert!(found[0].starts_with(&said), "{found:?}");
        for other in role.systems() {
            assert!(found[0].contains(other.facts().kind), "{found:?}");
        }
        refused += 1;
    }
    assert!(refused > 10, "only {refused} pairs were refused");
}

#[test]
fn what_is_read_or_written_can_be_compared() {
    // A schedule may run `verify` for every data type: settings refuse none of them for it.
    for system in System::ALL {
        let moved = system.plays(Role::Source) || system.plays(Role::Sink);
        assert!(!moved || system.plays(Role::VerifySide), "{system}");
    }
}

#[test]
fn a_kind_that_nothing_uses_is_refused_once_wherever_it_is_named() {
    check_flow(
        "[cursors]\nstore = \"cache\"\n[connections.cache]\nkind = \"redis\"\nurl = \"redis://h\"",
        &[
            "4: connections.cache.kind: nothing reads or writes Redis yet, leave this connection out",
        ],
    );
}

#[test]
fn every_kind_that_can_be_written_is_that_of_a_system() {
    let kinds: Vec<&str> = System::ALL.iter().map(|it| it.facts().kind).collect();
    let found = mistakes("[connections.a]\nkind = \"?\"").lines().next();
    let said = format!("is none of {}", kinds.join(", "));
    assert!(found.is_some_and(|it| it.ends_with(&said)), "{said}");
}

fn pairs() -> impl Iterator<Item = (Role, System)> {
    let systems = System::ALL.iter().copied();
    systems.flat_map(|system| Role::ALL.map(|role| (role, system)))
}
