//! Rows that are committed after rows of higher values were read: with hold-back none is passed by,
//! and each of these ways loses one without it.

use std::time::{Duration, Instant};

use super::{
    sinks::{database, drop_database, on_both_servers},
    sources::{POLL, Server, limits, read, sorted, start},
};
use highwater::{
    connect::mysql::{Flavor, MysqlConnection, MysqlSettings, open as connect},
    model::{Position, Severity},
    source::{
        HoldBack, InspectableSource, Late, Scope, Source,
        mysql::scan::{MysqlScan, MysqlScanSettings},
    },
};
use sqlx::{AssertSqlSafe, Executor, mysql::MySqlConnection, raw_sql};
use tokio::task::JoinHandle;

on_both_servers!(
    a_transaction_that_is_idle_after_its_row_is_waited_for,
    whole_seconds_are_settled_when_they_are_over,
    a_statement_that_runs_on_is_waited_for,
    a_row_whose_time_was_taken_before_a_wait_for_its_table_is_read,
    a_number_that_is_committed_late_is_read,
    a_full_read_goes_on_behind_what_was_settled_before_it,
    rows_written_just_before_a_run_are_read_by_it,
    what_stays_open_stays_for_a_later_run,
    without_the_right_the_declared_time_is_waited_for,
    random_keys_are_refused,
    a_declared_time_zone_is_that_of_the_column,
);

/// The last row takes its value first, and is committed behind another one.
#[derive(Clone, Copy)]
enum Way {
    /// In a transaction that does nothing more.
    Idle,
    /// By a statement that takes two seconds, within a transaction.
    Running,
    /// In a transaction whose first statement has waited for the table.
    Waited,
}

fn hold_back(max_commit_delay: u64) -> Late {
    Late::HoldBack(HoldBack {
        max_commit_delay: Some(Duration::from_secs(max_commit_delay)),
        clock_skew: Duration::ZERO,
    })
}

fn scan(connection: &MysqlConnection, incremental: &str, late: Late) -> MysqlScan {
    let settings = MysqlScanSettings {
        table: "t".to_owned(),
        incremental: incremental.to_owned(),
        key: None,
        limits: limits(10),
        poll: POLL,
        late,
        time_zone: None,
        sharing: super::sources::SHARING,
        rules: highwater::source::Rules::default(),
    };
    MysqlScan::new(connection.clone(), settings)
}

/// An empty table whose `at` is of that type.
async fn create(connection: &MysqlConnection, at: &str) {
    let text = format!(
        "DROP TABLE IF EXISTS t; \
         CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, at {at} NOT NULL, text TEXT, KEY (at))"
    );
    Server(connection.clone()).run(&text).await;
}

async fn session(connection: &MysqlConnection) -> MySqlConnection {
    let session = connection.pool().acquire().await.expect("a session");
    session.detach()
}

async fn run(session: &mut MySqlConnection, text: &str) {
    let ran = session
        .execute(raw_sql(AssertSqlSafe(text.to_owned())))
        .await;
    ran.unwrap_or_else(|error| panic!("{error}: {text}"));
}

