//! Free space of the disk that holds the data: told before it is used up, and nothing new is taken while there is too little.
//!
//! Stored work goes on meanwhile: its changes need little space, and deliveries that end are what expiry waits for.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use courier::Courier;
use hub::alert::{Cause, Finding};
use queue::Queue;
use store_sqlite::SqliteStore;
use tokio::sync::watch;

use crate::current::Current;
use crate::ticks::Ticks;

/// Interval at which the disk is looked at. What can be stored meanwhile fits into the least that may be configured well.
const LOOK: Duration = Duration::from_secs(1);

const MEGABYTE: u64 = 1024 * 1024;

/// How much space there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// As much as the configuration wants.
    #[default]
    Enough,
    /// So little that the operators are told.
    Low,
    /// So little that nothing new is taken.
    Full,
}

/// The latest look at the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) level: Level,
    /// Free bytes, and all; nothing where the system does not tell.
    pub(crate) free: Option<(u64, u64)>,
}

/// The state of the disk. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Look>>);

impl Disk {
    /// The latest look.
    pub(crate) fn latest(&self) -> Look {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the disk; the level before, and the look.
    async fn look(&self, folder: &Path, limits: config::Disk) -> (Level, Look) {
        let folder = folder.to_owned();
        // A disk that hangs must not hold up anything else.
        let free = tokio::task::spawn_blocking(move || free(&folder)).await.ok().flatten();
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = latest.level;
        let level = free.map_or(Level::Enough, |(free, _)| level(free, limits, before));
        *latest = Look { level, free };
        (before, *latest)
    }
}

/// The level at so many free bytes. It gets better only when there is a tenth more than its limit: otherwise it would change
/// with each file that comes and goes.
fn level(free: u64, limits: config::Disk, before: Level) -> Level {
    let below = |limit: u64, level: Level| {
        let limit = if before >= level { limit.saturating_add(limit / 10) } else { limit };
        free < limit
    };
    if below(limits.refuse_below, Level::Full) {
        Level::Full
    } else if below(limits.warn_below, Level::Low) {
        Level::Low
    } else {
        Level::Enough
    }
}

/// Free and all bytes of the disk with a folder, as far as this process may use them.
#[cfg(unix)]
fn free(folder: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
}

#[cfg(not(unix))]
const fn free(_: &Path) -> Option<(u64, u64)> {
    None
}

/// Looks at the disk, and refuses or takes new events by that.
pub(crate) async fn look<Q: Queue>(disk: &Disk, courier: &Courier<SqliteStore, Q>) {
    let config = &courier.context.config;
    let (before, look) = disk.look(&config.data_dir, config.disk).await;
    courier.context.store.refuse_new(look.level == Level::Full);
    if before != look.level {
        tell(courier, before, look);
    }
}

/// Looks at the disk from time to time, until the hub stops.
pub(crate) async fn run<Q: Queue>(disk: Disk, current: Current<SqliteStore, Q>, stop: watch::Receiver<bool>) {
    let mut ticks = Ticks::new(LOOK, stop);
    while ticks.next().await {
        look(&disk, &current.get()).await;
    }
}

/// Tells the log and the alerts that the level has changed.
fn tell<Q: Queue>(courier: &Courier<SqliteStore, Q>, before: Level, look: Look) {
    let context = &courier.context;
    let folder = context.config.data_dir.display();
    let free_mb = look.free.map_or(0, |(free, _)| free / MEGABYTE);
    match look.level {
        Level::Enough => tracing::info!(%folder, free_mb, "the disk has enough space again"),
        Level::Low if before == Level::Full => {
            tracing::warn!(%folder, free_mb, "the disk has little space left, but new pushes and calls are taken again");
        }
        Level::Low => tracing::warn!(
            %folder, free_mb, "the disk is nearly full: free or add space, or lower retention_days"
        ),
        Level::Full => tracing::error!(
            %folder, free_mb,
            "the disk is so full that new pushes and calls are refused, so that they are repeated: free space on it"
        ),
    }
    if look.level <= before || context.config.alerts.is_empty() {
        return;
    }
    courier.lines.keep_finding(Finding {
        cause: Cause::DiskNearlyFull,
        place: folder.to_string(),
        connections: context.config.connections.keys().cloned().collect(),
        about: Some(format!("{free_mb} MB free")),
        count: 1,
        at: context.now(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_gets_better_only_with_some_more_space() {
        let limits = config::Disk { warn_below: 1000, refuse_below: 100 };
        for (before, free, expected) in [
            (Level::Enough, 1000, Level::Enough),
            (Level::Enough, 999, Level::Low),
            (Level::Low, 1099, Level::Low),
            (Level::Low, 1100, Level::Enough),
            (Level::Low, 100, Level::Low),
            (Level::Enough, 99, Level::Full),
            (Level::Full, 109, Level::Full),
            (Level::Full, 110, Level::Low),
            (Level::Full, 1050, Level::Low),
            (Level::Full, 2000, Level::Enough),
        ] {
            assert_eq!(level(free, limits, before), expected, "{before:?} {free}");
        }
        let none = config::Disk { warn_below: 0, refuse_below: 0 };
        assert_eq!(level(0, none, Level::Enough), Level::Enough);
    }

    #[cfg(unix)]
    #[test]
    fn free_space_of_a_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (free, all) = free(folder.path()).unwrap();
        assert!(free <= all && all > 0);
    }
}
