//! Whole flows over memory adapters, with scripted faults and paused time.

mod append;
mod consume_batches;
mod consume_conflicts;
mod consume_crashes;
mod consume_dead_letters;
mod consume_members;
mod consume_rig;
mod consume_start_offsets;
mod consume_tables;
mod cursor_model;
mod faster_look;
mod lines;
mod migrate;
mod migrate_tables;
mod plain_sink;
mod produce_acknowledgements;
mod produce_dead_letters;
mod produce_kills;
mod produce_lines;
mod produce_reading;
mod produce_rig;
mod random_schedules;
mod replay;
#[path = "../schedules/mod.rs"]
mod schedules;
mod scheduling;
mod scripted_sink;
mod second_look;
mod stepping;
mod subscriptions;
mod supervision;
mod waiting;
