//! Few rows, seldom: how soon they are in the table, and what a sink costs that waits for them.
//!
//! Ours and the bare one run side by side over one topic, each into a table of its own. A group of
//! rows goes to one partition and is a batch: none waits for others.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sqlx::{AssertSqlSafe, MySqlConnection};
use tokio::runtime::Runtime;

use crate::{
    bare, measure, ours,
    pipe::{Pipe, Way},
    rows::row,
    servers::{Servers, TABLE, Target},
    topics::{self, BareProducer, PARTITIONS},
};

/// Rows in a group.
pub const FEW: usize = 10;
/// Time from one group to the next.
pub const EVERY: Duration = Duration::from_secs(10);

/// What one of them took.
#[derive(Debug, Default)]
pub struct Took {
    /// From handing a group to the producer to seeing it in the table.
    pub latencies: Vec<Duration>,
    /// CPU time in a minute.
    pub cpu_in_a_minute: Duration,
    pub peak_bytes: u64,
}

/// What both took.
#[derive(Debug)]
pub struct Seldom {
    pub ours: Took,
    pub bare: Took,
}

/// Time between two looks into the tables.
const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(60);

/// So many groups, one after the other.
pub fn measure(runtime: &Runtime, groups: u32, servers: &Servers) -> Result<Seldom> {
    let pipe = (Pipe::KafkaToMysql, Way::Seldom);
    eprintln!("{}: {}, {groups} times", pipe.0.name(), pipe.1.name());
    runtime.block_on(topics::create(&servers.brokers, &servers.rows()))?;
    let folder = tempfile::tempdir()?;
    let (ours, bare) = (
        servers.target(pipe.0, "ours"),
        servers.target(pipe.0, "bare"),
    );
    let command = ours::command(pipe, servers, &ours, folder.path())?;
    let mut ours = Sink::start(runtime, servers, &ours, command, folder.path())?;
    let command = bare::command(pipe, servers, &bare)?;
    let mut bare = Sink::start(runtime, servers, &bare, command, folder.path())?;
    let mut producer = BareProducer::open(&servers.brokers, &servers.rows())?;
    let mut sent = 0;
    // The first of each partition waits for assignments and first connections.
    for partition in 0..PARTITIONS {
        send(&mut producer, partition, &mut sent)?;
    }
    until_there(runtime, [&mut ours, &mut bare], sent)?;
    let began = Instant::now();
    let before = (measure::so_far(&ours.child)?, measure::so_far(&bare.child)?);
    for sink in [&mut ours, &mut bare] {
        sink.took.latencies.clear();
    }
    for group in 0..groups {
        thread::sleep((began + EVERY * group).saturating_duration_since(Instant::now()));
        send(&mut producer, group as i32 % PARTITIONS, &mut sent)?;
        until_there(runtime, [&mut ours, &mut bare], sent)?;
    }
    thread::sleep((began + EVERY * groups).saturating_duration_since(Instant::now()));
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    for (sink, (cpu, _)) in [(&mut ours, before.0), (&mut bare, before.1)] {
        let (now, peak) = measure::so_far(&sink.child)?;
        sink.took.cpu_in_a_minute = (now - cpu).div_f64(minutes);
        sink.took.peak_bytes = peak;
    }
    Ok(Seldom {
        ours: std::mem::take(&mut ours.took),
        bare: std::mem::take(&mut bare.took),
    })
}

/// One that runs, and its table. It ends with this.
struct Sink {
    child: Child,
    session: MySqlConnection,
    took: Took,
}

impl Sink {
    fn start(
        runtime: &Runtime,
        servers: &Servers,
        target: &Target,
        mut command: Command,
        folder: &Path,
    ) -> Result<Self> {
        let (Target::Topic(name) | Target::Database(name)) = target;
        let session = runtime.block_on(servers.make_database(name))?;
        let said = File::create(folder.join(format!("{name}.said")))?;
        command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let child = command.spawn().context("it could not be started")?;
        Ok(Self {
            child,
            session,
            took: Took::default(),
        })
    }

    fn rows(&mut self, runtime: &Runtime) -> Result<i64> {
        let text = AssertSqlSafe(format!("SELECT COUNT(*) FROM `{TABLE}`"));
        let count = sqlx::query_scalar(text).fetch_one(&mut self.session);
        Ok(runtime.block_on(count)?)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send(producer: &mut BareProducer, partition: i32, sent: &mut u64) -> Result<()> {
    for _ in 0..FEW {
        *sent += 1;
        let (key, value) = (sent.to_string(), row(*sent).json());
        producer.send_to(partition, key.as_bytes(), value.as_bytes())?;
    }
    Ok(())
}

/// Looks into both tables until all rows are in both.
fn until_there(runtime: &Runtime, mut sinks: [&mut Sink; 2], rows: u64) -> Result<()> {
    let began = Instant::now();
    let mut there = [false; 2];
    while there.contains(&false) {
        for (sink, there) in sinks.iter_mut().zip(&mut there) {
            if !*there && sink.rows(runtime)? as u64 >= rows {
                *there = true;
                sink.took.latencies.push(began.elapsed());
            }
            ensure!(sink.child.try_wait()?.is_none(), "a sink has ended");
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "the rows do not come: {there:?}"
        );
        thread::sleep(LOOK);
    }
    Ok(())
}
