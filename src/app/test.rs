//! `test`: the users' own cases for their steps: a record, and what has to come of it.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::context::App;
use crate::{
    cli::{self, ExitStatus},
    codec::{Decoder, Encoder, json::Json},
    fault::chain,
    model::{Headers, Message, RecordOrigin, Records, Schema},
    pipeline::{self, LookupTable, StepSettings, Tables},
    settings::{DataType, Settings},
};

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    name: String,
    data_type: String,
    side: Side,
    /// Of several tables behind a topic, the one whose steps come behind those of all.
    table: Option<String>,
    /// Records in JSON, as they are before the steps.
    records: Vec<String>,
    /// What has to come, in JSON.
    #[serde(default)]
    expect: Vec<String>,
    /// The steps in which records have to fail.
    #[serde(default)]
    fails: Vec<String>,
    /// The rows of tables that `lookup` reads, in JSON.
    #[serde(default)]
    tables: HashMap<String, Vec<String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Side {
    Out,
    In,
}

/// What came of a case.
struct Came {
    records: Vec<Value>,
    /// Step and reason of each that failed.
    failed: Vec<(String, String)>,
}

/// Runs the cases whose names have the filter in them. Opens no connection.
pub(super) async fn run(app: &App, arguments: &cli::Test) -> anyhow::Result<ExitStatus> {
    let path = &arguments.cases;
    let read = std::fs::read_to_string(path);
    let read = read.context("cannot be read; docs/steps.md shows such a file");
    let file = match read.and_then(|text| Ok(toml::from_str::<File>(&text)?)) {
        Ok(file) => file,
        Err(error) => {
            err!("highwater: {}: {error:#}", path.display());
            return Ok(ExitStatus::Usage);
        }
    };
    let wanted = arguments.filter.as_deref().unwrap_or("");
    let (mut shown, mut failures) = (Vec::new(), 0);
    for case in file.case.iter().filter(|it| it.name.contains(wanted)) {
        let outcome = outcome(&app.settings, case).await;
        let passed = matches!(&outcome, Ok((_, true)));
        failures += usize::from(!passed);
        if app.json {
            shown.push(as_json(case, &outcome))
        } else {
            show(case, &outcome)
        }
        if !app.json {
            shown.push(Value::Null);
        }
    }
    if shown.is_empty() {
        err!("highwater: {} has no case `{wanted}`", path.display());
        return Ok(ExitStatus::Usage);
    }
    if app.json {
        out!("{}", json!({ "cases": shown }))
    } else {
        out!("{} passed, {failures} failed", shown.len() - failures)
    }
    Ok(match failures {
        0 => ExitStatus::Done,
        _ => ExitStatus::Failed,
    })
}

/// What came, and whether it is what had to.
async fn outcome(settings: &Settings, case: &Case) -> anyhow::Result<(Came, bool)> {
    let came = came(settings, case).await?;
    let expected = case.expect.iter().map(|it| parsed(it));
    let expected = expected.collect::<anyhow::Result<Vec<Value>>>()?;
    let failed = came.failed.iter().map(|(step, _)| step);
    let passed = came.records == expected && failed.eq(&case.fails);
    Ok((came, passed))
}

async fn came(settings: &Settings, case: &Case) -> anyhow::Result<Came> {
    let data_type = settings.data_type(&case.data_type)?;
    let steps = &steps_of(case, data_type)?;
    let mut tables = HashMap::new();
    for (name, rows) in &case.tables {
        tables.insert(
            name.clone(),
            records(rows).context(format!("table `{name}`"))?,
        );
    }
    let tables = LookupTable::Rows(Arc::new(tables));
    let connections = StepSettings::connections(steps).into_iter();
    let tables: Tables = connections
        .map(|it| (it.to_owned(), tables.clone()))
        .collect();
    let steps = pipeline::steps_with(steps, &tables);
    let as_error = |error: pipeline::StepError| anyhow::anyhow!(chain(&error));
    pipeline::prepare(&steps).await.map_err(as_error)?;
    let (after, failed) = pipeline::run(&steps, records(&case.records)?).map_err(as_error)?;
    let mut made = Vec::new();
    for row in after.iter() {
        let mut text = Vec::new();
        Json::PLAIN.encode(&row, "", &mut text)?;
        made.push(serde_json::from_slice(&text)?);
    }
    Ok(Came {
        records: made,
        failed: failed.into_iter().map(|it| (it.step, it.reason)).collect(),
    })
}

