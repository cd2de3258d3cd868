//! `plan`: what each flow would read next, how the server finds it, and where it would be written.

use serde_json::json;

use super::{
    App,
    choose::Part,
    open,
    sample::{self, Sampled, Stage},
};
use crate::{
    cli::{self, ExitStatus},
    fault::chain,
    flow::FlowError,
    model::{Finding, FlowName, Position, Severity},
    settings::Chosen,
    sink::SinkError,
    source::{Counted, Plan, SettledAt},
};

/// A flow, where it stands, and what it would do.
struct Planned {
    flow: FlowName,
    stands: Option<Position>,
    plan: Plan,
    target: Vec<Finding>,
    /// The statement by which the missing table would be made.
    create: Option<String>,
    samples: Vec<Sampled>,
    /// What each step of the way out makes of them.
    stages: Vec<Stage>,
}

/// Asks for the plan of each chosen flow. Takes no lease.
pub(super) async fn run(app: &App, arguments: &cli::Plan) -> anyhow::Result<ExitStatus> {
    let part: Part = ("from", |it| it.from.is_some());
    let data_type = arguments.data_type.as_deref();
    let chosen = match app.chosen(data_type, arguments.topic.as_deref(), part) {
        Ok(chosen) => chosen,
        Err(status) => return Ok(status),
    };
    let (mut shown, mut status) = (Vec::new(), ExitStatus::Done);
    for it in &chosen {
        let problem = |it: &Finding| it.severity == Severity::Problem;
        let planned = plan(app, it, arguments.sample).await;
        match &planned {
            Ok(it) if !it.plan.findings.iter().chain(&it.target).any(problem) => {}
            _ => status = ExitStatus::Failed,
        }
        match (planned, app.json) {
            (Ok(it), true) => shown.push(as_json(&it)),
            (Ok(it), false) => show(&it),
            (Err(error), true) => {
                let flow = open::flow_name(it).text();
                shown.push(json!({ "flow": flow, "error": chain(&error) }));
            }
            (Err(error), false) => println!("{}\n  ✗ {}", open::flow_name(it), chain(&error)),
        }
    }
    if app.json {
        println!("{}", json!({ "flows": shown }));
    }
    Ok(status)
}

async fn plan(app: &App, chosen: &Chosen<'_>, sample: Option<u16>) -> Result<Planned, FlowError> {
    let flow = open::flow_name(chosen);
    let stored = app.open.cursors().await?.list().await?;
    let stored = stored.into_iter().find(|it| it.flow == flow.text());
    // A damaged one is told by `check`; a plan from the beginning would be wrong.
    let stands = match stored.map(|it| it.position) {
        None => None,
        Some(Ok(position)) => Some(position),
        Some(Err(_)) => {
            return Err(FlowError::Silent(
                "the stored cursor is damaged: see `highwater check`",
            ));
        }
    };
    let source = app.open.source(chosen).await?;
    let plan = source.plan(stands.as_ref()).await?;
    let (target, create) = match &chosen.data_type.into {
        None => (Vec::new(), None),
        Some(into) => {
            let fields = app.open.fields(chosen, into).await?;
            let sink = app.open.sink(chosen, into).await?;
            let target = sink.check(fields.as_deref()).await?;
            // Why it cannot be made is among the findings.
            let create = match sink.would_create(fields.as_deref()).await {
                Err(SinkError::Unfit { .. }) => None,
                other => other?,
            };
            (target, create)
        }
    };
    let (samples, stages) = match sample {
        None => (Vec::new(), Vec::new()),
        Some(most) => {
            let steps = app.open.steps(&chosen.data_type.steps).await?;
            sample::take(&*source, chosen, &steps, stands.as_ref(), most.into()).await?
        }
    };
    Ok(Planned {
        flow,
        stands,
        plan,
        target,
        create,
        samples,
        stages,
    })
}

fn show(it: &Planned) {
    let plan = &it.plan;
    println!("{}", it.flow);
    match &it.stands {
        Some(position) => println!("  stands at   {position}"),
        None => println!("  stands at   the beginning: nothing is stored"),
    }
    println!("  past it     {} rows", plan.past);
    if plan.nulls.number() > 0 {
        println!("  no value    {} rows", plan.nulls);
    }
    println!("  next page   {}", plan.query);
    for value in &plan.bound {
        println!("              ? = {value}");
    }
    if let Some(access) = &plan.access {
        let by = match &access.index {
            Some(index) => format!("by the index {index}"),
            None => "without an index".to_owned(),
        };
        let all = if access.reads_all {
            ", from its one end"
        } else {
            ""
        };
        let sorts = if access.sorts { ", and sorts" } else { "" };
        let rows = access
            .rows
            .map_or(String::new(), |it| format!(", about {it} rows"));
        println!("  is found    {by}{all}{sorts}{rows}");
    }
    if let Some(settled) = &plan.settled {
        println!("  settled     {}", settled_text(settled));
    }
    for finding in plan.findings.iter().chain(&it.target) {
        let mark = match finding.severity {
            Severity::Good => "✓",
            Severity::Note => "·",
            Severity::Problem => "✗",
        };
        println!("  {mark} {}", finding.text);
    }
    if let Some(create) = &it.create {
        println!("  would make  {create}");
    }
    for line in it.stages.iter().flat_map(Stage::lines) {
        println!("  {line}");
    }
    for sampled in &it.samples {
        println!("  {}", sampled.line());
    }
}

pub(super) fn settled_text(settled: &SettledAt) -> String {
    let value = settled.value.as_deref().unwrap_or("nothing yet");
    let behind = format!("{value}, {:.1} s behind the server's clock", settled.behind);
    match &settled.holder {
        None => behind,
        Some(holder) => {
            let who = holder
                .who
                .as_ref()
                .map_or(String::new(), |it| format!(" ({it})"));
            let since = holder
                .seconds
                .map_or(String::new(), |it| format!(" for {it:.1} s"));
            format!("{behind}: held back by {}{who}{since}", holder.connection)
        }
    }
}

pub(super) fn settled_json(it: &SettledAt) -> serde_json::Value {
    let holder = it
        .holder
        .as_ref()
        .map(|it| json!({ "connection": it.connection, "who": it.who, "seconds": it.seconds }));
    json!({ "value": it.value, "behind": it.behind, "holder": holder })
}

fn as_json(it: &Planned) -> serde_json::Value {
    let plan = &it.plan;
    let access = plan.access.as_ref().map(|it| {
        json!({ "index": it.index, "reads_all": it.reads_all, "sorts": it.sorts, "rows": it.rows })
    });
    let texts = |findings: &[Finding]| {
        findings
            .iter()
            .map(|it| it.text.clone())
            .collect::<Vec<_>>()
    };
    json!({
        "flow": it.flow.text(),
        "stands_at": it.stands.as_ref().map(Position::as_str),
        "past": plan.past.number(),
        "past_is_exact": matches!(plan.past, Counted::Exactly(_)),
        "nulls": plan.nulls.number(),
        "query": plan.query,
        "bound": plan.bound,
        "access": access,
        "settled": plan.settled.as_ref().map(settled_json),
        "findings": texts(&plan.findings),
        "target": texts(&it.target),
        "create": it.create,
        "steps": it.stages.iter().map(Stage::as_json).collect::<Vec<_>>(),
        "samples": it.samples.iter().map(Sampled::as_json).collect::<Vec<_>>(),
    })
}
