//! The counters of a process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{ConnectionFigures, Counted, step};
use crate::{ConnectionId, Utc};

/// Interval at which counts are added to the store's, at the most.
pub const FLUSHED: Duration = Duration::from_mins(1);

/// Most steps that are held while the store does not take them, a day's: then the oldest is forgotten.
const MOST_STEPS: usize = 144;

/// Figures of connections by step.
type Steps = BTreeMap<Utc, BTreeMap<ConnectionId, ConnectionFigures>>;

/// Counts of a process that are not yet added to the store's. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    counted: Steps,
    /// Taken to be stored, and not known to be.
    leaving: Steps,
    /// Time at which they were last taken.
    taken: Option<Utc>,
}

impl Held {
    /// Takes back what is not known to be stored.
    fn restore(&mut self) {
        for (step, connections) in std::mem::take(&mut self.leaving) {
            let own = self.counted.entry(step).or_default();
            for (connection, figures) in connections {
                own.entry(connection).or_default().add(&figures);
            }
        }
        while self.counted.len() > MOST_STEPS {
            self.counted.pop_first();
        }
    }
}

impl Counters {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something that happened then. Allocates memory for the first of a step alone.
    pub fn count(&self, at: Utc, counted: &Counted<'_>) {
        let connection = counted.connection();
        let mut held = self.held();
        let connections = held.counted.entry(step(at)).or_default();
        if let Some(figures) = connections.get_mut(connection) {
            figures.count(at, counted);
        } else {
            connections.entry(connection.clone()).or_default().count(at, counted);
        }
    }

    /// Whether there are counts, and they were last taken a minute ago or never.
    #[must_use]
    pub fn are_due(&self, now: Utc) -> bool {
        let held = self.held();
        let is_empty = held.counted.is_empty() && held.leaving.is_empty();
        !is_empty && held.taken.is_none_or(|taken| !now.is_within(FLUSHED, taken))
    }

    /// Takes the counts to be stored, and those of an earlier time that are not known to be.
    #[must_use]
    pub fn take(&self, now: Utc) -> Vec<(Utc, ConnectionId, ConnectionFigures)> {
        let mut held = self.held();
        held.restore();
        held.taken = Some(now);
        held.leaving = std::mem::take(&mut held.counted);
        listed(&held.leaving).collect()
    }

    /// The counts of a connection in a step are stored.
    pub fn stored(&self, step: Utc, connection: &ConnectionId) {
        let mut held = self.held();
        if let Some(connections) = held.leaving.get_mut(&step) {
            connections.remove(connection);
            if connections.is_empty() {
                held.leaving.remove(&step);
            }
        }
    }

    /// Counts that are not known to be stored.
    #[must_use]
    pub fn unstored(&self) -> Vec<(Utc, ConnectionId, ConnectionFigures)> {
        let held = self.held();
        listed(&held.leaving).chain(listed(&held.counted)).collect()
    }
}

fn listed(steps: &Steps) -> impl Iterator<Item = (Utc, ConnectionId, ConnectionFigures)> {
    steps.iter().flat_map(|(step, connections)| {
        connections.iter().map(|(connection, figures)| (*step, connection.clone(), figures.clone()))
    })
}
