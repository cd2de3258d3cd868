//! `cursor`: shows and moves the stored positions of flows and sinks.

mod audit;

use std::io::{self, IsTerminal, Write};

use serde_json::json;

use super::{
    context::App,
    open::{self, lease::lease},
    output::report,
};
use crate::{
    cli::{Cursor, ExitStatus, Patience},
    cursor::{failure::is_failure, history::is_history},
    model::{FlowName, Position},
    settings::{Chosen, WriteInto},
    sink::Progress,
};

/// Does what `cursor …` says.
pub(super) async fn run(app: &App, command: &Cursor) -> anyhow::Result<ExitStatus> {
    match command {
        Cursor::List => list(app).await,
        Cursor::Show { flow } => match find(app, flow)? {
            Some(found) => show(app, found).await,
            None => Ok(ExitStatus::Usage),
        },
        Cursor::Set {
            flow,
            value,
            patience,
        } => match find(app, flow)? {
            Some(found) => set(app, found, value, *patience).await,
            None => Ok(ExitStatus::Usage),
        },
        Cursor::Reset {
            flow,
            yes,
            patience,
        } => match find(app, flow)? {
            Some(found) => reset(app, found, *yes, *patience).await,
            None => Ok(ExitStatus::Usage),
        },
    }
}

/// A flow of the settings, by its name.
enum Found<'a> {
    /// A producing flow: its place is a cursor.
    Sync(Chosen<'a>, FlowName),
    /// A sink: its places are kept in the target.
    Sink(Chosen<'a>, &'a WriteInto, String),
}

/// Finds the flow that `name` stands for; says the known ones where there is none.
fn find<'a>(app: &'a App, name: &str) -> anyhow::Result<Option<Found<'a>>> {
    let mut known = Vec::new();
    for chosen in app.settings.select(None, None)? {
        // Another topic makes a flow of its own: its name is the data type's but for the topic.
        let topic = name.split('/').nth(1).unwrap_or(&chosen.topic).to_owned();
        for topic in [chosen.topic.clone(), topic] {
            let chosen = Chosen {
                topic,
                ..chosen.clone()
            };
            if chosen.data_type.from.is_some() {
                let flow = open::flow_name(&chosen);
                if flow.text() == name {
                    return Ok(Some(Found::Sync(chosen, flow)));
                }
                known.push(flow.text());
            }
            if let Some(into) = &chosen.data_type.into {
                let flow = open::sink_name(&chosen);
                if flow == name {
                    return Ok(Some(Found::Sink(chosen.clone(), into, flow)));
                }
                known.push(flow);
            }
        }
    }
    known.sort();
    known.dedup();
    let known = known.join("\n  ");
    err!("highwater: no flow is called `{name}`; the settings have\n  {known}");
    Ok(None)
}

async fn list(app: &App) -> anyhow::Result<ExitStatus> {
    let mut stored = app.open.cursors().await?.list().await?;
    // Histories and failures are no places that a person moves.
    stored.retain(|it| !is_history(&it.flow) && !is_failure(&it.flow));
    if app.json {
        let rows: Vec<_> = stored
            .iter()
            .map(|it| {
                let (position, error) = match &it.position {
                    Ok(position) => (Some(position_json(position)), None),
                    Err(error) => (None, Some(error)),
                };
                json!({ "flow": it.flow, "position": position, "error": error, "saved_at": it.saved_at })
            })
            .collect();
        out!("{}", json!({ "cursors": rows }));
        return Ok(ExitStatus::Done);
    }
    if stored.is_empty() {
        out!("no cursor is stored yet");
        return Ok(ExitStatus::Done);
    }
    let mut table = report::table(&["flow", "position", "saved"]);
    for it in &stored {
        let position = match &it.position {
            Ok(position) => position.to_string(),
            Err(error) => error.clone(),
        };
        table.add_row([it.flow.clone(), position, saved_at(it.saved_at)]);
    }
    out!("{table}");
    Ok(ExitStatus::Done)
}

async fn show(app: &App, found: Found<'_>) -> anyhow::Result<ExitStatus> {
    match found {
        Found::Sync(_, flow) => {
            let cursors = app.open.cursors().await?;
            let stored = cursors.list().await?;
            let text = flow.text();
            let cursor = stored.into_iter().find(|it| it.flow == text);
            let (position, at) = match cursor {
                None => (None, 0),
                Some(it) => (Some(it.position.map_err(anyhow::Error::msg)?), it.saved_at),
            };
            let location = cursors.location(&flow);
            if app.json {
                let position = position.as_ref().map(position_json);
                let saved = json!({ "flow": text, "position": position, "saved_at": at, "location": location });
                out!("{saved}");
            } else {
                let position = position.map_or("nothing read yet".into(), |it| it.to_string());
                out!(
                    "{text}\n  position  {position}\n  saved     {}\n  location  {location}",
                    saved_at(at)
                );
            }
        }
        Found::Sink(chosen, into, flow) => {
            let sink = app.open.sink(&chosen, into).await?;
            sink.prepare(None).await?;
            let progress = sink.progress(&flow).await?;
            show_progress(app, &flow, sink.name(), &progress);
        }
    }
    Ok(ExitStatus::Done)
}

fn show_progress(app: &App, flow: &str, sink: &str, progress: &[Progress]) {
    if app.json {
        let rows: Vec<_> = progress
            .iter()
            .map(|it| {
                json!({ "topic": it.topic, "topic_id": it.topic_id, "partition": it.partition, "next_offset": it.next_offset })
            })
            .collect();
        out!(
            "{}",
            json!({ "flow": flow, "location": sink, "progress": rows })
        );
        return;
    }
    out!("{flow}, kept in {sink}");
    for it in progress {
        out!(
            "  {} partition {}: next offset {}",
            it.topic,
            it.partition,
            it.next_offset
        );
    }
    if progress.is_empty() {
        out!("  nothing written yet");
    }
}

