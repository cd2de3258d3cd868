//! The documentation held against the program: examples, links, tables and words of README and `docs/`.
//!
//! Each fenced block follows one rule, which an HTML comment before it may name:
//!
//! | block | rule |
//! |---|---|
//! | `console` | run in the page's folder, in order; what it shows is compared, `<!-- exit: 3 -->` names its status |
//! | `sh` | every line is parsed, and nothing is run |
//! | `toml` | a whole settings file; it becomes `settings.toml`, or what `<!-- file: NAME -->` says |
//! | `toml`, `<!-- settings: part -->` | a part, which is completed with connections and parsed |
//! | `toml`, `<!-- settings: part of TABLE -->` | keys of one table, completed in the same way |
//! | any, `<!-- file: NAME -->` | a file of the page's folder |
//! | `toml`, `<!-- file: wrong… -->` | settings with mistakes, which a `console` block below shows |
//! | any, `<!-- checked by: TEST -->` | a test of this name, whose file names the page, has it |
//! | `text`, `<!-- drawing -->` | not checked |
//!
//! `HIGHWATER_DOCS=write cargo test --test docs` writes what commands show into the pages.

mod block;
mod commands;
mod compare;
mod links;
mod pages;
mod prose;
mod settings;
mod shell;
mod world;
