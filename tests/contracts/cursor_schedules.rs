//! The model of the cursor on real servers: a few schedules; `HIGHWATER_PROOF=full` runs fifty on each.

use std::{env, pin::Pin, time::Duration};

use futures_util::{StreamExt, stream};
use highwater::cursor::file::FileCursors;

use super::{
    schedules::{Outcome, Schedule, Size, reading::perform, seeds, writing::Server},
    schedules_mongodb::Documents,
    schedules_mysql::Mysql,
};

#[tokio::test]
async fn no_schedule_on_mysql_loses_a_row() {
    all(async |schedule| Box::new(Mysql::open("HIGHWATER_TEST_MYSQL_URL", &schedule).await) as _)
        .await;
}

#[tokio::test]
async fn no_schedule_on_mariadb_loses_a_row() {
    all(async |schedule| Box::new(Mysql::open("HIGHWATER_TEST_MARIADB_URL", &schedule).await) as _)
        .await;
}

#[tokio::test]
async fn no_schedule_on_mongodb_loses_a_row() {
    all(async |schedule| Box::new(Documents::open(&schedule).await) as _).await;
}

/// Side by side: what is open in one schedule holds back the readers of all, which costs time only.
const AT_A_TIME: usize = 10;

/// Others' transactions hold back as well.
const LIMIT: Duration = Duration::from_secs(120);

async fn all(open: impl AsyncFn(Schedule) -> Box<dyn Server>) {
    let is_full = env::var("HIGHWATER_PROOF").is_ok_and(|it| it == "full");
    let size = Size {
        writers: 4,
        transactions: if is_full { 4 } else { 2 },
        nulls: false,
    };
    let mut performances: Vec<Pin<Box<dyn Future<Output = Outcome>>>> = Vec::new();
    for seed in seeds(if is_full { 50 } else { 4 }) {
        let open = &open;
        performances.push(Box::pin(async move {
            let schedule = Schedule::random(seed, size);
            let server = open(schedule.clone()).await;
            let folder = tempfile::tempdir().expect("a folder");
            let cursors = FileCursors::new(folder.path());
            let outcome = perform(&*server, &cursors, &schedule, LIMIT).await;
            // What has failed is left to be looked at.
            if outcome.wrong.is_empty() {
                server.close().await;
            }
            outcome
        }));
    }
    let mut outcome = Outcome::default();
    let mut ended = stream::iter(performances).buffer_unordered(AT_A_TIME);
    while let Some(one) = ended.next().await {
        outcome += one;
    }
    outcome.prove();
}
