//! Readiness: whether the hub can do all of its work now, and what is about to stop that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::disk::{Disk, Level};
use crate::hold::{self, Hold};

/// Number of periods within which some sweep must have ended.
const PERIODS: u32 = 5;

/// The least time for that: a sweep with a large backlog may take minutes.
const LEAST: Duration = Duration::from_mins(5);

/// State of the hub's own work. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Vitals {
    /// The disk with the data.
    pub(crate) disk: Disk,
    /// The hold.
    pub(crate) hold: Hold,
    swept: Arc<Mutex<Instant>>,
    sweep_every: Duration,
}

impl Vitals {
    /// Those of a hub that begins now.
    pub(crate) fn new(sweep_every: Duration, hold: Hold) -> Self {
        Self { disk: Disk::default(), hold, swept: Arc::new(Mutex::new(Instant::now())), sweep_every }
    }

    /// Notes that a sweep has ended well.
    pub(crate) fn swept(&self) {
        *self.swept.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Time since a sweep has ended well, or since the start.
    pub(crate) fn since_sweep(&self) -> Duration {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Readiness, with what is known of the store's writes.
    pub(crate) fn readiness(&self, store: Result<(), String>) -> Readiness {
        let mut readiness = Readiness::default();
        if let Err(reason) = store {
            readiness.reasons.push(format!("the store takes no writes: {reason}"));
        }
        let (since, limit) = (self.since_sweep(), (self.sweep_every * PERIODS).max(LEAST));
        if since > limit {
            let seconds = since.as_secs();
            readiness.reasons.push(format!("no sweep has ended well for {seconds} s: the log says why"));
        }
        if self.hold.is_on() {
            readiness.warnings.push(hold::WHY.to_owned());
        }
        let look = self.disk.latest();
        let free = look.free.map_or(0, |(free, _)| free / (1024 * 1024));
        match look.level {
            Level::Enough => {}
            Level::Low => readiness.warnings.push(format!("the disk is nearly full: {free} MB free")),
            Level::Full => {
                readiness.reasons.push(format!("the disk is nearly full, nothing new is taken: {free} MB free"));
            }
        }
        readiness
    }
}

/// Whether the hub is ready, and why not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// Reasons why it is not ready.
    pub(crate) reasons: Vec<String>,
    /// Troubles to come.
    pub(crate) warnings: Vec<String>,
}

impl Readiness {
    /// As `/ready` tells it.
    pub(crate) fn told(&self) -> String {
        let Self { reasons, warnings } = self;
        let status = if self.is_ready() { "ready" } else { "not ready" };
        json!({"status": status, "reasons": reasons, "warnings": warnings}).to_string()
    }

    /// Whether nothing is in the way.
    pub(crate) const fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn hub_without_a_sweep_for_long_is_not_ready() {
        let vitals = Vitals::new(Duration::from_secs(30), Hold::of(Path::new("none")));
        assert!(vitals.readiness(Ok(())).is_ready(), "it has just begun");
        let Some(long_ago) = Instant::now().checked_sub(LEAST + Duration::from_secs(1)) else { return };
        *vitals.swept.lock().unwrap() = long_ago;
        assert!(vitals.readiness(Ok(())).told().contains("no sweep has ended well for 301 s"));
        vitals.swept();
        assert!(vitals.readiness(Ok(())).is_ready());
    }

    #[test]
    fn store_without_writes_is_a_reason() {
        let vitals = Vitals::new(Duration::from_secs(30), Hold::of(Path::new("none")));
        let readiness = vitals.readiness(Err("locked".to_owned()));
        assert!(!readiness.is_ready() && readiness.told().contains("takes no writes: locked"));
    }
}
