//! `dead-letters replay`: dead letters through decode, steps and write again.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use serde_json::json;

use super::{DeadLetterReader, filter::Filter, output as shown};
use crate::{
    app::{
        context::App,
        open::{self, codec},
        output::print,
    },
    cli::{DeadLetterFilter, DeadLetterId, ExitStatus},
    codec::Decoder,
    flow::{FlowError, Identity, Keys, Replay, Replayed, StoredDeadLetter},
    model::Message,
    pipeline::{Routes, Step},
    settings::{Chosen, WriteInto},
    sink::{Onto, Sink},
};

/// Replays the letters that are asked for.
pub(in crate::app) async fn run(
    app: &App,
    asked: &DeadLetterFilter,
    id: Option<DeadLetterId>,
    overwrite: bool,
) -> anyhow::Result<ExitStatus> {
    let chosen = match super::chosen(app, asked.data_type.as_deref(), asked.topic.as_deref()) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    if id.is_some() && chosen.len() > 1 {
        err!("highwater: name the data type of the dead letter with --data-type");
        return Ok(ExitStatus::Usage);
    }
    let filter = Filter::new(asked, id);
    let mut count = Count::default();
    for it in &chosen {
        let Some(into) = &it.data_type.into else {
            count.not_of_a_sink(app, it, &filter, id).await?;
            continue;
        };
        let way = Way::open(app, it, into, overwrite).await?;
        way.replay(app, it, (&filter, id), &mut count).await?;
    }
    if id.is_some() && count.all() == 0 && !app.stop.is_cancelled() {
        if app.json {
            count.show(true)?;
        }
        match &count.pointed_to {
            Some(file) => err!(
                "highwater: the dead letter is in {file}: `highwater dead-letters list` shows its line"
            ),
            None => err!("highwater: there is no such dead letter"),
        }
        return Ok(ExitStatus::Failed);
    }
    count.show(app.json)?;
    Ok(match count.bad + count.elsewhere {
        0 => ExitStatus::Done,
        _ => ExitStatus::Failed,
    })
}

/// What became of all letters.
#[derive(Default)]
struct Count {
    landed: u64,
    before: u64,
    superseded: u64,
    bad: u64,
    of_the_source: u64,
    elsewhere: u64,
    /// The file of a letter that was only pointed to; its line is a letter of its own.
    pointed_to: Option<String>,
}

/// One sink's way, opened.
struct Way {
    flow: String,
    decoder: std::sync::Arc<dyn Decoder>,
    pipeline: Vec<Box<dyn Step>>,
    identity: Option<Identity>,
    routes: Routes,
    sink: std::sync::Arc<dyn Sink>,
    onto: Onto,
    keys: Keys,
}

impl Way {
    async fn open(
        app: &App,
        chosen: &Chosen<'_>,
        into: &WriteInto,
        overwrite: bool,
    ) -> Result<Self, FlowError> {
        let codec = open::codec(chosen.data_type)?;
        let pipeline = app.open.steps(&into.steps).await?;
        let sink = app.open.sink(chosen, into).await?;
        let fields = app.open.fields(chosen, into).await?;
        sink.replays()?;
        sink.prepare(fields.as_deref()).await?;
        Ok(Self {
            flow: open::sink_name(chosen),
            decoder: codec.decoder,
            pipeline,
            identity: into.append().map(Identity::kept_in),
            routes: app.open.routes(into).await?,
            sink,
            // By its version no letter overwrites a row that is newer.
            onto: if overwrite || into.tables.iter().all(|it| it.version.is_some()) {
                Onto::Any
            } else {
                Onto::Absent
            },
            keys: codec::keys(chosen.data_type),
        })
    }

