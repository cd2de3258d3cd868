//! The shipped settings.toml held against the code: all keys, all kinds, all defaults.

use std::collections::BTreeSet;

use crate::settings::{
    Settings,
    data_type::{Compression, Format, MessageKey, Partitioner},
    read,
    reading::Known,
    typed::Choice,
};

const SHIPPED: &str = include_str!("../../../settings.toml");

/// The file with every setting on that is off.
pub(super) fn everything_on() -> String {
    let lines = SHIPPED.lines().map(|line| {
        let off = line
            .strip_prefix('#')
            .filter(|it| it.starts_with(|first: char| first == '[' || first.is_ascii_alphabetic()));
        off.unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn parse(text: &str) -> (Settings, Vec<Known>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    std::fs::write(folder.path().join("secrets/kafka-password"), "word\n").unwrap();
    std::fs::create_dir(folder.path().join("proto")).unwrap();
    let schema = include_str!("../../../proto/kpm.proto");
    std::fs::write(folder.path().join("proto/kpm.proto"), schema).unwrap();
    let file = folder.path().join("settings.toml");
    let environment = |name: &str| match name {
        "CRAWLER_URL" => Some("mongodb://127.0.0.1".to_owned()),
        _ => Some("word".to_owned()),
    };
    let file = file.display().to_string();
    read(text, &file, (&environment, &crate::app::command_scope))
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn it_runs_the_demo_without_any_environment() {
    let settings = Settings::parse(
        SHIPPED,
        "settings.toml",
        &|_| None,
        &crate::app::command_scope,
    );
    let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let information = settings.data_type("information").unwrap();
    assert_eq!(information.broker, "demo-topics");
    assert!(information.from.is_some() && information.into.is_some());
}

#[test]
fn every_key_that_is_known_stands_in_it() {
    let (_, mut known) = parse(SHIPPED);
    known.extend(parse(&everything_on()).1);
    let written: BTreeSet<&str> = known
        .iter()
        .filter(|it| it.written.is_some())
        .map(|it| it.pattern.as_str())
        .collect();
    let missing: BTreeSet<&str> = known
        .iter()
        .map(|it| it.pattern.as_str())
        .filter(|it| !written.contains(it))
        .collect();
    assert!(missing.is_empty(), "settings.toml lacks {missing:?}");
    assert!(written.len() > 60, "the reader no longer tells its keys");
}

#[test]
fn every_default_that_it_states_is_the_codes() {
    let (_, mut known) = parse(SHIPPED);
    known.extend(parse(&everything_on()).1);
    let mut compared = 0;
    for key in known {
        if let (Some(default), Some(written)) = (&key.default, &key.written) {
            assert_eq!(written, default, "{}", key.pattern);
            compared += 1;
        }
    }
    assert!(compared > 40, "only {compared} defaults were compared");
}

#[test]
fn a_default_left_out_is_the_default_stated() {
    // Without the lines that state defaults, the settings are the same.
    let (stated, known) = parse(SHIPPED);
    let defaults: BTreeSet<&str> = known
        .iter()
        .filter(|it| it.default.is_some())
        .filter_map(|it| it.pattern.rsplit('.').next())
        // The dead letters' has a default, the data type's has none.
        .filter(|it| *it != "topic")
        // A batch and the dead letters are inline tables: the line goes as a whole.
        .chain(["batch", "dead-letters"])
        .collect();
    let rest: Vec<&str> = SHIPPED
        .lines()
        .filter(|line| !defaults.contains(line.split(" = ").next().unwrap_or_default()))
        .collect();
    assert!(rest.len() + 15 < SHIPPED.lines().count());
    let (bare, _) = parse(&rest.join("\n"));
    let mut information = bare.data_types["information"].clone();
    let dead_letters = information.dead_letters_to("information");
    information.dead_letters = Some(dead_letters);
    assert_eq!(Some(&information), stated.data_types.get("information"));
    assert_eq!(bare.retry, stated.retry);
    assert_eq!(bare.stop, stated.stop);
}

#[test]
fn every_word_that_can_be_chosen_stands_in_it() {
    fn words<T: Choice>() -> impl Iterator<Item = &'static str> {
        T::WORDS.iter().map(|(word, _)| *word)
    }
    let all = words::<crate::model::System>()
        .chain(words::<Format>())
        .chain(words::<MessageKey>())
        .chain(words::<crate::settings::messages::Word>())
        .chain(words::<Compression>())
        .chain(words::<Partitioner>())
        .chain(words::<crate::settings::BinaryText>())
        .chain(words::<crate::settings::Documents>())
        .chain(words::<crate::settings::Decimals>())
        .chain(words::<crate::settings::Instants>())
        .chain(words::<crate::settings::JsonText>())
        .chain(words::<crate::settings::OnKnown>())
        .chain(words::<crate::settings::OnDelete>())
        .chain(words::<crate::settings::KeyMatch>())
        .chain(words::<crate::settings::LateRows>())
        .chain(words::<crate::schedule::Overlap>())
        .chain(words::<crate::schedule::CatchUp>())
        .chain(words::<crate::settings::TaskMode>())
        .chain(words::<tracing::Level>())
        .chain(words::<crate::settings::Mechanism>());
    for word in all {
        assert!(SHIPPED.contains(word), "settings.toml lacks `{word}`");
    }
}

#[test]
fn no_password_stands_in_it() {
    for line in SHIPPED
        .lines()
        .filter(|it| it.contains("://") && it.contains(" = "))
    {
        let reference = line.contains("${") || !line.contains('@');
        assert!(reference, "{line}");
    }
}
