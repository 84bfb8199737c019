//! The circuit breaker of a destination: an endpoint of the ERP, or a partner's address. After many failures in a row it is
//! left alone, then tried with a single probe.
//!
//! A failure may be that of the destination or that of one kind of request (an event type, an operation), and the breaker keeps
//! the two apart: each kind has a track of its own. While a destination is in trouble, each kind is sent as a probe first. A
//! kind that the destination accepts is sent, whatever happens to the others.

mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::Outcome;
use crate::{EventId, Utc};

pub use view::{CircuitState, CircuitView};

/// The weight of failures in a row, each within [`WINDOW`] of the one before, that opens a circuit. An event that fails again
/// and again counts once, so one that is poisoned can never open it alone, however dense its retries.
pub const THRESHOLD: u32 = 10;

/// Longest interval between two failures in a row, beyond the duration of the attempt itself: an endpoint whose attempts all
/// time out fails seldom, and is in trouble nevertheless.
pub const WINDOW: Duration = Duration::from_mins(1);

/// A failure weighs one more for each of these seconds that its attempt took, up to half of [`THRESHOLD`]: what hangs keeps
/// others from their place.
const HELD_UP: u64 = 5;

/// First time for which the circuit stays open; doubled at each failed probe.
const FIRST_OPENING: Duration = Duration::from_secs(15);

/// The longest it stays open: with the attempt, a kind that is taken again is found within a minute.
const LONGEST_OPENING: Duration = Duration::from_secs(45);

/// Time after which another probe is permitted while one has no result.
const PROBE: Duration = Duration::from_secs(30);

/// Largest number of kinds with a track.
const MOST_KINDS: usize = 32;

/// Time after which postponed work comes again that is no candidate for the next probe and was not attempted lately. The
/// closing of the circuit brings it forward; where no process could do so, it is found at this time. The longer it has
/// waited, the longer this may be, up to a limit.
pub const FALLBACK: Duration = Duration::from_mins(5);
const LONGEST_FALLBACK: Duration = Duration::from_mins(30);

/// Longest time for which anything is postponed.
pub const LONGEST_POSTPONEMENT: Duration = LONGEST_FALLBACK.saturating_mul(2);

/// The name of the note that processes share a destination's health by.
#[must_use]
pub fn note(destination: &str) -> String {
    format!("health#{destination}")
}

/// Health of a destination. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The circuit of the destination, for the failures that speak of it. While it is open, each kind is probed before more of
    /// it is sent; its time is of use to hubs that know of no kinds.
    #[serde(flatten)]
    pub circuit: Circuit,
    /// The kinds that have been failing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, Track>,
}

/// Health of one kind at a destination. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The circuit of the kind. While it is open, nothing of the kind is sent before its time, and one probe then.
    #[serde(flatten)]
    pub circuit: Circuit,
    /// One of the failures speaks of the destination. Otherwise they may be the events' own, and whatever else succeeds shows
    /// that the destination is well.
    #[serde(default)]
    pub strong: bool,
}

/// A circuit: failures in a row until it opens, then the time until which it is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Weight of the failures in a row while it is closed.
    #[serde(default)]
    pub failures: u32,
    /// Time of the latest of them.
    #[serde(default)]
    pub since: Utc,
    /// Event whose failure was counted last.
    #[serde(default)]
    pub last: Option<EventId>,
    /// Time until which it is open; nothing while it is closed.
    #[serde(default)]
    pub open_until: Option<Utc>,
    /// Openings in a row.
    #[serde(default)]
    pub openings: u32,
}

/// Result of an attempt for the health of its destination.
#[derive(Clone, Copy, Debug)]
pub struct AttemptReport<'a> {
    /// Kind of the request: an event's type, or an operation.
    pub kind: &'a str,
    /// Id of the event or call.
    pub event: EventId,
    /// Outcome of the attempt.
    pub outcome: Outcome,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Duration of the attempt.
    pub took: Duration,
}

/// Permission to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Anything.
    Go,
    /// One probe, by the process that stores the health that comes with this.
    Probe,
    /// Nothing before then.
    Wait(Utc),
}

