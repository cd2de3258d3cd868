//! The contract of a source: behaviours by name, each run against every source.

use std::time::{Duration, Instant};

use highwater::{
    fault::{Fault, Faulty, chain},
    model::Position,
    source::{ReadLimits, ReadMode, Scope, Source, SourceError},
};
use tokio::time::timeout;

use super::{
    limit::in_time,
    sources::{
        Memory, Mongodb, Row, Rows, Server, Sqlite, ids, limits, next, open, read,
        read_with_restarts, row, rows, sorted, start,
    },
};

const NONE: [i64; 0] = [];

const PATIENCE: Duration = Duration::from_secs(20);

/// Each behaviour is a test by its own name.
macro_rules! suite {
    ($open:expr, $($behaviour:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                in_time(async {
                    let rows = $open.await;
                    super::$behaviour(&rows).await;
                    Rows::close(&rows).await;
                })
                .await;
            }
        )*
    };
}

/// What every source does.
macro_rules! every {
    ($open:expr) => {
        suite!(
            $open,
            opened_at_a_position_it_yields_all_after_it_and_none_before,
            every_position_resumes_exactly,
            batches_keep_to_their_rows,
            batches_keep_to_their_bytes_but_for_one_large_record,
            nothing_is_read_of_nothing_and_what_comes_later_is,
            a_following_read_answers_while_nothing_comes_and_then_yields_it,
            dropping_a_wait_loses_nothing,
            what_is_no_position_is_refused_with_its_remedy,
            a_place_that_a_person_sets_is_behind_that_value,
        );
    };
}

/// What a source does besides that is ordered by a field and its key.
macro_rules! keyed {
    ($open:expr) => {
        every!($open);
        suite!(
            $open,
            a_thousand_ties_are_told_apart_by_their_key,
            ties_that_come_later_are_read,
            a_full_read_ends_where_the_source_stood_before_it,
            a_full_read_that_is_followed_goes_on_with_what_has_changed,
            a_full_read_starts_over_unless_it_was_interrupted,
            a_position_of_another_field_is_refused_with_its_remedy,
            a_position_that_was_cut_or_changed_is_refused_or_read_and_never_panics,
        );
    };
}

macro_rules! sources {
    ($($name:ident: $suite:ident!($open:expr);)*) => {
        $(mod $name {
            use super::*;
            $suite!($open);
        })*
    };
}

const MYSQL: &str = "HIGHWATER_TEST_MYSQL_URL";
const MARIADB: &str = "HIGHWATER_TEST_MARIADB_URL";

sources! {
    memory: every!(Memory::open());
    sqlite: keyed!(Sqlite::open("id"));
    sqlite_by_two_columns: keyed!(Sqlite::open("part, id"));
    mysql: keyed!(Server::open(MYSQL, "id"));
    mysql_by_two_columns: keyed!(Server::open(MYSQL, "part, id"));
    mariadb: keyed!(Server::open(MARIADB, "id"));
    mariadb_by_two_columns: keyed!(Server::open(MARIADB, "part, id"));
    mongodb_by_id: keyed!(Mongodb::by_id());
    mongodb: keyed!(Mongodb::open(Mongodb::object_id));
    mongodb_by_documents: keyed!(Mongodb::open(Mongodb::document_id));
}

async fn opened_at_a_position_it_yields_all_after_it_and_none_before(it: &dyn Rows) {
    it.write(&rows(1..=10)).await;
    let source = it.source("id", limits(4));
    let begun = start(&*source, Scope::Incremental).await;
    let (first, position) = read(&*source, &begun, 1).await;
    assert_eq!(first, [1, 2, 3, 4]);
    for _ in 0..2 {
        let (rest, _) = read(&*source, &position, usize::MAX).await;
        assert_eq!(rest, [5, 6, 7, 8, 9, 10]);
    }
    let stored = source.begin(Scope::Incremental, Some(&position)).await;
    assert_eq!(stored.expect("our own"), position);
}

async fn every_position_resumes_exactly(it: &dyn Rows) {
    it.write(&rows(1..=20)).await;
    let source = it.source("id", limits(3));
    let mut position = start(&*source, Scope::Incremental).await;
    let mut all = Vec::new();
    loop {
        let mut reader = open(&*source, &position, ReadMode::Bounded).await;
        let Some(batch) = next(&mut *reader).await else {
            break;
        };
        all.extend(ids(&batch));
        position = batch.position;
    }
    assert_eq!(all, (1..=20).collect::<Vec<_>>());
}

