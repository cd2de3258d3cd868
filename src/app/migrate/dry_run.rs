//! `migrate --dry-run`: what a task would read, and what it would make. Changes nothing.

use serde_json::json;

use super::{Ends, flow_name};
use crate::{
    app::{context::App, output::missing_index},
    cli::ExitStatus,
    fault::chain,
    flow::{FlowError, Indexes},
    model::{Finding, Position, Severity},
    settings::Task,
    sink::{MissingIndex, SinkError},
    source::Plan,
};

/// What a task would do.
struct Dry {
    position: Option<Position>,
    plan: Plan,
    target: Vec<Finding>,
    create: Option<String>,
    /// What the run would make behind the load.
    indexes: Vec<MissingIndex>,
    /// What the table lacks, and no run makes.
    missing_indexes: Vec<MissingIndex>,
}

/// Says what the task would do.
pub(in crate::app) async fn run(app: &App, name: &str, task: &Task) -> anyhow::Result<ExitStatus> {
    let flow = flow_name(name, task).text();
    let dry = match look(app, name, task).await {
        Ok(dry) => dry,
        Err(error) => {
            let error = chain(&error);
            if app.json {
                out!("{}", json!({ "flow": flow, "error": error }))
            } else {
                out!("{flow}\n  ✗ {error}")
            }
            return Ok(ExitStatus::Failed);
        }
    };
    if app.json {
        out!("{}", as_json(&flow, &dry))
    } else {
        show(&flow, &dry)
    }
    let problem = |it: &Finding| it.severity == Severity::Problem;
    let mut findings = dry.plan.findings.iter().chain(&dry.target);
    Ok(if findings.any(problem) {
        ExitStatus::Failed
    } else {
        ExitStatus::Done
    })
}

async fn look(app: &App, name: &str, task: &Task) -> Result<Dry, FlowError> {
    let flow = flow_name(name, task);
    let ends = Ends::open(app, task, &flow).await?;
    let position = ends.sink.position(&flow.text()).await?;
    let plan = ends.source.plan(position.as_ref()).await?;
    let fields = ends.fields.as_deref();
    let target = ends.sink.check(fields).await?;
    // Why it cannot be made is among the findings.
    let create = match ends.sink.would_create(fields).await {
        Err(SinkError::Incompatible { .. }) => None,
        other => other?,
    };
    let text = flow.text();
    let indexes = Indexes {
        flow: &text,
        sink: &*ends.sink,
        fields,
    };
    let makes = create.is_some() || indexes.is_pending().await?;
    let missing_indexes = ends.sink.missing_indexes(fields).await?;
    let made = |it: &MissingIndex| makes && it.statement.is_ok();
    let (indexes, missing_indexes) = missing_indexes.into_iter().partition(made);
    Ok(Dry {
        position,
        plan,
        target,
        create,
        indexes,
        missing_indexes,
    })
}

fn show(flow: &str, dry: &Dry) {
    out!("{flow}");
    match &dry.position {
        Some(position) => out!("  position: {position}"),
        None => out!("  position: none, the task would read everything"),
    }
    out!("  reads {}", dry.plan.query);
    match dry.plan.nulls.number() {
        0 => out!("  rows to read: {}", dry.plan.past),
        _ => out!(
            "  rows to read: {}, and {} without a cursor value",
            dry.plan.past,
            dry.plan.nulls
        ),
    }
    if let Some(create) = &dry.create {
        out!("  would create the table: {create}");
    }
    for statement in dry
        .indexes
        .iter()
        .filter_map(|it| it.statement.as_ref().ok())
    {
        out!("  would create after the load: {statement}");
    }
    for it in &dry.missing_indexes {
        out!("  · {}", missing_index::sentence(it));
    }
    for finding in dry.plan.findings.iter().chain(&dry.target) {
        let symbol = match finding.severity {
            Severity::Good => "✓",
            Severity::Note => "·",
            Severity::Problem => "✗",
        };
        out!("  {symbol} {}", finding.text);
    }
}

fn as_json(flow: &str, dry: &Dry) -> serde_json::Value {
    let finding = |it: &Finding| {
        let severity = match it.severity {
            Severity::Good => "good",
            Severity::Note => "note",
            Severity::Problem => "problem",
        };
        json!({ "severity": severity, "text": it.text })
    };
    let findings = dry.plan.findings.iter().chain(&dry.target);
    json!({
        "flow": flow,
        "position": dry.position.as_ref().map(Position::as_str),
        "query": dry.plan.query,
        "rows_past": dry.plan.past.number(),
        "rows_without_value": dry.plan.nulls.number(),
        "create": dry.create,
        "indexes": dry.indexes.iter().map(missing_index::object).collect::<Vec<_>>(),
        "missing_indexes": dry.missing_indexes.iter().map(missing_index::object).collect::<Vec<_>>(),
        "findings": findings.map(finding).collect::<Vec<_>>(),
    })
}
