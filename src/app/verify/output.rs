//! Output of `verify` and `repair`, as text and as JSON.

use std::time::Duration;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::{Both, TableReport};
use crate::{
    app::output::report::count,
    cli,
    verify::{Kind, Outcome, Repaired, Sample, Verified},
};

/// What was found in one data type, for a person.
pub(in crate::app) fn show(report: &TableReport, is_json: bool) {
    if is_json {
        return;
    }
    let name = &report.data_type;
    match &report.outcome {
        Err(error) => out!("{name}: cannot be compared: {error}"),
        Ok(verified) => {
            let (source, target) = (&report.source, &report.target);
            out!("{name}: {} ({source} against {target})", sentence(verified));
            lines(verified);
            for note in &report.notes {
                out!("  note       {note}");
            }
            out!("  {}", speed(verified, report.took));
        }
    }
}

/// All data types, for a script.
pub(in crate::app) fn finish(report: &[TableReport], is_json: bool) {
    if is_json {
        let all: Vec<_> = report.iter().map(report_json).collect();
        out!("{}", json!({ "verified": all }));
    }
}

/// What a repair would do.
pub(in crate::app) fn would(
    (name, both): (&str, &Both),
    verified: &[Verified],
    asked: &cli::Repair,
    is_json: bool,
) {
    if is_json && asked.apply {
        return;
    }
    let all = |count: fn(&Verified) -> u64| -> u64 { verified.iter().map(count).sum() };
    let (inserts, updates) = (all(|it| it.missing), all(|it| it.different));
    let deletes = if asked.keep_extra {
        0
    } else {
        all(|it| it.extra)
    };
    if is_json {
        let mut object = tables_json(both, verified);
        object["would"] = json!({
            "insert": inserts, "update": updates, "delete": deletes,
            "rows_in_a_transaction": asked.rows,
        });
        out!("{}", json!({ "repair": object }));
        return;
    }
    for (target, verified) in both.targets.iter().zip(verified) {
        let (source, rows) = (both.source.name(), target.rows.name());
        out!("{}: {} ({source} against {rows})", name, sentence(verified));
        lines(verified);
        for note in &target.notes {
            out!("  note       {note}");
        }
    }
    let verb = if asked.apply {
        "repairing"
    } else {
        "`--apply` would do"
    };
    out!(
        "  {verb}: {} inserted and {} updated by key, {} deleted by key, {} in a transaction",
        count(inserts, "row"),
        HumanCount(updates),
        HumanCount(deletes),
        count(asked.rows as u64, "row")
    );
}

/// What a repair did, and how both sides compare after it.
pub(super) fn repaired(repaired: &Repaired, (both, after): (&Both, &[Verified]), is_json: bool) {
    if is_json {
        let mut object = tables_json(both, after);
        object["written"] = json!(repaired.written);
        object["deleted"] = json!(repaired.deleted);
        object["refused"] = json!(repaired.refused);
        object["reasons"] = json!(repaired.reasons);
        out!("{}", json!({ "repair": object }));
        return;
    }
    out!(
        "  {} written, {} deleted, {} refused by the target",
        count(repaired.written, "row"),
        HumanCount(repaired.deleted),
        HumanCount(repaired.refused)
    );
    for reason in &repaired.reasons {
        out!("  refused    {reason}");
    }
    for (target, after) in both.targets.iter().zip(after) {
        let of = match both.targets.len() {
            1 => String::new(),
            _ => format!("{}: ", target.rows.name()),
        };
        out!("  after the repair: {of}{}", sentence(after));
        lines(after);
    }
}

/// One table as it is; several beside one another.
fn tables_json(both: &Both, verified: &[Verified]) -> Value {
    if let [only] = verified {
        return verified_json(only);
    }
    let tables = both.targets.iter().zip(verified).map(|(target, it)| {
        let mut object = verified_json(it);
        object["target"] = json!(target.rows.name());
        object
    });
    json!({
        "equal": verified.iter().all(Verified::is_equal),
        "tables": tables.collect::<Vec<_>>(),
        "error": null,
    })
}