async fn batches_keep_to_their_rows(it: &dyn Rows) {
    it.write(&rows(1..=10)).await;
    for (most, expected) in [(4, vec![4, 4, 2]), (5, vec![5, 5]), (1, vec![1; 10])] {
        let source = it.source("id", limits(most));
        let position = start(&*source, Scope::Incremental).await;
        let mut reader = open(&*source, &position, ReadMode::Bounded).await;
        let mut seen = Vec::new();
        while let Some(batch) = next(&mut *reader).await {
            seen.push(batch.records.len());
        }
        assert_eq!(seen, expected);
    }
}

async fn batches_keep_to_their_bytes_but_for_one_large_record(it: &dyn Rows) {
    let sized = |id: i64| Row {
        text: "x".repeat(if id == 7 { 5000 } else { 100 }),
        ..row(id, id)
    };
    let written: Vec<Row> = (1..=12).map(sized).collect();
    it.write(&written).await;
    let limits = ReadLimits {
        bytes: 1000,
        ..limits(100)
    };
    let source = it.source("id", limits);
    let position = start(&*source, Scope::Incremental).await;
    let mut reader = open(&*source, &position, ReadMode::Bounded).await;
    let mut all = Vec::new();
    while let Some(batch) = next(&mut *reader).await {
        let (seen, bytes) = (ids(&batch), batch.records.bytes());
        assert!(bytes <= 1000 || seen.len() == 1, "{seen:?}: {bytes} bytes");
        assert!(seen.len() == 1 || !seen.contains(&7), "{seen:?}");
        // The positions between them are places to open at, too.
        let rest = read(&*source, &batch.position, usize::MAX).await.0;
        all.extend(seen);
        let expected: Vec<i64> = (all.len() as i64 + 1..=12).collect();
        assert_eq!(rest, expected);
    }
    assert_eq!(all, (1..=12).collect::<Vec<_>>());
}

async fn nothing_is_read_of_nothing_and_what_comes_later_is(it: &dyn Rows) {
    let source = it.source("id", limits(4));
    let mut ends = Vec::new();
    for scope in [Scope::Incremental, Scope::Full] {
        let begun = start(&*source, scope).await;
        let (none, end) = read(&*source, &begun, usize::MAX).await;
        assert_eq!(none, NONE);
        ends.push(end);
    }
    it.write(&rows(1..=3)).await;
    for end in ends {
        assert_eq!(read(&*source, &end, usize::MAX).await.0, [1, 2, 3], "{end}");
    }
}

async fn a_following_read_answers_while_nothing_comes_and_then_yields_it(it: &dyn Rows) {
    it.write(&rows(1..=3)).await;
    let limits = ReadLimits {
        max_wait: Duration::from_millis(50),
        ..limits(4)
    };
    let source = it.source("id", limits);
    let begun = start(&*source, Scope::Incremental).await;
    let mut reader = open(&*source, &begun, ReadMode::Follow).await;
    let first = timeout(PATIENCE, next(&mut *reader))
        .await
        .expect("in time");
    let first = first.expect("it never ends");
    assert_eq!(ids(&first), [1, 2, 3]);
    let mut position = first.position;
    for id in 4..7 {
        let asked = Instant::now();
        let heartbeat = reader.next_batch().await.expect("read");
        let heartbeat = heartbeat.expect("it never ends");
        assert!(asked.elapsed() < PATIENCE / 2);
        assert_eq!(heartbeat.records.len(), 0);
        assert_eq!(heartbeat.position, position);
        it.write(&rows(id..=id)).await;
        let come = timeout(PATIENCE, next(&mut *reader))
            .await
            .expect("in time");
        let come = come.expect("it never ends");
        assert_eq!(ids(&come), [id]);
        position = come.position;
    }
    drop(reader);
    assert_eq!(read(&*source, &position, usize::MAX).await.0, NONE);
}

