//! The transitions that deliveries and calls share.

use crate::progress::{Next, Progress};
use crate::schedule::Schedule;
use crate::{EventId, Utc};

/// Something that goes out: a delivery to an endpoint or a call to a partner, attempted until it is settled.
pub trait Outgoing: Clone {
    /// Reason kept with one that is given up because its destination could not be tried for too long.
    const GIVEN_UP: &'static str;

    /// Schedule and claim, whatever the state.
    fn progress(&self) -> &Progress;

    /// Schedule and claim, to be changed.
    fn progress_mut(&mut self) -> &mut Progress;

    /// Whether it is to be attempted.
    fn is_pending(&self) -> bool;

    /// The same in the state that a transition of its progress leads to.
    #[must_use]
    fn follow(self, next: Next) -> Self;

    /// Schedule and claim while it is to be attempted; nothing once it is settled.
    fn pending(&self) -> Option<&Progress> {
        self.is_pending().then(|| self.progress())
    }

    /// Whether it is to be attempted under that claim.
    fn is_current(&self, claim: u32) -> bool {
        self.pending().is_some_and(|progress| progress.claim == claim)
    }

    /// First due time of its next attempt ([`Progress::overdue_since`]); nothing once it is settled.
    fn overdue_since(&self) -> Option<Utc> {
        self.pending().map(Progress::overdue_since)
    }

    /// The same claimed until `until`: queue messages for earlier claims become stale.
    #[must_use]
    fn claimed(mut self, until: Utc) -> Self {
        self.progress_mut().begin_claim(until);
        self
    }

    /// The same with its lease over at `now`, because the process that held it has ended.
    #[must_use]
    fn released(mut self, now: Utc) -> Self {
        if self.is_pending() {
            self.progress_mut().release(now);
        }
        self
    }

    /// The same postponed until `until`, and why: its circuit is open, or its place at a rate comes then. No step of the schedule is
    /// used up.
    #[must_use]
    fn postponed(mut self, until: Utc, why: &str, schedule: &Schedule, now: Utc) -> Self {
        let progress = self.progress_mut();
        let next = if progress.has_expired(schedule, now) {
            progress.give_up(Self::GIVEN_UP, now)
        } else {
            progress.hold_back(until, why, now)
        };
        self.follow(next)
    }

    /// The same postponed until an earlier event has ended, or to look again then. Neither a step of the schedule nor patience is
    /// used up.
    #[must_use]
    fn waiting_behind(mut self, event: EventId, until: Utc, now: Utc) -> Self {
        self.progress_mut().wait_behind(event, until, now);
        self
    }

    /// The same due at `now`, because the event that it waited for has ended. Nothing where it does not wait for one.
    #[must_use]
    fn passed(mut self, now: Utc) -> Option<Self> {
        (self.is_pending() && self.progress_mut().pass(now)).then_some(self)
    }

    /// The same postponed by a process whose configuration `lacks` something for it, which was removed or is not known there yet. No
    /// step of the schedule is used up. `jitter` is in `0.0..1.0`.
    #[must_use]
    fn unconfigured(mut self, lacks: &str, now: Utc, jitter: f64) -> Self {
        let next = self.progress_mut().lack(lacks, now, jitter);
        self.follow(next)
    }

    /// The same given up, for a reason that is kept with its attempts.
    #[must_use]
    fn given_up(mut self, why: &str, now: Utc) -> Self {
        let next = self.progress_mut().give_up(why, now);
        self.follow(next)
    }

    /// The same with its retry or postponed attempt brought forward to `now`; within a `Retry-After` to its end, unless an operator
    /// ends that too. Nothing where it does not wait.
    #[must_use]
    fn forwarded(mut self, by_operator: bool, now: Utc) -> Option<Self> {
        (self.is_pending() && self.progress_mut().bring_forward(by_operator, now)).then_some(self)
    }
}
