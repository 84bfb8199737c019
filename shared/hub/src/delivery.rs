//! A delivery: one event for one endpoint, and the transitions that only deliveries have.

mod lease;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::progress::{MOMENT, Next, Outgoing, Progress, stored};
use crate::routes::Route;
use crate::schedule::Schedule;
use crate::{EndpointId, Utc};

pub use crate::attempt::{ATTEMPTS_KEPT, Attempt};
pub use lease::{MOST_LEASES, Redeemed, asked_note};

/// State of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum State {
    /// To be attempted at its due time.
    Pending,
    /// Accepted by the ERP.
    Delivered,
    /// Given up. It is listed until it is confirmed or replayed.
    Failed,
    /// Given up, and the failure was confirmed by the ERP.
    Confirmed,
}

/// One event for one endpoint. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Delivery {
    /// Its destination.
    pub endpoint: EndpointId,
    /// Its state.
    pub state: State,
    /// Consumers lease it at its endpoint (`pull = true`); it is never sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pull: bool,
    /// Its schedule and claim.
    #[serde(flatten)]
    pub progress: Progress,
}

stored!(Delivery {
    endpoint: EndpointId,
    state: State,
    #[serde(default)]
    pull: bool
});

/// Result of an attempt at a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint accepted the event.
    Delivered,
    /// The endpoint answered, but not with success.
    Refused {
        /// Wait that its `Retry-After` asks for.
        retry_after: Option<Duration>,
        /// Whether the endpoint itself is in trouble (5xx, 429), rather than this event refused.
        trouble: bool,
    },
    /// There was no answer: refused connection, timeout, unreadable response.
    NoAnswer,
    /// The attempt can never succeed: the endpoint's URL cannot be called.
    Impossible,
    /// Nothing was sent, because this machine lacks a resource. The endpoint's health is not affected.
    Unsent,
}

impl Delivery {
    /// A delivery of an event received at `now`, claimed until `due` by the queue message that goes out with it.
    #[must_use]
    pub fn new(endpoint: EndpointId, now: Utc, due: Utc) -> Self {
        Self { endpoint, state: State::Pending, pull: false, progress: Progress::new(now, due) }
    }

    /// The delivery that a route makes of an event received at `now`: to be sent under a claim until `due`, or to be leased from
    /// `now` on.
    #[must_use]
    pub fn by(route: &Route, now: Utc, due: Utc) -> Self {
        let endpoint = route.endpoint.clone();
        if !route.pull {
            return Self::new(endpoint, now, due);
        }
        let progress = Progress { due: now, since: now, ..Progress::default() };
        Self { endpoint, state: State::Pending, pull: true, progress }
    }

    /// The delivery after an attempt. `jitter` is in `0.0..1.0`.
    #[must_use]
    pub fn attempted(mut self, attempt: Attempt, outcome: Outcome, schedule: &Schedule, now: Utc, jitter: f64) -> Self {
        if outcome == Outcome::Unsent {
            let until = now.after(MOMENT.mul_f64(1.0 + jitter.clamp(0.0, 1.0)));
            return self.postponed(until, &format!("postponed: {}", attempt.detail), schedule, now);
        }
        self.progress.record(attempt);
        let retry_after = match outcome {
            Outcome::Delivered => return self.settled(State::Delivered, now),
            Outcome::Impossible => return self.settled(State::Failed, now),
            Outcome::Refused { retry_after, trouble: _ } => retry_after,
            Outcome::NoAnswer | Outcome::Unsent => None,
        };
        let next = self.progress.retry(retry_after, schedule, now, jitter);
        self.follow(next)
    }

    /// The delivery after a failed probe: its next attempt is the next probe.
    #[must_use]
    pub fn probed(mut self, attempt: Attempt, until: Utc, schedule: &Schedule, now: Utc) -> Self {
        self.progress.record(attempt);
        let next = self.progress.probe_again(until, schedule, now);
        self.follow(next)
    }

    /// The delivery started over, as a replay does.
    #[must_use]
    pub fn replayed(mut self, now: Utc) -> Self {
        self.state = State::Pending;
        self.progress.restart(now);
        self
    }

    /// The failed delivery after its confirmation by an operator.
    #[must_use]
    pub fn confirmed(self, now: Utc) -> Self {
        self.settled(State::Confirmed, now)
    }

    fn settled(mut self, state: State, now: Utc) -> Self {
        self.state = state;
        self.progress.settle(now);
        self
    }
}

impl Outgoing for Delivery {
    const GIVEN_UP: &'static str = "given up: its endpoint has failed for as long as a delivery waits";

    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    fn is_pending(&self) -> bool {
        self.state == State::Pending
    }

    fn follow(mut self, next: Next) -> Self {
        match next {
            Next::Pending => {}
            Next::Failed | Next::GivenUp => self.state = State::Failed,
        }
        self
    }
}
