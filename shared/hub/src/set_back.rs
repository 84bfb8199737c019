//! Due times after a clock was set back.
//!
//! A process whose clock is ahead stores due times by that clock. Set back, it would wait for all the time that the clock
//! was ahead by. No wait is longer than what made it: a lease, a delay of the schedule, a `Retry-After`, the opening of a
//! circuit. What is due later than that from now on is brought back to it.

use std::time::Duration;

use crate::breaker::LONGEST_POSTPONEMENT;
use crate::order::LONGEST_WAIT;
use crate::progress::{EARLY, LONGEST_RETRY_AFTER, Outgoing, Progress};
use crate::schedule::Schedule;
use crate::{EndpointId, Utc, Work};

/// Longest waits of attempts at a destination.
#[derive(Clone, Copy, Debug)]
pub struct Waits<'a> {
    /// Longest claim of an attempt.
    pub lease: Duration,
    /// Retry schedule.
    pub schedule: &'a Schedule,
}

impl Waits<'_> {
    /// The longest that anything waits for this destination.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let delays = (0..self.schedule.steps()).filter_map(|step| self.schedule.delay(step, 1.0));
        delays.chain([self.lease, LONGEST_POSTPONEMENT, LONGEST_RETRY_AFTER]).max().unwrap_or_default()
    }
}

/// The end of the wait that was asked for: no further ahead than the longest one, nor than what waits for it.
fn capped(retry_after: Option<Utc>, back: Option<Utc>, now: Utc) -> Option<Utc> {
    retry_after.map(|end| end.min(back.unwrap_or(now.after(LONGEST_RETRY_AFTER))))
}

impl Progress {
    /// Longest distance of its due time from now.
    fn longest(&self, waits: &Waits<'_>) -> Duration {
        if self.is_claimed {
            return waits.lease;
        }
        if self.behind.is_some() {
            return LONGEST_WAIT;
        }
        if self.first_due.is_some() {
            return LONGEST_POSTPONEMENT;
        }
        self.longest_retry(self.due, waits)
    }

    /// Longest distance from now of a retry with that due time.
    fn longest_retry(&self, due: Utc, waits: &Waits<'_>) -> Duration {
        // Of what starts over the time has come.
        let Some(step) = self.tries.checked_sub(1) else { return Duration::ZERO };
        let delay = waits.schedule.delay(step, 1.0).unwrap_or_default();
        // The delay as it was when the attempt ended, by the clock of that moment; unknown where it was brought back before.
        let ended = self.last_made().map(|last| last.at.after(Duration::from_millis(last.ms)));
        let own = ended.filter(|ended| *ended < due).map(|ended| due.since(ended));
        own.map_or(delay, |own| own.min(delay.max(LONGEST_RETRY_AFTER)))
    }

    /// The progress due no later than its wait from `now` on allows.
    fn brought_back(&self, waits: &Waits<'_>, now: Utc) -> Self {
        let limited = |due: Utc, longest: Duration| {
            let latest = now.after(longest);
            (due > latest.after(EARLY)).then_some(latest)
        };
        let back = limited(self.due, self.longest(waits));
        let retry = |due: Utc| limited(due, self.longest_retry(due, waits)).unwrap_or(due);
        // A claim goes on; queue messages for what waits for the false time are stale.
        let moved = back.filter(|_| !self.is_claimed);
        Self {
            due: back.unwrap_or(self.due),
            claim: self.claim + u32::from(moved.is_some()),
            retry_after: capped(self.retry_after, moved, now),
            brought_forward: self.brought_forward.map(retry),
            ..self.clone()
        }
    }
}

/// Brings a delivery or call back whose due time lies further ahead than its wait from `now` on allows.
fn bring_back(outgoing: &mut impl Outgoing, waits: &Waits<'_>, now: Utc) {
    if let Some(next) = outgoing.pending().map(|progress| progress.brought_back(waits, now)) {
        *outgoing.progress_mut() = next;
    }
}

