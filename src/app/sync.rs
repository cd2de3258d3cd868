//! `sync`: source to topic, past the stored cursor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use super::{
    attempt,
    context::App,
    open::{self, lease::lease, steps},
    output::report,
    past_newest,
    select::Part,
};
use crate::{
    cli::{ExitStatus, Sync},
    cursor::{CursorError, CursorLease, older_producer},
    fault::chain,
    flow::{FlowError, FlowStats, KeyRule, Produce, supervise},
    model::{FlowName, Position},
    settings::{Chosen, MessageKey},
    source::{ReadMode, Scope},
};

/// Time between two saves of the cursor: a kill repeats at most what was read in it.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Runs the chosen flows side by side; one that fails does not stop the others.
pub(super) async fn run(app: &App, arguments: &Sync) -> anyhow::Result<ExitStatus> {
    let part: Part = ("from", |it| it.from.is_some());
    let data_type = arguments.data_type.as_deref();
    let chosen = match app.chosen(data_type, arguments.topic.as_deref(), part) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let mode = if arguments.follow {
        ReadMode::Follow
    } else {
        ReadMode::Bounded
    };
    let asked = Asked {
        scope: scope(arguments),
        mode,
        wait: arguments.patience.wait,
    };
    let flows = chosen.iter().map(|it| sync(app, it, asked));
    let outcomes = join_all(flows).await;
    synced(&outcomes, app.json);
    Ok(if outcomes.iter().all(|it| it.error.is_none()) {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}

/// What is to be read.
pub(super) fn scope(arguments: &Sync) -> Scope {
    if arguments.full_amount {
        Scope::Full
    } else {
        Scope::Incremental
    }
}

/// What a run shall do.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub scope: Scope,
    pub mode: ReadMode,
    /// How long another process may still have the flow; `None`: not at all.
    pub wait: Option<Duration>,
}

/// What became of one flow.
pub(super) struct Synced {
    pub flow: FlowName,
    pub stats: crate::flow::Snapshot,
    pub took: Duration,
    /// Where the cursor stands; `None` where the flow failed or was stopped before it ran.
    pub position: Option<Position>,
    pub error: Option<String>,
    /// Whether it failed because another process runs the flow.
    pub is_leased: bool,
    /// Whether it failed in a way that `run` may try again.
    pub is_transient: bool,
}

/// Runs one flow to its end.
pub(super) async fn sync(app: &App, chosen: &Chosen<'_>, asked: Asked) -> Synced {
    let began = Instant::now();
    let stats = Arc::new(FlowStats::default());
    let flow = open::flow_name(chosen);
    let shown = app.progress.show(&chosen.name, stats.clone());
    // A full read begins once; attempts after that go on with it.
    let begun = AtomicBool::new(false);
    let attempt = || async {
        let scope = if begun.load(Ordering::Relaxed) {
            Scope::Incremental
        } else {
            asked.scope
        };
        let asked = Asked { scope, ..asked };
        produce(app, chosen, &flow, asked, &stats, &begun).await
    };
    let name = flow.text();
    let outcome = supervise(&name, attempt::retry(app), &stats, &app.stop, attempt).await;
    drop(shown);
    let (mut is_leased, mut may_retry) = (false, false);
    let (position, error) = match outcome {
        Ok(position) => (position, None),
        Err(error) => {
            is_leased = matches!(error, FlowError::Cursor(CursorError::Leased { .. }));
            may_retry = attempt::is_transient(&error);
            let error = chain(&error);
            tracing::error!(flow = name, error, "flow stopped");
            (None, Some(error))
        }
    };
    Synced {
        flow,
        stats: stats.snapshot(),
        took: began.elapsed(),
        position,
        error,
        is_leased,
        is_transient: may_retry,
    }
}

/// One attempt: everything is opened anew, at what is stored.
async fn produce(
    app: &App,
    chosen: &Chosen<'_>,
    flow: &FlowName,
    asked: Asked,
    stats: &FlowStats,
    begun: &AtomicBool,
) -> Result<Position, FlowError> {
    let Asked { scope, mode, wait } = asked;
    let cursors = app.open.cursors().await?;
    let mut cursor = lease(&*cursors, flow, wait, &app.stop).await?;
    let outcome = async {
        let source = app.open.source(chosen).await?;
        app.open.ensure_topics(chosen).await?;
        let publisher = app.open.publisher(chosen, &chosen.topic).await?;
        let dead_letters = attempt::dead_letters(app, chosen).await?;
        if scope == Scope::Incremental {
            take_over(app, chosen, flow, &mut *cursor).await?;
        }
        let codec = open::codec(chosen.data_type)?;
        let pipeline = app.open.steps(&chosen.data_type.steps).await?;
        let version = steps::version(chosen.data_type);
        let before = cursor.load().await?;
        let produce = Produce {
            flow,
            source: &*source,
            pipeline: &pipeline,
            encoder: &*codec.encoder,
            describer: &crate::codec::json::Json::PLAIN,
            publisher: &*publisher,
            dead_letters: &dead_letters,
            cursor: &mut *cursor,
            key: match chosen.data_type.key {
                MessageKey::Primary => KeyRule::Primary,
                MessageKey::None => KeyRule::None,
            },
            version: &version,
            in_flight: chosen.data_type.in_flight,
            save_every: SAVE_EVERY,
            stats,
        };
        let stored = before.as_ref().filter(|_| scope == Scope::Incremental);
        if let (ReadMode::Follow, Some(stored)) = (mode, stored) {
            past_newest::warn(&*source, &flow.text(), stored).await;
        }
        let outcome = produce.run(scope, mode, &app.stop).await;
        let nothing = outcome.is_ok() && stats.snapshot().rows == 0;
        if let (true, ReadMode::Bounded, Some(stored)) = (nothing, mode, stored) {
            past_newest::warn(&*source, &flow.text(), stored).await;
        }
        if outcome.is_err() && cursor.load().await? != before {
            begun.store(true, Ordering::Relaxed);
        }
        outcome
    }
    .await;
    cursor.release().await;
    outcome
}

/// The older producer's cursor, once: where this flow has none of its own yet.
async fn take_over(
    app: &App,
    chosen: &Chosen<'_>,
    flow: &FlowName,
    cursor: &mut dyn CursorLease,
) -> Result<(), FlowError> {
    let Some(folder) = &chosen.data_type.older_cursors else {
        return Ok(());
    };
    let Some(from) = &chosen.data_type.from else {
        return Ok(());
    };
    if cursor.load().await?.is_some() {
        return Ok(());
    }
    let older = older_producer::read(folder, &chosen.topic, &from.table).map_err(|error| {
        FlowError::Cursor(CursorError::Damaged {
            location: error.path().display().to_string(),
            reason: error.to_string(),
            advice: error.remedy(&flow.text()),
        })
    })?;
    let Some(id) = older else {
        return Ok(());
    };
    let source = app.open.table_source(chosen).await?;
    let position = source.position_at(&id).await?;
    cursor.save(&position).await?;
    tracing::info!(
        data_type = chosen.name,
        after = id,
        "the older producer's cursor was imported"
    );
    Ok(())
}

/// What `sync` did.
fn synced(flows: &[Synced], json: bool) {
    if json {
        let flows: Vec<_> = flows.iter().map(synced_json).collect();
        out!("{}", serde_json::json!({ "flows": flows }));
        return;
    }
    for it in flows {
        let done = report::stats(&it.stats, it.took);
        match (&it.position, &it.error) {
            (Some(position), _) => out!("{}: {done}; position: {position}", it.flow),
            (None, None) => out!("{}: stopped; {done}", it.flow),
            (None, Some(error)) => out!("{}: failed: {error}; {done}", it.flow),
        }
    }
}

fn synced_json(it: &Synced) -> serde_json::Value {
    let mut object = report::stats_json(&it.flow.text(), &it.stats, it.took, it.error.as_deref());
    object["position"] = report::position_json(it.position.as_ref());
    object
}