fn sentence(verified: &Verified) -> String {
    let rows = count(verified.expected, "row");
    match verified.outcome() {
        Outcome::Equal => return format!("equal, {rows}"),
        Outcome::Incomplete => {
            let lost = count(verified.set_aside + verified.repeated, "record");
            return format!("incomplete, {rows} equal, {lost} of the source without a row");
        }
        Outcome::Different => (),
    }
    format!(
        "{} missing, {} extra, {} different, of {rows}",
        HumanCount(verified.missing),
        HumanCount(verified.extra),
        HumanCount(verified.different)
    )
}

fn speed(verified: &Verified, took: Duration) -> String {
    let rows = verified.expected.max(verified.actual);
    let rate = rows as f64 / took.as_secs_f64().max(0.001);
    format!("{:.1} s ({rate:.0} rows/s)", took.as_secs_f64())
}

fn lines(verified: &Verified) {
    for sample in &verified.samples {
        out!("  {:<10} {}", sample.kind.word(), line(sample));
        for it in &sample.columns {
            out!(
                "             {}: {} ≠ {}",
                it.column,
                it.expected,
                it.actual
            );
        }
    }
    for kind in [Kind::Missing, Kind::Extra, Kind::Different] {
        let report = verified.samples.iter().filter(|it| it.kind == kind).count() as u64;
        let all = match kind {
            Kind::Missing => verified.missing,
            Kind::Extra => verified.extra,
            Kind::Different => verified.different,
        };
        if report > 0 && all > report {
            out!(
                "  {:<10} and {} more",
                kind.word(),
                HumanCount(all - report)
            );
        }
    }
    for note in notes(verified) {
        out!("  note       {note}");
    }
}

fn notes(verified: &Verified) -> Vec<String> {
    let mut notes = Vec::new();
    if verified.ranges > 0 {
        notes.push(format!(
            "{} compared by checksum in the servers, {} of them read row by row",
            count(verified.ranges, "key range"),
            HumanCount(verified.differing_ranges)
        ));
    }
    if verified.is_read_faster {
        notes.push("the remaining key ranges were read row by row, which was faster".to_owned());
    }
    if verified.moving > 0 {
        notes.push(format!(
            "{} changed during the comparison, and not compared",
            count(verified.moving, "row")
        ));
    }
    if verified.set_aside > 0 {
        notes.push(format!(
            "dead letters on the way to the target: {}",
            count(verified.set_aside, "record")
        ));
    }
    if verified.repeated > 0 {
        notes.push(format!(
            "several records have one key, of which the target holds one: {}",
            count(verified.repeated, "key")
        ));
    }
    if !verified.left_out.is_empty() {
        let names = verified.left_out.join(", ");
        notes.push(format!(
            "not compared, as no field is written to them: {names}"
        ));
    }
    notes
}

fn line(sample: &Sample) -> String {
    let parts = sample
        .key
        .iter()
        .map(|(name, value)| format!("{name} = {value}"));
    parts.collect::<Vec<_>>().join(", ")
}

fn report_json(report: &TableReport) -> Value {
    let mut object = match &report.outcome {
        Ok(verified) => verified_json(verified),
        Err(error) => json!({ "error": error }),
    };
    object["data_type"] = json!(report.data_type);
    object["source"] = json!(report.source);
    object["target"] = json!(report.target);
    object["notes"] = json!(report.notes);
    object["seconds"] = json!(report.took.as_secs_f64());
    object
}

fn verified_json(verified: &Verified) -> Value {
    json!({
        "equal": verified.is_equal(),
        "outcome": verified.outcome().word(),
        "expected_rows": verified.expected,
        "actual_rows": verified.actual,
        "missing": verified.missing,
        "extra": verified.extra,
        "different": verified.different,
        "moving": verified.moving,
        "set_aside": verified.set_aside,
        "repeated": verified.repeated,
        "ranges": verified.ranges,
        "differing_ranges": verified.differing_ranges,
        "read_faster": verified.is_read_faster,
        "left_out": verified.left_out,
        "samples": verified.samples.iter().map(sample_json).collect::<Vec<_>>(),
        "error": null,
    })
}

fn sample_json(sample: &Sample) -> Value {
    let key: serde_json::Map<String, Value> = sample
        .key
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let columns = sample
        .columns
        .iter()
        .map(|it| json!({ "column": it.column, "expected": it.expected, "actual": it.actual }));
    json!({
        "kind": sample.kind.word(),
        "key": key,
        "columns": columns.collect::<Vec<_>>(),
    })
}
