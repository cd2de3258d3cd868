//! A server's global time zone and SQL mode, for as long as a test wants them.

use anyhow::{Context, Result};
use tokio::sync::Mutex;

use crate::{sql::Sql, world::World};

/// Which server a test changes.
#[derive(Clone, Copy)]
pub enum Server {
    Mysql,
    Mariadb,
}

/// What its new sessions begin with.
#[derive(Debug, Clone)]
pub struct Globals {
    pub zone: String,
    pub mode: String,
}

/// A zone like New York's, which every server has after `with_summer`: 01:00 to 02:00 came twice on
/// 2025-11-02, and 02:00 to 03:00 not at all on 2025-03-09.
pub const SUMMER: &str = "Highwater/Summer";

/// Modes that change what a statement means or what it answers. Sessions without a mode of their own
/// would read `"a"` as a name, and a CHAR with its padding.
const HOSTILE: &str = "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,\
    HIGH_NOT_PRECEDENCE,IGNORE_SPACE,REAL_AS_FLOAT,NO_UNSIGNED_SUBTRACTION,ONLY_FULL_GROUP_BY,\
    STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO";

impl Server {
    /// The worst that each zone may come with; the first is the lenient one that nothing is cut by.
    pub fn worlds(self) -> [Globals; 3] {
        let own = match self {
            Self::Mysql => "TRADITIONAL,TIME_TRUNCATE_FRACTIONAL,PAD_CHAR_TO_FULL_LENGTH",
            Self::Mariadb => "ORACLE,EMPTY_STRING_IS_NULL,TIME_ROUND_FRACTIONAL",
        };
        [("+00:00", ""), ("-03:30", HOSTILE), (SUMMER, own)].map(|(zone, mode)| Globals {
            zone: zone.to_owned(),
            mode: mode.to_owned(),
        })
    }

    pub async fn open(self, world: &World) -> Result<Sql> {
        match self {
            Self::Mysql => world.mysql().await,
            Self::Mariadb => world.mariadb().await,
        }
    }

    /// What the server begins sessions with now.
    pub async fn globals(self, world: &World) -> Result<Globals> {
        let query = "SELECT @@global.time_zone UNION ALL SELECT @@global.sql_mode";
        let rows = self.open(world).await?.rows(query).await?;
        let mut rows = rows.into_iter();
        Ok(Globals {
            zone: rows.next().context("a zone")?,
            mode: rows.next().context("a mode")?,
        })
    }

    /// # Errors
    /// The server does not know the zone or the mode.
    pub async fn set(self, world: &World, Globals { zone, mode }: &Globals) -> Result<()> {
        let text = format!("SET GLOBAL time_zone = '{zone}', GLOBAL sql_mode = '{mode}'");
        self.open(world).await?.run(&text).await
    }

    /// Runs `test` on a server that knows `SUMMER`, one at a time; afterwards it is as it was.
    ///
    /// # Errors
    /// The test's own.
    pub async fn with_summer(
        self,
        world: &World,
        test: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<()> {
        static ALONE: [Mutex<()>; 2] = [const { Mutex::const_new(()) }; 2];
        let _alone = ALONE[self as usize].lock().await;
        let before = self.globals(world).await?;
        self.open(world).await?.run(WITHOUT_SUMMER).await?;
        self.open(world).await?.run(WITH_SUMMER).await?;
        let outcome = test().await;
        self.set(world, &before).await?;
        self.open(world).await?.run(WITHOUT_SUMMER).await?;
        outcome
    }
}

/// What `mysql_tzinfo_to_sql` would write, for a server that has no zones loaded.
const WITH_SUMMER: &str = "INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N'); \
    SET @zone = LAST_INSERT_ID(); \
    INSERT INTO mysql.time_zone_name (`Name`, Time_zone_id) VALUES ('Highwater/Summer', @zone); \
    INSERT INTO mysql.time_zone_transition_type \
        (Time_zone_id, Transition_type_id, `Offset`, Is_DST, Abbreviation) \
        VALUES (@zone, 0, -18000, 0, 'EST'), (@zone, 1, -14400, 1, 'EDT'); \
    INSERT INTO mysql.time_zone_transition (Time_zone_id, Transition_time, Transition_type_id) \
        VALUES (@zone, -2147483648, 0), (@zone, 1741503600, 1), (@zone, 1762063200, 0)";

const WITHOUT_SUMMER: &str = "SET @zone = \
    (SELECT Time_zone_id FROM mysql.time_zone_name WHERE `Name` = 'Highwater/Summer'); \
    DELETE FROM mysql.time_zone_transition WHERE Time_zone_id = @zone; \
    DELETE FROM mysql.time_zone_transition_type WHERE Time_zone_id = @zone; \
    DELETE FROM mysql.time_zone_name WHERE Time_zone_id = @zone; \
    DELETE FROM mysql.time_zone WHERE Time_zone_id = @zone";
