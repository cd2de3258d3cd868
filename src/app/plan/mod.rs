//! `plan`: what each flow would read next, how the server finds it, and where it would be written.

mod sample;

use serde_json::json;

use super::{context::App, open, select::Part};
use crate::{
    cli::{self, ExitStatus},
    cursor::CursorStore,
    fault::chain,
    flow::FlowError,
    model::{Finding, FlowName, Position, Severity},
    settings::Chosen,
    sink::SinkError,
    source::{Counted, LowWatermark, Plan},
};
use sample::{Sampled, Stage};

/// A flow, and what it would do.
struct Planned {
    flow: String,
    /// `None` where nothing is read: the data type has no `from`.
    read: Option<Read>,
    target: Vec<Finding>,
    /// The statement by which the missing table would be made.
    create: Option<String>,
    samples: Vec<Sampled>,
    /// What each step of the way out makes of them.
    stages: Vec<Stage>,
}

/// Where a flow stands, and what it would read.
struct Read {
    position: Option<Position>,
    plan: Plan,
}

/// Asks for the plan of each chosen flow. Takes no lease.
pub(super) async fn run(app: &App, arguments: &cli::Plan) -> anyhow::Result<ExitStatus> {
    let part: Part = ("from` or `into", |it| {
        it.from.is_some() || it.into.is_some()
    });
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
            Ok(it) if !it.findings().any(problem) => {}
            _ => status = ExitStatus::Failed,
        }
        match (planned, app.json) {
            (Ok(it), true) => shown.push(as_json(&it)),
            (Ok(it), false) => show(&it),
            (Err(error), true) => {
                shown.push(json!({ "flow": name(it), "error": chain(&error) }));
            }
            (Err(error), false) => out!("{}\n  ✗ {}", name(it), chain(&error)),
        }
    }
    if app.json {
        out!("{}", json!({ "flows": shown }));
    }
    Ok(status)
}

/// The flow's name: that of the reading, else that of the writing.
fn name(chosen: &Chosen<'_>) -> String {
    match chosen.data_type.from {
        Some(_) => open::flow_name(chosen).text(),
        None => open::sink_name(chosen),
    }
}

async fn plan(app: &App, chosen: &Chosen<'_>, sample: Option<u16>) -> Result<Planned, FlowError> {
    let (mut read, mut samples, mut stages) = (None, Vec::new(), Vec::new());
    if chosen.data_type.from.is_some() {
        let position = position(&*app.open.cursors().await?, &open::flow_name(chosen)).await?;
        let source = app.open.table_source(chosen).await?;
        let plan = source.plan(position.as_ref()).await?;
        if let Some(most) = sample {
            let steps = app.open.steps(&chosen.data_type.steps).await?;
            let most = most.into();
            (samples, stages) =
                sample::take(&*source, chosen, &steps, position.as_ref(), most).await?;
        }
        read = Some(Read { position, plan });
    }
    let (target, create) = match &chosen.data_type.into {
        None => (Vec::new(), None),
        Some(into) => {
            let fields = app.open.fields(chosen, into).await?;
            let sink = app.open.sink(chosen, into).await?;
            let target = sink.check(fields.as_deref()).await?;
            // Why it cannot be made is among the findings.
            let create = match sink.would_create(fields.as_deref()).await {
                Err(SinkError::Incompatible { .. }) => None,
                other => other?,
            };
            (target, create)
        }
    };
    Ok(Planned {
        flow: name(chosen),
        read,
        target,
        create,
        samples,
        stages,
    })
}

/// Where a flow stands. Beside a damaged cursor, a plan from the beginning would be wrong.
async fn position(
    cursors: &dyn CursorStore,
    flow: &FlowName,
) -> Result<Option<Position>, FlowError> {
    let stored = cursors.list().await?;
    let stored = stored.into_iter().find(|it| it.flow == flow.text());
    match stored.map(|it| it.position) {
        None => Ok(None),
        Some(Ok(position)) => Ok(Some(position)),
        Some(Err(reason)) => Err(FlowError::Unreadable(reason)),
    }
}

impl Planned {
    fn findings(&self) -> impl Iterator<Item = &Finding> {
        let of_read = self.read.iter().flat_map(|it| &it.plan.findings);
        of_read.chain(&self.target)
    }
}

fn show(it: &Planned) {
    out!("{}", it.flow);
    match &it.read {
        Some(read) => show_read(read),
        None => out!("  reads       nothing: the data type has no `from`"),
    }
    for finding in it.findings() {
        let symbol = match finding.severity {
            Severity::Good => "✓",
            Severity::Note => "·",
            Severity::Problem => "✗",
        };
        out!("  {symbol} {}", finding.text);
    }
    if let Some(create) = &it.create {
        out!("  would create {create}");
    }
    for line in it.stages.iter().flat_map(Stage::lines) {
        out!("  {line}");
    }
    for sampled in &it.samples {
        out!("  {}", sampled.line());
    }
}