    async fn replay(
        &self,
        app: &App,
        chosen: &Chosen<'_>,
        (filter, id): (&Filter<'_>, Option<DeadLetterId>),
        count: &mut Count,
    ) -> anyhow::Result<()> {
        let replay = Replay {
            flow: &self.flow,
            decoder: &*self.decoder,
            pipeline: &self.pipeline,
            identity: self.identity.as_ref(),
            routes: &self.routes,
            sink: self.sink.replays()?,
            onto: self.onto,
            keys: self.keys,
        };
        let producing = open::flow_name(chosen).text();
        let mut dead_letters = DeadLetterReader::open(app, chosen, id).await?;
        while let Some(polled) = dead_letters.next().await? {
            let (mut these, mut messages) = (Vec::new(), Vec::new());
            for message in polled.messages.iter().filter(|it| filter.names(it)) {
                let Some(dead_letter) =
                    StoredDeadLetter::read(&message).filter(|it| filter.takes(it))
                else {
                    continue;
                };
                if dead_letter.flow == producing {
                    count.of_the_source += 1;
                } else if dead_letter.flow != self.flow {
                    continue;
                } else if dead_letters.is_pointer(&dead_letter) {
                    count.pointed_to = dead_letter.file.map(Cow::into_owned);
                } else if dead_letter.file.is_some() {
                    count.elsewhere += 1;
                    report(
                        app,
                        &dead_letter,
                        &message,
                        "elsewhere",
                        "it is in the file of another machine: replay it there",
                    )?;
                } else if dead_letter.record_origin.is_some() {
                    these.push(dead_letter);
                    messages.push(message);
                }
            }
            // A stop comes between two pages: each letter lands whole or not at all.
            if app.stop.is_cancelled() {
                break;
            }
            let outcomes = replay.run(&these).await?;
            for ((dead_letter, message), outcome) in these.iter().zip(&messages).zip(&outcomes) {
                count.add(app, dead_letter, message, outcome)?;
            }
        }
        Ok(())
    }
}

impl Count {
    /// All that were asked for and are there, whatever became of them.
    fn all(&self) -> u64 {
        let of_a_sink = self.landed + self.before + self.superseded + self.bad;
        of_a_sink + self.of_the_source + self.elsewhere
    }

    fn add(
        &mut self,
        app: &App,
        dead_letter: &StoredDeadLetter<'_>,
        message: &Message<'_>,
        outcome: &Replayed,
    ) -> io::Result<()> {
        match outcome {
            Replayed::Landed => {
                self.landed += 1;
                if app.json {
                    report(app, dead_letter, message, "landed", "")?;
                }
            }
            Replayed::Before => self.before += 1,
            Replayed::Superseded => {
                self.superseded += 1;
                let why = "its row exists, or a newer dead letter of its key landed";
                report(app, dead_letter, message, "superseded", why)?;
            }
            Replayed::Bad { step, reason } => {
                self.bad += 1;
                report(
                    app,
                    dead_letter,
                    message,
                    "bad",
                    &format!("{step}: {reason}"),
                )?;
            }
        }
        Ok(())
    }

    /// Letters of a data type that is only produced here.
    async fn not_of_a_sink(
        &mut self,
        app: &App,
        chosen: &Chosen<'_>,
        filter: &Filter<'_>,
        id: Option<DeadLetterId>,
    ) -> anyhow::Result<()> {
        let producing = open::flow_name(chosen).text();
        let mut dead_letters = DeadLetterReader::open(app, chosen, id).await?;
        while let Some(polled) = dead_letters.next().await? {
            let named = polled.messages.iter().filter(|it| filter.names(it));
            let these = named.filter_map(|it| StoredDeadLetter::read(&it));
            let these = these.filter(|it| filter.takes(it) && it.flow == producing);
            let pointed = these.filter(|it| !dead_letters.is_pointer(it));
            self.of_the_source += pointed.count() as u64;
        }
        Ok(())
    }

    fn show(&self, json: bool) -> io::Result<()> {
        let mut out = print::Out;
        if json {
            let counted = json!({
                "landed": self.landed,
                "replayed_before": self.before,
                "superseded": self.superseded,
                "bad": self.bad,
                "of_the_source": self.of_the_source,
                "elsewhere": self.elsewhere,
            });
            return writeln!(out, "{}", json!({ "replayed": counted }));
        }
        writeln!(
            out,
            "dead letters: {} landed, {} had landed before, {} superseded, {} still bad",
            self.landed, self.before, self.superseded, self.bad
        )?;
        if self.of_the_source > 0 {
            writeln!(
                out,
                "dead letters of sync: {}; correct their rows in the source, or read them again with `highwater sync --full-amount`",
                self.of_the_source
            )?;
        }
        if self.elsewhere > 0 {
            writeln!(
                out,
                "dead letters in files of other machines: {}",
                self.elsewhere
            )?;
        }
        Ok(())
    }
}

fn report(
    app: &App,
    dead_letter: &StoredDeadLetter<'_>,
    message: &Message<'_>,
    outcome: &str,
    why: &str,
) -> io::Result<()> {
    let mut out = print::Out;
    if app.json {
        let mut object = shown::object(dead_letter, message);
        object.insert("outcome".to_owned(), json!(outcome));
        object.insert("why".to_owned(), json!(why));
        return writeln!(out, "{}", serde_json::Value::Object(object));
    }
    writeln!(
        out,
        "{}  {outcome}: {}",
        shown::name(message),
        shown::printable(why)
    )
}
