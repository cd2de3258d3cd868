//! `run`: everything in the settings beside one another, until it is stopped.

mod backoff;
pub(super) mod scheduled;
mod units;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{context::App, load_from, output::report};
use crate::{
    cli::{Everywhere, ExitStatus},
    schedule::CronClock,
    settings::Settings,
};
use backoff::{FailedUnits, Later};
use units::{End, Unit, go_on, is_same, units};

/// Runs all units; one that fails does not stop the others. SIGHUP reads the settings again.
pub(super) async fn run(app: &App, everywhere: &Everywhere) -> anyhow::Result<ExitStatus> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let clock = CronClock::start().await?;
    if units(&app.settings).is_empty() {
        err!(
            "highwater: the settings have nothing to run: no data type, and no schedule that is on"
        );
        clock.stop().await;
        return Ok(ExitStatus::Usage);
    }
    let (sender, mut ends) = mpsc::unbounded_channel();
    let mut all = All {
        app,
        current: Arc::new(app.with_settings(app.settings.clone())),
        clock: clock.clone(),
        sender,
        going: BTreeMap::new(),
        failed_units: FailedUnits::default(),
        begun: 0,
        ended: Vec::new(),
    };
    all.change_to(app.settings.clone()).await;
    while !all.going.is_empty() || all.failed_units.is_waiting() {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            Some((unit, number)) = ends.recv() => {
                // One that was drained says so as well, when it has been waited for already.
                if all.going.get(&unit).is_some_and(|it| it.number == number) {
                    all.has_ended(&unit).await;
                }
            }
            (unit, later) = all.failed_units.next() => all.is_due(&unit, later).await,
            Some(()) = hang_up.recv() => match load_from(&everywhere.settings) {
                Ok(settings) => all.change_to(Arc::new(settings)).await,
                Err(mistakes) => {
                    report::mistakes(&mistakes, false);
                    let count = mistakes.lines().count();
                    tracing::error!(mistakes = count, "the new settings have mistakes: all units continue with the old ones");
                }
            },
        }
    }
    all.end().await;
    clock.stop().await;
    Ok(all.reported(everywhere.json))
}

/// The units that go on.
struct All<'a> {
    app: &'a App,
    /// By the settings that were taken last.
    current: Arc<App>,
    clock: Arc<CronClock>,
    sender: mpsc::UnboundedSender<(Unit, u64)>,
    going: BTreeMap<Unit, Going>,
    failed_units: FailedUnits,
    /// How many have begun.
    begun: u64,
    /// What became of those that have ended, or were changed.
    ended: Vec<(Unit, End)>,
}

/// One that goes on.
struct Going {
    /// Which one it is of those that have begun.
    number: u64,
    settings: Arc<Settings>,
    stop: CancellationToken,
    task: JoinHandle<End>,
}

impl All<'_> {
    /// What is the same by `settings` goes on undisturbed; the rest is drained and begins anew, or is
    /// over. What had failed begins anew, too.
    async fn change_to(&mut self, settings: Arc<Settings>) {
        let wanted = units(&settings);
        self.current = Arc::new(self.app.with_settings(settings.clone()));
        // What had failed begins anew, with all its patience.
        self.failed_units = FailedUnits::default();
        let others: Vec<Unit> = self
            .going
            .iter()
            .filter(|(unit, it)| !wanted.contains(unit) || !is_same(unit, &it.settings, &settings))
            .map(|(unit, _)| unit.clone())
            .collect();
        self.drain(&others).await;
        let mut begun = 0;
        for unit in wanted {
            if self.going.contains_key(&unit) || self.app.stop.is_cancelled() {
                continue;
            }
            self.begin(unit);
            begun += 1;
        }
        tracing::info!(
            begun,
            ended = others.len(),
            goes_on = self.going.len() - begun,
            "the settings were taken"
        );
    }

    fn begin(&mut self, unit: Unit) {
        let stop = self.app.stop.child_token();
        let own = Arc::new(self.current.stopped_by(stop.clone()));
        let (clock, sender) = (self.clock.clone(), self.sender.clone());
        self.begun += 1;
        let (name, number) = (unit.clone(), self.begun);
        let task = tokio::spawn(async move {
            let end = go_on(name.clone(), own, clock).await;
            // Where nobody listens any more, its end is waited for.
            let _ = sender.send((name, number));
            end
        });
        let going = Going {
            number,
            settings: self.current.settings.clone(),
            stop,
            task,
        };
        self.failed_units.begun(&unit);
        self.going.insert(unit, going);
    }

    async fn is_due(&mut self, unit: &Unit, later: Later) {
        let is_wanted = units(&self.current.settings).contains(unit);
        match later {
            Later::Begin if is_wanted && !self.going.contains_key(unit) => {
                tracing::info!(unit = unit.to_string(), "next attempt");
                self.begin(unit.clone());
            }
            Later::Begin => (),
            Later::Forget => backoff::record(&self.current, unit, None).await,
        }
    }

    async fn drain(&mut self, units: &[Unit]) {
        // All are asked before one is waited for.
        for unit in units {
            if let Some(it) = self.going.get(unit) {
                it.stop.cancel();
            }
        }
        for unit in units {
            self.has_ended(unit).await;
        }
    }

    async fn has_ended(&mut self, unit: &Unit) {
        let Some(it) = self.going.remove(unit) else {
            return;
        };
        let end = it.task.await.unwrap_or_else(|error| {
            let error = format!("a defect of Highwater: {error}");
            tracing::error!(unit = unit.to_string(), error, "ended");
            End {
                text: format!("{unit}: failed: {error}"),
                json: json!({ "unit": unit.to_string(), "error": error }),
                error: Some(error),
                is_transient: true,
            }
        });
        match &end.error {
            Some(error) if !self.app.stop.is_cancelled() => {
                self.has_failed(unit, error, end.is_transient).await;
            }
            _ => self.failed_units.is_over(unit),
        }
        // One that begins anew replaces what was said of it.
        self.ended.retain(|(other, _)| other != unit);
        self.ended.push((unit.clone(), end));
    }

    async fn has_failed(&mut self, unit: &Unit, error: &str, is_transient: bool) {
        let now = chrono::Utc::now().timestamp_millis();
        let (mut failure, wait) = self.failed_units.failed(unit, now, is_transient);
        error.clone_into(&mut failure.error);
        let name = unit.to_string();
        match wait.map(|it| it.as_secs()) {
            Some(seconds) => tracing::error!(
                unit = name,
                "failed; the others continue; next attempt in {seconds} s, or at SIGHUP"
            ),
            None => tracing::error!(
                unit = name,
                "failed; the others continue; no further attempt before SIGHUP or a restart"
            ),
        }
        backoff::record(&self.current, unit, Some(&failure)).await;
    }

    async fn end(&mut self) {
        let all: Vec<Unit> = self.going.keys().cloned().collect();
        self.drain(&all).await;
    }

    fn reported(&self, json: bool) -> ExitStatus {
        if json {
            let units: Vec<_> = self.ended.iter().map(|(_, it)| &it.json).collect();
            out!("{}", json!({ "units": units }));
        } else {
            for (_, it) in &self.ended {
                out!("{}", it.text);
            }
        }
        if self.ended.iter().any(|(_, it)| it.error.is_some()) {
            ExitStatus::Failed
        } else {
            ExitStatus::Done
        }
    }
}
