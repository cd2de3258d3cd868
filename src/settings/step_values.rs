//! `cast`, `date` and `lookup` in a settings file.

use std::time::Duration;

use chrono_tz::Tz;

use super::{
    nearest::nearest,
    reading::Wanted,
    references::Connections,
    section::Section,
    table_name::{self, Usage},
};
use crate::{
    model::Role,
    pipeline::{DateStep, Expression, Form, LookupStep, MapStep, StepSettings, Target, Unknown},
};

pub(super) fn cast(section: &mut Section<'_>) -> StepSettings {
    let mut targets = Vec::new();
    for (name, it) in section.pairs("cast", &[Wanted::Text]) {
        let found = Target::WORDS.iter().find(|(word, _)| *word == it.text);
        if let Some((_, target)) = found {
            targets.push((name, *target));
            continue;
        }
        let words = Target::WORDS.iter().map(|(word, _)| *word);
        let help = nearest(&it.text, words.clone()).map(|it| format!("did you mean `{it}`?"));
        let words: Vec<&str> = words.collect();
        let message = format!("`{name}` is to be none of {}", words.join(", "));
        section.wrong("cast", &it.span, message, help);
    }
    StepSettings::Cast(targets)
}

pub(super) fn date(section: &mut Section<'_>) -> StepSettings {
    let fields = section
        .texts("date")
        .into_iter()
        .map(|it| it.text)
        .collect();
    let written = section.optional_text("from");
    let from = written.and_then(|it| form(section, "from", &it.text, &it.span));
    if let Some(Form::Date | Form::DateTime | Form::Instant) = &from
        && let Some(span) = section.written("from")
    {
        let message = "is a type, which a value says itself".to_owned();
        let help = "leave it out, or write how texts or numbers look".to_owned();
        section.wrong("from", &span, message, Some(help));
    }
    let to = section.required("to", Wanted::Text, "\"YYYY-MM\"");
    let to = to.and_then(|it| form(section, "to", &it.text, &it.span));
    StepSettings::Date(DateStep {
        fields,
        from,
        // Beside the mistake, nobody sees it.
        to: to.unwrap_or(Form::Instant),
        zone: zone(section, "zone"),
        to_zone: zone(section, "to-zone"),
    })
}

pub(super) fn map(section: &mut Section<'_>) -> StepSettings {
    let field = section.text("map", "\"department\"");
    let into = section.text("into", "\"code\"");
    section.needed("values", "{ a = \"b\" }");
    let values = section.pairs("values", &[Wanted::Text]);
    StepSettings::Map(MapStep {
        field,
        into,
        values: values.into_iter().map(|(it, to)| (it, to.text)).collect(),
        otherwise: section.optional_text("otherwise").map(|it| it.text),
    })
}

pub(super) fn lookup(section: &mut Section<'_>, connections: &Connections) -> Option<StepSettings> {
    let into = section.text("lookup", "\"source_id\"");
    let by = expression(section, "by", "\"host(link)\"");
    let (connection, _) = connections.named(section, "connection", Role::LookupTable);
    let table = section.text("table", "\"sources\"");
    let of = (connections, connection.as_str());
    table_name::check(section, "table", (&table, of), Usage::LookUp);
    let key = expression(section, "key", "\"host(main_link)\"");
    let value = section.text("value", "\"source_id\"");
    let unknown = section.choice_or("on-missing", Unknown::DeadLetter);
    let most = section.number_or("max-rows", 10_000, 1..=1_000_000);
    let age = section.duration_or("refresh", Duration::from_secs(60));
    Some(StepSettings::Lookup(Box::new(LookupStep {
        into,
        by: by?,
        connection,
        table,
        key: key?,
        value,
        unknown,
        most,
        age,
    })))
}

fn expression(section: &mut Section<'_>, key: &'static str, example: &str) -> Option<Expression> {
    let written = section.required(key, Wanted::Text, example)?;
    match Expression::parse(&written.text) {
        Ok(expression) => Some(expression),
        Err(reason) => {
            section.wrong(key, &written.span, format!("is no CEL: {reason}"), None);
            None
        }
    }
}

fn form(
    section: &Section<'_>,
    key: &'static str,
    text: &str,
    span: &std::ops::Range<usize>,
) -> Option<Form> {
    match Form::parse(text) {
        Ok(form) => Some(form),
        Err(reason) => {
            let help = "write it as \"YYYY-MM-DD HH:mm:ss\", \"%Y-%m-%d\", \"epoch-s\", \
                        \"epoch-ms\", \"epoch-us\", \"epoch-ns\", or as the type that it becomes";
            section.wrong(key, span, reason, Some(help.to_owned()));
            None
        }
    }
}

fn zone(section: &mut Section<'_>, key: &'static str) -> Option<Tz> {
    let written = section.optional_text(key)?;
    let zone = written.text.parse().ok();
    if zone.is_none() {
        let message = format!("{} is no time zone", written.quoted());
        let help = "write it as \"Asia/Shanghai\" or \"UTC\"".to_owned();
        section.wrong(key, &written.span, message, Some(help));
    }
    zone
}
