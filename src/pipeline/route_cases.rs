//! Which records go to which tables, and what they replace there.
