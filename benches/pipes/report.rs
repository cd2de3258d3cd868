//! What was measured, as a table or as JSON.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::{
    arguments::Measure,
    measure::Run,
    pipe::{Pipe, Way},
};

/// A figure: its name, how it is read off a run, and its digits behind the point.
type Figure = (&'static str, fn(&Run) -> f64, usize);

const FIGURES: [Figure; 3] = [
    ("rows/s", Run::rows_per_second, 0),
    ("CPU s/million rows", Run::cpu_seconds_per_million, 1),
    ("peak MB", Run::peak_megabytes, 0),
];

type Rounds = Vec<(Run, Run)>;

pub fn print(wanted: &Measure, measured: &[(Pipe, Way, Rounds)]) -> Result<()> {
    if wanted.json {
        let pipes: Vec<_> = measured.iter().map(as_json).collect();
        let all = json!({ "rows": wanted.rows, "rounds": wanted.rounds, "pipes": pipes });
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        println!("{}", table(measured));
        println!(
            "{} rows, medians of {} rounds; a ratio is ours to what is beside it, the bare pipe where nothing else is said, within one round",
            wanted.rows, wanted.rounds
        );
    }
    Ok(())
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