/// Kinds that can be sent again after a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopened {
    /// The same kind.
    Kind,
    /// Everything at the destination that has no open circuit of its own; a probe of each kind that has one.
    Destination,
}

/// Rank of a delivery or call that finds a circuit open, which decides the time of its next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rank {
    /// It was not postponed before: the likeliest to succeed comes first.
    Newest,
    /// A candidate for the next probe.
    Next,
    /// It was tried lately and failed: another one is tried before it.
    Failed,
    /// One of many that wait.
    Rest,
}

impl Rank {
    /// Time of the next attempt of work that has been waiting since a time. `jitter` is in `0.0..1.0`.
    #[must_use]
    pub fn due(self, reopens: Utc, since: Utc, now: Utc, jitter: f64) -> Utc {
        match self {
            Self::Newest => reopens,
            Self::Next => reopens.after(Duration::from_secs(1)),
            Self::Failed => reopens.after(Duration::from_secs(2)),
            Self::Rest => {
                let fallback = (now.since(since) / 4).clamp(FALLBACK, LONGEST_FALLBACK);
                reopens.max(now.after(fallback.mul_f64(1.0 + jitter.clamp(0.0, 1.0))))
            }
        }
    }
}

impl AttemptReport<'_> {
    /// Whether the failure speaks of the destination and not of what was sent: no connection, no answer in time, 429, or a
    /// failure of its own with a `Retry-After`.
    fn is_strong(&self) -> bool {
        match self.outcome {
            Outcome::NoAnswer => true,
            Outcome::Refused { retry_after, trouble } => trouble && (retry_after.is_some() || self.status == Some(429)),
            Outcome::Delivered | Outcome::Impossible | Outcome::Unsent => false,
        }
    }

    fn weight(&self) -> u32 {
        u32::try_from(self.took.as_secs() / HELD_UP).unwrap_or(u32::MAX).saturating_add(1).min(THRESHOLD / 2)
    }
}

impl Health {
    /// Permit for that kind at `now`, and the health from then on.
    #[must_use]
    pub fn permit(&self, kind: &str, now: Utc) -> (Permit, Self) {
        let until = self.kinds.get(kind).and_then(|track| track.circuit.open_until);
        match until {
            // A time that is further ahead than any opening is one of a clock that was set back.
            Some(until) if now < until && until.since(now) <= LONGEST_OPENING => {
                return (Permit::Wait(until), self.clone());
            }
            None if self.circuit.open_until.is_none() => return (Permit::Go, self.clone()),
            Some(_) | None => {}
        }
        // While the probe is under way the circuit stays open to everybody else.
        let mut next = self.clone();
        next.track(kind).circuit.open_until = Some(now.after(PROBE));
        (Permit::Probe, next)
    }

    /// The health after an attempt that was let through by `permit`.
    #[must_use]
    pub fn after(&self, permit: Permit, tried: &AttemptReport<'_>, now: Utc) -> Self {
        let trouble = match tried.outcome {
            Outcome::Delivered | Outcome::Refused { trouble: false, .. } => false,
            Outcome::Refused { trouble: true, .. } | Outcome::NoAnswer => true,
            Outcome::Impossible | Outcome::Unsent => return self.clone(),
        };
        let mut next = self.clone();
        if !trouble {
            next.succeeded(tried.kind, now);
            return next;
        }
        let (strong, weight) = (tried.is_strong(), tried.weight());
        let track = next.track(tried.kind);
        track.strong |= strong;
        if track.circuit.open_until.is_some() {
            // Attempts in progress when the circuit opened add nothing: only a failed probe opens it again.
            if permit == Permit::Probe {
                let until = track.circuit.open(now);
                next.circuit.open_until = next.circuit.open_until.map(|_| until);
            }
            return next;
        }
        if track.circuit.count(tried.event, weight, now) {
            track.circuit.open(now);
        }
        let several = next.kinds.values().filter(|track| now.since(track.circuit.since) <= WINDOW).count() > 1;
        let destination = &mut next.circuit;
        if destination.open_until.is_none() && (strong || several) && destination.count(tried.event, weight, now) {
            destination.open(now);
        }
        next
    }

