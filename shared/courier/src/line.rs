//! State of a destination, an endpoint of the ERP or a partner's address, in this process: its attempts in progress and its
//! health.
//!
//! The health is shared between processes as a note in the store, written only when the circuit opens, is probed or
//! closes: while all is well it costs one read a second.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::Utc;
use hub::breaker::{self, AttemptReport, FALLBACK, Health, Permit, Rank, Reopened};
use hub::progress::Progress;
use store::Store;

use crate::lock;
use crate::places::{Place, Places};

/// For how long what was read of a destination's health is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// Number of tries to store a change of the shared health over those of other processes.
const CHANGES: usize = 4;

/// The line to one destination.
#[derive(Debug)]
pub(crate) struct Line {
    name: String,
    places: Arc<Places>,
    known: Mutex<Known>,
    /// Held while the shared health is read; other attempts wait for it. A process that has just begun would otherwise know
    /// of no trouble and send all its attempts to an endpoint that is down.
    reading: tokio::sync::Mutex<()>,
    /// For which kinds, and in which rank, there is a candidate for the probe at that time.
    candidates: Mutex<HashMap<(String, Rank), Utc>>,
    /// The kinds whose waiting work is being brought forward.
    releasing: Mutex<HashSet<String>>,
    /// Whether work of a kind was postponed since what waited of it was last brought forward.
    waits: Mutex<HashMap<String, bool>>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    health: Health,
    version: u64,
    read: Option<Utc>,
}

impl Line {
    /// The line of that name, for so many attempts at once.
    pub(crate) fn new(name: &str, concurrency: usize) -> Self {
        Self {
            name: name.to_owned(),
            places: Places::new(concurrency),
            known: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            candidates: Mutex::default(),
            releasing: Mutex::default(),
            waits: Mutex::default(),
        }
    }

    /// Changes the number of attempts that may be under way at once.
    pub(crate) fn resize(&self, concurrency: usize) {
        self.places.resize(concurrency);
    }

    /// A place among the attempts that may be under way at once.
    pub(crate) async fn place(&self) -> Option<Place> {
        self.places.take().await
    }

    /// Whether it is the line of that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Permit for an attempt of that kind now. Only one process is granted a probe.
    pub(crate) async fn permit<S: Store>(&self, store: &S, kind: &str, now: Utc) -> Permit {
        self.refresh(store, now).await;
        let known = self.known();
        let (permit, next) = known.health.permit(kind, now);
        match permit {
            Permit::Go | Permit::Wait(_) => permit,
            Permit::Probe if self.write(store, &known, next.clone()).await == Some(true) => permit,
            Permit::Probe => {
                let until = next.kinds.get(kind).and_then(|track| track.circuit.open_until);
                Permit::Wait(until.unwrap_or(now))
            }
        }
    }

    /// Time until which nothing of a kind may be sent, as far as this process knows without asking the store.
    pub(crate) fn closed_until(&self, kind: &str, now: Utc) -> Option<Utc> {
        match self.known().health.permit(kind, now).0 {
            Permit::Wait(until) => Some(until),
            Permit::Go | Permit::Probe => None,
        }
    }

    /// Whether only probes of a kind are sent.
    pub(crate) fn holds_back(&self, kind: &str) -> bool {
        self.known().health.holds_back(kind)
    }

    /// Rank of work that finds the circuit of its kind open until `reopens`. One at a time is a candidate for the next probe,
    /// and those without a recent attempt precede the others, so that each is tried.
    pub(crate) fn rank(&self, kind: &str, reopens: Utc, progress: &Progress, now: Utc) -> Rank {
        self.leaves(kind);
        if progress.attempts.is_empty() {
            return Rank::Newest;
        }
        let lately = progress.last_made().is_some_and(|attempt| now.is_within(FALLBACK, attempt.at));
        let rank = if lately { Rank::Failed } else { Rank::Next };
        if self.is_candidate(kind, rank, reopens) { rank } else { Rank::Rest }
    }

    /// Time of the next attempt after a failed probe: after another candidate, where there is one. None for a closed circuit.
    pub(crate) fn next_probe(&self, kind: &str, now: Utc) -> Option<Utc> {
        let reopens = self.closed_until(kind, now)?;
        self.is_candidate(kind, Rank::Failed, reopens);
        Some(Rank::Failed.due(reopens, now, now, 0.0))
    }

    fn is_candidate(&self, kind: &str, rank: Rank, reopens: Utc) -> bool {
        lock(&self.candidates).insert((kind.to_owned(), rank), reopens) != Some(reopens)
    }

