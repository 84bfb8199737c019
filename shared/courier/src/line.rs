//! What a process knows of each endpoint: how many attempts are under way, and how the endpoint has been doing.
//!
//! The health is shared between processes as a note in the store, written only when the circuit opens, is probed or
//! closes: while all is well it costs one read a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub::breaker::{Health, Permit};
use hub::delivery::Outcome;
use hub::{EndpointId, EventId, Utc};
use runtime::config::Endpoint;
use store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For how long what was read of an endpoint's health is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// The lines to all endpoints.
#[derive(Debug, Default)]
pub struct Lines(Mutex<HashMap<EndpointId, Arc<Line>>>);

/// The line to one endpoint.
#[derive(Debug)]
pub(crate) struct Line {
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
    /// The line to an endpoint.
    pub(crate) fn to(&self, endpoint: &Endpoint) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&endpoint.id) {
            return Arc::clone(line);
        }
        let places = Arc::new(Semaphore::new(endpoint.concurrency));
        let line = Arc::new(Line { places, known: Mutex::default(), reading: tokio::sync::Mutex::default() });
        lines.insert(endpoint.id.clone(), Arc::clone(&line));
        line
    }
}

impl Line {
    /// A place among the attempts that may be under way at once.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// What may be sent now. A probe is granted to one process alone.
    pub(crate) async fn permit<S: Store>(&self, store: &S, endpoint: &EndpointId, now: Utc) -> Permit {
        self.refresh(store, endpoint, now).await;
        let known = self.known();
        let (permit, next) = known.health.permit(now);
        match permit {
            Permit::Go | Permit::Wait(_) => permit,
            Permit::Probe if self.write(store, endpoint, &known, next.clone()).await => permit,
            Permit::Probe => Permit::Wait(next.open_until.unwrap_or(now)),
        }
    }

    /// Remembers what came of an attempt: how it was let through, at which event, and its outcome.
    pub(crate) async fn report<S: Store>(
        &self,
        store: &S,
        endpoint: &EndpointId,
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
            tracing::warn!(%endpoint, until = ?next.open_until, "the endpoint's circuit is open");
        } else {
            tracing::info!(%endpoint, "the endpoint's circuit is closed");
        }
        self.write(store, endpoint, &before, next).await;
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the shared health where what is known of it is old.
    async fn refresh<S: Store>(&self, store: &S, endpoint: &EndpointId, now: Utc) {
        let _reading = self.reading.lock().await;
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.read.is_some_and(|read| now.since(read) < BELIEVED) {
                return;
            }
            // A read that fails is not repeated at once either.
            known.read = Some(now);
        }
        match store.note(&name(endpoint)).await {
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
                tracing::warn!(%endpoint, error, "the shared health could not be read; this process's own counts");
            }
        }
    }

    /// Writes the shared health over what was known; `false` where somebody else wrote first.
    async fn write<S: Store>(&self, store: &S, endpoint: &EndpointId, before: &Known, next: Health) -> bool {
        let value = serde_json::to_string(&next).unwrap_or_default();
        match store.put_note(&name(endpoint), &value, before.version).await {
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
                tracing::warn!(%endpoint, error, "the shared health could not be written");
                false
            }
        }
    }
}

fn name(endpoint: &EndpointId) -> String {
    format!("health#{endpoint}")
}
