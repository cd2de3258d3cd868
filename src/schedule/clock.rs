//! The clock of schedules: a beat each second, by tokio-cron-scheduler.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{sync::watch, time::timeout};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Tells the time, and when to look at it.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> DateTime<Utc>;
    /// Changes about once a second.
    fn beats(&self) -> watch::Receiver<()>;
}

/// The real time. The scheduler has one job only, in UTC, that never waits: so it has no zone to be
/// wrong about, no queue that could be full, and a beat that is late or lost loses no run, as each
/// schedule compares its own next time with the clock.
pub struct CronClock {
    scheduler: JobScheduler,
    beats: watch::Receiver<()>,
}

const EVERY_SECOND: &str = "* * * * * *";

/// Without a beat for so long, the time is looked at all the same.
const PATIENCE: Duration = Duration::from_secs(5);

impl CronClock {
    /// Starts to beat.
    ///
    /// # Errors
    /// The scheduler does not start.
    pub async fn start() -> Result<Arc<Self>, JobSchedulerError> {
        let (sender, beats) = watch::channel(());
        let scheduler = JobScheduler::new().await?;
        let beat = Job::new(EVERY_SECOND, move |_, _| {
            sender.send_replace(());
        })?;
        scheduler.add(beat).await?;
        scheduler.start().await?;
        Ok(Arc::new(Self { scheduler, beats }))
    }

    /// Ends the beats.
    pub async fn stop(&self) {
        // What it answers is of no use to a process that ends.
        let _ = self.scheduler.clone().shutdown().await;
    }
}

impl Clock for CronClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn beats(&self) -> watch::Receiver<()> {
        self.beats.clone()
    }
}

/// Waits for the next beat, or long enough.
pub(super) async fn beat(beats: &mut watch::Receiver<()>) {
    match timeout(PATIENCE, beats.changed()).await {
        Ok(Ok(())) => (),
        Err(_) => tracing::warn!("the clock of schedules is late"),
        Ok(Err(_)) => {
            tracing::warn!(
                "the clock of schedules has stopped; the time is looked at all the same"
            );
            tokio::time::sleep(PATIENCE).await;
        }
    }
}