async fn set(
    app: &App,
    found: Found<'_>,
    value: &str,
    patience: Patience,
) -> anyhow::Result<ExitStatus> {
    match found {
        Found::Sync(chosen, flow) => {
            let cursors = app.open.cursors().await?;
            let mut cursor = lease(&*cursors, &flow, patience.wait, &app.stop).await?;
            let position = app
                .open
                .table_source(&chosen)
                .await?
                .position_at(value)
                .await?;
            let before = audit::stored(&mut *cursor).await?;
            cursor.save(&position).await?;
            cursor.release().await;
            let (flow, user) = (flow.text(), audit::user());
            tracing::info!(flow, before, now = %position, user, "cursor set by hand");
            out!("{flow}: position set to {position}");
        }
        Found::Sink(chosen, into, flow) => {
            let Some((partition, next_offset)) = parse_offset(value) else {
                err!("highwater: a sink is set with PARTITION:OFFSET, as in `0:1500`");
                return Ok(ExitStatus::Usage);
            };
            let topic = app.open.topic(&chosen).await?;
            let sink = app.open.sink(&chosen, into).await?;
            sink.prepare(None).await?;
            let to = Progress {
                topic: topic.name,
                topic_id: topic.id,
                partition,
                next_offset,
            };
            let before = audit::written(&sink.progress(&flow).await?);
            sink.operated()?.reset(&flow, Some(&to)).await?;
            let (now, user) = (format!("{partition}:{next_offset}"), audit::user());
            tracing::info!(flow, before, now, user, "progress set by hand");
            out!("{flow}: partition {partition} continues at offset {next_offset}");
        }
    }
    Ok(ExitStatus::Done)
}

async fn reset(
    app: &App,
    found: Found<'_>,
    yes: bool,
    patience: Patience,
) -> anyhow::Result<ExitStatus> {
    let name = match &found {
        Found::Sync(_, flow) => flow.text(),
        Found::Sink(_, _, flow) => flow.clone(),
    };
    if !yes && !agreed(&name)? {
        err!("highwater: nothing was changed");
        return Ok(ExitStatus::Usage);
    }
    match found {
        Found::Sync(_, flow) => {
            let cursors = app.open.cursors().await?;
            let mut cursor = lease(&*cursors, &flow, patience.wait, &app.stop).await?;
            let before = audit::stored(&mut *cursor).await?;
            cursor.remove().await?;
            cursor.release().await;
            let user = audit::user();
            tracing::info!(
                flow = name,
                before,
                now = "none",
                user,
                "cursor reset by hand"
            );
        }
        Found::Sink(chosen, into, flow) => {
            let sink = app.open.sink(&chosen, into).await?;
            sink.prepare(None).await?;
            let before = audit::written(&sink.progress(&flow).await?);
            start_at_the_beginning(app, &chosen, into, &flow, &*sink).await?;
            let now = audit::written(&sink.progress(&flow).await?);
            let user = audit::user();
            tracing::info!(flow, before, now, user, "progress reset by hand");
        }
    }
    out!("{name}: the next run starts from the beginning");
    Ok(ExitStatus::Done)
}

/// Progress is stored again at the beginning of each partition: without any, a sink would find
/// its group's offsets beside it and take its progress for lost.
async fn start_at_the_beginning(
    app: &App,
    chosen: &Chosen<'_>,
    into: &WriteInto,
    flow: &str,
    sink: &dyn crate::sink::Sink,
) -> anyhow::Result<()> {
    let topic = app.open.topic(chosen).await?;
    let offset_ranges = app.open.offset_ranges(chosen).await?.map(|it| it.1);
    let hints = app.open.committed(chosen, into).await?;
    let stored = sink.progress(flow).await?;
    let operated = sink.operated()?;
    operated.reset(flow, None).await?;
    let mut partitions: Vec<i32> = hints.iter().map(|it| it.0).collect();
    partitions.extend(stored.iter().map(|it| it.partition));
    partitions.sort_unstable();
    partitions.dedup();
    for partition in partitions {
        // A topic that was made anew may have fewer partitions.
        let Some(part) = offset_ranges
            .iter()
            .flatten()
            .find(|it| it.partition == partition)
        else {
            continue;
        };
        let to = Progress {
            topic: topic.name.clone(),
            topic_id: topic.id.clone(),
            partition,
            next_offset: part.first,
        };
        operated.reset(flow, Some(&to)).await?;
    }
    Ok(())
}

fn agreed(flow: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        err!("highwater: confirm with --yes that the position of {flow} is deleted");
        return Ok(false);
    }
    write!(
        io::stderr(),
        "Delete the position of {flow}? The next run reads everything again. [y/N] "
    )?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// `0:1500`: partition and offset.
fn parse_offset(text: &str) -> Option<(i32, i64)> {
    let (partition, offset) = text.split_once(':')?;
    let offset = (partition.parse().ok()?, offset.parse().ok()?);
    (offset.0 >= 0 && offset.1 >= 0).then_some(offset)
}

pub(super) fn position_json(position: &Position) -> serde_json::Value {
    serde_json::from_str(position.as_str()).unwrap_or_else(|_| json!(position.as_str()))
}

pub(super) fn saved_at(seconds: i64) -> String {
    match chrono::DateTime::from_timestamp(seconds, 0) {
        Some(at) if seconds > 0 => at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
        _ => "never".into(),
    }
}
