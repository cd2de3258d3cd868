//! Cursors in MySQL and MariaDB behind locks that another session keeps: told in time, and no session
//! of the pool is left in the middle of a statement.

use std::{future::Future, time::Duration};

use highwater::{
    connect::mysql::MysqlConnection,
    cursor::{CursorError, CursorStore, database::DatabaseCursors},
    fault::{Fault, Faulty, chain},
};
use sqlx::{Executor, MySqlConnection, raw_sql};
use tokio::time::timeout;

use super::{
    cursor::{lease, position},
    cursors::{LONG, flow},
    sinks,
};

/// Each behaviour, on both.
macro_rules! on_servers {
    ($($behaviour:ident),* $(,)?) => {
        mod mysql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let connection = super::sinks::database("HIGHWATER_TEST_MYSQL_URL").await;
                super::$behaviour(&connection).await;
                super::sinks::drop_database(&connection).await;
            })*
        }
        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let connection = super::sinks::database("HIGHWATER_TEST_MARIADB_URL").await;
                super::$behaviour(&connection).await;
                super::sinks::drop_database(&connection).await;
            })*
        }
    };
}

on_servers! {
    a_store_whose_table_is_locked_is_told_in_time,
    a_save_behind_a_row_lock_is_told_in_time_and_leaves_the_pool_whole,
    a_renewal_that_waits_when_the_lease_is_given_back_does_not_keep_the_flow,
}

/// Longer than the fifteen seconds of an answer, shorter than any time-out of the servers' own.
const IN_TIME: Duration = Duration::from_secs(30);

const ALL: &str = "SELECT flow FROM highwater_cursors FOR UPDATE";

async fn store(connection: &MysqlConnection) -> DatabaseCursors {
    let opened = DatabaseCursors::in_mysql(connection.clone(), "machine").await;
    opened.expect("opened").lasting(LONG)
}

/// A session of its own, which keeps what it has locked.
async fn locked(connection: &MysqlConnection, by: &'static str) -> MySqlConnection {
    let session = connection.pool().acquire().await.expect("free");
    let mut session = session.detach();
    session.execute(raw_sql(by)).await.expect("locked");
    session
}

/// Until so many statements of the store wait.
async fn waiting(connection: &MysqlConnection, count: i64) {
    let query = "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.PROCESSLIST \
        WHERE DB = DATABASE() AND INFO LIKE 'UPDATE highwater_cursors%'";
    let looking = async {
        while sinks::read(connection, query).await != [count.to_string()] {
            tokio::task::yield_now().await;
        }
    };
    in_time(looking).await;
}

#[track_caller]
fn is_reported(error: &CursorError) {
    let said = chain(error);
    assert_eq!(error.fault(), Fault::Transient, "{said}");
    assert!(said.contains("no answer within 15 s"), "{said}");
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(IN_TIME, what).await.expect("in time")
}

async fn a_store_whose_table_is_locked_is_told_in_time(connection: &MysqlConnection) {
    drop(store(connection).await);
    let session = locked(connection, "LOCK TABLES highwater_cursors WRITE").await;
    let opened = in_time(DatabaseCursors::in_mysql(connection.clone(), "machine")).await;
    is_reported(&opened.err().expect("locked"));
    drop(session);
    in_time(store(connection)).await;
}

async fn a_save_behind_a_row_lock_is_told_in_time_and_leaves_the_pool_whole(
    connection: &MysqlConnection,
) {
    let store = store(connection).await;
    let mut held = lease(&store, &flow("t")).await;
    held.save(&position("1")).await.expect("saved");
    let begun = format!("BEGIN; {ALL}").leak();
    let session = locked(connection, begun).await;
    let error = in_time(held.save(&position("2"))).await;
    is_reported(&error.expect_err("locked"));
    drop(session);
    // More at a time than the pool has sessions: none of them waits behind what was given up.
    for _ in 0..20 {
        let all = futures_util::future::join_all((0..8).map(|_| store.list())).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        in_time(held.save(&position("3"))).await.expect("saved");
    }
    assert_eq!(held.load().await.expect("loaded"), Some(position("3")));
}

async fn a_renewal_that_waits_when_the_lease_is_given_back_does_not_keep_the_flow(
    connection: &MysqlConnection,
) {
    let brief = store(connection).await.lasting(Duration::from_secs(3));
    let held = lease(&brief, &flow("t")).await;
    let begun = format!("BEGIN; {ALL}").leak();
    let mut session = locked(connection, begun).await;
    waiting(connection, 1).await;
    let given_back = tokio::spawn(held.release());
    waiting(connection, 2).await;
    session.execute(raw_sql("ROLLBACK")).await.expect("free");
    in_time(given_back).await.expect("given back");
    // Whichever of the two came first: nobody has it, and another takes it at once.
    let other = store(connection).await;
    let taken = timeout(Duration::from_secs(10), other.lease(&flow("t"))).await;
    taken.expect("at once").expect("free");
}
