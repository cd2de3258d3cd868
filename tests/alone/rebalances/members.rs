//! Three sinks, and what happens to them.

use std::{ffi::OsStr, fmt, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    chance::Chance,
    producing::Producing,
    restart::{Restart, restart},
};
use crate::{
    program::{self, Running},
    sql::Sql,
    wait,
    world::World,
};

const MEMBERS: usize = 3;

/// The members of one group, each with a user of its own, by which the server knows its sessions.
pub struct Members<'w> {
    world: &'w World,
    server: &'static str,
    /// The administrator's.
    url: String,
    users: Vec<String>,
    running: Vec<Option<Running>>,
    /// When a member that stands still is woken.
    woken: Vec<Option<Instant>>,
    stats: MemberStats,
}

/// What has happened.
#[derive(Debug, Default, Clone, Copy)]
pub struct MemberStats {
    kills: usize,
    kills_in_a_transaction: usize,
    stops: usize,
    stops_in_a_transaction: usize,
    stops_past_the_session: usize,
    leaves: usize,
    joins: usize,
    restarts: usize,
    restarts_in_a_transaction: usize,
    sessions_ended: usize,
}

/// After it a member that is silent is none.
const SESSION: Duration = Duration::from_secs(6);

/// How long a transaction is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// The server answers from a cache where it is asked more often.
const LOOK: Duration = Duration::from_millis(130);

impl<'w> Members<'w> {
    pub fn new(world: &'w World, server: &'static str, url: &str) -> Self {
        let own: String = world.database.chars().skip(4).take(12).collect();
        Self {
            world,
            server,
            url: url.to_owned(),
            users: (0..MEMBERS).map(|it| format!("s{it}_{own}")).collect(),
            running: (0..MEMBERS).map(|_| None).collect(),
            woken: vec![None; MEMBERS],
            stats: MemberStats::default(),
        }
    }

    /// Lets something happen every few seconds, and stops all members cleanly in the end.
    ///
    /// # Errors
    /// A member ended by itself, or not cleanly; a server is gone.
    pub async fn come_and_go(
        &mut self,
        chance: &mut Chance,
        producing: &Producing,
        time: Duration,
    ) -> Result<MemberStats> {
        let mut sql = Sql::open(&self.url).await?;
        for user in &self.users {
            let made = format!(
                "CREATE USER {user}; GRANT ALL ON {}.* TO {user}",
                self.world.database
            );
            sql.run(&made).await?;
        }
        for at in 0..MEMBERS {
            self.join(at)?;
        }
        let begun = Instant::now();
        let restart_every = (time / 3).min(Duration::from_secs(90));
        let mut next_restart = begun + restart_every;
        while begun.elapsed() < time {
            sleep(chance.time(300, 3_000)).await;
            self.wake(Instant::now())?;
            ensure!(!producing.is_over(), "the producer has ended by itself");
            if Instant::now() >= next_restart {
                self.restart().await?;
                next_restart = Instant::now() + restart_every;
                continue;
            }
            self.happen(chance).await?;
        }
        self.all_stop().await?;
        Ok(self.stats)
    }

    /// # Errors
    /// The server is gone.
    pub async fn forget_users(&self) -> Result<()> {
        let mut sql = Sql::open(&self.url).await?;
        sql.run(&format!("DROP USER IF EXISTS {}", self.users.join(", ")))
            .await
    }

    async fn happen(&mut self, chance: &mut Chance) -> Result<()> {
        let at = chance.below(MEMBERS as u64) as usize;
        self.none_has_ended()?;
        let what = chance.below(10);
        let open = self.open_soon(at, chance).await?;
        let Some(running) = &mut self.running[at] else {
            return self.join(at);
        };
        if self.woken[at].is_some() {
            return Ok(());
        }
        let stats = &mut self.stats;
        match what {
            0..4 => {
                ensure!(running.kill().await?, "{}", running.said("err"));
                self.running[at] = None;
                stats.kills += 1;
                stats.kills_in_a_transaction += usize::from(open > 0);
                // Some come back at once, some when chance meets them again.
                if chance.below(2) == 0 {
                    self.join(at)?;
                }
            }
            4..8 => {
                let time = chance.time(500, 12_000);
                running.signal("STOP")?;
                self.woken[at] = Some(Instant::now() + time);
                stats.stops += 1;
                stats.stops_in_a_transaction += usize::from(open > 0);
                stats.stops_past_the_session += usize::from(time > SESSION);
            }
            _ => {
                self.leave(at).await?;
                self.stats.leaves += 1;
            }
        }
        Ok(())
    }

