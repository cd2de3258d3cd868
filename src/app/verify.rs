//! `verify`: both sides of data types, opened for being compared.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    App,
    by_key::{Named, first_of_key},
    md5,
    open::Codec,
    pair::Pair,
    verify_shown as shown,
};
use crate::{
    cli::{self, ExitStatus, Looking},
    digest::{Shape, Sums, mysql::MysqlDigest},
    fault::chain,
    flow::{Figures, FlowError},
    model::Schema,
    pipeline::{self, Step},
    settings::Connection,
    sink::Texts,
    source::Source,
    verify::{InServers, Verified, Verify, Way, Wire},
};

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
    let mut told = Vec::new();
    for it in &pairs {
        let told_of = look(app, it, arguments.looking).await;
        shown::show(&told_of, app.json);
        told.push(told_of);
    }
    shown::finish(&told, app.json);
    let status = told.iter().map(|it| match &it.outcome {
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

/// What is to be told of one data type.
pub(super) struct Told {
    pub data_type: String,
    pub source: String,
    pub target: String,
    pub notes: Vec<String>,
    pub outcome: Result<Verified, String>,
    pub took: Duration,
}

pub(super) async fn look(app: &App, pair: &Pair<'_>, looking: Looking) -> Told {
    let began = Instant::now();
    let mut told = Told {
        data_type: pair.name.clone(),
        source: String::new(),
        target: String::new(),
        notes: Vec::new(),
        outcome: Err(String::new()),
        took: Duration::ZERO,
    };
    told.outcome = async {
        let both = Both::open(app, pair).await?;
        told.source = both.source.name().to_owned();
        told.target = both.target.name().to_owned();
        told.notes = both.notes.clone();
        let figures = both.figures();
        let _shown = app
            .progress
            .show(&format!("{} verify", pair.name), figures.clone());
        anyhow::Ok(
            both.verify(app, pair, &figures, looking)
                .await?
                .run()
                .await?,
        )
    }
    .await
    .map_err(|error| chain(error.as_ref()));
    told.took = began.elapsed();
    told
}

/// Both sides of a data type, opened, and the way between them.
pub(super) struct Both {
    pub source: Box<dyn Source>,
    pub target: Box<dyn Source>,
    /// What columns of the target do not keep of the source's.
    pub notes: Vec<String>,
    out: Vec<Box<dyn Step>>,
    into: Vec<Box<dyn Step>>,
    codec: Option<Codec>,
    topic: String,
    /// The source's own columns, where it has any.
    lies: Option<Shape>,
    pub shape: Shape,
    /// The fields that rows of the target are found by, where they are declared, or told by the task.
    pub key: Option<Vec<String>>,
    drop: Vec<String>,
    texts: Texts,
}

impl Both {
    /// The source of `from` and the target of `into`.
    ///
    /// # Errors
    /// One of them cannot be opened, or cannot be compared.
    pub async fn open(app: &App, pair: &Pair<'_>) -> anyhow::Result<Self> {
        let (from, into) = (pair.from, pair.into);
        let open = &app.open;
        let (source, lies) = open.read_by_key(&Named::of_source(from)).await?;
        let table = pair.table()?;
        let steps: Vec<_> = into.steps.iter().chain(&table.steps).cloned().collect();
        let (out, behind) = (open.steps(pair.out).await?, open.steps(&steps).await?);
        let mut key = pair.key(table);
        // As the task writes them.
        if key.is_none() && pair.chosen.is_none() && open.keeps_documents(into)? {
            let mut shape = source.shape().await?;
            for steps in [&out, &behind] {
                pipeline::prepare(steps).await?;
                shape = Schema::clone(&*pipeline::shape_behind(steps, shape)?);
            }
            key = Some(shape.key().to_vec());
        }
        let named = Named::of_target(into, key.clone(), from);
        let (target, shape) = open.read_by_key(&named).await?;
        let shape = shape.ok_or(FlowError::Silent("a target without columns"))?;
        let keeps_texts = matches!(
            open.connection(&into.connection)?,
            Connection::Sqlite { .. } | Connection::Mongodb { .. }
        );
        Ok(Self {
            notes: lies
                .as_ref()
                .map(|it| it.lost_in(&shape))
                .unwrap_or_default(),
            lies,
            out,
            into: behind,
            key,
            codec: pair.codec()?,
            topic: pair.topic(),
            drop: table.drop.clone(),
            // Neither SQLite nor MongoDB reads anything into a text.
            texts: match keeps_texts {
                true => Texts::default(),
                false => pair.texts(table),
            },
            source,
            target,
            shape,
        })
    }

    /// Counters for a reading of both.
    pub fn figures(&self) -> Arc<Figures> {
        let figures = Figures::default();
        figures.expect(0, self.shape.rows * 2);
        Arc::new(figures)
    }

    /// The verification of both.
    ///
    /// # Errors
    /// A server does not say what it can.
    pub async fn verify<'a>(
        &'a self,
        app: &'a App,
        pair: &Pair<'_>,
        figures: &'a Figures,
        looking: Looking,
    ) -> anyhow::Result<Verify<'a>> {
        let wire = |codec: &'a Codec| Wire {
            encoder: &*codec.encoder,
            decoder: &*codec.decoder,
            topic: &self.topic,
        };
        Ok(Verify {
            in_servers: self.in_servers(app, pair).await?,
            way: Way {
                source: &*self.source,
                out: &self.out,
                wire: self.codec.as_ref().map(wire),
                into: &self.into,
            },
            target: &*self.target,
            shape: &self.shape,
            drop: &self.drop,
            texts: self.texts,
            settle: looking.settle,
            samples: looking.samples.into(),
            figures,
            stop: &app.stop,
        })
    }

    /// Both tables as they sum up their own rows, where nothing on the way changes a row.
    async fn in_servers(&self, app: &App, pair: &Pair<'_>) -> anyhow::Result<Option<InServers>> {
        let (from, into) = (pair.from, pair.into);
        let Some(lies) = self.lies.as_ref().filter(|_| pair.is_as_it_lies()) else {
            return Ok(None);
        };
        let key = |it: &Shape| -> Vec<String> {
            it.key
                .iter()
                .map(|at| it.columns[*at].name.clone())
                .collect()
        };
        if key(lies) != key(&self.shape) {
            return Ok(None);
        }
        let is_mysql = |name: &str| -> Result<bool, FlowError> {
            let connection = app.open.connection(name)?;
            Ok(matches!(
                connection,
                Connection::Mysql(_) | Connection::Mariadb(_)
            ))
        };
        if !is_mysql(&from.connection)? || !is_mysql(&into.connection)? {
            return Ok(None);
        }
        let computed = |name: &String| {
            let mut columns = self.shape.columns.iter();
            columns.any(|it| it.name == *name && it.is_computed)
        };
        let columns = lies.columns.iter().map(|it| it.name.clone());
        let columns = columns.filter(|it| !self.drop.contains(it) && !computed(it));
        let columns: Vec<String> = columns.collect();
        let key = first_of_key(lies);
        let of = async |connection: &str, table: &str| -> anyhow::Result<_> {
            let mysql = app.open.mysql(connection).await?;
            let digest = MysqlDigest::new(mysql, table, None);
            Ok(digest.sums(&key, &columns).await?)
        };
        let source = of(&from.connection, &from.table).await?;
        let target = of(&into.connection, into.first_table()).await?;
        let (Some(source), Some(target)) = (source, target) else {
            return Ok(None);
        };
        Ok((source.forms() == target.forms()).then(|| InServers {
            columns: columns.clone(),
            key: key.clone(),
            source: Box::new(source),
            target: Box::new(target),
            rows: RANGE,
        }))
    }
}
