//! The model of the cursor on real servers: a few schedules; `HIGHWATER_PROOF=full` runs fifty on each.
//!
//! Alone: its open transactions would hold back the readers of tests beside it.

mod documents;
mod tables;

use std::{
    env,
    pin::{Pin, pin},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use highwater::cursor::file::FileCursors;

use crate::{
    gate,
    schedules::{Outcome, Schedule, Size, reading::perform, seeds, writing::Server},
};
use documents::Documents;
use tables::Tables;

/// How a server is opened for a schedule, and what for.
type Opened = Pin<Box<dyn Future<Output = Box<dyn Server>>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As it should be: held back.
    Held,
    /// `late = "none"`, which loses what is committed late.
    Careless,
}

type Open = fn(Schedule, Reading) -> Opened;

/// Each server, and how it is opened.
const SERVERS: [(&str, Open); 3] = [
    ("mysql", |it, reading| {
        sql("HIGHWATER_TEST_MYSQL_URL", it, reading)
    }),
    ("mariadb", |it, reading| {
        sql("HIGHWATER_TEST_MARIADB_URL", it, reading)
    }),
    ("mongodb", documents),
];

#[tokio::test]
async fn no_schedule_of_writers_and_kills_loses_a_row() {
    let _gate = gate("schedules_on_servers");
    let is_full = env::var("HIGHWATER_PROOF").is_ok_and(|it| it == "full");
    let (count, transactions) = if is_full { (50, 4) } else { (4, 2) };
    on_all_servers(async |server, open| {
        let seeds = seeds(count);
        let outcome = all(server, &seeds, transactions, LIMIT, |it| {
            open(it, Reading::Held)
        })
        .await;
        outcome.prove();
    })
    .await;
}

/// The schedules have teeth.
#[tokio::test]
async fn a_reader_that_is_not_held_back_loses_rows() {
    let _gate = gate("schedules_on_servers");
    let soon = Duration::from_secs(1);
    on_all_servers(async |server, open| {
        let outcome = all(server, &CARELESS, 2, soon, |it| open(it, Reading::Careless)).await;
        let lost = outcome.wrong.iter().filter(|it| it.contains("never came"));
        let lost = lost.count();
        println!("{server}, not held back: {lost} rows are lost");
        assert!(lost > 0, "{outcome}");
    })
    .await;
}

/// At the same time: mostly they wait. `HIGHWATER_SERVER=mysql` chooses one.
async fn on_all_servers(test: impl AsyncFn(&'static str, Open)) {
    let chosen = env::var("HIGHWATER_SERVER").ok();
    let servers = SERVERS
        .iter()
        .filter(|(name, _)| chosen.as_ref().is_none_or(|it| it == name));
    join_all(servers.map(|(name, open)| test(name, *open))).await;
}

fn sql(variable: &'static str, schedule: Schedule, reading: Reading) -> Opened {
    Box::pin(async move { Box::new(Tables::open(variable, &schedule, reading).await) as _ })
}

fn documents(schedule: Schedule, reading: Reading) -> Opened {
    Box::pin(async move { Box::new(Documents::open(&schedule, reading).await) as _ })
}

/// Side by side: what is open in one schedule holds back the readers of all, which costs time only.
const AT_A_TIME: usize = 5;

/// How long after its last write a schedule's rows may take to come: those of others hold back, too.
const LIMIT: Duration = Duration::from_secs(120);

/// Schedules that lose rows where they can be lost.
const CARELESS: [u64; 6] = [1, 2, 3, 4, 5, 6];

/// Performs a schedule for each seed.
async fn all(
    server: &str,
    seeds: &[u64],
    transactions: u64,
    limit: Duration,
    open: impl Fn(Schedule) -> Opened,
) -> Outcome {
    let began = Instant::now();
    let size = Size {
        writers: 4,
        transactions,
        nulls: false,
    };
    let schedules: Vec<_> = seeds.iter().map(|it| Schedule::random(*it, size)).collect();
    let perform = async |schedule: Schedule| {
        let server = open(schedule.clone()).await;
        let folder = tempfile::tempdir().expect("a folder");
        let cursors = FileCursors::new(folder.path());
        let outcome = perform(&*server, &cursors, &schedule, limit).await;
        server.close().await;
        outcome
    };
    let mut outcome = Outcome::default();
    let mut ended = pin!(
        stream::iter(schedules)
            .map(perform)
            .buffer_unordered(AT_A_TIME)
    );
    while let Some(one) = ended.next().await {
        outcome += one;
    }
    println!(
        "{server}, {:.0} s: {outcome}",
        began.elapsed().as_secs_f64()
    );
    outcome
}

fn address(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask test`, or `eval \"$(cargo xtask services status --env)\"` first")
    })
}

/// Of a database that nobody else has.
fn own_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("highwater_schedules_{}_{count}", process::id())
}
