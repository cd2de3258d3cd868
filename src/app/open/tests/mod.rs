//! Tests of the openers of roles.

mod roles;
