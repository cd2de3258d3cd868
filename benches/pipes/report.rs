//! What was measured, as a table or as JSON.

use std::time::Duration;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::{
    arguments::Measure,
    measure::Run,
    pipe::{Pipe, Way},
    seldom::{Seldom, Took},
};

/// A figure: its name, how it is read off a run, and its digits behind the point.
type Figure = (&'static str, fn(&Run) -> f64, usize);

const FIGURES: [Figure; 3] = [
    ("rows/s", Run::rows_per_second, 0),
    ("CPU s/million rows", Run::cpu_seconds_per_million, 1),
    ("peak MB", Run::peak_megabytes, 0),
];

type Rounds = Vec<(Run, Run)>;

pub fn print(
    wanted: &Measure,
    measured: &[(Pipe, Way, Rounds)],
    seldom: Option<&Seldom>,
) -> Result<()> {
    if wanted.json {
        let pipes: Vec<_> = measured.iter().map(as_json).collect();
        let all = json!({
            "rows": wanted.rows, "rounds": wanted.rounds, "pipes": pipes,
            "seldom": seldom.map(|it| json!({ "ours": took(&it.ours), "bare": took(&it.bare) })),
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        println!("{}", table(measured));
        println!(
            "{} rows, medians of {} rounds; a ratio is ours to what is beside it, the bare pipe where nothing else is said, within one round",
            wanted.rows, wanted.rounds
        );
        if let Some(seldom) = seldom {
            println!("{}", seldom_table(seldom));
        }
    }
    Ok(())
}

/// A figure of what comes seldom, and how it is read.
type SeldomFigure = (&'static str, fn(&Took) -> f64);

fn seldom_table(seldom: &Seldom) -> Table {
    let mut table = Table::new();
    let header = [Way::Seldom.name(), "ours".to_owned(), "bare".to_owned()];
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    let figures: [SeldomFigure; 4] = [
        ("latency, median, ms", |it| latency(it, 0.5)),
        ("latency, most, ms", |it| latency(it, 1.0)),
        ("CPU ms in a minute", |it| millis(it.cpu_in_a_minute)),
        ("peak MB", |it| it.peak_bytes as f64 / 1e6),
    ];
    for (name, figure) in figures {
        let [ours, bare] = [&seldom.ours, &seldom.bare].map(|it| format!("{:.0}", figure(it)));
        table.add_row([name.to_owned(), ours, bare]);
    }
    table
}

fn took(it: &Took) -> Value {
    let latencies: Vec<f64> = it.latencies.iter().map(|it| millis(*it)).collect();
    json!({
        "latencies_ms": latencies, "cpu_ms_in_a_minute": millis(it.cpu_in_a_minute),
        "peak_bytes": it.peak_bytes,
    })
}

fn latency(took: &Took, share: f64) -> f64 {
    let mut all = took.latencies.clone();
    all.sort();
    let index = (all.len().saturating_sub(1)) as f64 * share;
    all.get(index as usize).map_or(0.0, |it| millis(*it))
}

fn millis(it: Duration) -> f64 {
    it.as_secs_f64() * 1e3
}

fn table(measured: &[(Pipe, Way, Rounds)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "pipe",
        "ours moves",
        "figure",
        "ours",
        "beside it",
        "ratio",
    ]);
    for (pipe, way, rounds) in measured {
        for (name, figure, digits) in FIGURES {
            let row = summary(rounds, figure);
            table.add_row([
                pipe.name().to_owned(),
                way.name(),
                name.to_owned(),
                format!("{:.digits$}", row.ours),
                format!("{:.digits$}", row.bare),
                format!("{:.2}", row.ratio),
            ]);
        }
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn as_json((pipe, way, rounds): &(Pipe, Way, Rounds)) -> Value {
    let figures: serde_json::Map<_, _> = FIGURES
        .iter()
        .map(|(name, figure, _)| {
            let row = summary(rounds, *figure);
            let runs: Vec<_> = rounds
                .iter()
                .map(|(ours, bare)| json!({ "ours": figure(ours), "bare": figure(bare) }))
                .collect();
            let value = json!({
                "ours": row.ours, "bare": row.bare, "ratio": row.ratio, "runs": runs,
            });
            ((*name).to_owned(), value)
        })
        .collect();
    json!({ "pipe": pipe.word(), "way": way.name(), "figures": figures })
}

struct Summary {
    ours: f64,
    bare: f64,
    /// The median of each pair's ratio: what slowed a whole round down counts for both.
    ratio: f64,
}

fn summary(rounds: &Rounds, figure: fn(&Run) -> f64) -> Summary {
    let over = |it: &dyn Fn(&(Run, Run)) -> f64| median(rounds.iter().map(it).collect());
    Summary {
        ours: over(&|(ours, _)| figure(ours)),
        bare: over(&|(_, bare)| figure(bare)),
        ratio: over(&|(ours, bare)| figure(ours) / figure(bare)),
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        0 => (figures[middle - 1] + figures[middle]) / 2.0,
        _ => figures[middle],
    }
}
