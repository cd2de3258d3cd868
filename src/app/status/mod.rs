//! `status`: position, lag, owner and blocker of each flow.

mod output;
pub(super) mod schedules;

use std::time::Duration;

use futures_util::future::join_all;

use super::{context::App, open};
use crate::{
    cli::{self, ExitStatus},
    cursor::{
        CursorStore, Leased, StoredCursor,
        failure::{Failure, Half, read_failure},
    },
    fault::chain,
    flow::FlowError,
    model::Position,
    settings::{Chosen, WriteInto},
    sink::Progress,
    source::SourceStatus,
};

/// One flow, as far as it can be told.
pub(super) struct Status {
    pub flow: String,
    pub kind: Kind,
    /// When its place was saved, in seconds since the epoch, and by whom, where that is kept.
    pub saved: Option<(i64, Option<String>)>,
    /// Who runs it.
    pub runs: Option<Leased>,
    /// Why it stands still in `run`, where it does.
    pub failure: Option<Failure>,
    /// What could not be told, and why.
    pub error: Option<String>,
}

/// What a flow does, and where it stands.
pub(super) enum Kind {
    /// It reads: its cursor, and the source beside it.
    Sync {
        position: Option<Position>,
        source_status: Option<SourceStatus>,
    },
    /// It writes: each partition.
    Sink(Vec<Partition>),
}

/// How far a sink is in one partition.
pub(super) struct Partition {
    pub partition: i32,
    /// The offset to go on from; `None` where nothing is written yet.
    pub next_offset: Option<i64>,
    /// The offset after the last message.
    pub end: i64,
    /// Messages from the one to the other.
    pub behind: i64,
}

/// How long one flow's servers may take. Clients give up before, and say more.
const PATIENCE: Duration = Duration::from_secs(30);

/// So long after its next attempt a failure is told of, in milliseconds.
const STALE: i64 = 60_000;

/// Tells of each flow; one that cannot be told of does not keep the others from it.
pub(super) async fn run(app: &App, arguments: &cli::Status) -> anyhow::Result<ExitStatus> {
    let chosen = match app.settings.select(arguments.data_type.as_deref(), None) {
        Ok(chosen) => chosen,
        Err(error) => {
            err!("highwater: {error}");
            return Ok(ExitStatus::Usage);
        }
    };
    let cursors = cursors(app).await;
    let others = match &cursors {
        Ok((_, stored)) => others(&chosen, stored),
        Err(_) => Vec::new(),
    };
    let reading = chosen.iter().filter(|it| it.data_type.from.is_some());
    let reading = join_all(reading.chain(&others).map(|it| sync(app, it, &cursors)));
    let writing = chosen.iter().filter_map(|it| {
        let into = it.data_type.into.as_ref()?;
        Some(sink(app, it, into, &cursors))
    });
    let (mut all, writing) = tokio::join!(reading, join_all(writing));
    all.extend(writing);
    all.sort_by(|one, other| one.flow.cmp(&other.flow));
    // One data type alone is asked about: its schedules are not.
    let schedules = match arguments.data_type {
        None => schedules::statuses(app).await,
        Some(_) => Vec::new(),
    };
    output::show(&all, &schedules, app.json);
    let is_known = schedules.iter().all(|it| it.history.is_ok());
    Ok(if is_known && all.iter().all(|it| it.error.is_none()) {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}

type Cursors = (std::sync::Arc<dyn CursorStore>, Vec<StoredCursor>);

async fn cursors(app: &App) -> Result<Cursors, String> {
    let found = async {
        let store = app.open.cursors().await?;
        let stored = store.list().await?;
        Ok((store, stored))
    };
    patiently(found).await
}

/// Flows of these data types that were run with another topic: each has a cursor of its own.
fn others<'a>(chosen: &[Chosen<'a>], stored: &[StoredCursor]) -> Vec<Chosen<'a>> {
    let of = |it: &StoredCursor| {
        let topic = it.flow.split('/').nth(1)?;
        let with = |known: &Chosen<'a>| Chosen {
            topic: topic.to_owned(),
            ..known.clone()
        };
        let found = chosen.iter().filter(|known| known.topic != topic);
        let mut found = found.map(with);
        found.find(|known| open::flow_name(known).text() == it.flow)
    };
    stored.iter().filter_map(of).collect()
}

async fn sync(app: &App, chosen: &Chosen<'_>, cursors: &Result<Cursors, String>) -> Status {
    let flow = open::flow_name(chosen);
    let mut status = Status {
        flow: flow.text(),
        kind: Kind::Sync {
            position: None,
            source_status: None,
        },
        saved: None,
        runs: None,
        failure: failure(cursors, &chosen.name, Half::Follow),
        error: None,
    };
    let (store, stored) = match cursors {
        Ok(it) => it,
        Err(error) => {
            status.error = Some(error.clone());
            return status;
        }
    };
    let stored = stored.iter().find(|it| it.flow == status.flow);
    status.saved = stored.map(|it| (it.saved_at, it.saved_by.clone()));
    let leased = patiently(async { Ok(store.leased(&flow).await?) }).await;
    let position = match stored.map(|it| it.position.clone()).transpose() {
        Ok(position) => position,
        // A place from the beginning would be wrong.
        Err(reason) => {
            status.error = Some(reason);
            return status;
        }
    };
    let source_status = patiently(async {
        let source = app.open.source(chosen).await?;
        Ok(source.status(position.as_ref()).await?)
    });
    let source_status = match (leased, source_status.await) {
        (Ok(leased), Ok(source_status)) => {
            status.runs = leased;
            Some(source_status)
        }
        (leased, source_status) => {
            status.runs = leased.as_ref().ok().cloned().flatten();
            status.error = leased.err().or(source_status.as_ref().err().cloned());
            source_status.ok()
        }
    };
    status.kind = Kind::Sync {
        position,
        source_status,
    };
    status
}

