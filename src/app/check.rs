//! `check`: settings, connections, rights and topics, and what each flow cannot see.

use serde_json::json;

use super::{context::App, load, open, output::report, past_newest};
use crate::{
    cli::{Check, Everywhere, ExitStatus},
    fault::chain,
    flow::FlowError,
    model::{Finding, Severity},
    settings::{Chosen, DeadLettersTo},
};

/// The settings alone.
pub(super) fn offline(everywhere: &Everywhere) -> anyhow::Result<ExitStatus> {
    let settings = match load(everywhere) {
        Ok(settings) => settings,
        Err(status) => return Ok(status),
    };
    let (connections, data_types) = (settings.connections.len(), settings.data_types.len());
    let file = everywhere.settings.display().to_string();
    if everywhere.json {
        out!(
            "{}",
            json!({ "file": file, "connections": connections, "data_types": data_types })
        );
    } else {
        let connections = report::count(connections as u64, "connection");
        let data_types = report::count(data_types as u64, "data type");
        out!("{file}: {connections} and {data_types}, no mistake");
    }
    Ok(ExitStatus::Done)
}

/// One part of a flow, and what was found.
struct Part {
    data_type: String,
    part: String,
    findings: Vec<Finding>,
}

/// Each flow with all that it touches, in one screen.
pub(super) async fn run(app: &App, arguments: &Check) -> anyhow::Result<ExitStatus> {
    let chosen = match app.settings.select(arguments.data_type.as_deref(), None) {
        Ok(chosen) => chosen,
        Err(error) => {
            err!("highwater: {error}");
            return Ok(ExitStatus::Usage);
        }
    };
    let mut parts = vec![part("all", "cursors", cursors(app).await)];
    for it in &chosen {
        flow(app, it, &mut parts).await;
    }
    show(&parts, app.json);
    let problem = |it: &Finding| it.severity == Severity::Problem;
    Ok(if parts.iter().flat_map(|it| &it.findings).any(problem) {
        ExitStatus::Failed
    } else {
        ExitStatus::Done
    })
}

async fn flow(app: &App, chosen: &Chosen<'_>, parts: &mut Vec<Part>) {
    let name = &chosen.name;
    if let Some(from) = &chosen.data_type.from {
        let found = source(app, chosen).await;
        parts.push(part(
            name,
            &format!("from {}.{}", from.connection, from.table),
            found,
        ));
    }
    let topic = |name: &str| format!("topic {}.{name}", chosen.data_type.broker);
    let found = app.open.check_topic(chosen, &chosen.topic).await;
    parts.push(part(name, &topic(&chosen.topic), found));
    let to = chosen.data_type.dead_letters_to(&chosen.topic);
    let target = match &to {
        DeadLettersTo::Topic(it) => topic(it),
        DeadLettersTo::Table(_) => format!("dead letters in table {}", to.name()),
    };
    let found = app.open.check_dead_letters(chosen, &to).await;
    parts.push(part(name, &target, found));
    if let Some(into) = &chosen.data_type.into {
        let found = sink(app, chosen, into).await;
        parts.push(part(name, &format!("into {}", into.name()), found));
    }
}

async fn source(app: &App, chosen: &Chosen<'_>) -> Result<Vec<Finding>, FlowError> {
    let source = app.open.source(chosen).await?;
    let mut findings = source.check().await?;
    let readable = findings.iter().all(|it| it.severity != Severity::Problem);
    let flow = open::flow_name(chosen).text();
    let stored = app.open.cursors().await?.list().await?;
    let stored = stored.into_iter().find(|it| it.flow == flow);
    let position = stored.and_then(|it| it.position.ok()).filter(|_| readable);
    if let Some(position) = position {
        let advice = past_newest::advice(&source.status(Some(&position)).await?);
        findings.extend(advice.map(|text| Finding {
            severity: Severity::Note,
            text,
        }));
    }
    Ok(findings)
}

async fn sink(
    app: &App,
    chosen: &Chosen<'_>,
    into: &crate::settings::WriteInto,
) -> Result<Vec<Finding>, FlowError> {
    let sink = app.open.sink(chosen, into).await?;
    let fields = app.open.fields(chosen, into).await?;
    Ok(sink.check(fields.as_deref()).await?)
}

async fn cursors(app: &App) -> Result<Vec<Finding>, FlowError> {
    let stored = app.open.cursors().await?.list().await?;
    let damaged = stored.iter().filter_map(|it| it.position.as_ref().err());
    let mut findings: Vec<_> = damaged
        .map(|reason| Finding {
            severity: Severity::Problem,
            text: reason.clone(),
        })
        .collect();
    findings.push(Finding {
        severity: Severity::Good,
        text: format!("{} stored", report::count(stored.len() as u64, "cursor")),
    });
    Ok(findings)
}

fn part(data_type: &str, part: &str, found: Result<Vec<Finding>, FlowError>) -> Part {
    let findings = found.unwrap_or_else(|error| {
        vec![Finding {
            severity: Severity::Problem,
            text: chain(&error),
        }]
    });
    Part {
        data_type: data_type.to_owned(),
        part: part.to_owned(),
        findings,
    }
}

fn show(parts: &[Part], json: bool) {
    if json {
        let parts: Vec<_> = parts.iter().map(part_json).collect();
        out!("{}", json!({ "parts": parts }));
        return;
    }
    for part in parts {
        out!("{}: {}", part.data_type, part.part);
        for finding in &part.findings {
            out!("  {} {}", symbol(finding.severity), finding.text);
        }
    }
    let count = |severity| {
        let of = |it: &&Finding| it.severity == severity;
        parts.iter().flat_map(|it| &it.findings).filter(of).count() as u64
    };
    let (problems, notes) = (count(Severity::Problem), count(Severity::Note));
    out!(
        "{}, {}",
        report::count(problems, "problem"),
        report::count(notes, "note")
    );
}

fn symbol(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "✓",
        Severity::Note => "·",
        Severity::Problem => "✗",
    }
}

fn part_json(part: &Part) -> serde_json::Value {
    let finding = |it: &Finding| {
        let severity = match it.severity {
            Severity::Good => "good",
            Severity::Note => "note",
            Severity::Problem => "problem",
        };
        json!({ "severity": severity, "text": it.text })
    };
    let findings: Vec<_> = part.findings.iter().map(finding).collect();
    json!({ "data_type": part.data_type, "part": part.part, "findings": findings })
}
