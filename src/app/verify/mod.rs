//! `verify`: both sides of data types, opened for being compared.

mod md5;
pub(super) mod md5_rows;
mod output;
mod pair;
pub(super) mod repair;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::{
    context::App,
    open::{
        Codec,
        compared::{Named, first_of_key},
    },
};
use crate::{
    cli::{self, ExitStatus, Looking},
    digest::{Column, Keeps, Shape},
    fault::chain,
    flow::FlowStats,
    pipeline::{self, Routes, Step},
    settings::IntoTable,
    sink::Texts,
    source::TableSource,
    verify::{InServers, Verified, Verify, Way, Wire},
};
use output as shown;
use pair::Pair;

/// Rows that a server sums up at a time, about.
const RANGE: u64 = 50_000;

/// Compares the chosen data types, one after the other.
pub(super) async fn run(app: &App, arguments: &cli::Verify) -> anyhow::Result<ExitStatus> {
    if let Some(file) = &arguments.md5 {
        return md5::run(app, file, arguments.data_type.as_deref()).await;
    }
    let pairs = match app.pairs(arguments.data_type.as_deref(), arguments.task.as_deref()) {
        Ok(pairs) => pairs,
        Err(status) => return Ok(status),
    };
    let mut report = Vec::new();
    for it in &pairs {
        let tables = look(app, it, arguments.looking).await;
        tables.iter().for_each(|it| shown::show(it, app.json));
        report.extend(tables);
    }
    shown::finish(&report, app.json);
    let status = report.iter().map(|it| match &it.outcome {
        Err(_) => ExitStatus::Failed,
        Ok(verified) if verified.is_equal() => ExitStatus::Done,
        Ok(_) => ExitStatus::Differences,
    });
    // What cannot be told weighs more than what differs.
    let order = |it: &ExitStatus| match it {
        ExitStatus::Failed => 2,
        ExitStatus::Differences => 1,
        _ => 0,
    };
    Ok(status.max_by_key(order).unwrap_or(ExitStatus::Done))
}

/// What is to be told of one table of a data type.
pub(super) struct TableReport {
    pub data_type: String,
    pub source: String,
    pub target: String,
    pub notes: Vec<String>,
    pub outcome: Result<Verified, String>,
    pub took: Duration,
}

/// Compares each table of a pair, one after the other.
pub(super) async fn look(app: &App, pair: &Pair<'_>, looking: Looking) -> Vec<TableReport> {
    let mut began = Instant::now();
    let mut report = |both: Option<(&Both, &Target)>, outcome: anyhow::Result<Verified>| {
        let source = both.map(|it| it.0.source.name().to_owned());
        let target = both.map(|it| it.1.rows.name().to_owned());
        let took = began.elapsed();
        began = Instant::now();
        TableReport {
            data_type: pair.name.clone(),
            source: source.unwrap_or_default(),
            target: target.unwrap_or_default(),
            notes: both.map(|it| it.1.notes.clone()).unwrap_or_default(),
            outcome: outcome.map_err(|error| chain(error.as_ref())),
            took,
        }
    };
    let both = match Both::open(app, pair).await {
        Ok(both) => both,
        Err(error) => return vec![report(None, Err(error))],
    };
    let mut all = Vec::with_capacity(both.targets.len());
    for (at, target) in both.targets.iter().enumerate() {
        let outcome = both.compare(app, pair, (at, looking)).await;
        all.push(report(Some((&both, target)), outcome));
    }
    all
}

/// Both sides of a data type, opened, and the way between them.
pub(super) struct Both {
    pub source: Box<dyn TableSource>,
    /// The tables, in the order in which they are written.
    pub targets: Vec<Target>,
    out: Vec<Box<dyn Step>>,
    into: Vec<Box<dyn Step>>,
    routes: Routes,
    codec: Option<Codec>,
    topic: String,
    /// The source's own columns, where it has any.
    lies: Option<Shape>,
}

/// One of the tables that are written.
pub(super) struct Target {
    pub rows: Box<dyn TableSource>,
    /// What its columns do not keep of the source's.
    pub notes: Vec<String>,
    pub shape: Shape,
    /// The fields that its rows are found by, where they are declared, or told by the task.
    pub key: Option<Vec<String>>,
    drop: Vec<String>,
    replace_by: Vec<String>,
    texts: Texts,
}

impl Both {
    /// The source of `from` and the target of `into`.
    ///
    /// # Errors
    /// One of them cannot be opened, or cannot be compared.
    pub async fn open(app: &App, pair: &Pair<'_>) -> anyhow::Result<Self> {
        pair.comparable()?;
        let (from, into) = (pair.from, pair.into);
        let open = &app.open;
        let (source, lies) = open.read_by_key(&Named::of_source(from)).await?;
        let (out, written) = pair.steps();
        let mut targets = Vec::with_capacity(into.tables.len());
        for table in &into.tables {
            let mut key = pair.key(table);
            // As the task writes them.
            if key.is_none() && pair.chosen.is_none() && open.keeps_documents(into)? {
                let steps = out.iter().chain(&written.steps).chain(&table.steps);
                let steps = open.steps(&steps.cloned().collect::<Vec<_>>()).await?;
                pipeline::prepare(&steps).await?;
                let shape = pipeline::shape_behind(&steps, source.shape().await?)?;
                key = Some(shape.key().to_vec());
            }
            targets.push(Target::open(app, pair, (table, key), lies.as_ref()).await?);
        }
        Ok(Self {
            lies,
            out: open.steps(&out).await?,
            into: open.steps(&written.steps).await?,
            routes: open.routes(&written).await?,
            codec: pair.codec()?,
            topic: pair.topic(),
            source,
            targets,
        })
    }

