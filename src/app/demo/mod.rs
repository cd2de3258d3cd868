//! `demo`: the whole engine on files alone; it makes a source, syncs, changes, syncs again and
//! compares both sides.

mod compare;
mod rows;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use indicatif::HumanCount;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;

use super::{command_scope, context::App, open, output::report, sink, sync};
use crate::{
    cli::{Demo, Everywhere, ExitStatus},
    flow::{Snapshot, Until},
    settings::{Chosen, Connection, Cursors, Settings},
    source::{ReadMode, Scope},
};

/// The settings that ship with Highwater: the demo is what they describe.
const SHIPPED: &str = include_str!("../../../settings.toml");
const DATA_TYPE: &str = "information";
/// Rows that the sink writes together; the older consumer's ten would show little of its speed.
const ROWS_TOGETHER: usize = 1000;

/// One line of the table at the end.
struct Step {
    what: &'static str,
    rows: u64,
    took: Duration,
    note: String,
}

/// Runs the demo from an empty folder.
pub(super) async fn run(arguments: &Demo, everywhere: &Everywhere) -> anyhow::Result<ExitStatus> {
    let settings = settings(&arguments.folder)?;
    let source = path_of(&settings, "demo-source")?;
    clear(&arguments.folder, &settings)?;
    let (app, _telemetry) = App::start(settings, everywhere)?;
    let chosen = app.settings.select(Some(DATA_TYPE), None)?;
    let [chosen] = &chosen[..] else {
        bail!("the shipped settings have no data type `{DATA_TYPE}`");
    };

    let mut steps = Vec::new();
    let rows = HumanCount(arguments.rows);
    tracing::info!("making a source of {rows} rows in {}", source.display());
    let began = Instant::now();
    let options = SqliteConnectOptions::new()
        .filename(&source)
        .create_if_missing(true);
    let pool = rows::make(options, arguments.rows).await?;
    steps.push(Step {
        what: "make a source",
        rows: arguments.rows,
        took: began.elapsed(),
        note: String::new(),
    });

    move_rows(&app, chosen, ["sync", "sink"], &mut steps).await?;
    let began = Instant::now();
    let changed = rows::change(&pool, arguments.rows).await?;
    steps.push(Step {
        what: "change the source",
        rows: changed,
        took: began.elapsed(),
        note: "updated and added".into(),
    });
    move_rows(&app, chosen, ["sync again", "sink again"], &mut steps).await?;

    let began = Instant::now();
    let compared = compare::compare(&app, chosen, &pool).await?;
    steps.push(Step {
        what: "compare both sides",
        rows: compared.equal,
        took: began.elapsed(),
        note: compared.to_string(),
    });
    let moved = steps[4].rows == changed && steps[5].rows == changed;
    show(&steps, arguments, everywhere.json);
    if !compared.is_equal() {
        return Ok(ExitStatus::Differences);
    }
    if !moved {
        bail!("{changed} rows were changed, but another number of them moved");
    }
    Ok(ExitStatus::Done)
}

