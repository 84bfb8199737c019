//! What a process knows of each destination, an endpoint of the ERP or a partner's address: how many attempts are under
//! way, and how it has been doing.
//!
//! The health is shared between processes as a note in the store, written only when the circuit opens, is probed or
//! closes: while all is well it costs one read a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub::breaker::{self, Health, Permit};
use hub::delivery::Outcome;
use hub::{ConnectionId, EventId, Utc};
use runtime::config::Connection;
use store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::call::Gate;

/// For how long what was read of a destination's health is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// The lines to all destinations, and the gates of all connections.
#[derive(Debug, Default)]
pub struct Lines {
    lines: Mutex<HashMap<String, Arc<Line>>>,
    gates: Mutex<HashMap<ConnectionId, Arc<Gate>>>,
}

/// The line to one destination.
#[derive(Debug)]
pub(crate) struct Line {
    name: String,
    places: Arc<Semaphore>,
    known: Mutex<Known>,
    /// Held while the shared health is read. Whoever comes meanwhile waits: a process that has just begun would know of
    /// no trouble and send everything it has to an endpoint that is down.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    health: Health,
    version: u64,
    read: Option<Utc>,
}

impl Lines {
    /// The line of that name, for so many attempts at once.
    pub(crate) fn to(&self, name: &str, concurrency: usize) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(name) {
            return Arc::clone(line);
        }
        let line = Arc::new(Line {
            name: name.to_owned(),
            places: Arc::new(Semaphore::new(concurrency)),
            known: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        });
        lines.insert(name.to_owned(), Arc::clone(&line));
        line
    }

    /// The gate of a connection.
    pub(crate) fn gate(&self, connection: &Connection) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates.entry(connection.id.clone()).or_insert_with(|| Arc::new(Gate::new(connection.concurrency)));
        Arc::clone(gate)
    }
}

impl Line {
    /// A place among the attempts that may be under way at once.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// What may be sent now. A probe is granted to one process alone.
    pub(crate) async fn permit<S: Store>(&self, store: &S, now: Utc) -> Permit {
        self.refresh(store, now).await;
        let known = self.known();
        let (permit, next) = known.health.permit(now);
        match permit {
            Permit::Go | Permit::Wait(_) => permit,
            Permit::Probe if self.write(store, &known, next.clone()).await => permit,
            Permit::Probe => Permit::Wait(next.open_until.unwrap_or(now)),
        }
    }

    /// Remembers what came of an attempt: how it was let through, at which event, and its outcome.
    pub(crate) async fn report<S: Store>(
        &self,
        store: &S,
        (permit, event, outcome): (Permit, EventId, Outcome),
        now: Utc,
    ) {
        let (before, next) = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let before = known.clone();
            known.health = before.health.after(permit, event, outcome, now);
            (before, known.health.clone())
        };
        if before.health.is_open() == next.is_open() && before.health.openings == next.openings {
            return;
        }
        if next.is_open() {
            tracing::warn!(to = self.name, until = ?next.open_until, "the circuit is open");
        } else {
            tracing::info!(to = self.name, "the circuit is closed");
        }
        self.write(store, &before, next).await;
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the shared health where what is known of it is old.
    async fn refresh<S: Store>(&self, store: &S, now: Utc) {
        let _reading = self.reading.lock().await;
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.read.is_some_and(|read| now.is_within(BELIEVED, read)) {
                return;
            }
            // A read that fails is not repeated at once either.
            known.read = Some(now);
        }
        match store.note(&self.note()).await {
            Ok(Some(note)) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                if note.version > known.version
                    && let Ok(health) = serde_json::from_str(&note.value)
                {
                    known.health = health;
                    known.version = note.version;
                }
            }
            Ok(None) => {}
            Err(error) => {
                let error = runtime::logs::chain(&error);
                tracing::warn!(to = self.name, error, "the shared health could not be read; this process's own counts");
            }
        }
    }

    /// Writes the shared health over what was known; `false` where somebody else wrote first.
    async fn write<S: Store>(&self, store: &S, before: &Known, next: Health) -> bool {
        let value = serde_json::to_string(&next).unwrap_or_default();
        match store.put_note(&self.note(), &value, before.version).await {
            Ok(true) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.version = before.version + 1;
                known.health = next;
                true
            }
            Ok(false) => {
                // Read it again at the next occasion.
                self.known.lock().unwrap_or_else(PoisonError::into_inner).read = None;
                false
            }
            Err(error) => {
                let error = runtime::logs::chain(&error);
                tracing::warn!(to = self.name, error, "the shared health could not be written");
                false
            }
        }
    }

    /// Where the shared health is kept.
    fn note(&self) -> String {
        breaker::note(&self.name)
    }
}
