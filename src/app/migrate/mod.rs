//! `migrate`: source to sink without a broker, rows and position in one transaction.

mod dry_run;

use std::{
    num::NonZeroU64,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use super::{
    attempt,
    context::App,
    open::{TargetSpec, lease::lease},
    output::{missing_index, report},
    past_newest,
};
use crate::{
    broker::dead_letters::file::FilePublisher,
    cli::{ExitStatus, Migrate as Arguments},
    codec::json::Json,
    cursor::CursorError,
    fault::chain,
    flow::{
        DeadLetters, FlowError, FlowStats, IndexReport, Indexes, LoadLimits, Migrate, MigrateScope,
        Snapshot, supervise,
    },
    model::{FlowName, Kind, Position, Schema, TableIndex},
    pipeline::{self, Routes, Step},
    settings::{DeadLettersTo, Task, TaskMode},
    sink::{Sink, SinkError},
    source::TableSource,
};

/// Runs one task, or says what it would do.
pub(super) async fn run(app: &App, arguments: &Arguments) -> anyhow::Result<ExitStatus> {
    let (name, task) = match app.settings.task(&arguments.task) {
        Ok(named) => named,
        Err(error) => {
            err!("highwater: {error}");
            return Ok(ExitStatus::Usage);
        }
    };
    if arguments.dry_run {
        return dry_run::run(app, name, task).await;
    }
    let migrated = migrate(app, (name, task), arguments).await;
    report(&migrated, app.json);
    Ok(match migrated.error {
        None => ExitStatus::Done,
        Some(_) => ExitStatus::Failed,
    })
}

/// What became of a task.
pub(super) struct Migrated {
    pub flow: FlowName,
    pub stats: Snapshot,
    pub took: Duration,
    /// Where it stands; `None` where it failed or was stopped before it ran.
    pub position: Option<Position>,
    pub error: Option<String>,
    /// What became of the indexes of the source.
    pub indexes: IndexReport,
    /// Whether another process has it.
    pub is_leased: bool,
}

pub(super) async fn migrate(
    app: &App,
    (name, task): (&str, &Task),
    arguments: &Arguments,
) -> Migrated {
    let scope = match (arguments.full_amount, task.mode) {
        (true, _) | (false, TaskMode::Full) => MigrateScope::Full,
        (false, TaskMode::Incremental) => MigrateScope::Incremental,
    };
    let wait = arguments.patience.wait;
    let began = Instant::now();
    let stats = Arc::new(FlowStats::default());
    let flow = flow_name(name, task);
    let shown = app.progress.show(name, stats.clone());
    let begun = AtomicBool::new(false);
    let attempt = || attempt(app, (name, task), &flow, (scope, wait), (&stats, &begun));
    let text = flow.text();
    let outcome = supervise(&text, attempt::retry(app), &stats, &app.stop, attempt).await;
    drop(shown);
    let mut is_leased = false;
    let mut indexes = IndexReport::default();
    let (position, error) = match outcome {
        Ok(done) => {
            let (position, report) = done.unzip();
            indexes = report.unwrap_or_default();
            (position, None)
        }
        Err(error) => {
            is_leased = matches!(error, FlowError::Cursor(CursorError::Leased { .. }));
            let error = chain(&error);
            tracing::error!(flow = text, error, "task stopped");
            (None, Some(error))
        }
    };
    Migrated {
        flow,
        stats: stats.snapshot(),
        took: began.elapsed(),
        position,
        error,
        indexes,
        is_leased,
    }
}

/// The task's name with where it reads and writes: another target is a flow of its own.
pub(super) fn flow_name(name: &str, task: &Task) -> FlowName {
    FlowName {
        data_type: name.to_owned(),
        topic: format!("to:{}.{}", task.into.connection, task.into.first_table()),
        source: format!("{}.{}", task.from.connection, task.from.table),
    }
}

/// One attempt: everything is opened anew, at what is stored. The cursor store keeps other
/// processes out; the place itself is at the target.
async fn attempt(
    app: &App,
    (name, task): (&str, &Task),
    flow: &FlowName,
    (scope, wait): (MigrateScope, Option<Duration>),
    (stats, begun): (&FlowStats, &AtomicBool),
) -> Result<(Position, IndexReport), FlowError> {
    let cursors = app.open.cursors().await?;
    let leased = lease(&*cursors, flow, wait, &app.stop).await?;
    let outcome = async {
        let ends = Ends::open(app, task, flow).await?;
        let text = flow.text();
        let indexes = Indexes {
            flow: &text,
            sink: &*ends.sink,
            fields: ends.fields.as_deref(),
        };
        indexes.begin().await?;
        ends.sink.prepare(ends.fields.as_deref()).await?;
        let migrate = Migrate {
            flow: &text,
            dead_letters_of: name,
            source: &*ends.source,
            pipeline: &ends.pipeline,
            routes: &ends.routes,
            sink: &*ends.sink,
            describer: &Json::PLAIN,
            dead_letters: &dead_letters(app, name, task).await?,
            limits: LoadLimits {
                rows: task.into.rows,
                bytes: task.into.bytes,
            },
            writers: task.into.writers,
            stats,
            begun,
        };
        let position = migrate.run(scope, &app.stop).await?;
        if scope == MigrateScope::Incremental && stats.snapshot().rows == 0 {
            past_newest::warn(&*ends.source, &text, &position).await;
        }
        // Where it was stopped, the load may go on.
        let report = if app.stop.is_cancelled() {
            IndexReport::default()
        } else {
            indexes.make().await?
        };
        Ok((position, report))
    }
    .await;
    leased.release().await;
    outcome
}

/// The table that the settings name, or a file of their own: a task has no topic.
async fn dead_letters(app: &App, name: &str, task: &Task) -> Result<DeadLetters, FlowError> {
    let folder = &app.settings.dead_letters;
    let file = |name: &str| Box::new(FilePublisher::new(folder, name));
    let dead_letters = match &task.dead_letters {
        None => {
            let name = format!("{name}.dead-letters");
            DeadLetters::new(file(&name), file(&name))
        }
        Some(table) => {
            let to = DeadLettersTo::Table(table.clone());
            DeadLetters::new(app.open.dead_letters_into(table).await?, file(&to.name()))
        }
    };
    Ok(dead_letters.stopping_after(NonZeroU64::new(task.stop_after)))
}

/// Both ends of a task, and what is between.
pub(super) struct Ends {
    pub source: Box<dyn TableSource>,
    pub pipeline: Vec<Box<dyn Step>>,
    pub routes: Routes,
    pub sink: Arc<dyn Sink>,
    /// The fields that the sink meets; `None` where each document names its own, and where there are
    /// several tables, which know theirs.
    pub fields: Option<Vec<(String, Kind)>>,
}

impl Ends {
    /// Opens them. A target table that is missing is keyed as the source is, where the settings say
    /// nothing else; one that is there has its own key.
    pub(super) async fn open(app: &App, task: &Task, flow: &FlowName) -> Result<Self, FlowError> {
        let source = app.open.table_source_of(&task.from, flow).await?;
        let pipeline = app.open.steps(&task.steps).await?;
        pipeline::prepare(&pipeline).await?;
        let routes = app.open.routes(&task.into).await?;
        routes.prepare().await?;
        let behind = |read| {
            let shape = pipeline::shape_behind(&pipeline, read)?;
            routes.shapes(&shape)
        };
        let mut shapes = behind(source.shape().await?)?;
        let is_only = shapes.len() == 1;
        let mut spec = TargetSpec::new(&task.into).with_shapes(&shapes);
        if is_only {
            spec = spec.with_indexes(&indexes(&*source, task).await?);
        }
        let missing = is_missing(app, &spec).await?;
        if missing && is_to_be_surveyed(app, task, &shapes)? {
            shapes = behind(source.survey().await?)?;
            spec = spec.with_shapes(&shapes);
        }
        // Of several tables the key of the source may be another's, behind their own steps.
        if is_only && (missing || app.open.keeps_documents(&task.into)?) {
            spec = spec.keyed_by_default(shapes.first().map(|it| it.key()));
        }
        Ok(Self {
            source,
            pipeline,
            routes,
            sink: app.open.target(&spec).await?,
            fields: spec.fields().map(<[_]>::to_vec),
        })
    }
}

/// Whether a target table is not there, or one of them.
async fn is_missing(app: &App, spec: &TargetSpec<'_>) -> Result<bool, FlowError> {
    match app
        .open
        .target(spec)
        .await?
        .would_create(spec.fields())
        .await
    {
        Ok(statement) => Ok(statement.is_some()),
        Err(SinkError::Incompatible { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Whether a table that is missing can only be made of what the source's records turn out to have.
fn is_to_be_surveyed(app: &App, task: &Task, shapes: &[Arc<Schema>]) -> Result<bool, FlowError> {
    let made = task.into.tables.iter().all(|it| it.create_table);
    let unknown = shapes.iter().any(|it| it.names().is_none());
    Ok(made && unknown && !app.open.keeps_documents(&task.into)?)
}

/// The source's indexes, as they are behind the steps of the only table.
async fn indexes(source: &dyn TableSource, task: &Task) -> Result<Vec<TableIndex>, FlowError> {
    let own = task.into.tables.iter().flat_map(|it| &it.steps);
    let found = source.indexes().await?;
    Ok(pipeline::indexes_behind(
        task.steps.iter().chain(own),
        found,
    ))
}

/// What `migrate` did.
fn report(it: &Migrated, json: bool) {
    if json {
        let mut object =
            report::stats_json(&it.flow.text(), &it.stats, it.took, it.error.as_deref());
        object["position"] = report::position_json(it.position.as_ref());
        object["indexes"] = serde_json::json!(it.indexes.made);
        let missing_indexes = it.indexes.missing_indexes.iter().map(missing_index::object);
        object["missing_indexes"] = missing_indexes.collect();
        out!("{object}");
        return;
    }
    let done = report::stats(&it.stats, it.took);
    match (&it.position, &it.error) {
        (Some(position), _) => out!("{}: {done}; position: {position}", it.flow),
        (None, None) => out!("{}: stopped; {done}", it.flow),
        (None, Some(error)) => out!("{}: failed: {error}; {done}", it.flow),
    }
    for statement in &it.indexes.made {
        out!("  created after the load: {statement}");
    }
    for it in &it.indexes.missing_indexes {
        out!("  · {}", missing_index::sentence(it));
    }
}