impl Work {
    /// The work with all that is due too far ahead brought back; nothing where there is none. Each endpoint has its waits,
    /// the call has others, and aliases are written within `indexing`.
    #[must_use]
    pub fn brought_back<'a>(
        &self,
        delivery: impl Fn(&EndpointId) -> Waits<'a>,
        call: &Waits<'_>,
        indexing: Duration,
        now: Utc,
    ) -> Option<Self> {
        let mut next = self.clone();
        // A consumer's lease is judged when its delivery is asked for.
        for own in next.deliveries.iter_mut().filter(|own| !own.pull) {
            let waits = delivery(&own.endpoint);
            bring_back(own, &waits, now);
        }
        if let Some(own) = &mut next.call {
            bring_back(own, call, now);
        }
        next.index_by =
            next.index_by.map(|due| if due > now.after(indexing + EARLY) { now.after(indexing) } else { due });
        (next != *self).then(|| Self { version: self.version + 1, ..next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::delivery::{Attempt, Delivery, Outcome};

    const DAYS: Duration = Duration::from_hours(48);
    const NOW: Utc = Utc(1_790_000_000_000_000);
    const LEASE: Duration = Duration::from_secs(30);

    fn schedule() -> Schedule {
        Schedule::new(vec![Duration::from_secs(5), Duration::from_hours(1)])
    }

    /// The delay that a delivery is left with once the clock, which was two days ahead, is set back.
    fn left(delivery: &Delivery) -> Option<Duration> {
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        brought_back(delivery, &waits, NOW).map(|back| back.progress.due.since(NOW))
    }

    fn brought_back(delivery: &Delivery, waits: &Waits<'_>, now: Utc) -> Option<Delivery> {
        let mut next = delivery.clone();
        bring_back(&mut next, waits, now);
        (next != *delivery).then_some(next)
    }

    fn failed(delivery: Delivery, retry_after: Option<Duration>, at: Utc) -> Delivery {
        let attempt = Attempt { at, ms: 0, status: Some(503), ..Attempt::default() };
        let outcome = Outcome::Refused { retry_after, trouble: true };
        delivery.attempted(attempt, outcome, &schedule(), at, 0.5)
    }

    #[test]
    fn each_wait_is_brought_back_to_what_made_it() {
        let ahead = NOW.after(DAYS);
        let fresh = Delivery::new("erp".into(), ahead, ahead.after(LEASE));
        assert_eq!(left(&fresh), Some(LEASE), "the first lease");
        assert_eq!(left(&fresh.clone().claimed(ahead.after(LEASE))), Some(LEASE), "a later one");
        let first = failed(fresh.clone(), None, ahead);
        assert_eq!(left(&first), Some(Duration::from_secs(5)), "a retry");
        let second = failed(first, None, ahead);
        assert_eq!(left(&second), Some(Duration::from_hours(1)), "the next one");
        let asked = failed(fresh.clone(), Some(Duration::from_hours(2)), ahead);
        assert_eq!(left(&asked), Some(Duration::from_hours(2)), "what the endpoint asked for");
        let postponed = fresh.clone().postponed(ahead.after(Duration::from_secs(15)), "", &schedule(), ahead);
        assert_eq!(left(&postponed), Some(LONGEST_POSTPONEMENT), "an open circuit");
        assert_eq!(left(&fresh.replayed(ahead)), Some(Duration::ZERO), "a replay");
    }

    #[test]
    fn plausible_due_time_stays() {
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        let asked = failed(fresh.clone(), Some(Duration::from_hours(12)), NOW);
        let postponed = fresh.clone().postponed(NOW.after(LONGEST_POSTPONEMENT), "", &schedule(), NOW);
        let settled =
            fresh.clone().attempted(Attempt::default(), Outcome::Delivered, &schedule(), NOW.after(DAYS), 0.5);
        let waiting = failed(fresh.clone(), None, NOW);
        for delivery in [fresh, waiting, asked, postponed, settled] {
            assert_eq!(left(&delivery), None, "{delivery:?}");
        }
    }

    /// Regression: a clock that was set back twice left a retry due at once, by an attempt that lay ahead of it.
    #[test]
    fn corrected_due_time_keeps_its_delay() {
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        let once = brought_back(&failed(fresh, None, NOW.after(DAYS * 2)), &waits, NOW.after(DAYS)).unwrap();
        let twice = brought_back(&once, &waits, NOW).unwrap();
        assert!(
            twice.progress.due.since(NOW) > Duration::from_secs(4) && brought_back(&twice, &waits, NOW).is_none(),
            "{twice:?}"
        );
    }

    /// The attempt before it distinguishes a long wait from a clock that was ahead by less than the longest wait.
    #[test]
    fn a_retry_that_an_hour_ahead_was_planned_comes_in_seconds() {
        let hour = Duration::from_hours(1);
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        assert_eq!(left(&failed(fresh.clone(), None, NOW.after(hour))), Some(Duration::from_secs(5)));
        let half_way = failed(fresh, Some(hour), Utc(NOW.0 - 1_800_000_000));
        assert_eq!(left(&half_way), None);
    }

    /// Regression: a retry that was brought forward fell back to the false time when its attempt failed, or was postponed.
    #[test]
    fn original_due_time_of_a_retry_is_corrected_too() {
        let hour = Duration::from_hours(1);
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        for ahead in [hour, DAYS] {
            let waiting = failed(fresh.clone(), Some(hour), NOW.after(ahead));
            let forwarded = waiting.forwarded(true, NOW).unwrap();
            let postponed = forwarded.clone().postponed(NOW.after(LEASE), "", &schedule(), NOW);
            for one in [forwarded, postponed] {
                let back = brought_back(&one, &waits, NOW).unwrap().progress;
                assert!(back.brought_forward.unwrap() <= NOW.after(hour), "{back:?}");
                assert!(back.retry_after.unwrap() <= NOW.after(LONGEST_RETRY_AFTER), "{back:?}");
                assert_eq!(back.due, one.progress.due);
            }
        }
    }

    #[test]
    fn messages_of_the_false_time_are_stale_and_claims_go_on() {
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        let claimed = Delivery::new("erp".into(), NOW, NOW).claimed(NOW.after(DAYS));
        assert!(brought_back(&claimed, &waits, NOW).unwrap().is_current(claimed.progress.claim));
        let waiting = failed(claimed, None, NOW.after(DAYS));
        assert!(!brought_back(&waiting, &waits, NOW).unwrap().is_current(waiting.progress.claim));
    }

    #[test]
    fn calls_and_aliases_are_brought_back_with_the_deliveries() {
        let ahead = NOW.after(DAYS);
        let call = Call::new("upload".into(), "k".into(), "d".into(), ahead, ahead.after(LEASE)).claimed_to_send(ahead);
        let deliveries = ["a", "b"].map(|id| Delivery::new(id.into(), NOW, ahead)).to_vec();
        let work = Work { call: Some(call), deliveries, index_by: Some(ahead), version: 7, ..Work::default() };
        let waits = |_: &EndpointId| Waits { lease: LEASE, schedule: const { &Schedule::new(Vec::new()) } };
        let call = Waits { lease: LEASE, schedule: &schedule() };
        let back = work.brought_back(waits, &call, LEASE, NOW).unwrap();
        assert_eq!((back.version, back.due()), (8, Some(NOW.after(LEASE))));
        assert!(back.call.as_ref().is_some_and(|call| call.sending && call.progress.due == NOW.after(LEASE)));
        assert_eq!(back.brought_back(waits, &call, LEASE, NOW), None);
    }

    #[test]
    fn aliases_are_brought_back_from_beyond_their_time_alone() {
        let waits = |_: &EndpointId| Waits { lease: LEASE, schedule: const { &Schedule::new(Vec::new()) } };
        let call = Waits { lease: LEASE, schedule: &schedule() };
        let back = |due: Utc| {
            let work = Work { index_by: Some(due), ..Work::default() };
            work.brought_back(waits, &call, LEASE, NOW).map(|next| next.index_by)
        };
        let latest = NOW.after(LEASE + EARLY);
        assert_eq!(back(NOW.after(LEASE)), None);
        assert_eq!(back(latest), None);
        assert_eq!(back(Utc(latest.0 + 1)), Some(Some(NOW.after(LEASE))));
    }

    #[test]
    fn longest_wait_is_the_longest_of_all_that_may_be_asked() {
        let longest = |delay| Waits { lease: LEASE, schedule: &Schedule::new(vec![delay]) }.longest();
        assert_eq!(longest(Duration::from_secs(5)), LONGEST_RETRY_AFTER);
        assert!(longest(DAYS) >= DAYS);
    }
}
