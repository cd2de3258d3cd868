//! `dead-letters`: what was set aside, why, and again.

mod filter;
mod output;
mod replay;

use std::{collections::BTreeSet, sync::Arc};

use super::{context::App, output::print};
use crate::{
    broker::{
        Held, Reader,
        dead_letters::{
            file::FilePublisher,
            file_reader::{FILE, FileReader},
        },
    },
    cli::{DeadLettersCommand, ExitStatus, LetterFilter, LetterPlace},
    flow::{Figures, FlowError, LETTER_HEADERS, Letter},
    settings::{Chosen, LettersTo},
};
use filter::Filter;
use output as shown;

/// Does what `dead-letters …` says.
pub(super) async fn run(app: &App, command: &DeadLettersCommand) -> anyhow::Result<ExitStatus> {
    match command {
        DeadLettersCommand::List { filter, limit } => list(app, filter, *limit).await,
        DeadLettersCommand::Show { letter, data_type } => {
            show(app, *letter, data_type.as_deref()).await
        }
        DeadLettersCommand::Replay {
            filter,
            letter,
            overwrite,
        } => replay::run(app, filter, *letter, *overwrite).await,
    }
}

/// The data types that are asked about; those that share a place of letters once.
pub(super) fn chosen<'a>(
    app: &'a App,
    data_type: Option<&str>,
    topic: Option<&str>,
) -> Result<Vec<Chosen<'a>>, ExitStatus> {
    app.settings.choose(data_type, topic).map_err(|error| {
        complain!("highwater: {error}");
        ExitStatus::Usage
    })
}

async fn list(app: &App, asked: &LetterFilter, limit: Option<u64>) -> anyhow::Result<ExitStatus> {
    let chosen = match chosen(app, asked.data_type.as_deref(), asked.topic.as_deref()) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let filter = Filter::new(asked, None);
    let (mut told, mut seen) = (0, BTreeSet::new());
    for it in &chosen {
        let place = match it.data_type.letters_to(&it.topic) {
            LettersTo::Topic(topic) => (it.data_type.broker.clone(), topic),
            LettersTo::Table(it) => (it.connection, it.table),
        };
        // Where one data type is asked for, the filter leaves out those of its neighbours.
        if !seen.insert(place) {
            continue;
        }
        let mut letters = Letters::open(app, it, None).await?;
        while let Some(polled) = letters.next().await? {
            for message in polled.messages.iter() {
                let Some(letter) = Letter::read(&message).filter(|it| filter.takes(it)) else {
                    continue;
                };
                if letters.is_elsewhere_told(&letter) {
                    continue;
                }
                if limit.is_some_and(|it| told >= it) || !print::is_heard() {
                    return Ok(ExitStatus::Done);
                }
                shown::line(&letter, &message, app.json)?;
                told += 1;
            }
        }
    }
    if told == 0 && !app.json {
        say!("no such letters");
    }
    Ok(ExitStatus::Done)
}

async fn show(
    app: &App,
    place: LetterPlace,
    data_type: Option<&str>,
) -> anyhow::Result<ExitStatus> {
    let chosen = match chosen(app, data_type, None) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let [chosen] = &chosen[..] else {
        complain!("highwater: say which data type's letter with --data-type");
        return Ok(ExitStatus::Usage);
    };
    let mut letters = Letters::open(app, chosen, Some(place)).await?;
    while let Some(polled) = letters.next().await? {
        for message in polled.messages.iter() {
            if shown::is_at(&message, place)
                && let Some(letter) = Letter::read(&message)
            {
                shown::whole(&letter, &message, app.json)?;
                return Ok(ExitStatus::Done);
            }
        }
    }
    complain!("highwater: there is no such letter");
    Ok(ExitStatus::Failed)
}

/// All letters of a data type: those of its topic or table, then those of its file.
pub(super) struct Letters {
    readers: Vec<Box<dyn Reader>>,
    file: String,
    figures: Arc<Figures>,
    _shown: super::output::progress::Shown,
}

impl Letters {
    /// Opens what is there now; of `place`, no more than is needed to find it.
    ///
    /// # Errors
    /// Where a place cannot be read.
    pub(super) async fn open(
        app: &App,
        chosen: &Chosen<'_>,
        place: Option<LetterPlace>,
    ) -> Result<Self, FlowError> {
        let to = chosen.data_type.letters_to(&chosen.topic);
        let figures = Arc::new(Figures::default());
        let file = FilePublisher::new(&app.settings.dead_letters, &to.name());
        let mut readers: Vec<Box<dyn Reader>> = Vec::new();
        // The last one is read first.
        if let Some(lines) = FileReader::open(file.path(), LETTER_HEADERS)?
            && !matches!(place, Some(LetterPlace::Topic(..)))
        {
            readers.push(Box::new(lines));
        }
        if !matches!(place, Some(LetterPlace::File(_))) {
            let held = app.open.letters_held(chosen, &to).await?;
            let parts: Vec<_> = held.into_iter().filter_map(|it| part(it, place)).collect();
            let all = parts.iter().map(|it| it.end - it.first).sum::<i64>();
            figures.expect(0, u64::try_from(all).unwrap_or(0));
            if all > 0 {
                readers.push(app.open.letters_reader(chosen, &to, parts).await?);
            }
        }
        Ok(Self {
            readers,
            file: file.path().display().to_string(),
            _shown: app.progress.show(&to.name(), figures.clone()),
            figures,
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
                    let (letters, bytes) = (polled.messages.len(), polled.messages.bytes());
                    self.figures.settled(letters, bytes);
                }
                return Ok(Some(polled));
            }
            self.readers.pop();
        }
        Ok(None)
    }

    /// Whether it only points to a letter in the file that is read here as well.
    pub(super) fn is_elsewhere_told(&self, letter: &Letter<'_>) -> bool {
        letter.file.as_deref() == Some(&*self.file) && std::path::Path::new(&self.file).exists()
    }
}

fn part(held: Held, place: Option<LetterPlace>) -> Option<Held> {
    match place {
        Some(LetterPlace::Topic(partition, offset)) => {
            let one = Held {
                first: held.first.max(offset),
                end: held.end.min(offset.saturating_add(1)),
                ..held
            };
            (held.partition == partition && one.first < one.end).then_some(one)
        }
        _ => (held.first < held.end).then_some(held),
    }
}