    fn join(&mut self, at: usize) -> Result<()> {
        let user: [(&str, &OsStr); 1] = [("SINK_USER", self.users[at].as_ref())];
        self.running[at] = Some(program::start_with(self.world, "sink", &user)?);
        self.stats.joins += 1;
        Ok(())
    }

    /// A clean stop.
    async fn leave(&mut self, at: usize) -> Result<()> {
        if let Some(mut running) = self.running[at].take() {
            running.terminate()?;
            let ended = running.ended().await?;
            ended.expect("exit 0\nerr lacks panicked", self.world.folder.path())?;
        }
        Ok(())
    }

    /// Wakes those whose time has come.
    fn wake(&mut self, now: Instant) -> Result<()> {
        for (running, woken) in self.running.iter_mut().zip(&mut self.woken) {
            if woken.is_some_and(|it| it <= now) {
                *woken = None;
                running
                    .as_mut()
                    .context("it stands still")?
                    .signal("CONT")?;
            }
        }
        Ok(())
    }

    fn none_has_ended(&mut self) -> Result<()> {
        for running in self.running.iter_mut().flatten() {
            ensure!(
                !running.is_over()?,
                "it ended by itself: {}",
                running.said("err")
            );
        }
        Ok(())
    }

    async fn restart(&mut self) -> Result<()> {
        let mut open = 0;
        let until = Instant::now() + PATIENCE;
        while open == 0 && Instant::now() < until {
            sleep(LOOK).await;
            for at in 0..MEMBERS {
                open += self.open_transactions(at).await?;
            }
        }
        match restart(self.server, &self.url, &self.users).await? {
            Restart::Whole => self.stats.restarts += 1,
            Restart::Sessions => self.stats.sessions_ended += 1,
        }
        self.stats.restarts_in_a_transaction += usize::from(open > 0);
        let answers = async || Ok(Sql::open(&self.url).await.ok().map(drop));
        wait::until("the server answers", wait::SOON, answers).await
    }

    /// Mostly, waits for a moment until a member that works has a transaction open.
    async fn open_soon(&self, at: usize, chance: &mut Chance) -> Result<i64> {
        let patience = match chance.below(4) {
            1.. if self.running[at].is_some() && self.woken[at].is_none() => PATIENCE,
            _ => Duration::ZERO,
        };
        let until = Instant::now() + patience;
        loop {
            let open = self.open_transactions(at).await?;
            if open > 0 || Instant::now() >= until {
                return Ok(open);
            }
            sleep(LOOK).await;
        }
    }

    /// Transactions of one member that have changed something.
    async fn open_transactions(&self, at: usize) -> Result<i64> {
        let open = format!(
            "SELECT COUNT(*) FROM information_schema.innodb_trx \
             JOIN information_schema.processlist ON id = trx_mysql_thread_id \
             WHERE user = '{}' AND trx_rows_modified > 0",
            self.users[at]
        );
        Sql::open(&self.url).await?.number(&open).await
    }

    async fn all_stop(&mut self) -> Result<()> {
        if let Some(last) = self.woken.iter().flatten().max().copied() {
            sleep_until(last).await;
            self.wake(last)?;
        }
        self.none_has_ended()?;
        for at in 0..MEMBERS {
            self.leave(at).await?;
        }
        Ok(())
    }
}

impl fmt::Display for MemberStats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} kills ({} in a transaction), {} stops ({} in a transaction, {} past the session), \
             {} leaves, {} joins, server started anew {} times and sessions ended {} times \
             ({} in a transaction)",
            self.kills,
            self.kills_in_a_transaction,
            self.stops,
            self.stops_in_a_transaction,
            self.stops_past_the_session,
            self.leaves,
            self.joins,
            self.restarts,
            self.sessions_ended,
            self.restarts_in_a_transaction
        )
    }
}
