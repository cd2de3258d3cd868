//! `repair`: what a verification has found, made equal.

use super::{Both, output as shown, pair::Pair};
use crate::{
    app::context::App,
    cli::{self, ExitStatus},
    settings::{OnDelete, OnKnown},
    verify::{Extras, Repair, Repaired, Verified},
};

/// Rounds of repairing and verifying at most: each repairs as many rows as are kept at a time.
const ROUNDS: usize = 1000;

/// Says what would be done, or does it and verifies again.
pub(in crate::app) async fn run(app: &App, arguments: &cli::Repair) -> anyhow::Result<ExitStatus> {
    let pairs = match app.pairs(arguments.data_type.as_deref(), arguments.task.as_deref()) {
        Ok(pairs) => pairs,
        Err(status) => return Ok(status),
    };
    let Some(pair) = pairs.first() else {
        return Ok(ExitStatus::Usage);
    };
    let both = Both::open(app, pair).await?;
    let mut verified = verify(app, &both, pair, arguments).await?;
    let extras = if arguments.keep_extra {
        Extras::Keep
    } else {
        Extras::Delete
    };
    shown::would((&pair.name, &both), &verified, arguments, app.json);
    let differs = left(&verified, extras) > 0;
    if arguments.apply {
        let mut all = Repaired::default();
        for _ in 0..ROUNDS {
            let before = left(&verified, extras);
            if before == 0 {
                break;
            }
            let repaired = apply(app, &both, pair, arguments, (&verified, extras)).await?;
            add(&mut all, repaired);
            verified = verify(app, &both, pair, arguments).await?;
            let now = left(&verified, extras);
            if now >= before {
                break;
            }
        }
        // A person has read that there is nothing to do.
        if differs || app.json {
            shown::repaired(&all, (&both, &verified), app.json);
        }
    }
    Ok(match left(&verified, extras) {
        0 => ExitStatus::Done,
        _ => ExitStatus::Differences,
    })
}

/// Differences that this repair is about.
fn left(verified: &[Verified], extras: Extras) -> u64 {
    let of = |it: &Verified| match extras {
        Extras::Delete => it.differences(),
        Extras::Keep => it.missing + it.different,
    };
    verified.iter().map(of).sum()
}

/// What was found in each table.
async fn verify(
    app: &App,
    both: &Both,
    pair: &Pair<'_>,
    arguments: &cli::Repair,
) -> anyhow::Result<Vec<Verified>> {
    let mut verified = Vec::with_capacity(both.targets.len());
    for at in 0..both.targets.len() {
        verified.push(both.compare(app, pair, (at, arguments.looking)).await?);
    }
    Ok(verified)
}

async fn apply(
    app: &App,
    both: &Both,
    pair: &Pair<'_>,
    arguments: &cli::Repair,
    (verified, extras): (&[Verified], Extras),
) -> anyhow::Result<Repaired> {
    // Whatever flows do with known rows and deletions: here a person has said it. By its version a
    // row that is newer than its source's stays.
    let mut into = pair.into.clone();
    for table in &mut into.tables {
        table.on_known = OnKnown::Update;
        table.on_delete = OnDelete::Delete;
        table.create_table = false;
    }
    // Documents are written into one collection.
    let first = both.targets.first();
    let is_document = first.is_some_and(|it| it.shape.documents.is_some());
    let key = first.and_then(|it| it.key.clone());
    let (sink, fields) = match &pair.chosen {
        _ if is_document => {
            let columns = verified.iter().flat_map(|it| it.columns.clone()).collect();
            (app.open.sink_of_documents(&into, key, columns).await?, None)
        }
        None => (app.open.sink_by(&into, None, &[]).await?, None),
        Some(chosen) => (
            app.open.sink(chosen, &into).await?,
            app.open.fields(chosen, &into).await?,
        ),
    };
    // The `_id` that an extra document has tells it, whatever its fields say.
    let deletes = if is_document {
        let own = Some(vec!["_id".to_owned()]);
        app.open.sink_of_documents(&into, own, Vec::new()).await?
    } else {
        sink.clone()
    };
    sink.prepare(fields.as_deref()).await?;
    let stats = both.stats(0);
    let name = format!("{} repair", pair.name);
    let _shown = app.progress.show(&name, stats.clone());
    let mut verifies = Vec::with_capacity(both.targets.len());
    for at in 0..both.targets.len() {
        let looking = (at, arguments.looking);
        verifies.push(both.verify(app, pair, &stats, looking).await?);
    }
    let tables: Vec<_> = verifies.iter().zip(verified).collect();
    let repair = Repair {
        tables: &tables,
        sink: &*sink,
        deletes: &*deletes,
        rows: arguments.rows.into(),
        extras,
    };
    Ok(repair.apply().await?)
}

fn add(all: &mut Repaired, more: Repaired) {
    all.written += more.written;
    all.deleted += more.deleted;
    // Those that are refused are refused again in each round.
    all.refused = more.refused;
    all.reasons = more.reasons;
}