/// What `run` has noted of a unit.
fn failure(cursors: &Result<Cursors, String>, name: &str, half: Half) -> Option<Failure> {
    let (_, stored) = cursors.as_ref().ok()?;
    let found = read_failure(stored, (name, half))?;
    // Its process has ended without a word where the time is long over.
    let over = chrono::Utc::now().timestamp_millis() - STALE;
    (found.next.is_none_or(|it| it > over)).then_some(found)
}

async fn sink(
    app: &App,
    chosen: &Chosen<'_>,
    into: &WriteInto,
    cursors: &Result<Cursors, String>,
) -> Status {
    let flow = open::sink_name(chosen);
    let mut status = Status {
        kind: Kind::Sink(Vec::new()),
        saved: None,
        runs: None,
        failure: failure(cursors, &chosen.name, Half::Write),
        error: None,
        flow,
    };
    let written = patiently(async {
        let sink = app.open.sink(chosen, into).await?;
        let moved = match sink.capabilities().operated {
            None => None,
            Some(operated) => operated.saved_at(&status.flow).await?,
        };
        Ok((sink.progress(&status.flow).await?, moved))
    });
    let topic = patiently(async {
        let offset_ranges = app.open.offset_ranges(chosen).await?;
        let members = match offset_ranges {
            Some(_) => app.open.members(chosen, into).await?,
            None => Vec::new(),
        };
        Ok((offset_ranges, members))
    });
    let (written, topic) = tokio::join!(written, topic);
    let (progress, (offset_ranges, members)) = match (written, topic) {
        (Ok((progress, moved)), Ok(topic)) => {
            status.saved = moved.map(|it| (it, None));
            (progress, topic)
        }
        (Err(error), _) | (_, Err(error)) => {
            status.error = Some(error);
            return status;
        }
    };
    status.runs = (!members.is_empty()).then(|| Leased {
        by: members.join(", "),
        until: None,
    });
    let Some((topic, offset_ranges)) = offset_ranges else {
        return status;
    };
    // As a start would find it: a topic that was made anew has none of the old offsets.
    let of_old = |it: &Progress| it.topic == topic.name && it.topic_id != topic.id;
    let is_ours = |it: &&Progress| it.topic == topic.name && it.topic_id == topic.id;
    let mut partitions = Vec::new();
    for it in offset_ranges {
        let mut ours = progress.iter().filter(is_ours);
        let next = ours.find(|ours| ours.partition == it.partition);
        let next = next.map(|ours| ours.next_offset);
        if let Some(next) = next.filter(|next| *next < it.first || *next > it.end) {
            status.error = Some(format!(
                "partition {} is written up to {next}, but the topic holds {} to {}: messages are gone",
                it.partition, it.first, it.end
            ));
        }
        partitions.push(Partition {
            partition: it.partition,
            next_offset: next,
            end: it.end,
            behind: (it.end - next.unwrap_or(it.first)).max(0),
        });
    }
    if progress.iter().any(of_old) && !progress.iter().any(|it| is_ours(&it)) {
        status.error = Some("the topic was re-created since the last write".to_owned());
    }
    status.kind = Kind::Sink(partitions);
    status
}

/// The answer, or why there is none, as a person reads it.
pub(super) async fn patiently<T>(
    asked: impl Future<Output = Result<T, FlowError>>,
) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| chain(&error)),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::command_scope, *};
    use crate::settings::Settings;

    const SETTINGS: &str = r#"
[connections.a]
kind = "sqlite"
path = "a.db"
[connections.topics]
kind = "embedded"
path = "topics.db"
[data-types.orders]
format = "json"
topic = "orders"
from = { connection = "a", table = "orders", incremental = "at" }
"#;

    #[test]
    fn flows_of_other_topics_are_found_by_their_cursors() {
        let settings = Settings::parse(SETTINGS, "settings.toml", &|_| None, &command_scope);
        let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let chosen = settings.select(None, None).expect("all");
        let stored = |flow: &str| StoredCursor {
            flow: flow.to_owned(),
            position: Ok(Position::new("1")),
            saved_at: 0,
            saved_by: None,
        };
        let found = others(
            &chosen,
            &[
                stored("orders/orders/a.orders"),
                stored("orders/t2/a.orders"),
                stored("orders/t2/a.former_table"),
                stored("former/t2/a.orders"),
                stored("no name of a flow"),
            ],
        );
        let topics: Vec<&str> = found.iter().map(|it| it.topic.as_str()).collect();
        assert_eq!(topics, ["t2"]);
    }
}
