//! A table from MySQL to MySQL: ours, the barest pipe, and a dump that is piped into the other side.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context, Result};
use sqlx::mysql::MySqlConnectOptions;

use crate::{
    Measured,
    arguments::Measure,
    bare,
    measure::{self, Run},
    ours, out,
    pipe::{Pipe, Way},
    seed,
    servers::{Servers, TABLE, Target},
};

/// Rounds of all that is compared, in turns: each into an empty table.
pub fn measure(
    runtime: &tokio::runtime::Runtime,
    wanted: &Measure,
    servers: &Servers,
) -> Result<Vec<Measured>> {
    let pipe = Pipe::Migrate;
    eprintln!("{}: making {} rows", pipe.name(), wanted.rows);
    runtime
        .block_on(seed::seed(pipe, servers, wanted.rows))
        .context("the rows could not be made")?;
    let ways = pipe.ways().iter();
    let mut measured: Vec<Measured> = ways.map(|way| (pipe, *way, Vec::new())).collect();
    for number in 1..=wanted.rounds {
        let round = Round {
            runtime,
            wanted,
            servers,
            number,
        };
        let runs = round.run()?;
        for (_, way, rounds) in &mut measured {
            let one = Who::Ours(1);
            let pair = match way {
                Way::Writers(writers) => (Who::Ours(*writers), Who::Bare),
                Way::BesideDump(writers) => (Who::Ours(*writers), Who::Dump),
                Way::Verify(sums) => (Who::Verify(sums), one),
                _ => (one, Who::Bare),
            };
            rounds.push((runs[&pair.0], runs[&pair.1]));
        }
    }
    Ok(measured)
}

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Ours(u32),
    Bare,
    Dump,
    /// Where rows are summed up.
    Verify(&'static str),
}

struct Round<'r> {
    runtime: &'r tokio::runtime::Runtime,
    wanted: &'r Measure,
    servers: &'r Servers,
    number: u32,
}

impl Round<'_> {
    fn run(&self) -> Result<BTreeMap<Who, Run>> {
        let mut runs = BTreeMap::new();
        for who in [Who::Ours(1), Who::Bare, Who::Ours(2), Who::Dump] {
            let name = format!("to_{}_{}", self.number, runs.len());
            let target = self.servers.target(Pipe::Migrate, &name);
            self.runtime.block_on(self.servers.make(&target))?;
            runs.insert(who, self.one(who, &target)?);
            if who == Who::Ours(1) {
                for sums in ["faster", "servers", "here"] {
                    let who = Who::Verify(sums);
                    runs.insert(who, self.one(who, &target)?);
                }
            }
            self.runtime.block_on(self.servers.clear(&target))?;
        }
        Ok(runs)
    }

    fn one(&self, who: Who, target: &Target) -> Result<Run> {
        let folder = tempfile::tempdir()?;
        let ours = |way| ours::command((Pipe::Migrate, way), self.servers, target, folder.path());
        let (name, command) = match who {
            Who::Ours(writers) => (Way::Writers(writers).name(), ours(Way::Writers(writers))?),
            Who::Verify(sums) => (Way::Verify(sums).name(), ours(Way::Verify(sums))?),
            Who::Bare => (
                "bare".to_owned(),
                bare::command((Pipe::Migrate, Way::Writers(1)), self.servers, target)?,
            ),
            Who::Dump => ("mariadb-dump | mariadb".to_owned(), self.dump(target)?),
        };
        let run = measure::run(command, folder.path(), self.wanted.rows)?;
        self.runtime
            .block_on(self.servers.check(target, self.wanted.rows))
            .with_context(|| format!("{name} did not move the rows"))?;
        out(Pipe::Migrate, self.number, &name, &run);
        Ok(run)
    }

    /// As people pipe it: in one transaction of the source, row by row, many rows in a statement.
    fn dump(&self, target: &Target) -> Result<Command> {
        let (Target::Topic(database) | Target::Database(database)) = target;
        let server: MySqlConnectOptions = self.servers.mysql.parse()?;
        let login = format!(
            "--skip-ssl --protocol=tcp --host={} --port={} --user={}",
            server.get_host(),
            server.get_port(),
            server.get_username(),
        );
        let rows = self.servers.rows();
        let mut command = Command::new("bash");
        command.args(["-o", "pipefail", "-c"]).arg(format!(
            "mariadb-dump {login} --single-transaction --quick {rows} {TABLE} | mariadb {login} {database}"
        ));
        Ok(command)
    }
}
