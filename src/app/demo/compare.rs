//! The demo's last step: every row of the source against the row of the target, both ways.

use std::{collections::HashMap, fmt, sync::Arc};

use sqlx::{Row as _, SqlitePool, sqlite::SqliteConnectOptions};

use super::rows;
use crate::{
    app::{context::App, open},
    connect::identifier::{double_quoted, statement},
    model::{Headers, Message, RecordOrigin, Records, Schema, Value},
    settings::{Chosen, Connection},
    source::{ReadMode, Scope},
};

/// How both sides compare.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub equal: u64,
    pub different: u64,
    pub missing: u64,
    pub extra: u64,
}

impl Compared {
    pub(in crate::app) fn is_equal(&self) -> bool {
        self.different == 0 && self.missing == 0 && self.extra == 0 && self.equal > 0
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_equal() {
            return f.write_str("all equal");
        }
        let (different, missing, extra) = (self.different, self.missing, self.extra);
        write!(
            f,
            "{different} different, {missing} missing, {extra} too many"
        )
    }
}

/// Reads the source from its beginning and looks each row up in the target. What a row should be
/// there is told by its own message, decoded.
pub(in crate::app) async fn compare(
    app: &App,
    chosen: &Chosen<'_>,
    source: &SqlitePool,
) -> anyhow::Result<Compared> {
    let target = target(app, chosen).await?;
    let codec = open::codec(chosen.data_type)?;
    let reading = app.open.source(chosen).await?;
    let begin = reading.begin(Scope::Incremental, None).await?;
    let mut reader = reading.open(&begin, ReadMode::Bounded).await?;
    let schema = Arc::new(Schema::document("info", ["uid"]));
    let mut compared = Compared::default();
    while let Some(batch) = reader.next_batch().await? {
        let mut expected = Records::new(schema.clone());
        for row in batch.records.iter() {
            let mut value = Vec::new();
            codec.encoder.encode(&row, &chosen.topic, &mut value)?;
            let message = Message {
                key: None,
                value: Some(&value),
                headers: Headers::default(),
                record_origin: RecordOrigin::default(),
            };
            codec.decoder.decode(&message, 0, &mut expected)?;
        }
        compare_batch(&target, chosen, &expected, &mut compared).await?;
    }
    let rows = count(&target, &table(chosen)?).await?;
    let known = rows::count(source).await?;
    compared.extra = rows.saturating_sub(compared.equal + compared.different);
    compared.missing = compared.missing.max(known.saturating_sub(rows));
    Ok(compared)
}

async fn compare_batch(
    target: &SqlitePool,
    chosen: &Chosen<'_>,
    expected: &Records,
    compared: &mut Compared,
) -> anyhow::Result<()> {
    let Some(first) = expected.get(0) else {
        return Ok(());
    };
    let names: Vec<&str> = first.fields().map(|(name, _)| name).collect();
    let columns: Result<Vec<_>, _> = names.iter().map(|it| double_quoted(it)).collect();
    let placeholders = vec!["?"; expected.len()].join(", ");
    let text = format!(
        "SELECT {} FROM {} WHERE uid IN ({placeholders})",
        columns?.join(", "),
        table(chosen)?
    );
    let mut query = sqlx::query(statement(text));
    for row in expected.iter() {
        query = query.bind(text_of(row.get("uid")).unwrap_or_default().to_owned());
    }
    let mut found: HashMap<String, Vec<Option<String>>> = HashMap::new();
    for row in query.fetch_all(target).await? {
        let fields: Result<Vec<Option<String>>, _> =
            (0..names.len()).map(|it| row.try_get(it)).collect();
        let fields = fields?;
        found.insert(fields[0].clone().unwrap_or_default(), fields);
    }
    for row in expected.iter() {
        let uid = text_of(row.get("uid")).unwrap_or_default();
        let wanted = row.fields().map(|(_, value)| text_of(Some(value)));
        match found.get(uid) {
            None => compared.missing += 1,
            Some(there) if there.iter().map(Option::as_deref).eq(wanted) => compared.equal += 1,
            Some(_) => compared.different += 1,
        }
    }
    Ok(())
}

fn text_of(value: Option<Value<'_>>) -> Option<&str> {
    match value {
        Some(Value::String(it) | Value::Json(it)) => Some(it),
        _ => None,
    }
}

fn table(chosen: &Chosen<'_>) -> anyhow::Result<String> {
    let into = chosen.data_type.into.as_ref();
    let into = into.ok_or_else(|| open::no_part(chosen, "into"))?;
    Ok(double_quoted(into.first_table())?)
}

async fn target(app: &App, chosen: &Chosen<'_>) -> anyhow::Result<SqlitePool> {
    let into = chosen.data_type.into.as_ref();
    let into = into.ok_or_else(|| open::no_part(chosen, "into"))?;
    let connection = app.settings.connections.get(&into.connection);
    let Some(path) = connection.and_then(Connection::file) else {
        anyhow::bail!("the demo's target is no file");
    };
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    Ok(SqlitePool::connect_with(options).await?)
}

async fn count(pool: &SqlitePool, table: &str) -> anyhow::Result<u64> {
    let query = format!("SELECT count(*) FROM {table}");
    let count: i64 = sqlx::query(statement(query)).fetch_one(pool).await?.get(0);
    Ok(u64::try_from(count)?)
}