    /// Whether a circuit is open, that of the destination or of a kind.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.circuit.open_until.is_some() || self.kinds.values().any(|track| track.circuit.open_until.is_some())
    }

    /// Whether the circuit of a kind is open, so that nothing but probes of it is sent.
    #[must_use]
    pub fn holds_back(&self, kind: &str) -> bool {
        self.circuit.open_until.is_some()
            || self.kinds.get(kind).is_some_and(|track| track.circuit.open_until.is_some())
    }

    /// Kinds that a success has made sendable again.
    #[must_use]
    pub fn reopened(&self, next: &Self, kind: &str) -> Option<Reopened> {
        if self.circuit.open_until.is_some() && next.circuit.open_until.is_none() {
            return Some(Reopened::Destination);
        }
        (self.holds_back(kind) && !next.holds_back(kind)).then_some(Reopened::Kind)
    }

    /// Whether other processes must learn of the difference: that of the open circuits, and how often each was opened.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let open = |health: &Self| {
            let kinds = health.kinds.iter().filter(|(_, track)| track.circuit.open_until.is_some());
            let kinds = kinds.map(|(kind, track)| (kind.clone(), track.circuit.openings)).collect::<Vec<_>>();
            (health.circuit.open_until.is_some(), health.circuit.openings, kinds)
        };
        open(self) != open(other)
    }

    /// This health, as another process has written it, with what an attempt has changed of a kind and of the destination.
    #[must_use]
    pub fn with(&self, next: &Self, kind: &str) -> Self {
        let mut kinds = self.kinds.clone();
        match next.kinds.get(kind) {
            Some(track) => kinds.insert(kind.to_owned(), track.clone()),
            None => kinds.remove(kind),
        };
        Self { kinds, ..next.clone() }
    }

    fn succeeded(&mut self, kind: &str, now: Utc) {
        let closes = self.circuit.open_until.is_some();
        let mut kinds = std::mem::take(&mut self.kinds);
        kinds.remove(kind);
        // The destination is well. What only errors opened of another kind stays open, for what waits is brought forward when
        // that kind succeeds, but is probed as soon as one that has just opened.
        kinds.retain(|_, track| track.strong || track.circuit.open_until.is_some());
        for track in kinds.values_mut().filter(|track| !track.strong) {
            track.circuit.openings = 0;
        }
        if closes {
            // The destination is there again: the others are tried at once.
            for Track { circuit, .. } in kinds.values_mut().filter(|track| track.circuit.open_until.is_some()) {
                (circuit.open_until, circuit.openings) = (Some(now), 0);
            }
        }
        *self = Self { kinds, ..Self::default() };
    }

    /// The track of a kind. Where there are too many, the one that has been quiet for longest gives way.
    fn track(&mut self, kind: &str) -> &mut Track {
        if !self.kinds.contains_key(kind) && self.kinds.len() >= MOST_KINDS {
            let quiet =
                self.kinds.iter().min_by_key(|(_, track)| (track.circuit.open_until.is_some(), track.circuit.since));
            let quiet = quiet.map(|(kind, _)| kind.clone()).unwrap_or_default();
            self.kinds.remove(&quiet);
        }
        self.kinds.entry(kind.to_owned()).or_default()
    }
}

impl Circuit {
    fn open(&mut self, now: Utc) -> Utc {
        let opening = FIRST_OPENING.saturating_mul(1 << self.openings.min(8)).min(LONGEST_OPENING);
        let until = now.after(opening);
        self.openings = self.openings.saturating_add(1);
        (self.failures, self.since, self.last, self.open_until) = (0, now, None, Some(until));
        until
    }

    /// Counts a failure in a row, unless it is the same event's as the one before; whether the row is long enough to open it.
    fn count(&mut self, event: EventId, weight: u32, now: Utc) -> bool {
        if self.failures > 0 && self.last == Some(event) {
            return false;
        }
        // A time that is ahead is one of a clock that was set back.
        let apart = now.since(self.since).max(self.since.since(now));
        let before = if apart > WINDOW { 0 } else { self.failures };
        (self.failures, self.since, self.last) = (before.saturating_add(weight), now, Some(event));
        self.failures >= THRESHOLD
    }
}

#[cfg(test)]
mod tests;
