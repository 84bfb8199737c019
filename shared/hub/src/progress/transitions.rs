//! The transitions of a [`Progress`]. Each ends the claim under which it is made.

use std::time::Duration;

use crate::attempt::{Attempt, keep, keep_postponed, keep_waiting};
use crate::progress::{Behind, KNOWN, LONGEST_RETRY_AFTER, PATIENCE, Progress, SEEN_OVER, SPREAD, UNKNOWN};
use crate::schedule::Schedule;
use crate::{EventId, Utc};

/// Consequence of a transition for the state of the holder.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt is due.
    Pending,
    /// No attempt follows the one that failed.
    Failed,
    /// No attempt follows, and the latest could not be made; the reason stands among the attempts.
    GivenUp,
}

impl Progress {
    /// Claims it until `until`: queue messages for earlier claims become stale.
    pub(crate) const fn begin_claim(&mut self, until: Utc) {
        self.first_due = Some(self.overdue_since());
        self.claim += 1;
        self.is_claimed = true;
        self.due = until;
    }

    /// Ends the lease of a process that has ended.
    pub(crate) fn release(&mut self, now: Utc) {
        if self.is_claimed {
            self.due = self.due.min(now);
        }
    }

    /// Keeps an attempt that was made.
    pub(crate) fn record(&mut self, attempt: Attempt) {
        keep(&mut self.attempts, attempt);
    }

    /// Plans the retry after a failed attempt. `jitter` is in `0.0..1.0`.
    pub(crate) fn retry(&mut self, retry_after: Option<Duration>, schedule: &Schedule, now: Utc, jitter: f64) -> Next {
        let retry_after = retry_after.map(|wait| now.after(wait.min(LONGEST_RETRY_AFTER)));
        let not_before = retry_after.unwrap_or(now);
        let due = if let Some(due) = self.brought_forward.filter(|due| now < *due) {
            due
        } else if let Some(delay) = schedule.delay(self.tries, jitter) {
            self.tries += 1;
            now.after(delay)
        } else {
            self.settle(now);
            return Next::Failed;
        };
        self.wait(due.max(not_before), retry_after);
        Next::Pending
    }

    /// Plans another probe after one that failed. Probes use up the schedule's steps no faster than its delays would.
    pub(crate) fn probe_again(&mut self, until: Utc, schedule: &Schedule, now: Utc) -> Next {
        // A retry that was brought forward keeps its step until its own time has come.
        if self.brought_forward.is_none_or(|due| due <= now) {
            let Some(steps) = schedule.out_of_turn(self.tries, now.since(self.since)) else {
                self.settle(now);
                return Next::Failed;
            };
            self.tries = steps;
        }
        self.postpone(until)
    }

    /// Whether it has waited for longer than [`PATIENCE`] or its schedule, and is to be given up.
    pub(crate) fn has_expired(&mut self, schedule: &Schedule, now: Utc) -> bool {
        self.is_over(now.since(self.since) >= PATIENCE.max(schedule.length()), now)
    }

    /// Postpones an attempt that cannot be made before `until`, and records why. No step of the schedule is used up: the
    /// attempt might have succeeded.
    pub(crate) fn hold_back(&mut self, until: Utc, why: &str, now: Utc) -> Next {
        keep_postponed(&mut self.attempts, now, why);
        self.postpone(until)
    }

    /// Postpones an attempt until `until` at the latest, because something else goes first, and records why. No step of the schedule
    /// is used up, its patience begins anew, and until then it is not overdue: it may wait for as long as the other is tried.
    pub(crate) fn wait_turn(&mut self, until: Utc, why: &str, now: Utc) {
        keep_postponed(&mut self.attempts, now, why);
        self.take_turn(until, now);
    }

    /// Ends the wait behind something else: the attempt is due at `now`.
    pub(crate) fn go_on(&mut self, now: Utc) {
        self.take_turn(now, now);
    }

    const fn take_turn(&mut self, due: Utc, now: Utc) {
        self.since = now;
        self.past_deadline = None;
        self.claim += 1;
        self.is_claimed = false;
        self.at_once = false;
        self.first_due = Some(due);
        self.due = due;
    }

    /// Postpones an attempt until an earlier event has ended, or to look again then. Neither a step of the schedule nor patience is
    /// used up: the wait says nothing of the destination.
    pub(crate) fn wait_behind(&mut self, event: EventId, until: Utc, now: Utc) {
        let why = format!("postponed: it waits for event {event}, which comes before it");
        keep_waiting(&mut self.attempts, now, &why);
        self.end_wait(now);
        self.behind = Some(Behind { event, since: now });
        self.claim += 1;
        self.is_claimed = false;
        self.at_once = false;
        self.first_due = None;
        self.past_deadline = None;
        self.due = until;
    }

