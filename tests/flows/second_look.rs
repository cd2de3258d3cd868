//! `verify` looks a second time at what differs, since a row may have been on its way.

use std::time::Duration;

use highwater::{
    digest::{Column, Keeps, Padding, Shape},
    flow::FlowStats,
    model::domain::Domain,
    pipeline::Routes,
    sink::Texts,
    source::memory::MemorySource,
    verify::{InServers, Kind, Verified, Verify, Way},
};
use tokio_util::sync::CancellationToken;

const RECHECK_AFTER: Duration = Duration::from_secs(10);

/// Rows by their numbers, the same on both sides.
pub fn both(rows: i64) -> (MemorySource, MemorySource) {
    let (source, target) = (MemorySource::new(2), MemorySource::new(3));
    for id in 1..=rows {
        source.insert(id, format!("row {id}"));
        target.insert(id, format!("row {id}"));
    }
    (source, target)
}

/// Compares both sides, with `meanwhile` between the first look and the second.
async fn verified(
    both: &(MemorySource, MemorySource),
    meanwhile: impl FnOnce(&MemorySource, &MemorySource),
) -> Verified {
    let changing = async {
        tokio::time::sleep(RECHECK_AFTER / 2).await;
        meanwhile(&both.0, &both.1);
    };
    let (verified, ()) = tokio::join!(compared(both, None), changing);
    verified
}

/// Compares both sides, which may be `in_servers` that can sum up their rows.
pub async fn compared(
    (source, target): &(MemorySource, MemorySource),
    in_servers: Option<InServers>,
) -> Verified {
    let column = |name: &str, keeps| Column {
        name: name.to_owned(),
        keeps,
        domain: Domain::ANYTHING,
        is_computed: false,
    };
    let shape = Shape {
        columns: vec![
            column("id", Keeps::Whole),
            column("text", Keeps::Text(Padding::None)),
        ],
        key: vec![0],
        rows: 0,
        documents: None,
    };
    let verify = Verify {
        way: Way {
            source,
            out: &[],
            wire: None,
            into: &[],
            routes: &Routes::to_one(),
            table: 0,
        },
        target,
        shape: &shape,
        drop: &[],
        replace_by: &[],
        texts: Texts::default(),
        recheck_after: RECHECK_AFTER,
        samples: 10,
        in_servers,
        stats: &FlowStats::default(),
        stop: &CancellationToken::new(),
    };
    verify.run().await.expect("it is compared")
}

pub fn counts(it: &Verified) -> [u64; 4] {
    [it.missing, it.extra, it.different, it.moving]
}

#[tokio::test(start_paused = true)]
async fn what_lasts_counts_and_is_told() {
    let both = both(20);
    both.1.set(3, None);
    both.1.set(5, Some("other"));
    both.1.set(30, Some("too many"));
    let found = verified(&both, |_, _| ()).await;
    assert_eq!(counts(&found), [1, 1, 1, 0]);
    let sampled = found.samples.iter().map(|it| (it.kind, &*it.key[0].1));
    let expected = [
        (Kind::Missing, "3"),
        (Kind::Extra, "30"),
        (Kind::Different, "5"),
    ];
    assert_eq!(sampled.collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_equal_by_the_second_look_counts_for_nothing() {
    let both = both(20);
    // Each is mended at the target, while the source stays as it is.
    both.1.set(3, None);
    both.1.set(5, Some("other"));
    both.1.set(30, Some("too many"));
    // And this one lasts, so that there is something to count beside them.
    both.1.set(7, None);
    let found = verified(&both, |_, target| {
        target.set(3, Some("row 3"));
        target.set(5, Some("row 5"));
        target.set(30, None);
    })
    .await;
    assert_eq!(counts(&found), [1, 0, 0, 0]);
    assert_eq!(found.samples.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_source_changes_meanwhile_is_on_its_way() {
    let both = both(20);
    both.1.set(3, None);
    both.1.set(5, Some("other"));
    both.1.set(30, Some("too many"));
    both.1.set(9, Some("other"));
    let found = verified(&both, |source, target| {
        // Changed, and not there yet.
        source.set(3, Some("newer"));
        // Changed, and there already.
        source.set(5, Some("newer"));
        target.set(5, Some("newer"));
        // It has come to be, as another row than the target's.
        source.set(30, Some("new"));
        // The target alone has changed, and is wrong as before.
        target.set(9, Some("still another"));
    })
    .await;
    assert_eq!(counts(&found), [0, 0, 1, 2]);
}
