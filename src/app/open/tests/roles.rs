//! Every role of every system that does not play it: refused for good, and by both names.

use std::sync::Arc;

use crate::{
    app::open::{Open, compared::Named, flow_name},
    connect::sqlite::Absent,
    fault::{Fault, Faulty},
    flow::FlowError,
    model::{Role, System},
    settings::{Connection, DeadLettersTable, Settings},
};

const SETTINGS: &str = r#"
[connections]
it = { kind = "sqlite", path = "it.db" }
topics = { kind = "embedded", path = "topics.db" }

[cursors]
store = "it"

[data-types.a]
format = "json"
topic = "t"
from = { connection = "it", table = "t", incremental = "id" }
steps = [{ lookup = "a", by = "b", connection = "it", table = "t", key = "k", value = "v" }]
into = { connection = "it", table = "t" }
"#;

fn parse(text: &str) -> Result<Settings, Vec<String>> {
    let word = |_: &str| Some("word".to_owned());
    let parsed = Settings::parse(text, "settings.toml", &word, &crate::app::command_scope);
    parsed.map_err(|it| it.lines().collect())
}

/// The connection that the settings' own advice makes of a kind.
fn connection(system: System) -> Connection {
    let mut text = format!("[connections.it]\nkind = \"{}\"\n", system.facts().kind);
    for line in parse(&text).err().into_iter().flatten() {
        let (_, added) = line.split_once("is missing, add ").unwrap();
        text += &format!("{added}\n");
    }
    parse(&text).unwrap().connections.remove("it").unwrap()
}

/// What opening `role` says where the connection leads to `system`.
async fn opened(role: Role, system: System) -> Result<(), FlowError> {
    let mut settings = parse(SETTINGS).unwrap();
    // No settings file can say so: it is what a mistake of ours would come to.
    settings
        .connections
        .insert("it".to_owned(), connection(system));
    if role == Role::Topics {
        settings.data_types.get_mut("a").unwrap().broker = "it".to_owned();
    }
    let open = Open::new(Arc::new(settings));
    let chosen = open.settings.select(Some("a"), None).unwrap().remove(0);
    let from = chosen.data_type.from.as_ref().unwrap();
    let into = chosen.data_type.into.as_ref().unwrap();
    match role {
        Role::Source => open
            .table_source_of(from, &flow_name(&chosen))
            .await
            .map(drop),
        Role::Sink => open.sink(&chosen, into).await.map(drop),
        Role::CursorStore => open.cursors().await.map(drop),
        Role::VerifySide => {
            let read = open.read_by_key(&Named::of_source(from)).await;
            read.map(drop).map_err(|error| error.downcast().unwrap())
        }
        Role::LookupTable => open.steps(&chosen.data_type.steps).await.map(drop),
        Role::DeadLetterTable => {
            let table = DeadLettersTable {
                connection: "it".to_owned(),
                table: "d".to_owned(),
            };
            open.dead_letters_into(&table).await.map(drop)
        }
        Role::Topics => open.topic(&chosen).await.map(drop),
    }
}

#[tokio::test]
async fn a_system_that_does_not_play_a_role_stops_the_flow_for_good() {
    for role in Role::ALL {
        for system in System::ALL.iter().filter(|it| !it.plays(role)) {
            let error = opened(role, *system).await.unwrap_err();
            assert_eq!(error.fault(), Fault::Permanent, "{error}");
            assert_eq!(
                error.to_string(),
                format!("connection it leads to {system}, which cannot be used {role}")
            );
        }
    }
}

#[tokio::test]
async fn documents_are_not_hashed_as_tables_are() {
    let mut settings = parse(SETTINGS).unwrap();
    let mongodb = connection(System::Mongodb);
    settings.connections.insert("it".to_owned(), mongodb);
    let error = Open::new(Arc::new(settings)).hashed("it").await.err();
    let error = error.expect("a refusal");
    assert_eq!(error.fault(), Fault::Permanent);
    assert_eq!(
        error.to_string(),
        "connection it leads to MongoDB, which `verify --md5` does not read"
    );
}

#[tokio::test]
async fn a_connection_is_opened_as_what_it_is_or_not_at_all() {
    let open = Open::new(Arc::new(parse(SETTINGS).unwrap()));
    let name = "topics";
    for (error, wanted) in [
        (open.mysql(name).await.err(), "MySQL or MariaDB"),
        (open.mongodb(name).await.err(), "MongoDB"),
        (open.sqlite(name, Absent::Refuse).await.err(), "SQLite"),
        (open.kafka(name).err(), "Kafka"),
        (open.embedded("it").await.err(), "embedded topics"),
    ] {
        let error = error.expect("a refusal");
        assert_eq!(error.fault(), Fault::Permanent);
        let end = format!(", which cannot be opened as {wanted}");
        assert!(error.to_string().ends_with(&end), "{error}");
    }
    let error = open.mysql("none").await.expect_err("no connection");
    assert_eq!(error.fault(), Fault::Permanent);
    assert!(error.to_string().contains("there is no connection `none`"));
}