    /// Begins to bring work of a kind forward; nothing where that is under way.
    pub(crate) fn releasing(&self, kind: &str) -> Option<Releasing<'_>> {
        let begins = lock(&self.releasing).insert(kind.to_owned());
        begins.then(|| Releasing { line: self, kind: kind.to_owned() })
    }

    /// Work of a kind is left waiting for its due time.
    pub(crate) fn leaves(&self, kind: &str) {
        lock(&self.waits).insert(kind.to_owned(), true);
    }

    /// Attempts to bring forward after a success of that kind, beyond the circuit that it closed: others may wait for a
    /// circuit that another process closed without bringing them forward. `waited`: this attempt itself was postponed.
    pub(crate) fn owes(&self, kind: &str, waited: bool) -> Option<Reopened> {
        let mut waits = lock(&self.waits);
        if !waits.get(kind).copied().unwrap_or(waited) {
            return None;
        }
        waits.insert(kind.to_owned(), false);
        Some(Reopened::Kind)
    }

    /// Records the result of an attempt that `permit` allowed, and returns the kinds that can be sent again because of it.
    pub(crate) async fn report<S: Store>(
        &self,
        store: &S,
        permit: Permit,
        tried: &AttemptReport<'_>,
        now: Utc,
    ) -> Option<Reopened> {
        let (before, next) = {
            let mut known = lock(&self.known);
            let before = known.clone();
            known.health = before.health.after(permit, tried, now);
            (before, known.health.clone())
        };
        if !before.health.differs(&next) {
            return None;
        }
        let kind = tried.kind;
        match (before.health.holds_back(kind), next.holds_back(kind)) {
            (false, true) => tracing::warn!(to = self.name, kind, "the circuit is open: only probes are sent"),
            (true, false) => tracing::info!(to = self.name, kind, "the circuit is closed"),
            (true, true) | (false, false) => {}
        }
        let reopened = before.health.reopened(&next, kind);
        let mut over = before;
        let mut wanted = next;
        for _ in 0..CHANGES {
            if self.write(store, &over, wanted.clone()).await != Some(false) {
                break;
            }
            // Another process wrote first: the change is made again on its version.
            self.refresh(store, now).await;
            over = self.known();
            wanted = over.health.with(&wanted, kind);
        }
        reopened
    }

    fn known(&self) -> Known {
        lock(&self.known).clone()
    }

    /// Reads the shared health where what is known of it is old.
    async fn refresh<S: Store>(&self, store: &S, now: Utc) {
        let _reading = self.reading.lock().await;
        {
            let mut known = lock(&self.known);
            if known.read.is_some_and(|read| now.is_within(BELIEVED, read)) {
                return;
            }
            // A read that fails is not repeated at once either.
            known.read = Some(now);
        }
        match store.note(&self.note()).await {
            Ok(Some(note)) => {
                let mut known = lock(&self.known);
                if note.version > known.version
                    && let Ok(health) = serde_json::from_str(&note.value)
                {
                    known.health = health;
                    known.version = note.version;
                }
            }
            Ok(None) => {}
            Err(error) => {
                let error = telemetry::logs::chain(&error);
                tracing::warn!(
                    to = self.name,
                    error,
                    "the shared health of a destination could not be read; that of this process is used"
                );
            }
        }
    }

    /// Writes the shared health over what was known; `false` where another process wrote first, nothing where the store does
    /// not answer.
    async fn write<S: Store>(&self, store: &S, before: &Known, next: Health) -> Option<bool> {
        let value = serde_json::to_string(&next).unwrap_or_default();
        let written = store.put_note(&self.note(), &value, before.version).await;
        let mut known = lock(&self.known);
        match written {
            Ok(true) => {
                known.version = before.version + 1;
                known.health = next;
                Some(true)
            }
            Ok(false) => {
                // Read it again at the next occasion.
                known.read = None;
                Some(false)
            }
            Err(error) => {
                let error = telemetry::logs::chain(&error);
                tracing::warn!(to = self.name, error, "the shared health of a destination could not be written");
                None
            }
        }
    }

    /// Name of the note with the shared health.
    fn note(&self) -> String {
        breaker::note(&self.name)
    }
}

/// Work of a kind is being brought forward as long as this lives.
pub(crate) struct Releasing<'a> {
    line: &'a Line,
    kind: String,
}

impl Drop for Releasing<'_> {
    fn drop(&mut self) {
        lock(&self.line.releasing).remove(&self.kind);
    }
}