async fn dropping_a_wait_loses_nothing(it: &dyn Rows) {
    let source = it.source("id", limits(2));
    let begun = start(&*source, Scope::Incremental).await;
    let mut reader = open(&*source, &begun, ReadMode::Follow).await;
    let mut all = Vec::new();
    let whole = timeout(PATIENCE, async {
        for part in [1..=7, 8..=9, 10..=20] {
            it.write(&rows(part.clone())).await;
            while all.last() != Some(part.end()) {
                // Given up again and again, at any point of the wait.
                let wait = timeout(Duration::from_millis(1), next(&mut *reader));
                if let Ok(batch) = wait.await {
                    all.extend(ids(&batch.expect("it never ends")));
                }
            }
        }
    });
    whole.await.expect("in time");
    assert_eq!(all, (1..=20).collect::<Vec<_>>());
}

/// Whatever is no position of this source is refused, by `begin` as by `open`.
async fn refused(source: &dyn Source, text: &str) -> String {
    let position = Position::new(text);
    let errors = [
        source
            .begin(Scope::Incremental, Some(&position))
            .await
            .err(),
        source.begin(Scope::Full, Some(&position)).await.err(),
        source.open(&position, ReadMode::Bounded).await.err(),
    ];
    let mut said = String::new();
    for error in errors {
        let error = error.unwrap_or_else(|| panic!("`{text}` is taken for a position"));
        assert!(matches!(error, SourceError::Position { .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::Permanent);
        said = chain(&error);
        for part in [source.name(), "cursor reset", "cursor set"] {
            assert!(said.contains(part), "{said}");
        }
    }
    said
}

async fn what_is_no_position_is_refused_with_its_remedy(it: &dyn Rows) {
    it.write(&rows(1..=3)).await;
    let source = it.source("id", limits(4));
    for text in ["", "None", "null", "{}", "[]", "{", "\"a\"", "\0", "文"] {
        refused(&*source, text).await;
    }
}

async fn a_place_that_a_person_sets_is_behind_that_value(it: &dyn Rows) {
    it.write(&rows(1..=9)).await;
    let source = it.source("id", limits(4));
    for (value, expected) in [("6", vec![7, 8, 9]), ("9", vec![]), ("100", vec![])] {
        let position = source.position_at(value).await.expect("a value");
        assert_eq!(read(&*source, &position, usize::MAX).await.0, expected);
    }
    for value in ["yesterday", "", "6x", "0x6"] {
        let error = source.position_at(value).await.expect_err(value);
        assert!(matches!(error, SourceError::Position { .. }), "{error:?}");
    }
}

async fn a_thousand_ties_are_told_apart_by_their_key(it: &dyn Rows) {
    let tied: Vec<Row> = (1..=1000).map(|id| row(id, 42)).collect();
    it.write(&tied).await;
    let source = it.source("at", limits(7));
    let begun = start(&*source, Scope::Incremental).await;
    let (all, end) = read_with_restarts(&*source, begun).await;
    assert_eq!(sorted(all), (1..=1000).collect::<Vec<_>>());
    assert_eq!(read(&*source, &end, usize::MAX).await.0, NONE);
}

async fn ties_that_come_later_are_read(it: &dyn Rows) {
    let tied = |ids: std::ops::RangeInclusive<i64>| ids.map(|id| row(id, 42)).collect::<Vec<_>>();
    it.write(&tied(1..=3)).await;
    let source = it.source("at", limits(2));
    let begun = start(&*source, Scope::Incremental).await;
    let (_, end) = read(&*source, &begun, usize::MAX).await;
    // Behind the others by either key: (part, id) is (c, 5) and (c, 8).
    it.write(&[row(5, 42), row(8, 42), row(1, 43)]).await;
    assert_eq!(read(&*source, &end, usize::MAX).await.0, [5, 8, 1]);
}

async fn a_full_read_ends_where_the_source_stood_before_it(it: &dyn Rows) {
    it.write(&(1..=20).map(|id| row(id, 100 - id)).collect::<Vec<_>>())
        .await;
    let source = it.source("at", limits(3));
    let begun = start(&*source, Scope::Full).await;
    let (first, interrupted) = read(&*source, &begun, 2).await;
    assert_eq!(first.len(), 6);
    // Changed while it is read: one that has been read, one that has not, and a new one.
    it.write(&[row(first[0], 1000), row(19, 1001), row(23, 1002)])
        .await;
    let (rest, end) = read_with_restarts(&*source, interrupted).await;
    let mut all = sorted([first.clone(), rest].concat());
    // What came meanwhile may be part of it, or not; `end` has it anyhow.
    all.dedup();
    all.retain(|id| *id <= 20);
    assert_eq!(all, (1..=20).collect::<Vec<_>>());
    let (changed, _) = read(&*source, &end, usize::MAX).await;
    assert_eq!(changed, NONE, "the restarts went on to what had changed");
    // In one go, what has changed is left for the next read.
    let begun = start(&*source, Scope::Full).await;
    let mut reader = open(&*source, &begun, ReadMode::Bounded).await;
    let mut last = begun;
    let mut seen = Vec::new();
    it.write(&[row(first[0], 2000), row(26, 2001)]).await;
    while let Some(batch) = reader.next_batch().await.expect("read") {
        seen.extend(ids(&batch));
        last = batch.position;
    }
    let missing: Vec<i64> = (1..=20).filter(|id| !seen.contains(id)).collect();
    assert_eq!(missing, NONE);
    assert_eq!(read(&*source, &last, usize::MAX).await.0, [first[0], 26]);
}

async fn a_full_read_that_is_followed_goes_on_with_what_has_changed(it: &dyn Rows) {
    it.write(&rows(1..=9)).await;
    let source = it.source("at", limits(4));
    let begun = start(&*source, Scope::Full).await;
    let mut reader = open(&*source, &begun, ReadMode::Follow).await;
    let mut all = Vec::new();
    let whole = timeout(PATIENCE, async {
        while all.len() < 9 {
            all.extend(ids(&next(&mut *reader).await.expect("it never ends")));
        }
        it.write(&[row(2, 50)]).await;
        ids(&next(&mut *reader).await.expect("it never ends"))
    });
    assert_eq!(whole.await.expect("in time"), [2]);
    assert_eq!(sorted(all), (1..=9).collect::<Vec<_>>());
}

async fn a_full_read_starts_over_unless_it_was_interrupted(it: &dyn Rows) {
    it.write(&rows(1..=9)).await;
    let source = it.source("at", limits(2));
    let begun = start(&*source, Scope::Full).await;
    let (_, interrupted) = read(&*source, &begun, 1).await;
    for scope in [Scope::Full, Scope::Incremental] {
        let again = source.begin(scope, Some(&interrupted)).await;
        assert_eq!(again.expect("our own"), interrupted);
    }
    let (_, end) = read(&*source, &interrupted, usize::MAX).await;
    let again = source.begin(Scope::Incremental, Some(&end)).await;
    assert_eq!(again.expect("our own"), end);
    let again = source.begin(Scope::Full, Some(&end)).await;
    let (all, _) = read(&*source, &again.expect("our own"), usize::MAX).await;
    assert_eq!(sorted(all), (1..=9).collect::<Vec<_>>());
}

async fn a_position_of_another_field_is_refused_with_its_remedy(it: &dyn Rows) {
    it.write(&rows(1..=3)).await;
    let (by_id, by_at) = (it.source("id", limits(2)), it.source("at", limits(2)));
    for scope in [Scope::Incremental, Scope::Full] {
        let (_, position) = read(&*by_at, &start(&*by_at, scope).await, 1).await;
        let said = refused(&*by_id, position.as_str()).await;
        assert!(said.contains("at"), "{said}");
    }
}

/// Cut anywhere it is damaged; with another character in it, it may still be a position.
async fn a_position_that_was_cut_or_changed_is_refused_or_read_and_never_panics(it: &dyn Rows) {
    it.write(&rows(1..=3)).await;
    let source = it.source("at", limits(2));
    let (_, position) = read(&*source, &start(&*source, Scope::Incremental).await, 1).await;
    let text = position.as_str();
    assert!(text.is_ascii());
    for cut in (0..text.len()).step_by(5) {
        refused(&*source, &text[..cut]).await;
    }
    for (at, other) in (0..text.len())
        .zip("}\"9x[]{:,-".chars().cycle())
        .step_by(3)
    {
        let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        let begun = source
            .begin(Scope::Incremental, Some(&Position::new(changed)))
            .await;
        if let Err(error) = begun {
            assert!(matches!(error, SourceError::Position { .. }), "{error:?}");
        }
    }
}
