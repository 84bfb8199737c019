//! The machine's clock under watch: each reading is held against a clock that only runs.
//!
//! A jump is logged. After one ahead nothing is removed, nothing counts as expired, and no lease as over, for a while;
//! after one back, due times of the false time are brought back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub::Clock;
use hub::Utc;
use hub::clock::{Direction, HOLD, Jump, Watched};
use queue::Queue;
use store_sqlite::SqliteStore;
use tokio::sync::watch;

use crate::current::Current;
use crate::ticks::Ticks;

/// Interval at which the clock is read without another reason.
const LOOK: Duration = Duration::from_secs(1);

/// Longest time for reading both clocks. A thread that was delayed between them would see a false jump.
const GLANCE: Duration = Duration::from_millis(100);

/// A clock that only runs: the time since some moment. A function, so that tests can hold it.
pub type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The machine's.
pub(crate) fn steady_clock() -> Steady {
    let began = std::time::Instant::now();
    Arc::new(move || began.elapsed())
}

/// A clock, and what is known of it.
pub(crate) struct Watch {
    clock: Clock,
    steady: Steady,
    began: Duration,
    store: SqliteStore,
    watched: Mutex<Watched>,
    /// Due times are to be brought back.
    set_back: AtomicBool,
}

impl Watch {
    /// Begins to watch a clock for what is in a store.
    pub(crate) async fn begin(clock: Clock, steady: Steady, store: SqliteStore) -> Arc<Self> {
        let newest = store.newest().await.unwrap_or_else(|error| {
            let error = telemetry::logs::chain(&error);
            tracing::warn!(error, "the newest event could not be read; the clock is trusted unchecked");
            None
        });
        let (began, now) = (steady(), clock());
        let (watched, jump) = Watched::new(now, newest);
        if let Some(Jump { by, .. }) = jump {
            tracing::warn!(
                ?by,
                "the clock shows an earlier time than the newest event in the store was received at: it was set back, or \
                 is wrong; due times are brought back"
            );
        }
        store.trust(watched.believed(Duration::ZERO));
        // A clock that was ahead when the last process ended may have been set back since: the due times are checked.
        let set_back = AtomicBool::new(true);
        Arc::new(Self { clock, steady, began, store, watched: Mutex::new(watched), set_back })
    }

    /// The clock, as everything in the hub reads it.
    pub(crate) fn clock(self: &Arc<Self>) -> Clock {
        let this = Arc::clone(self);
        Arc::new(move || this.read())
    }

    fn read(&self) -> Utc {
        let before = (self.steady)();
        let now = (self.clock)();
        let steady = (self.steady)();
        if steady.saturating_sub(before) < GLANCE {
            let steady = steady.saturating_sub(self.began);
            let mut watched = self.watched();
            let jump = watched.read(now, steady);
            self.store.trust(watched.believed(steady));
            drop(watched);
            if let Some(jump) = jump {
                self.jumped(jump);
            }
        }
        now
    }

    fn jumped(&self, Jump { direction, by }: Jump) {
        match direction {
            Direction::Ahead => tracing::warn!(
                ?by,
                "the clock jumped ahead, or the machine slept: nothing expires by the new time, and nothing is removed, \
                 until it has kept it for {HOLD:?}"
            ),
            Direction::Back => {
                self.set_back.store(true, Ordering::Relaxed);
                tracing::warn!(
                    ?by,
                    "the clock was set back: due times are brought back, and nothing is removed for {HOLD:?}"
                );
            }
        }
    }

    /// Whether expired events may be removed: the clock is trusted.
    pub(crate) fn may_remove(&self) -> bool {
        self.read();
        !self.watched().has_jumped(self.running())
    }

    /// Whether the clock, as it is now, has jumped ahead within `lease`: what looks like a lease that is over may be one
    /// that lasts.
    pub(crate) fn has_jumped_ahead(&self, lease: Duration) -> bool {
        self.read();
        self.watched().ends_leases(self.running(), lease)
    }

    fn running(&self) -> Duration {
        (self.steady)().saturating_sub(self.began)
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the clock from time to time, and brings due times back where that has to be.
    pub(crate) async fn run<Q: Queue>(self: Arc<Self>, current: Current<SqliteStore, Q>, stop: watch::Receiver<bool>) {
        let mut ticks = Ticks::new(LOOK, stop);
        while ticks.next().await {
            self.read();
            if !self.set_back.swap(false, Ordering::Relaxed) {
                continue;
            }
            if let Err(error) = courier::bring_back(&current.get()).await {
                let error = telemetry::logs::chain(&error);
                tracing::error!(error, "due times could not be corrected; the next attempt is in {LOOK:?}");
                self.set_back.store(true, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    /// Regression: a jump was only known once something else had read the clock, up to a second later.
    #[tokio::test]
    async fn jump_between_two_looks_is_known_when_asked_about() {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicI64::new(1_790_000_000_000_000));
        let shown = Arc::clone(&time);
        let clock: Clock = Arc::new(move || Utc(shown.load(Ordering::SeqCst)));
        let steady: Steady = Arc::new(|| Duration::from_secs(9));
        let store = SqliteStore::open(folder.path()).unwrap();
        for asked in [|watch: &Watch| watch.may_remove(), |watch: &Watch| !watch.has_jumped_ahead(HOLD)] {
            let watch = Watch::begin(Arc::clone(&clock), Arc::clone(&steady), store.clone()).await;
            assert!(asked(&watch));
            time.fetch_add(91 * 86_400_000_000, Ordering::SeqCst);
            assert!(!asked(&watch));
        }
    }
}