/// Syncs and sinks once; both must come to their end.
async fn move_rows(
    app: &App,
    chosen: &Chosen<'_>,
    names: [&'static str; 2],
    steps: &mut Vec<Step>,
) -> anyhow::Result<()> {
    let asked = sync::Asked {
        scope: Scope::Incremental,
        mode: ReadMode::Bounded,
        wait: None,
    };
    let synced = sync::sync(app, chosen, asked).await;
    if let Some(error) = synced.error {
        bail!("the sync failed: {error}");
    }
    let note = "source → topic, past the cursor";
    steps.push(step(names[0], &synced.stats, synced.took, note));
    let sunk = sink::sink(app, chosen, Until::CaughtUp).await;
    if let Some(error) = sunk.error {
        bail!("the sink failed: {error}");
    }
    if app.stop.is_cancelled() {
        bail!("stopped before it was done");
    }
    let note = "topic → table, rows and offsets in one transaction";
    steps.push(step(names[1], &sunk.stats, sunk.took, note));
    Ok(())
}

fn step(what: &'static str, stats: &Snapshot, took: Duration, note: &str) -> Step {
    Step {
        what,
        rows: stats.rows,
        took,
        note: note.to_owned(),
    }
}

/// The shipped settings with everything below `folder`.
fn settings(folder: &Path) -> anyhow::Result<Settings> {
    let parsed = Settings::parse(SHIPPED, "settings.toml", &|_| None, &command_scope);
    let mut settings = match parsed {
        Ok(settings) => settings,
        Err(mistakes) => bail!("{}", mistakes.lines().collect::<Vec<_>>().join("\n")),
    };
    let shipped = Path::new("runtime/demo");
    if folder != shipped {
        for connection in settings.connections.values_mut() {
            let Some(path) = connection.file_mut() else {
                continue;
            };
            if let Some(name) = path.file_name() {
                *path = folder.join(name);
            }
        }
        settings.cursors = Cursors::File {
            folder: folder.join("cursors"),
        };
        settings.dead_letters = folder.join("dead-letters");
        settings.log.folder = folder.join("log");
    }
    if let Some(data_type) = settings.data_types.get_mut(DATA_TYPE)
        && let Some(into) = &mut data_type.into
    {
        into.rows = ROWS_TOGETHER;
    }
    Ok(settings)
}

fn path_of(settings: &Settings, name: &str) -> anyhow::Result<PathBuf> {
    let file = settings.connections.get(name).and_then(Connection::file);
    match file {
        Some(path) => Ok(path.to_owned()),
        None => bail!("the shipped settings have no file `{name}`"),
    }
}

/// Removes what an earlier demo has left, and nothing else.
fn clear(folder: &Path, settings: &Settings) -> anyhow::Result<()> {
    let context = || format!("{} cannot be cleared", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    for name in ["demo-source", "demo-topics", "demo-target"] {
        let path = path_of(settings, name)?;
        for ending in ["", "-wal", "-shm"] {
            let mut file = path.clone().into_os_string();
            file.push(ending);
            remove(Path::new(&file)).with_context(context)?;
        }
    }
    let chosen = settings.select(Some(DATA_TYPE), None)?;
    if let (Cursors::File { folder }, Some(chosen)) = (&settings.cursors, chosen.first()) {
        let cursors = crate::cursor::file::FileCursors::new(folder);
        let location = crate::cursor::CursorStore::location(&cursors, &open::flow_name(chosen));
        remove(Path::new(&location)).with_context(context)?;
    }
    Ok(())
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn show(steps: &[Step], arguments: &Demo, json: bool) {
    if json {
        let steps: Vec<_> = steps
            .iter()
            .map(|it| json!({ "step": it.what, "rows": it.rows, "seconds": it.took.as_secs_f64(), "note": it.note }))
            .collect();
        out!("{}", json!({ "steps": steps }));
        return;
    }
    let mut table = report::table(&["step", "rows", "seconds", "rows/s", ""]);
    for it in steps {
        let seconds = it.took.as_secs_f64();
        let rate = it.rows as f64 / seconds.max(0.001);
        table.add_row([
            it.what.to_owned(),
            HumanCount(it.rows).to_string(),
            format!("{seconds:.2}"),
            HumanCount(rate as u64).to_string(),
            it.note.clone(),
        ]);
    }
    let folder = arguments.folder.display();
    out!("{table}");
    out!(
        "
Everything is in {folder}: a source, topics and a target, each a SQLite file.
What to try next, with the settings that describe this (settings.toml):

  highwater cursor list                 where the flow stands
  highwater check                       what it rests on, and what it cannot see
  highwater sync --follow               leave it running, and change {folder}/source.db
  highwater sink                        beside it, in another terminal

Then name your own MongoDB, MySQL and Kafka in settings.toml: the README walks you through."
    );
}
