//! The circuit breaker of an endpoint: after many failures in a row it is left alone, then tried with a single probe.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::Outcome;
use crate::{EventId, Utc};

/// Failures in a row, each within [`WINDOW`] of the one before, that open the circuit. An event that fails again and again counts once, so one
/// that is poisoned can never open it alone, however dense its retries.
pub const THRESHOLD: u32 = 10;

/// How far apart two failures in a row may be. An endpoint that lets each of its attempts run out of time fails as seldom
/// as it is asked, and is in trouble nevertheless.
pub const WINDOW: Duration = Duration::from_mins(1);

/// How long the circuit stays open the first time; doubled at each failed probe.
const FIRST_OPENING: Duration = Duration::from_secs(15);

/// The longest it stays open.
pub(crate) const LONGEST_OPENING: Duration = Duration::from_mins(5);

/// How long a probe may take before another one is let through.
const PROBE: Duration = Duration::from_secs(30);

/// The name of the note that processes share a destination's health by.
#[must_use]
pub fn note(destination: &str) -> String {
    format!("health#{destination}")
}

/// How an endpoint has been doing. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Failures in a row while the circuit is closed.
    #[serde(default)]
    pub failures: u32,
    /// When the latest of them was.
    #[serde(default)]
    pub since: Utc,
    /// Whose failure was counted last.
    #[serde(default)]
    pub last: Option<EventId>,
    /// The circuit is open: nothing is sent before then, and one probe at that time.
    #[serde(default)]
    pub open_until: Option<Utc>,
    /// How many times in a row it was opened.
    #[serde(default)]
    pub openings: u32,
}

/// What may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Anything.
    Go,
    /// One probe, by whoever stores the health that comes with this.
    Probe,
    /// Nothing before then.
    Wait(Utc),
}

impl Health {
    /// What may be sent at `now`, and the health to keep from then on.
    #[must_use]
    pub fn permit(&self, now: Utc) -> (Permit, Self) {
        match self.open_until {
            None => (Permit::Go, self.clone()),
            // One that is open for longer than any was opened by a clock that has been set back since.
            Some(until) if now < until && until <= now.after(LONGEST_OPENING) => (Permit::Wait(until), self.clone()),
            // While the probe is under way the circuit stays open to everybody else.
            Some(_) => (Permit::Probe, Self { open_until: Some(now.after(PROBE)), ..self.clone() }),
        }
    }

    /// The health after an attempt at an event that was let through by `permit`.
    #[must_use]
    pub fn after(&self, permit: Permit, event: EventId, outcome: Outcome, now: Utc) -> Self {
        let trouble = match outcome {
            Outcome::Delivered | Outcome::Refused { trouble: false, .. } => false,
            Outcome::Refused { trouble: true, .. } | Outcome::NoAnswer => true,
            Outcome::Impossible => return self.clone(),
        };
        if !trouble {
            return Self::default();
        }
        if self.open_until.is_some() {
            // What was under way when the circuit opened tells nothing new: only the probe's failure opens it again.
            return if permit == Permit::Probe { self.opened(now) } else { self.clone() };
        }
        if self.failures > 0 && self.last == Some(event) {
            return self.clone();
        }
        let apart = now.since(self.since).max(self.since.since(now));
        let before = if apart > WINDOW { 0 } else { self.failures };
        let next = Self { failures: before + 1, since: now, last: Some(event), ..self.clone() };
        if next.failures >= THRESHOLD { next.opened(now) } else { next }
    }

    /// Whether the circuit is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open_until.is_some()
    }

    fn opened(&self, now: Utc) -> Self {
        let opening = FIRST_OPENING.saturating_mul(1 << self.openings.min(8)).min(LONGEST_OPENING);
        let openings = self.openings + 1;
        Self { failures: 0, since: now, last: None, open_until: Some(now.after(opening)), openings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Utc {
        Utc(seconds * 1_000_000)
    }

    fn event(n: u32) -> EventId {
        EventId([u8::try_from(n).unwrap(); 24])
    }

    fn broken() -> Health {
        (0..THRESHOLD).fold(Health::default(), |health, n| health.after(Permit::Go, event(n), Outcome::NoAnswer, at(0)))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_a_single_probe_through() {
        let health = broken();
        assert_eq!(health.permit(at(1)).0, Permit::Wait(at(15)));
        let (permit, probing) = health.permit(at(15));
        assert_eq!(permit, Permit::Probe);
        assert_eq!(probing.permit(at(15)).0, Permit::Wait(at(45)), "one probe at a time");
        assert_eq!(probing.after(Permit::Probe, event(1), Outcome::Delivered, at(16)), Health::default());
        assert_eq!(
            probing.after(Permit::Probe, event(1), Outcome::NoAnswer, at(16)).permit(at(17)).0,
            Permit::Wait(at(46))
        );
    }

    /// An endpoint of one attempt at a time that hung for ten seconds each never had ten failures within a minute.
    #[test]
    fn it_opens_however_long_each_failure_takes() {
        let hangs = |every: i64| {
            (0..THRESHOLD).fold(Health::default(), |health, n| {
                health.after(Permit::Go, event(n), Outcome::NoAnswer, at(every * i64::from(n)))
            })
        };
        assert!(hangs(10).is_open() && hangs(60).is_open());
        assert!(!hangs(61).is_open(), "what fails now and then is not in trouble");
    }

    /// It stayed open until the false time, over a restart too.
    #[test]
    fn a_circuit_opened_by_a_clock_that_was_ahead_is_probed() {
        let ahead = Health { open_until: Some(at(2 * 86_400)), ..broken() };
        let (permit, probing) = ahead.permit(at(0));
        assert_eq!((permit, probing.permit(at(1)).0), (Permit::Probe, Permit::Wait(at(30))));
        let failed_ahead = Health { since: at(2 * 86_400), failures: THRESHOLD - 1, ..Health::default() };
        assert!(!failed_ahead.after(Permit::Go, event(99), Outcome::NoAnswer, at(0)).is_open());
    }

    #[test]
    fn a_probe_that_never_ends_does_not_keep_it_open_for_good() {
        let (_, probing) = broken().permit(at(15));
        assert_eq!(probing.permit(at(45)).0, Permit::Probe);
    }

    #[test]
    fn one_poisoned_event_cannot_open_it() {
        let poisoned = (0..100).fold(Health::default(), |health, second| {
            health.after(Permit::Go, event(7), Outcome::NoAnswer, at(second))
        });
        assert!(!poisoned.is_open());
        let refused = Outcome::Refused { retry_after: None, trouble: false };
        let health = (0..100).fold(poisoned, |health, n| health.after(Permit::Go, event(n), refused, at(200)));
        assert!(!health.is_open(), "a refusal of the event itself is no trouble of the endpoint");
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_open_it_again() {
        let health = broken();
        assert_eq!(health.after(Permit::Go, event(1), Outcome::NoAnswer, at(1)), health);
    }

    #[test]
    fn openings_grow_to_a_limit() {
        let mut health = broken();
        for round in 0..20 {
            health = health.after(Permit::Probe, event(1), Outcome::NoAnswer, at(round));
        }
        assert_eq!(health.permit(at(19)).0, Permit::Wait(at(19 + 300)));
    }
}
