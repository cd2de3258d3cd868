//! Schedules of writers and killed readers on MySQL and MariaDB, each in a database of its own.

use std::time::Duration;

use super::{Reading, address, own_name};
use crate::schedules::{
    Begin, Schedule, Statement, TableLock,
    schedule::HOT,
    writing::{Server, Session},
};
use async_trait::async_trait;
use highwater::{
    connect::mysql::{Flavor, MysqlConnection, MysqlSettings, open as connect},
    source::{
        HoldBack, Late, ReadLimits, Sharing, Source,
        mysql::scan::{MysqlScan, MysqlScanSettings},
    },
};
use sqlx::{AssertSqlSafe, Connection, Executor, mysql::MySqlConnection, raw_sql};
use tokio::time::sleep;

/// The types of the incremental column, how a statement fills it, and what it is read by.
const COLUMNS: [(&str, &str); 4] = [
    ("DATETIME(6) NOT NULL", "NOW(6)"),
    ("TIMESTAMP(3) NOT NULL", "NOW(3)"),
    ("DATETIME NOT NULL", "NOW()"),
    ("BIGINT NOT NULL", "UNIX_TIMESTAMP()"),
];

pub struct Tables {
    connection: MysqlConnection,
    value: &'static str,
    limits: ReadLimits,
    reading: Reading,
}

impl Tables {
    pub async fn open(variable: &str, schedule: &Schedule, reading: Reading) -> Self {
        let connection = database(variable).await;
        let (column, value) = COLUMNS[(schedule.seed % 4) as usize];
        let hot: Vec<_> = (1..=HOT)
            .map(|id| format!("({id}, {value}, {id}, 0)"))
            .collect();
        let text = format!(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, at {column}, stamp BIGINT NOT NULL, slept INT, KEY (at, id)); \
             INSERT INTO t VALUES {}",
            hot.join(", ")
        );
        let made = connection.pool().execute(raw_sql(AssertSqlSafe(text)));
        made.await.expect("made");
        let limits = ReadLimits {
            rows: schedule.batch,
            bytes: 1 << 20,
            max_wait: Duration::from_millis(50),
        };
        Self {
            connection,
            value,
            limits,
            reading,
        }
    }

    async fn connect(&self) -> MySqlConnection {
        let session = self.connection.pool().acquire().await.expect("a session");
        let mut session = session.detach();
        let waits = "SET lock_wait_timeout = 20, innodb_lock_wait_timeout = 10";
        session.execute(raw_sql(waits)).await.expect("set");
        session
    }
}

#[async_trait]
impl Server for Tables {
    fn source(&self) -> Box<dyn Source> {
        // Where the start of a transaction is not seen, what its first statement may have waited.
        let max_commit_delay = match self.connection.flavor() {
            Flavor::Mysql => None,
            Flavor::Mariadb => Some(Duration::from_secs(8)),
        };
        let settings = MysqlScanSettings {
            table: "t".to_owned(),
            incremental: "at".to_owned(),
            key: None,
            rules: Default::default(),
            time_zone: None,
            limits: self.limits,
            poll: Duration::from_millis(50),
            late: match self.reading {
                Reading::Held => Late::HoldBack(HoldBack {
                    max_commit_delay,
                    clock_skew: Duration::ZERO,
                }),
                Reading::Careless => Late::None,
            },
            sharing: Sharing::with_workers(1),
        };
        Box::new(MysqlScan::new(self.connection.clone(), settings))
    }

    async fn session(&self) -> Box<dyn Session> {
        Box::new(MysqlSession {
            session: self.connect().await,
            value: self.value,
        })
    }

    async fn lock_table(&self, lock: TableLock) {
        let mut session = self.connect().await;
        let text = if lock.alters {
            "ALTER TABLE t COMMENT 'altered'"
        } else {
            "LOCK TABLES t WRITE"
        };
        // It gives up where a transaction takes too long.
        let locked = session.execute(raw_sql(text)).await.is_ok();
        if locked && !lock.alters {
            sleep(lock.hold_back).await;
        }
        session.close().await.expect("closed");
    }

    async fn rows(&self) -> Vec<(i64, i64)> {
        let rows = sqlx::query_as("SELECT id, stamp FROM t");
        rows.fetch_all(self.connection.pool()).await.expect("rows")
    }

    async fn close(&self) {
        let name = self.connection.database().expect("it has one");
        // What a killed reader left open would keep its locks.
        let drop = format!("SET lock_wait_timeout = 10; DROP DATABASE {name}");
        let drop = AssertSqlSafe(drop);
        let dropped = self.connection.pool().execute(raw_sql(drop)).await;
        dropped.expect("nothing is open in it");
    }
}

/// A connection to a database of its own, empty.
async fn database(variable: &str) -> MysqlConnection {
    let url = address(variable);
    let open = async |url: String| {
        let settings = MysqlSettings {
            url: url.into(),
            pool: 4,
            tls_ca: None,
        };
        let opened = connect("shop", &settings).await;
        opened.expect("the server answers")
    };
    let name = own_name();
    let make = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    let server = open(url.clone()).await;
    server.pool().execute(raw_sql(make)).await.expect("made");
    open(format!("{}/{name}", url.trim_end_matches('/'))).await
}

struct MysqlSession {
    session: MySqlConnection,
    value: &'static str,
}

impl MysqlSession {
    async fn run(&mut self, text: String) -> bool {
        let ran = self.session.execute(raw_sql(AssertSqlSafe(text))).await;
        match ran {
            Ok(_) => true,
            Err(error) => {
                // A deadlock, or a lock that did not come.
                let known = ["Deadlock", "Lock wait timeout", "has changed since"];
                let said = error.to_string();
                assert!(known.iter().any(|it| said.contains(it)), "{said}");
                false
            }
        }
    }
}

#[async_trait]
impl Session for MysqlSession {
    async fn begin(&mut self, begin: Begin) {
        let text = match begin {
            Begin::Said => "SET autocommit = 1; BEGIN",
            Begin::AutocommitOff => "SET autocommit = 0",
            Begin::Autocommit => "SET autocommit = 1",
        };
        assert!(self.run(text.to_owned()).await);
    }

    async fn write(&mut self, statement: &Statement) -> bool {
        let slow = statement.slow.as_secs_f64();
        let value = if statement.is_null {
            "NULL"
        } else {
            self.value
        };
        let is_new = statement.rows.iter().all(|(id, _)| *id > HOT);
        let text = if is_new {
            let rows = statement.rows.iter();
            let row =
                |(id, stamp): &(i64, i64)| format!("SELECT {id}, {value}, {stamp}, SLEEP({slow})");
            let rows: Vec<_> = rows.map(row).collect();
            format!("INSERT INTO t {}", rows.join(" UNION ALL "))
        } else {
            let rows = statement.rows.iter();
            let case = |(id, stamp): &(i64, i64)| format!("WHEN {id} THEN {stamp}");
            let (cases, ids): (Vec<_>, Vec<_>) =
                rows.map(|it| (case(it), it.0.to_string())).unzip();
            format!(
                "UPDATE t SET at = {value}, stamp = CASE id {} END, slept = SLEEP({slow}) WHERE id IN ({})",
                cases.join(" "),
                ids.join(", ")
            )
        };
        self.run(text).await
    }

    async fn commit(&mut self) {
        assert!(self.run("COMMIT".to_owned()).await);
    }

    async fn roll_back(&mut self) {
        assert!(self.run("ROLLBACK".to_owned()).await);
    }
}
