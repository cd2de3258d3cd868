//! Tests of the settings file.

mod append;
pub(super) mod cases;
mod dead_letters;
mod messages;
mod names;
mod nulls;
mod schedules;
mod secrets;
mod shipped;
mod steps;
mod systems;
mod tables;
mod task_tables;
