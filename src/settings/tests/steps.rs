//! Wrong steps in a settings file.

use super::cases::{CONNECTIONS, mistakes};

#[test]
fn wrong_steps_are_told_with_their_lines() {
    let text = "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\nbroker = \"topics\"\nfrom = { connection = \"crawler\", collection = \"c\", incremental = \"_id\" }\n[[data-types.a.steps]]\nfilter = \"a >\"\n[[data-types.a.steps]]\ntrimm = [\"a\"]";
    let found = mistakes(&format!("{text}\n{CONNECTIONS}"));
    let lines: Vec<String> = found.lines().collect();
    assert!(
        lines[0].starts_with("settings.toml:7: data-types.a.steps[0].filter: is no CEL"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("settings.toml:8: data-types.a.steps[1]: is no step"),
        "{lines:?}"
    );
}

#[test]
fn a_map_without_its_table_is_told() {
    let text = "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\nbroker = \"topics\"\nfrom = { connection = \"crawler\", collection = \"c\", incremental = \"_id\" }\nsteps = [{ map = \"d\", into = \"c\" }, { map = \"d\", into = \"c\", values = { a = true } }]";
    let found = mistakes(&format!("{text}\n{CONNECTIONS}")).to_string();
    assert!(found.contains("steps[0].values: is missing"), "{found}");
    assert!(found.contains("steps[1].values.a: must be"), "{found}");
    assert_eq!(
        found
            .lines()
            .filter(|it| it.starts_with("settings.toml:"))
            .count(),
        2,
        "{found}"
    );
}