/// Until another session runs a statement like this.
async fn is_running(connection: &MysqlConnection, like: &str) {
    let query = "SELECT COUNT(*) FROM information_schema.processlist \
        WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE ?";
    let began = Instant::now();
    loop {
        let found = sqlx::query_scalar(query).bind(like.to_owned());
        let found: i64 = found.fetch_one(connection.pool()).await.expect("listed");
        if found > 0 {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{like} never ran"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Way {
    /// Writes row 1, not committed yet.
    async fn begin(self, connection: &MysqlConnection) -> JoinHandle<MySqlConnection> {
        let mut writer = session(connection).await;
        match self {
            Self::Idle => {
                run(&mut writer, "BEGIN; INSERT INTO t (at) VALUES (NOW(6))").await;
                tokio::spawn(async { writer })
            }
            Self::Running => {
                let text = "BEGIN; INSERT INTO t SELECT 1, NOW(6), SLEEP(2)";
                let running = tokio::spawn(async move {
                    run(&mut writer, text).await;
                    writer
                });
                is_running(connection, "INSERT INTO t SELECT 1%").await;
                running
            }
            Self::Waited => {
                let mut other = session(connection).await;
                run(&mut other, "LOCK TABLES t WRITE").await;
                let text = "SET autocommit = 0; INSERT INTO t (at) VALUES (NOW(6))";
                let waiting = tokio::spawn(async move {
                    run(&mut writer, text).await;
                    writer
                });
                is_running(connection, "INSERT INTO t%").await;
                // The list of transactions shows whole seconds.
                tokio::time::sleep(Duration::from_millis(2_500)).await;
                run(&mut other, "UNLOCK TABLES").await;
                let writer = waiting.await.expect("written");
                tokio::spawn(async { writer })
            }
        }
    }
}

/// Row 1 by that way, row 2 behind it, a run, then the commit of row 1 and further runs: all ids
/// that were read.
async fn ids_of(connection: &MysqlConnection, way: Way, field: &str, late: Late) -> Vec<i64> {
    let writing = way.begin(connection).await;
    // Of a later time, also in whole seconds, and settled soon.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let server = Server(connection.clone());
    server
        .run("INSERT INTO t (id, at) VALUES (2, NOW(6))")
        .await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let source = scan(connection, field, late);
    let begun = start(&source, Scope::Incremental).await;
    let (first, position) = read(&source, &begun, usize::MAX).await;
    let mut writer = writing.await.expect("written");
    run(&mut writer, "COMMIT").await;
    let rest = further(&source, position, late, first.len()).await;
    sorted([first, rest].concat())
}

/// Runs until there are two rows; one run where nothing is held back.
async fn further(source: &MysqlScan, at: Position, late: Late, first: usize) -> Vec<i64> {
    let (mut all, mut position) = (Vec::new(), at);
    let began = Instant::now();
    loop {
        let (ids, next) = read(source, &position, usize::MAX).await;
        position = next;
        all.extend(ids);
        // Others use these servers as well, and may hold back for a while.
        if late == Late::None || first + all.len() >= 2 || began.elapsed().as_secs() > 90 {
            return all;
        }
    }
}

async fn loses_only_without(connection: &MysqlConnection, way: Way, field: &str, at: &str) {
    create(connection, at).await;
    assert_eq!(ids_of(connection, way, field, Late::None).await, [2]);
    create(connection, at).await;
    assert_eq!(ids_of(connection, way, field, hold_back(4)).await, [1, 2]);
}

async fn a_transaction_that_is_idle_after_its_row_is_waited_for(connection: &MysqlConnection) {
    loses_only_without(connection, Way::Idle, "at", "DATETIME(6)").await;
}

async fn whole_seconds_are_settled_when_they_are_over(connection: &MysqlConnection) {
    loses_only_without(connection, Way::Idle, "at", "TIMESTAMP").await;
}

async fn a_statement_that_runs_on_is_waited_for(connection: &MysqlConnection) {
    loses_only_without(connection, Way::Running, "at", "DATETIME(3)").await;
}

async fn a_row_whose_time_was_taken_before_a_wait_for_its_table_is_read(
    connection: &MysqlConnection,
) {
    loses_only_without(connection, Way::Waited, "at", "DATETIME(6)").await;
}

async fn a_number_that_is_committed_late_is_read(connection: &MysqlConnection) {
    loses_only_without(connection, Way::Idle, "id", "DATETIME(6)").await;
}

async fn a_full_read_goes_on_behind_what_was_settled_before_it(connection: &MysqlConnection) {
    for (field, late, expected) in [
        ("at", Late::None, false),
        ("at", hold_back(4), true),
        ("id", Late::None, false),
        ("id", hold_back(4), true),
    ] {
        create(connection, "TIMESTAMP(6)").await;
        let writer = Way::Idle.begin(connection).await;
        let server = Server(connection.clone());
        server
            .run("INSERT INTO t (id, at) VALUES (2, NOW(6))")
            .await;
        let source = scan(connection, field, late);
        let begun = start(&source, Scope::Full).await;
        let (full, position) = read(&source, &begun, usize::MAX).await;
        assert_eq!(full, [2]);
        run(&mut writer.await.expect("written"), "COMMIT").await;
        let rest = further(&source, position, late, 0).await;
        assert_eq!(rest.contains(&1), expected, "{field} {late:?}: {rest:?}");
    }
}

/// A person writes a row, and runs.
async fn rows_written_just_before_a_run_are_read_by_it(connection: &MysqlConnection) {
    for (field, at) in [
        ("at", "DATETIME(6)"),
        ("at", "DATETIME"),
        ("at", "TIMESTAMP"),
        ("id", "DATETIME"),
    ] {
        create(connection, at).await;
        let server = Server(connection.clone());
        // Long enough for what others have open on these servers.
        let source = scan(connection, field, hold_back(40));
        let mut position = start(&source, Scope::Incremental).await;
        for id in 1..=2 {
            server.run("INSERT INTO t (at) VALUES (NOW(6))").await;
            let (ids, next) = read(&source, &position, usize::MAX).await;
            assert_eq!(ids, [id], "{field} {at}");
            position = next;
        }
        let (none, same) = read(&source, &position, usize::MAX).await;
        assert_eq!((none, same), (Vec::new(), position), "{field} {at}");
    }
}

async fn what_stays_open_stays_for_a_later_run(connection: &MysqlConnection) {
    for field in ["at", "id"] {
        create(connection, "DATETIME(6)").await;
        let writer = Way::Idle.begin(connection).await;
        let server = Server(connection.clone());
        server
            .run("INSERT INTO t (id, at) VALUES (2, NOW(6))")
            .await;
        let source = scan(connection, field, hold_back(1));
        let begun = start(&source, Scope::Incremental).await;
        let began = Instant::now();
        let (ids, position) = read(&source, &begun, usize::MAX).await;
        assert_eq!(ids, [0; 0], "{field}");
        assert!(began.elapsed() >= Duration::from_secs(1), "it waited");
        run(&mut writer.await.expect("written"), "COMMIT").await;
        let rest = further(&source, position, hold_back(1), 0).await;
        assert_eq!(sorted(rest), [1, 2], "{field}");
    }
}

async fn without_the_right_the_declared_time_is_waited_for(connection: &MysqlConnection) {
    create(connection, "DATETIME(6)").await;
    let database = connection.database().expect("it has one");
    let user = format!("l{}", database.trim_start_matches("highwater_sink_"));
    let server = Server(connection.clone());
    server
        .run(&format!(
            "CREATE USER {user} IDENTIFIED BY 'hunter2'; GRANT SELECT ON {database}.* TO {user}"
        ))
        .await;
    let variable = match connection.flavor() {
        Flavor::Mysql => "HIGHWATER_TEST_MYSQL_URL",
        Flavor::Mariadb => "HIGHWATER_TEST_MARIADB_URL",
    };
    let url = std::env::var(variable).expect("it is set");
    let host = url.rsplit_once('@').expect("a user").1;
    let settings = MysqlSettings {
        url: format!(
            "mysql://{user}:hunter2@{}/{database}",
            host.trim_end_matches('/')
        )
        .into(),
        pool: 2,
        tls_ca: None,
    };
    let theirs = connect("crawler", &settings).await.expect("opened");
    for field in ["at", "id"] {
        create(connection, "DATETIME(6)").await;
        let source = scan(&theirs, field, hold_back(3));
        let findings = source.check().await.expect("checked");
        let said = findings.iter().find(|it| it.text.contains("late commits"));
        let said = said.expect("it says what it rests on");
        assert!(said.severity == Severity::Note, "{findings:?}");
        assert!(
            said.text.contains("PROCESS") && said.text.contains("3 s"),
            "{findings:?}"
        );
        let begun = start(&source, Scope::Incremental).await;
        let writer = Way::Idle.begin(connection).await;
        server
            .run("INSERT INTO t (id, at) VALUES (2, NOW(6))")
            .await;
        let reading = tokio::spawn(async move { read(&source, &begun, usize::MAX).await.0 });
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Within the declared time.
        run(&mut writer.await.expect("written"), "COMMIT").await;
        assert_eq!(sorted(reading.await.expect("read")), [1, 2], "{field}");
    }
    server.run(&format!("DROP USER {user}")).await;
}

async fn random_keys_are_refused(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    server
        .run(
            "CREATE TABLE t (id CHAR(36) PRIMARY KEY, at INT NOT NULL); \
             INSERT INTO t VALUES ('f47ac10b-58cc-4372-a567-0e02b2c3d479', 1), \
             ('9b2b6a3e-3a59-4ef2-8f0c-6f3d1f2f9d11', 2)",
        )
        .await;
    let source = scan(connection, "id", Late::default());
    let begun = source.begin(Scope::Incremental, None).await;
    let error = begun.expect_err("it is random").to_string();
    assert!(
        error.contains("random") && error.contains("`id`"),
        "{error}"
    );
    let findings = source.check().await.expect("checked");
    let is_problem = |it: &highwater::model::Finding| {
        it.severity == Severity::Problem && it.text.contains("random")
    };
    assert!(findings.iter().any(is_problem), "{findings:?}");
    // Identifiers that begin with their time grow.
    server
        .run("UPDATE t SET id = CONCAT('018f4e2a-7c3b-7def-8a12-34567890000', at)")
        .await;
    start(&source, Scope::Incremental).await;
}

/// Values of a zone that is fourteen hours ahead: without the key they would wait so long.
async fn a_declared_time_zone_is_that_of_the_column(connection: &MysqlConnection) {
    for (kind, column) in [("DATETIME(6)", "at"), ("DATETIME", "at")] {
        create(connection, kind).await;
        let insert = "INSERT INTO t (at, text) VALUES \
            (UTC_TIMESTAMP(6) + INTERVAL 14 HOUR - INTERVAL 3 SECOND, 'a')";
        Server(connection.clone()).run(insert).await;
        let zoned = |zone| {
            let settings = MysqlScanSettings {
                table: "t".to_owned(),
                incremental: column.to_owned(),
                key: None,
                limits: limits(10),
                poll: POLL,
                late: Late::default(),
                time_zone: zone,
                rules: Default::default(),
                sharing: super::sources::SHARING,
            };
            MysqlScan::new(connection.clone(), settings)
        };
        let source = zoned(Some(chrono_tz::Tz::Pacific__Kiritimati));
        let begun = start(&source, Scope::Incremental).await;
        assert_eq!(read(&source, &begun, 5).await.0, [1], "{kind}");
        let findings = source.check().await.expect("checked");
        let is_found = findings
            .iter()
            .any(|it| it.text.contains("Pacific/Kiritimati"));
        assert!(is_found, "{findings:?}");
        let plain = zoned(None);
        let begun = start(&plain, Scope::Incremental).await;
        assert_eq!(read(&plain, &begun, 5).await.0, [0_i64; 0], "{kind}");
    }
}
