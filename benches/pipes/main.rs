//! How fast rows move on real servers, beside the barest pipe that moves them.
//!
//! `cargo xtask bench` brings the servers up and runs this. Each pipe runs as a process of its
//! own, ours and the bare one in turns, over the same rows.

mod arguments;
mod bare;
mod bare_follow;
mod measure;
mod migration;
mod ours;
mod pipe;
mod report;
mod rows;
mod seed;
mod seldom;
mod servers;
mod topics;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context, Result};
use clap::Parser;

use arguments::{Arguments, Bare, Measure};
use measure::Run;
use pipe::{Pipe, Way};
use servers::{Servers, Target};

fn main() -> ExitCode {
    let outcome = match Arguments::parse().bare {
        Some(Bare::Bare(pipe)) => bare::run(&pipe),
        None => measure_all(&Arguments::parse().measure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(wanted: &Measure) -> Result<()> {
    if !wanted.bench {
        println!("this measures, so it does nothing but under `cargo bench`");
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut measured, mut seldom) = (Vec::new(), None);
    let servers = |of| {
        let name = format!("highwater_bench_{}{of}", std::process::id());
        Servers::named(&name, wanted.statement as usize)
    };
    for pipe in wanted.pipes() {
        if pipe == Pipe::KafkaToMysql && wanted.groups > 0 {
            let servers = servers("_few")?;
            let outcome = seldom::measure(&runtime, wanted.groups, &servers);
            let removed = runtime.block_on(servers.remove());
            seldom = Some(outcome?);
            removed.context("what was measured with could not be removed")?;
        }
        let servers = servers("")?;
        let outcome = match pipe {
            Pipe::Migrate => migration::measure(&runtime, wanted, &servers),
            _ => measure_pipe(&runtime, wanted, pipe, &servers),
        };
        let removed = runtime.block_on(servers.remove());
        measured.extend(outcome?);
        removed.context("what was measured with could not be removed")?;
    }
    report::print(wanted, &measured, seldom.as_ref())
}

/// A pipe, one way of ours, and its rounds: ours and the bare one.
type Measured = (Pipe, Way, Vec<(Run, Run)>);

/// The rounds of one pipe: in each, ours in all its ways, and beside it the bare one that writes as
/// many rows together.
fn measure_pipe(
    runtime: &tokio::runtime::Runtime,
    wanted: &Measure,
    pipe: Pipe,
    servers: &Servers,
) -> Result<Vec<Measured>> {
    eprintln!("{}: making {} rows", pipe.name(), wanted.rows);
    runtime
        .block_on(seed::seed(pipe, servers, wanted.rows))
        .context("the rows could not be made")?;
    let ways = pipe.ways().iter();
    let mut measured: Vec<_> = ways.map(|way| (pipe, *way, Vec::new())).collect();
    for round in 1..=wanted.rounds {
        let mut ours = Vec::new();
        let mut bare = BTreeMap::new();
        for (number, way) in pipe.ways().iter().enumerate() {
            let target = servers.target(pipe, &format!("ours_{round}_{number}"));
            let run = measure_one(runtime, pipe, servers, &target, wanted.rows, |folder| {
                ours::command((pipe, *way), servers, &target, folder)
            })?;
            out(pipe, round, &way.name(), &run);
            ours.push(run);
            let together = way.together();
            if bare.contains_key(&together) {
                continue;
            }
            let target = servers.target(pipe, &format!("bare_{round}_{together}"));
            let run = measure_one(runtime, pipe, servers, &target, wanted.rows, |_| {
                bare::command((pipe, *way), servers, &target)
            })?;
            out(pipe, round, &format!("bare, {together} together"), &run);
            bare.insert(together, run);
        }
        for ((_, way, rounds), ours) in measured.iter_mut().zip(ours) {
            rounds.push((ours, bare[&way.together()]));
        }
    }
    Ok(measured)
}

/// One process from its start to its end, with an empty target before and a look at it after.
fn measure_one(
    runtime: &tokio::runtime::Runtime,
    pipe: Pipe,
    servers: &Servers,
    target: &Target,
    rows: u64,
    command: impl FnOnce(&std::path::Path) -> Result<std::process::Command>,
) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    runtime.block_on(servers.make(target))?;
    let run = measure::run(command(folder.path())?, folder.path(), rows)?;
    let checked = runtime.block_on(servers.check(target, rows));
    runtime.block_on(servers.clear(target))?;
    checked.with_context(|| format!("{} did not move the rows", pipe.name()))?;
    Ok(run)
}

fn out(pipe: Pipe, round: u32, who: &str, run: &Run) {
    eprintln!(
        "{}: round {round}, {who}: {:.0} rows/s, {:.1} CPU s and {:.1} s in all, {:.0} MB",
        pipe.name(),
        run.rows_per_second(),
        run.cpu.as_secs_f64(),
        run.wall.as_secs_f64(),
        run.peak_megabytes(),
    );
}