/// All steps that the case's records pass, in order.
fn steps_of(case: &Case, data_type: &DataType) -> anyhow::Result<Vec<StepSettings>> {
    let into = match (case.side, &data_type.into) {
        (Side::Out, _) => return Ok(data_type.steps.clone()),
        (Side::In, Some(into)) => into,
        (Side::In, None) => anyhow::bail!("`{}` has no `into`", case.data_type),
    };
    let mut steps = into.steps.clone();
    if let Some(table) = &case.table {
        let found = into.tables.iter().find(|it| it.table == *table);
        let found = found.with_context(|| format!("it is written to no table `{table}`"))?;
        steps.extend(found.steps.iter().cloned());
    }
    Ok(steps)
}

/// Records of JSON texts, each its own origin.
fn records(texts: &[String]) -> anyhow::Result<Records> {
    let mut records = Records::new(Arc::new(Schema::document("case", [] as [&str; 0])));
    for (origin, text) in (0..).zip(texts) {
        let message = Message {
            key: None,
            value: Some(text.as_bytes()),
            headers: Headers::default(),
            record_origin: RecordOrigin::default(),
        };
        let decoded = Json::PLAIN.decode(&message, origin, &mut records);
        decoded.context(format!("record {}", origin + 1))?;
    }
    Ok(records)
}

fn parsed(text: &str) -> anyhow::Result<Value> {
    let fields: Map<String, Value> = serde_json::from_str(text).context("in `expect`")?;
    Ok(Value::Object(fields))
}

type Outcome = anyhow::Result<(Came, bool)>;

fn show(case: &Case, outcome: &Outcome) {
    let came = match outcome {
        Ok((_, true)) => return out!("✓ {}", case.name),
        Ok((came, false)) => came,
        Err(error) => return out!("✗ {}\n    {error:#}", case.name),
    };
    out!("✗ {}", case.name);
    let expected: Vec<Option<Value>> = case.expect.iter().map(|it| parsed(it).ok()).collect();
    for index in 0..expected.len().max(came.records.len()) {
        let (wanted, got) = (
            expected.get(index).cloned().flatten(),
            came.records.get(index),
        );
        if wanted.as_ref() == got {
            continue;
        }
        let shown = |sign, it: Option<&Value>| {
            if let Some(it) = it {
                out!("    {sign} {it}");
            }
        };
        shown('-', wanted.as_ref());
        shown('+', got);
        if let (Some(Value::Object(wanted)), Some(Value::Object(got))) = (&wanted, got) {
            let names: Vec<&String> = wanted.keys().chain(got.keys()).collect();
            let mut other: Vec<&str> = names
                .into_iter()
                .filter(|it| wanted.get(*it) != got.get(*it))
                .map(String::as_str)
                .collect();
            other.sort_unstable();
            other.dedup();
            out!("      differs in {}", other.join(", "));
        }
    }
    for step in &case.fails {
        out!("    - fails in {step}");
    }
    for (step, reason) in &came.failed {
        out!("    + fails in {step}: {reason}");
    }
}

fn as_json(case: &Case, outcome: &Outcome) -> Value {
    match outcome {
        Ok((came, passed)) => {
            let failed = came.failed.iter();
            let failed: Vec<Value> = failed
                .map(|(step, reason)| json!({ "step": step, "reason": reason }))
                .collect();
            let expected: Vec<Option<Value>> =
                case.expect.iter().map(|it| parsed(it).ok()).collect();
            json!({ "name": case.name, "passed": passed, "expected": expected,
                    "records": came.records, "fails": case.fails, "failed": failed })
        }
        Err(error) => json!({ "name": case.name, "passed": false, "error": format!("{error:#}") }),
    }
}
