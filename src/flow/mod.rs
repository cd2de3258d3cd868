//! The sentences: how data moves.
