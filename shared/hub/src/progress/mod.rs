//! The progress of a delivery or a call: when its next attempt is due, which claim may make it, and the attempts so far.
//! Both hold one [`Progress`] and share its transitions through [`Outgoing`].

mod outgoing;
mod stored;
#[cfg(test)]
mod tests;
mod transitions;
#[cfg(test)]
mod waits;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::Attempt;
use crate::{EventId, Utc};

pub use outgoing::Outgoing;
pub(crate) use stored::stored;
pub use transitions::Next;

/// Longest time for which a delivery or call that cannot be tried at all stays pending; its schedule, where that is longer.
pub const PATIENCE: Duration = Duration::from_hours(72);

/// Time for which a deadline must be seen to have passed before anything is given up: one wrong reading of a clock ends
/// nothing.
pub(crate) const SEEN_OVER: Duration = Duration::from_hours(1);

/// Longest time for which an attempt is overdue because processes lack configuration for it. They know the configuration as
/// of some minutes ago, and two versions may run at the same time: the next process may have it.
pub const UNKNOWN: Duration = Duration::from_hours(1);

/// Wait until the configuration of a process may have what an attempt lacks.
pub(crate) const KNOWN: Duration = Duration::from_mins(1);

/// Time over which attempts that lack configuration are spread beyond [`KNOWN`].
pub(crate) const SPREAD: Duration = Duration::from_mins(1);

/// Time by which a retry may begin before it is due: clocks differ.
pub(crate) const EARLY: Duration = Duration::from_secs(1);

/// Longest `Retry-After` that is honoured.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(12);

/// Wait after a lack of this machine's own, such as file descriptors; up to twice as long.
pub const MOMENT: Duration = Duration::from_secs(5);

/// Schedule and claim of a delivery or a call. Stored as JSON among the members of its holder: fields may be added, here and in
/// `stored!`, and the stored names never change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Due time of the next attempt; while it is claimed, the end of the lease; once it is settled, the time of that.
    pub due: Utc,
    /// Beginning of the schedule.
    pub since: Utc,
    /// Number of the latest claim. Each transition adds one, so that a queue message with an earlier number is stale.
    #[serde(rename = "turn")]
    pub claim: u32,
    /// A process has claimed it until `due`; otherwise none may claim it before `due`.
    #[serde(rename = "in_hand", skip_serializing_if = "std::ops::Not::not")]
    pub is_claimed: bool,
    /// First due time of the attempt, where `due` is another: it was claimed, or postponed.
    #[serde(rename = "owed", skip_serializing_if = "Option::is_none")]
    pub first_due: Option<Utc>,
    /// End of the wait that the destination asked for (`Retry-After`).
    #[serde(rename = "asked", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Utc>,
    /// Original due time of a retry that was brought forward. Where that attempt fails too, the retry is due then, and no step
    /// of the schedule is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brought_forward: Option<Utc>,
    /// An operator asked for an attempt, whatever the circuit says.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
    /// First time at which its deadline was seen to have passed; an hour later it is given up.
    #[serde(rename = "over", skip_serializing_if = "Option::is_none")]
    pub past_deadline: Option<Utc>,
    /// Event that it waits for; while it is claimed, the one that it waited for before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// Steps of the schedule that are used up.
    pub tries: u32,
    /// Latest attempts, oldest first, [`ATTEMPTS_KEPT`](crate::attempt::ATTEMPTS_KEPT) at the most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

/// A wait behind an earlier event. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The earlier event.
    pub event: EventId,
    /// Beginning of the wait, or of its latest part.
    pub since: Utc,
}

impl Progress {
    /// The progress of something accepted at `now`. The queue message that goes out with it holds the first claim, so no other
    /// process may claim it before `due`.
    #[must_use]
    pub fn new(now: Utc, due: Utc) -> Self {
        Self { due, since: now, is_claimed: true, ..Self::default() }
    }

    /// Whether its due time has not come: a queue message may arrive a little early, by another clock. A claim may act at once.
    #[must_use]
    pub fn is_early(&self, now: Utc) -> bool {
        !self.is_claimed && now.after(EARLY) < self.due
    }

    /// First due time of the next attempt, however often it was claimed or postponed since; in the future where that has not
    /// come. Under the first claim that is the beginning: `due` is only the end of its lease.
    #[must_use]
    pub const fn overdue_since(&self) -> Utc {
        match self.first_due {
            Some(first) => first,
            None if self.is_claimed && self.claim == 0 => self.since,
            None => self.due,
        }
    }

    /// Event that it waits for; nothing while a process has claimed it.
    #[must_use]
    pub fn waits_for(&self) -> Option<EventId> {
        self.behind.filter(|_| !self.is_claimed).map(|behind| behind.event)
    }

    /// Whether one of the stored attempts is a postponement for the destination's sake: a wait for an earlier event is none.
    #[must_use]
    pub fn was_postponed(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.postponed > 0 && !attempt.for_turn)
    }

    /// The latest attempt that was made, as far as it is kept.
    #[must_use]
    pub fn last_made(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.postponed == 0)
    }
}
