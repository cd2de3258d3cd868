//! Whole flows on real servers: the `highwater` command, its settings, and what arrives.

mod append;
mod away;
mod bad_input;
mod case;
mod difference;
mod door;
mod full_disk;
mod kafka;
mod kills;
mod kpm;
mod made;
mod measured;
mod memory;
mod mongo;
mod nfsc;
mod power_loss;
mod preload;
mod program;
mod right_rows;
mod scheduling;
mod servers;
mod several_batches;
mod shape;
mod sql;
mod stalled;
mod standby;
mod tables;
mod ties;
mod topic;
mod unheard;
mod verifying;
mod wait;
mod walkthrough;
mod world;

use world::in_a_world;

/// Names each folder of `cases/` as a test.
macro_rules! cases {
    ($($name:ident)*) => {
        const CASES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { case::run(stringify!($name)); })*
    };
}

cases! {
    another_topic_is_a_flow_of_its_own
    bad_messages_are_dead_letters
    batch_is_written_when_it_is_full
    batch_is_written_when_its_time_is_over
    check_of_a_bad_flow
    check_of_a_good_flow
    compacted_topic_without_keys_is_refused
    cursor_commands
    cursor_set_to_a_time
    cursors_in_mongodb
    cursors_in_mysql
    damaged_cursor_is_refused
    dead_letter_too_large_for_its_table_goes_to_the_folder
    dead_letter_too_large_for_its_topic_goes_to_the_folder
    documents_without_a_value_are_read_by_their_policy
    doubles_of_json_are_compared_exactly
    dead_letters_are_replayed_once
    dead_letters_in_a_table_are_replayed_once
    dead_letters_in_a_table_beside_the_rows_of_sqlite
    dead_letters_table_that_cannot_be_written_stops_the_flow
    every_type_of_mariadb
    every_type_of_mongodb
    every_type_of_mysql
    field_id_that_is_not_the_key_is_refused
    field_without_column_stops_unless_dropped
    first_of_several_fields_is_the_cursor
    flow_that_runs_already_is_refused
    flow_that_runs_already_is_refused_by_a_database
    flow_that_runs_already_is_waited_for
    full_amount_reads_everything_again
    full_disk_of_the_target_costs_no_message
    information_to_mariadb_as_protobuf
    information_to_mysql
    keys_that_differ_by_case
    lost_progress_is_told
    looking_for_dead_letters_makes_no_file
    mariadb_table_to_table_as_protobuf
    messages_gone_by_retention_are_told
    messages_of_a_schema_by_their_key
    messages_without_key
    migrate_makes_tables_of_documents
    migrate_sets_bad_rows_aside
    migrate_sets_bad_rows_aside_in_a_table
    migrate_through_every_system
    mistakes_of_a_schema_are_told
    missing_table_and_unknown_database_are_told
    mysql_table_to_table
    mysql_through_kafka_to_mongodb
    names_that_differ_by_case_alone
    older_cursor_damaged_is_refused
    older_cursor_empty_is_refused
    older_cursor_is_taken_over_once
    older_cursor_none_is_refused
    older_group_offsets_are_taken_over
    plan_of_a_target_alone
    plan_shows_samples_and_the_table_to_make
    records_without_a_row_are_not_equal
    rows_without_a_value_are_read_by_their_policy
    settings_mistakes_all_at_once
    source_that_began_anew_is_told
    steps_on_the_way_out_and_in
    stop_while_following
    too_large_message_is_a_dead_letter
    topic_made_anew_is_refused
    unencodable_document_is_a_dead_letter
    unknown_topic_is_refused_and_not_made
    unreachable_server_is_told
    value_that_no_column_holds_is_a_dead_letter
    wrong_password_is_told_and_never_shown
}

#[test]
fn every_folder_of_cases_is_a_test() {
    let folders = std::fs::read_dir(case::folder()).unwrap();
    let mut folders: Vec<_> = folders
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut cases = CASES.to_vec();
    cases.sort_unstable();
    assert_eq!(
        folders, cases,
        "left: the folders, right: the list in main.rs"
    );
}
