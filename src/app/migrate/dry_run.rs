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
    sink::{Lacking, SinkError},
    source::Plan,
};

/// What a task would do.
struct Dry {
    stands: Option<Position>,
    plan: Plan,
    target: Vec<Finding>,
    create: Option<String>,
    /// What the run would make behind the load.
    indexes: Vec<Lacking>,
    /// What the table lacks, and no run makes.
    lacking: Vec<Lacking>,
}

/// Says what the task would do.
pub(in crate::app) async fn run(app: &App, name: &str, task: &Task) -> anyhow::Result<ExitStatus> {
    let flow = flow_name(name, task).text();
    let dry = match look(app, name, task).await {
        Ok(dry) => dry,
        Err(error) => {
            let error = chain(&error);
            match app.json {
                true => say!("{}", json!({ "flow": flow, "error": error })),
                false => say!("{flow}\n  ✗ {error}"),
            }
            return Ok(ExitStatus::Failed);
        }
    };
    match app.json {
        true => say!("{}", as_json(&flow, &dry)),
        false => show(&flow, &dry),
    }
    let problem = |it: &Finding| it.severity == Severity::Problem;
    let mut findings = dry.plan.findings.iter().chain(&dry.target);
    Ok(match findings.any(problem) {
        true => ExitStatus::Failed,
        false => ExitStatus::Done,
    })
}

async fn look(app: &App, name: &str, task: &Task) -> Result<Dry, FlowError> {
    let flow = flow_name(name, task);
    let ends = Ends::open(app, task, &flow).await?;
    let stands = ends.sink.place(&flow.text()).await?;
    let plan = ends.source.plan(stands.as_ref()).await?;
    let fields = ends.fields.as_deref();
    let target = ends.sink.check(fields).await?;
    // Why it cannot be made is among the findings.
    let create = match ends.sink.would_create(fields).await {
        Err(SinkError::Unfit { .. }) => None,
        other => other?,
    };
    let text = flow.text();
    let indexes = Indexes {
        flow: &text,
        sink: &*ends.sink,
        fields,
    };
    let makes = create.is_some() || indexes.is_pending().await?;
    let lacking = ends.sink.lacking(fields).await?;
    let made = |it: &Lacking| makes && it.statement.is_ok();
    let (indexes, lacking) = lacking.into_iter().partition(made);
    Ok(Dry {
        stands,
        plan,
        target,
        create,
        indexes,
        lacking,
    })
}

fn show(flow: &str, dry: &Dry) {
    say!("{flow}");
    match &dry.stands {
        Some(position) => say!("  stands at {position}"),
        None => say!("  has never run: it would read everything"),
    }
    say!("  reads {}", dry.plan.query);
    match dry.plan.nulls.number() {
        0 => say!("  past that place: {} rows", dry.plan.past),
        _ => say!(
            "  past that place: {} rows, and {} without a value in the cursor's field",
            dry.plan.past,
            dry.plan.nulls
        ),
    }
    if let Some(create) = &dry.create {
        say!("  would make the table: {create}");
    }
    for statement in dry
        .indexes
        .iter()
        .filter_map(|it| it.statement.as_ref().ok())
    {
        say!("  would make behind the load: {statement}");
    }
    for it in &dry.lacking {
        say!("  · {}", missing_index::sentence(it));
    }
    for finding in dry.plan.findings.iter().chain(&dry.target) {
        let mark = match finding.severity {
            Severity::Good => "✓",
            Severity::Note => "·",
            Severity::Problem => "✗",
        };
        say!("  {mark} {}", finding.text);
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
        "position": dry.stands.as_ref().map(Position::as_str),
        "query": dry.plan.query,
        "rows_past": dry.plan.past.number(),
        "rows_without_value": dry.plan.nulls.number(),
        "create": dry.create,
        "indexes": dry.indexes.iter().map(missing_index::object).collect::<Vec<_>>(),
        "lacking": dry.lacking.iter().map(missing_index::object).collect::<Vec<_>>(),
        "findings": findings.map(finding).collect::<Vec<_>>(),
    })
}
