//! `dead-letters`: lists, shows and replays dead letters.

mod filter;
mod output;
mod replay;

use std::{collections::BTreeSet, sync::Arc};

use super::{context::App, output::print};
use crate::{
    broker::{
        OffsetRange, Reader,
        dead_letters::{
            file::FilePublisher,
            file_reader::{FILE, FileReader},
        },
    },
    cli::{DeadLetterFilter, DeadLetterId, DeadLettersCommand, ExitStatus},
    flow::{DEAD_LETTER_HEADERS, FlowError, FlowStats, StoredDeadLetter},
    settings::{Chosen, DeadLettersTo},
};
use filter::Filter;
use output as shown;

/// Does what `dead-letters …` says.
pub(super) async fn run(app: &App, command: &DeadLettersCommand) -> anyhow::Result<ExitStatus> {
    match command {
        DeadLettersCommand::List { filter, limit } => list(app, filter, *limit).await,
        DeadLettersCommand::Show { id, data_type } => show(app, *id, data_type.as_deref()).await,
        DeadLettersCommand::Replay {
            filter,
            id,
            overwrite,
        } => replay::run(app, filter, *id, *overwrite).await,
    }
}

/// The data types that are asked about; those that share a place of letters once.
pub(super) fn chosen<'a>(
    app: &'a App,
    data_type: Option<&str>,
    topic: Option<&str>,
) -> Result<Vec<Chosen<'a>>, ExitStatus> {
    app.settings.select(data_type, topic).map_err(|error| {
        err!("highwater: {error}");
        ExitStatus::Usage
    })
}

async fn list(
    app: &App,
    asked: &DeadLetterFilter,
    limit: Option<u64>,
) -> anyhow::Result<ExitStatus> {
    let chosen = match chosen(app, asked.data_type.as_deref(), asked.topic.as_deref()) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let filter = Filter::new(asked, None);
    let (mut listed, mut seen) = (0, BTreeSet::new());
    for it in &chosen {
        let target = match it.data_type.dead_letters_to(&it.topic) {
            DeadLettersTo::Topic(topic) => (it.data_type.broker.clone(), topic),
            DeadLettersTo::Table(it) => (it.connection, it.table),
        };
        // Where one data type is asked for, the filter leaves out those of its neighbours.
        if !seen.insert(target) {
            continue;
        }
        let mut dead_letters = DeadLetterReader::open(app, it, None).await?;
        while let Some(polled) = dead_letters.next().await? {
            for message in polled.messages.iter() {
                let Some(dead_letter) =
                    StoredDeadLetter::read(&message).filter(|it| filter.takes(it))
                else {
                    continue;
                };
                if dead_letters.is_pointer(&dead_letter) {
                    continue;
                }
                if limit.is_some_and(|it| listed >= it) || !print::is_heard() {
                    return Ok(ExitStatus::Done);
                }
                shown::line(&dead_letter, &message, app.json)?;
                listed += 1;
            }
        }
    }
    if listed == 0 && !app.json {
        out!("no dead letters");
    }
    Ok(ExitStatus::Done)
}

async fn show(app: &App, id: DeadLetterId, data_type: Option<&str>) -> anyhow::Result<ExitStatus> {
    let chosen = match chosen(app, data_type, None) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let [chosen] = &chosen[..] else {
        err!("highwater: name the data type of the dead letter with --data-type");
        return Ok(ExitStatus::Usage);
    };
    let mut dead_letters = DeadLetterReader::open(app, chosen, Some(id)).await?;
    while let Some(polled) = dead_letters.next().await? {
        for message in polled.messages.iter() {
            if shown::is_at(&message, id)
                && let Some(dead_letter) = StoredDeadLetter::read(&message)
            {
                shown::whole(&dead_letter, &message, app.json)?;
                return Ok(ExitStatus::Done);
            }
        }
    }
    err!("highwater: there is no such dead letter");
    Ok(ExitStatus::Failed)
}

/// All letters of a data type: those of its topic or table, then those of its file.
pub(super) struct DeadLetterReader {
    readers: Vec<Box<dyn Reader>>,
    file: String,
    stats: Arc<FlowStats>,
    _shown: super::output::progress::Shown,
}

impl DeadLetterReader {
    /// Opens what is there now; of `id`, no more than is needed to find it.
    ///
    /// # Errors
    /// Where a place cannot be read.
    pub(super) async fn open(
        app: &App,
        chosen: &Chosen<'_>,
        id: Option<DeadLetterId>,
    ) -> Result<Self, FlowError> {
        let to = chosen.data_type.dead_letters_to(&chosen.topic);
        let stats = Arc::new(FlowStats::default());
        let file = FilePublisher::new(&app.settings.dead_letters, &to.name());
        let mut readers: Vec<Box<dyn Reader>> = Vec::new();
        // The last one is read first.
        if let Some(lines) = FileReader::open(file.path(), DEAD_LETTER_HEADERS)?
            && !matches!(id, Some(DeadLetterId::Topic(..)))
        {
            readers.push(Box::new(lines));
        }
        if !matches!(id, Some(DeadLetterId::File(_))) {
            let offset_ranges = app.open.dead_letter_offsets(chosen, &to).await?;
            let parts: Vec<_> = offset_ranges
                .into_iter()
                .filter_map(|it| part(it, id))
                .collect();
            let all = parts.iter().map(|it| it.end - it.first).sum::<i64>();
            stats.expect(0, u64::try_from(all).unwrap_or(0));
            if all > 0 {
                readers.push(app.open.dead_letters_reader(chosen, &to, parts).await?);
            }
        }
        Ok(Self {
            readers,
            file: file.path().display().to_string(),
            _shown: app.progress.show(&to.name(), stats.clone()),
            stats,
        })
    }

    /// The next of them.
    ///
    /// # Errors
    /// As the broker answers.
    pub(super) async fn next(&mut self) -> Result<Option<crate::broker::Polled>, FlowError> {
        while let Some(reader) = self.readers.last_mut() {
            if let Some(polled) = reader.next().await? {
                if polled.partition != FILE {
                    let (dead_letters, bytes) = (polled.messages.len(), polled.messages.bytes());
                    self.stats.add_done(dead_letters, bytes);
                }
                return Ok(Some(polled));
            }
            self.readers.pop();
        }
        Ok(None)
    }

    /// Whether it only points to a letter in the file that is read here as well.
    pub(super) fn is_pointer(&self, dead_letter: &StoredDeadLetter<'_>) -> bool {
        dead_letter.file.as_deref() == Some(&*self.file)
            && std::path::Path::new(&self.file).exists()
    }
}

fn part(offset_ranges: OffsetRange, id: Option<DeadLetterId>) -> Option<OffsetRange> {
    match id {
        Some(DeadLetterId::Topic(partition, offset)) => {
            let one = OffsetRange {
                first: offset_ranges.first.max(offset),
                end: offset_ranges.end.min(offset.saturating_add(1)),
                ..offset_ranges
            };
            (offset_ranges.partition == partition && one.first < one.end).then_some(one)
        }
        _ => (offset_ranges.first < offset_ranges.end).then_some(offset_ranges),
    }
}