    /// Compares one table.
    ///
    /// # Errors
    /// As `VerifyError` says.
    pub async fn compare(
        &self,
        app: &App,
        pair: &Pair<'_>,
        (at, looking): (usize, Looking),
    ) -> anyhow::Result<Verified> {
        let stats = self.stats(at);
        let name = format!("{} verify", pair.name);
        let _shown = app.progress.show(&name, stats.clone());
        let verify = self.verify(app, pair, &stats, (at, looking));
        Ok(verify.await?.run().await?)
    }

    /// Counters for a reading of the source and one table.
    pub fn stats(&self, at: usize) -> Arc<FlowStats> {
        let stats = FlowStats::default();
        stats.expect(0, self.targets[at].shape.rows * 2);
        Arc::new(stats)
    }

    /// The verification of one table.
    ///
    /// # Errors
    /// A server does not say what it can.
    pub async fn verify<'a>(
        &'a self,
        app: &'a App,
        pair: &Pair<'_>,
        stats: &'a FlowStats,
        (at, looking): (usize, Looking),
    ) -> anyhow::Result<Verify<'a>> {
        let target = &self.targets[at];
        let wire = |codec: &'a Codec| Wire {
            encoder: &*codec.encoder,
            decoder: &*codec.decoder,
            topic: &self.topic,
        };
        Ok(Verify {
            in_servers: self.in_servers(app, pair, (target, looking.sums)).await?,
            way: Way {
                source: &*self.source,
                out: &self.out,
                wire: self.codec.as_ref().map(wire),
                into: &self.into,
                routes: &self.routes,
                table: at,
            },
            target: &*target.rows,
            shape: &target.shape,
            drop: &target.drop,
            replace_by: &target.replace_by,
            texts: target.texts,
            recheck_after: looking.recheck_after,
            samples: looking.samples.into(),
            stats,
            stop: &app.stop,
        })
    }

    /// Both tables as they sum up their own rows, where nothing on the way changes a row.
    async fn in_servers(
        &self,
        app: &App,
        pair: &Pair<'_>,
        (target, sums): (&Target, cli::Summing),
    ) -> anyhow::Result<Option<InServers>> {
        let (from, into) = (pair.from, pair.into);
        let may = sums != cli::Summing::Here && pair.is_as_it_lies();
        let Some(lies) = self.lies.as_ref().filter(|_| may) else {
            return Ok(None);
        };
        let key = |it: &Shape| -> Vec<String> {
            it.key
                .iter()
                .map(|at| it.columns[*at].name.clone())
                .collect()
        };
        if key(lies) != key(&target.shape) {
            return Ok(None);
        }
        // A message has no other null than that of SQL.
        let is_json = |it: &Column| matches!(it.keeps, Keeps::Json(_));
        let mut columns = lies.columns.iter().chain(&target.shape.columns);
        if pair.chosen.is_some() && columns.any(is_json) {
            return Ok(None);
        }
        let computed = |name: &String| {
            let mut columns = target.shape.columns.iter();
            columns.any(|it| it.name == *name && it.is_computed)
        };
        let columns = lies.columns.iter().map(|it| it.name.clone());
        let columns = columns.filter(|it| !target.drop.contains(it) && !computed(it));
        let columns: Vec<String> = columns.collect();
        let key = first_of_key(lies);
        let of = async |connection, table| app.open.sums((connection, table), &key, &columns).await;
        let (Some(mut source), Some(mut target)) = (
            of(&from.connection, &from.table).await?,
            of(&into.connection, into.first_table()).await?,
        ) else {
            return Ok(None);
        };
        if !source.is_along_primary() || !target.is_along_primary() {
            (source, target) = (source.along_hashes(), target.along_hashes());
        }
        let most = source.most().min(target.most());
        Ok((source.forms() == target.forms()).then(|| InServers {
            columns: columns.clone(),
            key: key.clone(),
            source,
            target,
            // Where some have come since the ranges were cut, they have room.
            rows: RANGE.min(most / 2),
            may_be_read: sums == cli::Summing::Faster,
        }))
    }
}

impl Target {
    async fn open(
        app: &App,
        pair: &Pair<'_>,
        (table, key): (&IntoTable, Option<Vec<String>>),
        lies: Option<&Shape>,
    ) -> anyhow::Result<Self> {
        let (open, connection) = (&app.open, &pair.into.connection);
        let named = Named::of_target((connection, &table.table), key.clone(), pair.from);
        if let Some(path) = open.missing_file(connection)? {
            let path = path.display();
            bail!("the target is not there yet: {path} is made when something is written to it");
        }
        let (rows, shape) = open.read_by_key(&named).await?;
        let shape = shape.with_context(|| {
            format!("what columns {connection}.{} has is not known", table.table)
        })?;
        let reads_texts = open.system(connection)?.facts().reads_texts;
        Ok(Self {
            rows,
            notes: lies.map(|it| it.lost_in(&shape)).unwrap_or_default(),
            drop: table.drop.clone(),
            replace_by: table.replace_by.clone(),
            texts: if reads_texts {
                pair.texts(table)
            } else {
                Texts::default()
            },
            shape,
            key,
        })
    }
}
