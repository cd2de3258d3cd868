//! What every command needs: settings, open connections, the stop signal, where progress is shown.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::{open::Open, output::progress::Progress, stop};
use crate::{
    cli::Everywhere,
    settings::Settings,
    telemetry::{self, Logs, Screen},
};

/// What every command needs.
pub(super) struct App {
    pub(super) settings: Arc<Settings>,
    pub(super) open: Arc<Open>,
    pub(super) stop: CancellationToken,
    pub(super) progress: Progress,
    pub(super) json: bool,
}

impl App {
    pub(super) fn start(
        settings: Settings,
        everywhere: &Everywhere,
    ) -> anyhow::Result<(Self, telemetry::Telemetry)> {
        let settings = Arc::new(settings);
        let progress = Progress::new(everywhere.json);
        let telemetry = telemetry::start(Logs {
            folder: &settings.log.folder,
            level: settings.log.level,
            keep_days: settings.log.keep_days.into(),
            screen: Screen {
                writer: BoxMakeWriter::new(progress.writer()),
                ..Screen::stderr(everywhere.log_level)
            },
        });
        let app = Self {
            stop: stop::on_signals(settings.stop.within)?,
            open: Arc::new(Open::new(settings.clone())),
            settings,
            progress,
            json: everywhere.json,
        };
        Ok((app, telemetry))
    }

    /// The same, but stopped by `stop`.
    pub(super) fn stopped_by(&self, stop: CancellationToken) -> Self {
        Self {
            settings: self.settings.clone(),
            open: self.open.clone(),
            stop,
            progress: self.progress.clone(),
            json: self.json,
        }
    }

    /// The same by other settings, with connections of its own.
    pub(super) fn with_settings(&self, settings: Arc<Settings>) -> Self {
        Self {
            open: Arc::new(Open::new(settings.clone())),
            settings,
            stop: self.stop.clone(),
            progress: self.progress.clone(),
            json: self.json,
        }
    }
}
