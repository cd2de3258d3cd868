//! What people see while it works: a line that moves on a terminal, plain lines elsewhere.

use std::{
    io::{self, IsTerminal},
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use super::report::count;
use crate::flow::{FlowStats, Snapshot};

/// Time between two plain lines.
const PLAIN: Duration = Duration::from_secs(10);
/// Time between two looks at the figures on a terminal.
const MOVING: Duration = Duration::from_millis(200);

/// Where progress lines are drawn; logging goes around them.
#[derive(Clone)]
pub struct Progress {
    lines: Option<MultiProgress>,
}

/// Shows one flow's progress until it is dropped.
pub struct Shown {
    task: JoinHandle<()>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Moving lines where stderr is a terminal and a person reads it.
    pub fn new(json: bool) -> Self {
        let moving = !json && io::stderr().is_terminal();
        Self {
            lines: moving.then(MultiProgress::new),
        }
    }

    /// Shows `stats` under `name`.
    pub fn show(&self, name: &str, stats: Arc<FlowStats>) -> Shown {
        let name = name.to_owned();
        match &self.lines {
            None => Shown {
                task: tokio::spawn(plain(name, stats)),
                bar: None,
            },
            Some(lines) => {
                let bar = lines.add(ProgressBar::new_spinner());
                // A template of our own is known to be valid.
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                    bar.set_style(style);
                }
                let task = tokio::spawn(moving(name, stats, bar.clone()));
                Shown {
                    task,
                    bar: Some(bar),
                }
            }
        }
    }

    /// A writer for log lines that makes room beside the moving ones.
    pub fn writer(&self) -> impl Fn() -> Box<dyn io::Write> + Send + Sync + 'static {
        let lines = self.lines.clone();
        move || -> Box<dyn io::Write> {
            match &lines {
                None => Box::new(io::stderr()),
                Some(lines) => Box::new(Beside(lines.clone())),
            }
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

struct Beside(MultiProgress);

impl io::Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

async fn plain(name: String, stats: Arc<FlowStats>) {
    let mut before = stats.snapshot().rows;
    loop {
        tokio::time::sleep(PLAIN).await;
        let now = stats.snapshot();
        if now.rows > before {
            let rate = (now.rows - before) as f64 / PLAIN.as_secs_f64();
            let (rows, bytes) = (count(now.rows, "row"), HumanBytes(now.bytes));
            let of = whole(&now).map(|it| it.text(rate)).unwrap_or_default();
            tracing::info!("{name}: {rows}{of}, {bytes}, {rate:.0} rows/s");
            before = now.rows;
        }
    }
}

async fn moving(name: String, stats: Arc<FlowStats>, bar: ProgressBar) {
    let began = Instant::now();
    let mut has_bar = false;
    loop {
        let now = stats.snapshot();
        let rate = now.rows as f64 / began.elapsed().as_secs_f64().max(0.001);
        let (rows, bytes) = (count(now.rows, "row"), HumanBytes(now.bytes));
        let aside = match now.dead_letters {
            0 => String::new(),
            dead_letters => format!(", {}", count(dead_letters, "dead letter")),
        };
        let whole = whole(&now);
        let of = whole.map(|it| it.text(rate)).unwrap_or_default();
        if let Some(whole) = whole {
            bar.set_length(whole.of);
            bar.set_position(whole.done);
        }
        let template = match whole {
            Some(_) => "{spinner} [{bar:30}] {msg}",
            None => "{spinner} {msg}",
        };
        // A template of our own is known to be valid.
        if whole.is_some() != has_bar
            && let Ok(style) = ProgressStyle::with_template(template)
        {
            bar.set_style(style);
            has_bar = whole.is_some();
        }
        bar.set_message(format!(
            "{name}: {rows}{of}, {bytes}, {rate:.0} rows/s{aside}"
        ));
        bar.tick();
        tokio::time::sleep(MOVING).await;
    }
}

/// How far a full read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    done: u64,
    of: u64,
}

/// `None` where there is none, or it has come to the end of what was expected.
fn whole(now: &Snapshot) -> Option<Whole> {
    let (done, of) = (now.before + now.rows, now.expected);
    (done < of).then_some(Whole { done, of })
}

impl Whole {
    /// ` (12 % of about 1,000,000, 35s left)`.
    fn text(self, rate: f64) -> String {
        let percent = u128::from(self.done) * 100 / u128::from(self.of.max(1));
        let left = if rate >= 1.0 {
            let seconds = (self.of - self.done) as f64 / rate;
            let left = Duration::from_secs(seconds as u64);
            format!(", {} left", HumanDuration(left))
        } else {
            String::new()
        };
        format!(" ({percent} % of about {}{left})", HumanCount(self.of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_full_read_counts_what_earlier_runs_have_read() {
        let now = Snapshot {
            rows: 100,
            before: 400,
            expected: 1000,
            ..Snapshot::default()
        };
        let whole = whole(&now).expect("it is within a full read");
        let text = whole.text(50.0);
        assert_eq!(text, " (50 % of about 1,000, 10 seconds left)");
        assert_eq!(whole.text(0.0), " (50 % of about 1,000)");
    }

    #[test]
    fn behind_what_was_expected_nothing_is_foretold() {
        let now = Snapshot {
            rows: 10,
            expected: 10,
            ..Snapshot::default()
        };
        assert_eq!(whole(&now), None);
        assert_eq!(whole(&Snapshot::default()), None);
    }
}
