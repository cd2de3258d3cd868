//! The work of a schedule: its command, as this process runs it.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{
        context::App,
        migrate,
        open::holder,
        sink,
        sync::{self, Asked},
        verify,
    },
    cli::{self, ByItself},
    cursor::CursorStore,
    flow::{FlowError, Until},
    schedule::{Ended, Work},
    settings::CommandScope,
    source::ReadMode,
};

/// What the command line of a schedule is about, for the settings: they lie below the command line.
pub fn command_scope(line: &str) -> Result<CommandScope, String> {
    Ok(match ByItself::parse(line)? {
        ByItself::Sync(it) => CommandScope::Read {
            data_type: it.data_type,
            topic: it.topic,
        },
        ByItself::Sink(it) => CommandScope::Write {
            data_type: it.data_type,
            topic: it.topic,
        },
        ByItself::Verify(it) => match it.task {
            Some(task) => CommandScope::Task(task),
            None => CommandScope::Compare {
                data_type: it.data_type,
            },
        },
        ByItself::Migrate(it) => CommandScope::Task(it.task),
    })
}

/// A command that ends by itself, with what it needs.
pub(super) struct ScheduledWork {
    app: Arc<App>,
    command: ByItself,
}

impl ScheduledWork {
    pub fn new(app: Arc<App>, command: ByItself) -> Self {
        Self { app, command }
    }
}

#[async_trait]
impl Work for ScheduledWork {
    async fn run(&self, stop: &CancellationToken) -> Ended {
        let app = self.app.stopped_by(stop.clone());
        match &self.command {
            ByItself::Sync(it) => {
                let chosen = app
                    .settings
                    .select(it.data_type.as_deref(), it.topic.as_deref());
                let chosen = chosen.unwrap_or_default();
                let asked = Asked {
                    scope: sync::scope(it),
                    mode: ReadMode::Bounded,
                    wait: it.patience.wait,
                };
                let flows = chosen.iter().filter(|it| it.data_type.from.is_some());
                let flows = join_all(flows.map(|it| sync::sync(&app, it, asked))).await;
                ended(flows.into_iter().map(|it| Part {
                    flow: it.flow.text(),
                    rows: it.stats.rows,
                    error: it.error,
                    is_leased: it.is_leased,
                }))
            }
            ByItself::Sink(it) => {
                let chosen = app
                    .settings
                    .select(it.data_type.as_deref(), it.topic.as_deref());
                let chosen = chosen.unwrap_or_default();
                let sinks = chosen.iter().filter(|it| it.data_type.into.is_some());
                let sinks = sinks.map(|it| sink::sink(&app, it, Until::CaughtUp));
                ended(join_all(sinks).await.into_iter().map(|it| Part {
                    flow: it.flow,
                    rows: it.stats.rows,
                    error: it.error,
                    is_leased: false,
                }))
            }
            ByItself::Verify(it) => {
                let mut parts = Vec::new();
                let pairs = app.pairs(it.data_type.as_deref(), it.task.as_deref());
                let Ok(pairs) = pairs else {
                    return ended(std::iter::once(unknown(it)));
                };
                for pair in &pairs {
                    let tables = verify::look(&app, pair, it.looking).await;
                    parts.extend(tables.into_iter().map(compared));
                }
                ended(parts.into_iter())
            }
            ByItself::Migrate(it) => {
                // Settings are refused where a schedule names no task of theirs.
                let Ok(named) = app.settings.task(&it.task) else {
                    return ended(std::iter::empty());
                };
                let it = migrate::migrate(&app, named, it).await;
                ended(std::iter::once(Part {
                    flow: it.flow.text(),
                    rows: it.stats.rows,
                    error: it.error,
                    is_leased: it.is_leased,
                }))
            }
        }
    }

    async fn store(&self) -> Result<Arc<dyn CursorStore>, FlowError> {
        self.app.open.cursors().await
    }

    fn by(&self) -> String {
        holder()
    }
}

/// What became of one of its flows.
struct Part {
    flow: String,
    rows: u64,
    error: Option<String>,
    is_leased: bool,
}

/// What is verified is not in the settings.
fn unknown(it: &cli::Verify) -> Part {
    let name = it.task.as_ref().or(it.data_type.as_ref());
    Part {
        flow: format!("{} verify", name.map_or("", String::as_str)),
        rows: 0,
        error: Some("the settings have no such data type or task with both ends".to_owned()),
        is_leased: false,
    }
}

/// Differences are a failure here: someone has to look.
fn compared(report: verify::TableReport) -> Part {
    let (rows, error) = match report.outcome {
        Err(error) => (0, Some(error)),
        Ok(it) if it.is_equal() => (it.expected, None),
        Ok(it) => {
            let (missing, extra, different) = (it.missing, it.extra, it.different);
            let target = &report.target;
            let error =
                format!("{target}: {missing} missing, {extra} extra, {different} different");
            (it.expected, Some(error))
        }
    };
    Part {
        flow: format!("{} verify", report.data_type),
        rows,
        error,
        is_leased: false,
    }
}

fn ended(parts: impl Iterator<Item = Part>) -> Ended {
    let (mut rows, mut errors, mut is_leased) = (0, Vec::new(), true);
    for it in parts {
        rows += it.rows;
        if let Some(error) = it.error {
            is_leased &= it.is_leased;
            errors.push(format!("{}: {error}", it.flow));
        }
    }
    Ended {
        rows,
        is_leased: is_leased && !errors.is_empty(),
        error: (!errors.is_empty()).then(|| errors.join("; ")),
    }
}