    /// Ends a wait behind an earlier event. Whether it did: a claim goes on.
    pub(crate) fn pass(&mut self, now: Utc) -> bool {
        if self.waits_for().is_none() {
            return false;
        }
        self.end_wait(now);
        self.claim += 1;
        self.due = now;
        true
    }

    /// Leaves the time of a wait out of that since the schedule began.
    fn end_wait(&mut self, now: Utc) {
        if let Some(behind) = self.behind.take() {
            self.since = self.since.after(now.since(behind.since));
        }
    }

    /// Postpones an attempt that a process lacks configuration for. No step of the schedule is used up.
    pub(crate) fn lack(&mut self, lacks: &str, now: Utc, jitter: f64) -> Next {
        if self.is_over(now.since(self.overdue_since()) >= UNKNOWN, now) {
            return self.give_up(&format!("given up: {lacks}"), now);
        }
        keep_postponed(&mut self.attempts, now, &format!("postponed: {lacks}"));
        // Spread: what waits for a configuration must not come all at once.
        self.postpone(now.after(KNOWN).after(SPREAD.mul_f64(jitter.clamp(0.0, 1.0))))
    }

    /// Brings a retry or a postponed attempt forward, to `now`; within a `Retry-After` to its end, unless an operator ends that
    /// too. Whether it did: a claim goes on, and so does an attempt that is due earlier.
    pub(crate) fn bring_forward(&mut self, by_operator: bool, now: Utc) -> bool {
        let due = self.retry_after.filter(|_| !by_operator).map_or(now, |end| end.max(now));
        let waits = due < self.due || (by_operator && !self.at_once);
        // An earlier event's end brings forward what waits for it; whatever an operator brings forward looks for itself.
        let is_behind = self.behind.is_some();
        if self.is_claimed || !waits || (is_behind && !by_operator) {
            return false;
        }
        if self.first_due.is_none() && !is_behind {
            self.brought_forward = self.brought_forward.or(Some(self.due));
        }
        self.claim += 1;
        self.at_once |= by_operator;
        self.due = due;
        true
    }

    /// Counts a lease that has ended without an acknowledgement at `now`. After `most` of them, and as long as anything is kept
    /// waiting, it is given up.
    pub(crate) fn lapse(&mut self, most: u32, now: Utc) -> Next {
        self.tries = self.tries.saturating_add(1);
        let has_waited = self.is_over(now.since(self.since) >= PATIENCE, now);
        if self.tries >= most && has_waited {
            return self.give_up(&format!("given up: leased {} times, and never acknowledged", self.tries), now);
        }
        keep_postponed(&mut self.attempts, self.due.min(now), "leased, and not acknowledged in time");
        Next::Pending
    }

    /// Ends a lease early: it may be leased from `now` on.
    pub(crate) const fn give_back(&mut self, now: Utc) {
        self.claim += 1;
        self.is_claimed = false;
        self.due = now;
    }

    /// Starts the schedule over.
    pub(crate) const fn restart(&mut self, now: Utc) {
        self.tries = 0;
        self.since = now;
        self.wait(now, None);
    }

    /// Settles it, without another attempt.
    pub(crate) const fn settle(&mut self, now: Utc) {
        self.wait(now, None);
    }

    /// Settles it, and records why no attempt was made, or why the result of one is not known.
    pub(crate) fn give_up(&mut self, why: &str, now: Utc) -> Next {
        self.record(Attempt::none(now, why));
        self.settle(now);
        Next::GivenUp
    }

    const fn postpone(&mut self, until: Utc) -> Next {
        self.first_due = Some(self.overdue_since());
        self.claim += 1;
        self.is_claimed = false;
        self.at_once = false;
        self.behind = None;
        self.due = until;
        Next::Pending
    }

    const fn wait(&mut self, due: Utc, retry_after: Option<Utc>) {
        self.claim += 1;
        self.is_claimed = false;
        self.first_due = None;
        self.retry_after = retry_after;
        self.brought_forward = None;
        self.at_once = false;
        self.past_deadline = None;
        self.behind = None;
        self.due = due;
    }

    /// Whether a deadline that has passed at `now` has been seen so for long enough.
    fn is_over(&mut self, passed: bool, now: Utc) -> bool {
        // A time that lies ahead was seen on a clock that has been set back.
        let seen = passed.then(|| self.past_deadline.filter(|seen| *seen <= now).unwrap_or(now));
        self.past_deadline = seen;
        seen.is_some_and(|seen| now.since(seen) >= SEEN_OVER)
    }
}
