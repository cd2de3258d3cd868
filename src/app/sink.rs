//! `sink`: topic to table, rows and offsets in one transaction.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use super::{attempt, context::App, open, output::report, select::Part};
use crate::{
    cli::{ExitStatus, Sink},
    fault::chain,
    flow::{BatchLimits, Consume, FlowError, FlowStats, Identity, Snapshot, Until, supervise},
    settings::{Chosen, WriteInto},
};

/// Runs the chosen sinks side by side; one that fails does not stop the others.
pub(super) async fn run(app: &App, arguments: &Sink) -> anyhow::Result<ExitStatus> {
    let part: Part = ("into", |it| it.into.is_some());
    let data_type = arguments.data_type.as_deref();
    let chosen = match app.chosen(data_type, arguments.topic.as_deref(), part) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let until = if arguments.until_caught_up {
        Until::CaughtUp
    } else {
        Until::Stopped
    };
    let outcomes = join_all(chosen.iter().map(|it| sink(app, it, until))).await;
    sunk(&outcomes, app.json);
    Ok(if outcomes.iter().all(|it| it.error.is_none()) {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}

/// What became of one sink.
pub(super) struct Sunk {
    pub flow: String,
    pub stats: Snapshot,
    pub took: Duration,
    pub error: Option<String>,
    /// Whether it failed in a way that `run` may try again.
    pub is_transient: bool,
}

/// Runs one sink to its end.
pub(super) async fn sink(app: &App, chosen: &Chosen<'_>, until: Until) -> Sunk {
    let began = Instant::now();
    let stats = Arc::new(FlowStats::default());
    let flow = open::sink_name(chosen);
    let shown = app
        .progress
        .show(&format!("{} sink", chosen.name), stats.clone());
    let attempt = || consume(app, chosen, until, stats.clone());
    let outcome = supervise(&flow, attempt::retry(app), &stats, &app.stop, attempt).await;
    drop(shown);
    let is_transient = outcome.as_ref().is_err_and(attempt::is_transient);
    let error = outcome.err().map(|error| {
        let error = chain(&error);
        tracing::error!(flow, error, "sink stopped");
        error
    });
    Sunk {
        flow,
        stats: stats.snapshot(),
        took: began.elapsed(),
        error,
        is_transient,
    }
}

async fn consume(
    app: &App,
    chosen: &Chosen<'_>,
    until: Until,
    stats: Arc<FlowStats>,
) -> Result<(), FlowError> {
    let Some(into) = &chosen.data_type.into else {
        return Err(open::no_part(chosen, "into"));
    };
    app.open.ensure_topics(chosen).await?;
    let codec = open::codec(chosen.data_type)?;
    let sink = app.open.sink(chosen, into).await?;
    sink.prepare(app.open.fields(chosen, into).await?.as_deref())
        .await?;
    let consume = Consume {
        flow: open::sink_name(chosen),
        group: into.group.clone(),
        take_over: into.take_over.clone(),
        subscription: app.open.subscription(chosen, into).await?,
        decoder: codec.decoder,
        pipeline: app.open.steps(&into.steps).await?.into(),
        identity: into.append().map(Identity::kept_in),
        routes: Arc::new(app.open.routes(into).await?),
        sink,
        dead_letters: Arc::new(attempt::dead_letters(app, chosen).await?),
        limits: limits(into),
        conflict_wait: into.conflict_wait,
        until,
        stats,
    };
    consume.run(&app.stop).await
}

fn limits(into: &WriteInto) -> BatchLimits {
    BatchLimits {
        rows: into.rows,
        bytes: into.bytes,
        wait: into.wait,
    }
}

/// What `sink` did.
fn sunk(sinks: &[Sunk], json: bool) {
    if json {
        let sinks: Vec<_> = sinks.iter().map(sunk_json).collect();
        out!("{}", serde_json::json!({ "sinks": sinks }));
        return;
    }
    for it in sinks {
        let done = report::stats(&it.stats, it.took);
        match &it.error {
            None => out!("{}: {done}", it.flow),
            Some(error) => out!("{}: failed: {error}; {done}", it.flow),
        }
    }
}

fn sunk_json(it: &Sunk) -> serde_json::Value {
    report::stats_json(&it.flow, &it.stats, it.took, it.error.as_deref())
}
