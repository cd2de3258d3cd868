//! Which systems a settings file may name where: every pair of system and role, from the one table.

use super::cases::{environment, mistakes};
use crate::{
    model::{Role, System},
    settings::Settings,
};

/// A file in which the connection `it` is named for `role` alone; the key, and the line it is in.
fn naming(role: Role) -> Option<(&'static str, &'static str)> {
    let rest = "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\n";
    Some(match role {
        Role::Source => (
            "data-types.a.from.connection",
            "from = { connection = \"it\", table = \"t\", incremental = \"id\" }\n",
        ),
        Role::Sink => (
            "data-types.a.into.connection",
            "into = { connection = \"it\", table = \"t\" }\n",
        ),
        Role::CursorStore => ("cursors.store", "[cursors]\nstore = \"it\"\n"),
        _ => return None,
    })
}
