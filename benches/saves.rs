//! How many saves of a cursor each store takes a second, and what they are of a run that saves
//! once a second.
//!
//! `cargo bench --bench saves`, with the servers' addresses in the environment
//! (`cargo xtask services status --env`). One flow saves as fast as it can, each save awaited.

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Parser;
use highwater::{
    connect::{
        mongodb::{self, MongodbSettings},
        mysql::{self, MysqlConnection, MysqlSettings},
        sqlite::{self, Absent, Durability, SqliteSettings},
    },
    cursor::{CursorStore, database::DatabaseCursors, file::FileCursors},
    model::{FlowName, Position},
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

#[derive(Parser)]
#[command(name = "saves", about = "Saves of a cursor a second, by store")]
struct Arguments {
    /// Seconds that each store is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Where the file and the SQLite database are made
    #[arg(long, default_value = "target")]
    folder: std::path::PathBuf,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Saves before the measurement: statements are prepared, files are there.
const WARM: usize = 20;

/// The interval of `sync`.
const SAVE_EVERY: Duration = Duration::from_secs(1);

const HOLDER: &str = "the benchmark";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("this measures, so it does nothing but under `cargo bench`");
        return Ok(());
    }
    println!("store      saves/s   median       99 %   share of a run");
    let time = Duration::from_secs(arguments.seconds);
    std::fs::create_dir_all(&arguments.folder)?;
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    measure("file", &FileCursors::new(folder.path()), time).await?;
    measure("sqlite", &in_sqlite(folder.path()).await?, time).await?;
    for name in ["mysql", "mariadb"] {
        let database = Sql::make(&format!("HIGHWATER_TEST_{}_URL", name.to_uppercase())).await?;
        let store = DatabaseCursors::in_mysql(database.connection.clone(), HOLDER).await?;
        let measured = measure(name, &store, time).await;
        database.remove().await?;
        measured?;
    }
    let settings = MongodbSettings {
        url: address("HIGHWATER_TEST_MONGODB_URL")?.into(),
        database: Some(own_name()),
    };
    let connection = mongodb::open("mongodb", &settings).await?;
    let store = DatabaseCursors::in_mongodb(connection.clone(), HOLDER).await?;
    let measured = measure("mongodb", &store, time).await;
    connection.database().drop().await?;
    measured
}

/// Saves for `time`, one after the other.
async fn measure(name: &str, store: &dyn CursorStore, time: Duration) -> Result<()> {
    let flow = FlowName {
        data_type: "orders".to_owned(),
        topic: "orders".to_owned(),
        source: "shop.orders".to_owned(),
    };
    let mut cursor = store.lease(&flow).await?;
    let mut took = Vec::new();
    let mut began = Instant::now();
    for number in 0_u64.. {
        let one = Instant::now();
        cursor.save(&position(number)).await?;
        took.push(one.elapsed());
        if took.len() == WARM && number < WARM as u64 {
            took.clear();
            began = Instant::now();
        } else if began.elapsed() >= time {
            break;
        }
    }
    let elapsed = began.elapsed();
    cursor.release().await;
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1e3;
    let mean = elapsed.as_secs_f64() / took.len() as f64;
    // A run waits for each save, and the next one is due a second after it.
    let share = mean / (SAVE_EVERY.as_secs_f64() + mean);
    println!(
        "{name:<8} {:>9.0} {:>6.2} ms {:>7.2} ms {:>12.2} %",
        1.0 / mean,
        at(50),
        at(99),
        share * 100.0
    );
    Ok(())
}

/// As a table's scan makes it.
fn position(number: u64) -> Position {
    let second = number / 1_000_000 % 60;
    let micros = number % 1_000_000;
    Position::new(format!(
        r#"{{"by":["updated_at","id"],"after":[{{"datetime":"2025-08-26 09:30:{second:02}.{micros:06}"}},{{"u64":"{number}"}}]}}"#
    ))
}

async fn in_sqlite(folder: &Path) -> Result<DatabaseCursors> {
    let settings = SqliteSettings {
        path: folder.join("cursors.db"),
    };
    let connection = sqlite::open("sqlite", &settings, Absent::Create, Durability::Full).await?;
    Ok(DatabaseCursors::in_sqlite(connection, HOLDER).await?)
}

/// A database of MySQL or MariaDB that is there for the measurement alone.
struct Sql {
    connection: MysqlConnection,
}

impl Sql {
    async fn make(variable: &str) -> Result<Self> {
        let server = address(variable)?;
        let open = async |url: &str| {
            let settings = MysqlSettings {
                url: url.into(),
                pool: 2,
                tls_ca: None,
            };
            mysql::open("mysql", &settings).await
        };
        let name = own_name();
        let outside = open(&server).await?;
        let create = format!("CREATE DATABASE {name}");
        outside
            .pool()
            .execute(raw_sql(AssertSqlSafe(create)))
            .await?;
        let connection = open(&format!("{}/{name}", server.trim_end_matches('/'))).await?;
        Ok(Self { connection })
    }

    async fn remove(self) -> Result<()> {
        let drop = format!("DROP DATABASE {}", own_name());
        let pool = self.connection.pool();
        pool.execute(raw_sql(AssertSqlSafe(drop))).await?;
        Ok(())
    }
}

fn own_name() -> String {
    format!("highwater_bench_saves_{}", std::process::id())
}

fn address(variable: &str) -> Result<String> {
    env::var(variable).with_context(|| {
        format!("{variable} is not set: `eval \"$(cargo xtask services status --env)\"`")
    })
}