fn show_read(it: &Read) {
    let plan = &it.plan;
    match &it.position {
        Some(position) => out!("  position    {position}"),
        None => out!("  position    none: reads from the beginning"),
    }
    out!("  to read     {}", rows(plan.past));
    if plan.nulls.number() > 0 {
        out!("  no value    {}", rows(plan.nulls));
    }
    out!("  next page   {}", plan.query);
    for value in &plan.bound {
        out!("              ? = {value}");
    }
    if let Some(access) = &plan.access {
        let by = match &access.index {
            Some(index) => format!("by the index {index}"),
            None => "without an index".to_owned(),
        };
        let all = if access.reads_all {
            ", from its start"
        } else {
            ""
        };
        let sorts = if access.sorts { ", with a sort" } else { "" };
        let rows = access
            .rows
            .map_or(String::new(), |it| format!(", about {it} rows"));
        out!("  access      {by}{all}{sorts}{rows}");
    }
    if let Some(watermark) = &plan.watermark {
        out!("  watermark   {}", watermark_text(watermark));
    }
}

/// A number of rows as it is written: `1 row`, `at least 1000 rows`.
fn rows(counted: Counted) -> String {
    match counted {
        Counted::Exactly(1) => "1 row".to_owned(),
        _ => format!("{counted} rows"),
    }
}

pub(super) fn watermark_text(watermark: &LowWatermark) -> String {
    let value = watermark.value.as_deref().unwrap_or("nothing yet");
    let behind = format!(
        "{value}, {:.1} s behind the server's clock",
        watermark.behind
    );
    match &watermark.blocked_by {
        None => behind,
        Some(blocked_by) => {
            let who = blocked_by
                .who
                .as_ref()
                .map_or(String::new(), |it| format!(" ({it})"));
            let since = blocked_by
                .seconds
                .map_or(String::new(), |it| format!(" for {it:.1} s"));
            format!("{behind}: blocked by {}{who}{since}", blocked_by.connection)
        }
    }
}

pub(super) fn watermark_json(it: &LowWatermark) -> serde_json::Value {
    let blocked_by = it
        .blocked_by
        .as_ref()
        .map(|it| json!({ "connection": it.connection, "who": it.who, "seconds": it.seconds }));
    json!({ "value": it.value, "behind": it.behind, "blocked_by": blocked_by })
}

fn as_json(it: &Planned) -> serde_json::Value {
    let texts = |findings: &[Finding]| {
        let texts = findings.iter().map(|it| it.text.clone());
        texts.collect::<Vec<_>>()
    };
    let mut shown = json!({
        "flow": it.flow,
        "target": texts(&it.target),
        "create": it.create,
        "steps": it.stages.iter().map(Stage::as_json).collect::<Vec<_>>(),
        "samples": it.samples.iter().map(Sampled::as_json).collect::<Vec<_>>(),
    });
    if let Some(Read { position, plan }) = &it.read {
        shown["position"] = json!(position.as_ref().map(Position::as_str));
        shown["past"] = json!(plan.past.number());
        shown["past_is_exact"] = json!(matches!(plan.past, Counted::Exactly(_)));
        shown["nulls"] = json!(plan.nulls.number());
        shown["query"] = json!(plan.query);
        shown["bound"] = json!(plan.bound);
        shown["access"] = json!(plan.access.as_ref().map(|it| {
            json!({ "index": it.index, "reads_all": it.reads_all, "sorts": it.sorts, "rows": it.rows })
        }));
        shown["low_watermark"] = json!(plan.watermark.as_ref().map(watermark_json));
        shown["findings"] = json!(texts(&plan.findings));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cursor::file::FileCursors,
        fault::{Fault, Faulty},
    };

    #[tokio::test]
    async fn beside_a_damaged_cursor_a_plan_says_which_and_what_to_do_and_calls_it_permanent() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileCursors::new(folder.path());
        let flow = FlowName {
            data_type: "list".to_owned(),
            topic: "t".to_owned(),
            source: "shop.list".to_owned(),
        };
        let location = store.location(&flow);
        std::fs::write(&location, "{").expect("damaged");
        let error = position(&store, &flow).await.expect_err("damaged");
        assert_eq!(error.fault(), Fault::Permanent);
        let said = chain(&error);
        for part in [
            &location,
            "is damaged",
            "highwater cursor reset list/t/shop.list",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
