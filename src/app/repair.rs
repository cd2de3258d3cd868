//! `repair`: what a verification has found, made equal.

use super::{App, pair::Pair, verify::Both, verify_shown as shown};
use crate::{
    cli::{self, ExitStatus},
    settings::{OnDelete, OnKnown},
    verify::{Extras, Repair, Repaired, Verified},
};

/// Rounds of repairing and verifying at most: each repairs as many rows as are kept at a time.
const ROUNDS: usize = 1000;

/// Says what would be done, or does it and verifies again.
pub(super) async fn run(app: &App, arguments: &cli::Repair) -> anyhow::Result<ExitStatus> {
    let pairs = match app.pairs(arguments.data_type.as_deref(), arguments.task.as_deref()) {
        Ok(pairs) => pairs,
        Err(status) => return Ok(status),
    };
    let Some(pair) = pairs.first() else {
        return Ok(ExitStatus::Usage);
    };
    let both = Both::open(app, pair).await?;
    let mut verified = verify(app, &both, pair, arguments).await?;
    let extras = match arguments.keep_extra {
        true => Extras::Keep,
        false => Extras::Delete,
    };
    shown::would((&pair.name, &both), &verified, arguments, app.json);
    if arguments.apply && left(&verified, extras) > 0 {
        let mut all = Repaired::default();
        for _ in 0..ROUNDS {
            let before = left(&verified, extras);
            let repaired = apply(app, &both, pair, arguments, (&verified, extras)).await?;
            add(&mut all, repaired);
            verified = verify(app, &both, pair, arguments).await?;
            let now = left(&verified, extras);
            if now == 0 || now >= before {
                break;
            }
        }
        shown::repaired(&all, &verified, app.json);
    }
    Ok(match left(&verified, extras) {
        0 => ExitStatus::Done,
        _ => ExitStatus::Differences,
    })
}

/// Differences that this repair is about.
fn left(verified: &Verified, extras: Extras) -> u64 {
    match extras {
        Extras::Delete => verified.differences(),
        Extras::Keep => verified.missing + verified.different,
    }
}

async fn verify(
    app: &App,
    both: &Both,
    pair: &Pair<'_>,
    arguments: &cli::Repair,
) -> anyhow::Result<Verified> {
    let figures = both.figures();
    let name = format!("{} verify", pair.name);
    let _shown = app.progress.show(&name, figures.clone());
    let verify = both.verify(app, pair, &figures, arguments.looking);
    Ok(verify.await?.run().await?)
}

async fn apply(
    app: &App,
    both: &Both,
    pair: &Pair<'_>,
    arguments: &cli::Repair,
    (verified, extras): (&Verified, Extras),
) -> anyhow::Result<Repaired> {
    // Whatever flows do with known rows and deletions: here a person has said it. By its version a
    // row that is newer than its source's stays.
    let mut into = pair.into.clone();
    for table in &mut into.tables {
        table.on_known = OnKnown::Update;
        table.on_delete = OnDelete::Delete;
        table.create_table = false;
    }
    let is_document = both.shape.documents.is_some();
    let (sink, fields) = match &pair.chosen {
        _ if is_document => {
            let key = both.key.clone();
            let columns = verified.columns.clone();
            (app.open.sink_of_documents(&into, key, columns).await?, None)
        }
        None => (app.open.sink_by(&into, None).await?, None),
        Some(chosen) => (
            app.open.sink(chosen, &into).await?,
            app.open.fields(chosen, &into).await?,
        ),
    };
    // The `_id` that an extra document has tells it, whatever its fields say.
    let deletes = match is_document {
        true => {
            let own = Some(vec!["_id".to_owned()]);
            app.open.sink_of_documents(&into, own, Vec::new()).await?
        }
        false => sink.clone(),
    };
    sink.prepare(fields.as_deref()).await?;
    let figures = both.figures();
    let name = format!("{} repair", pair.name);
    let _shown = app.progress.show(&name, figures.clone());
    let verify = both.verify(app, pair, &figures, arguments.looking).await?;
    let repair = Repair {
        verify: &verify,
        sink: &*sink,
        deletes: &*deletes,
        rows: arguments.rows.into(),
        extras,
    };
    Ok(repair.apply(verified).await?)
}

fn add(all: &mut Repaired, more: Repaired) {
    all.written += more.written;
    all.deleted += more.deleted;
    // Those that are refused are refused again in each round.
    all.refused = more.refused;
    all.reasons = more.reasons;
}
