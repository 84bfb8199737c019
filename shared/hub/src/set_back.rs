//! Due times after a clock was set back.
//!
//! A process whose clock is ahead stores due times by that clock. Set back, it would wait for all the time that the clock
//! was ahead by. No wait is longer than what made it: a lease, a delay of the schedule, a `Retry-After`, the opening of a
//! circuit. What is due later than that from now on is brought back to it.

use std::time::Duration;

use crate::breaker::LONGEST_PUT_OFF;
use crate::call::{Call, Standing};
use crate::delivery::{Attempt, Delivery, EARLY, LONGEST_RETRY_AFTER, State};
use crate::schedule::Schedule;
use crate::{EndpointId, Utc, Work};

/// What attempts at a destination wait for.
#[derive(Clone, Copy, Debug)]
pub struct Waits<'a> {
    /// How long an attempt may be in hand.
    pub lease: Duration,
    /// When a failed one is made again.
    pub schedule: &'a Schedule,
}

impl Waits<'_> {
    /// The longest that anything waits for this destination.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let delays = (0..self.schedule.steps()).filter_map(|step| self.schedule.delay(step, 1.0));
        delays.chain([self.lease, LONGEST_PUT_OFF, LONGEST_RETRY_AFTER]).max().unwrap_or_default()
    }
}

/// What decides how long something waits.
struct Waiting<'a> {
    due: Utc,
    in_hand: bool,
    was_put_off: bool,
    tries: u32,
    last: Option<&'a Attempt>,
}

impl Waiting<'_> {
    /// How far ahead its due time may lie.
    fn longest(&self, waits: &Waits<'_>) -> Duration {
        if self.in_hand {
            return waits.lease;
        }
        if self.was_put_off {
            return LONGEST_PUT_OFF;
        }
        // Of what starts over the time has come.
        let Some(step) = self.tries.checked_sub(1) else { return Duration::ZERO };
        let delay = waits.schedule.delay(step, 1.0).unwrap_or_default();
        // The delay as it was when the attempt ended, by the clock of that moment; unknown where it was brought back before.
        let ended = self.last.map(|last| last.at.after(Duration::from_millis(last.ms)));
        let own = ended.filter(|ended| *ended < self.due).map(|ended| self.due.since(ended));
        own.map_or(delay, |own| own.min(delay.max(LONGEST_RETRY_AFTER)))
    }

    /// The due time that it is brought back to; nothing where it may stay.
    fn brought_back(&self, waits: &Waits<'_>, now: Utc) -> Option<Utc> {
        let longest = now.after(self.longest(waits));
        (self.due > longest.after(EARLY)).then_some(longest)
    }

    /// The due time of a retry that was brought forward, which it falls back to.
    fn retry(&self, due: Option<Utc>, waits: &Waits<'_>, now: Utc) -> Option<Utc> {
        let retry = |due| Self { due, in_hand: false, was_put_off: false, ..*self };
        due.map(|due| retry(due).brought_back(waits, now).unwrap_or(due))
    }
}

/// The patience that was asked for: no longer than any is, nor than what waits for it.
fn patience(asked: Option<Utc>, back: Option<Utc>, now: Utc) -> Option<Utc> {
    asked.map(|asked| asked.min(back.unwrap_or(now.after(LONGEST_RETRY_AFTER))))
}

impl Delivery {
    /// The delivery due no later than its wait from `now` on allows. Nothing where it is.
    #[must_use]
    pub fn brought_back(&self, waits: &Waits<'_>, now: Utc) -> Option<Self> {
        let Self { due, in_hand, tries, .. } = *self;
        let last = self.attempts.iter().rev().find(|attempt| attempt.put_off == 0);
        let waiting = Waiting { due, in_hand, was_put_off: self.owed.is_some(), tries, last };
        if self.state != State::Pending {
            return None;
        }
        let back = waiting.brought_back(waits, now);
        let brought_forward = waiting.retry(self.brought_forward, waits, now);
        let asked = patience(self.asked, back.filter(|_| !in_hand), now);
        // What is in hand goes on in its turn; hints at what waits for the false time are stale.
        let turn = self.turn + u32::from(back.is_some() && !in_hand);
        let next = Self { due: back.unwrap_or(due), turn, asked, brought_forward, ..self.clone() };
        (next != *self).then_some(next)
    }
}

impl Call {
    /// The call due no later than its wait from `now` on allows. Nothing where it is.
    #[must_use]
    pub fn brought_back(&self, waits: &Waits<'_>, now: Utc) -> Option<Self> {
        let Self { due, in_hand, tries, .. } = *self;
        let last = self.attempts.iter().rev().find(|attempt| attempt.put_off == 0);
        let waiting = Waiting { due, in_hand, was_put_off: self.owed.is_some(), tries, last };
        if self.standing != Standing::Queued {
            return None;
        }
        let back = waiting.brought_back(waits, now);
        let brought_forward = waiting.retry(self.brought_forward, waits, now);
        let asked = patience(self.asked, back.filter(|_| !in_hand), now);
        let turn = self.turn + u32::from(back.is_some() && !in_hand);
        let next = Self { due: back.unwrap_or(due), turn, asked, brought_forward, ..self.clone() };
        (next != *self).then_some(next)
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
        for delivery_ in &mut next.deliveries {
            if let Some(back) = delivery_.brought_back(&delivery(&delivery_.endpoint), now) {
                *delivery_ = back;
            }
        }
        next.call = next.call.map(|own| own.brought_back(call, now).unwrap_or(own));
        next.index_by =
            next.index_by.map(|due| if due > now.after(indexing + EARLY) { now.after(indexing) } else { due });
        (next != *self).then(|| Self { version: self.version + 1, ..next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Outcome;

    const DAYS: Duration = Duration::from_hours(48);
    const NOW: Utc = Utc(1_790_000_000_000_000);
    const LEASE: Duration = Duration::from_secs(30);

    fn schedule() -> Schedule {
        Schedule::new(vec![Duration::from_secs(5), Duration::from_hours(1)])
    }

    /// The delay that a delivery is left with once the clock, which was two days ahead, is set back.
    fn left(delivery: &Delivery) -> Option<Duration> {
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        delivery.brought_back(&waits, NOW).map(|back| back.due.since(NOW))
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
        let put_off = fresh.clone().put_off(ahead.after(Duration::from_secs(15)), "", &schedule(), ahead);
        assert_eq!(left(&put_off), Some(LONGEST_PUT_OFF), "an open circuit");
        assert_eq!(left(&fresh.replayed(ahead)), Some(Duration::ZERO), "a replay");
    }

    #[test]
    fn what_is_due_as_it_should_be_stays() {
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        let asked = failed(fresh.clone(), Some(Duration::from_hours(12)), NOW);
        let put_off = fresh.clone().put_off(NOW.after(LONGEST_PUT_OFF), "", &schedule(), NOW);
        let settled = Delivery { state: State::Delivered, due: NOW.after(DAYS), ..fresh.clone() };
        let waiting = failed(fresh.clone(), None, NOW);
        for delivery in [fresh, waiting, asked, put_off, settled] {
            assert_eq!(left(&delivery), None, "{delivery:?}");
        }
    }

    /// Regression: a clock that was set back twice left a retry due at once, by an attempt that lay ahead of it.
    #[test]
    fn what_was_brought_back_before_waits_for_its_delay() {
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        let once = failed(fresh, None, NOW.after(DAYS * 2)).brought_back(&waits, NOW.after(DAYS)).unwrap();
        let twice = once.brought_back(&waits, NOW).unwrap();
        assert!(
            twice.due.since(NOW) > Duration::from_secs(4) && twice.brought_back(&waits, NOW).is_none(),
            "{twice:?}"
        );
    }

    /// A clock that was ahead by less than the longest wait is told from a long wait by the attempt before it.
    #[test]
    fn a_retry_that_an_hour_ahead_was_planned_comes_in_seconds() {
        let hour = Duration::from_hours(1);
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        assert_eq!(left(&failed(fresh.clone(), None, NOW.after(hour))), Some(Duration::from_secs(5)));
        let half_way = failed(fresh, Some(hour), Utc(NOW.0 - 1_800_000_000));
        assert_eq!(left(&half_way), None);
    }

    /// A retry that was brought forward fell back to the false time when its attempt failed, or was put off.
    #[test]
    fn what_a_retry_falls_back_to_is_brought_back_too() {
        let hour = Duration::from_hours(1);
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(LEASE));
        for ahead in [hour, DAYS] {
            let waiting = failed(fresh.clone(), Some(hour), NOW.after(ahead));
            let forwarded = waiting.forwarded(true, NOW).unwrap();
            let put_off = forwarded.clone().put_off(NOW.after(LEASE), "", &schedule(), NOW);
            for one in [forwarded, put_off] {
                let back = one.brought_back(&waits, NOW).unwrap();
                assert!(back.brought_forward.unwrap() <= NOW.after(hour), "{back:?}");
                assert!(back.asked.unwrap() <= NOW.after(LONGEST_RETRY_AFTER), "{back:?}");
                assert_eq!(back.due, one.due);
            }
        }
    }

    #[test]
    fn hints_of_the_false_time_are_stale_and_what_is_in_hand_goes_on() {
        let waits = Waits { lease: LEASE, schedule: &schedule() };
        let claimed = Delivery::new("erp".into(), NOW, NOW).claimed(NOW.after(DAYS));
        assert!(claimed.brought_back(&waits, NOW).unwrap().is_turn(claimed.turn));
        let waiting = failed(claimed, None, NOW.after(DAYS));
        assert!(!waiting.brought_back(&waits, NOW).unwrap().is_turn(waiting.turn));
    }

    #[test]
    fn calls_and_aliases_are_brought_back_with_the_deliveries() {
        let ahead = NOW.after(DAYS);
        let call = Call::new("upload".into(), "k".into(), "d".into(), ahead, ahead.after(LEASE)).claimed(ahead, true);
        let deliveries = ["a", "b"].map(|id| Delivery::new(id.into(), NOW, ahead)).to_vec();
        let work = Work { call: Some(call), deliveries, index_by: Some(ahead), version: 7, ..Work::default() };
        let waits = |_: &EndpointId| Waits { lease: LEASE, schedule: const { &Schedule::new(Vec::new()) } };
        let call = Waits { lease: LEASE, schedule: &schedule() };
        let back = work.brought_back(waits, &call, LEASE, NOW).unwrap();
        assert_eq!((back.version, back.due()), (8, Some(NOW.after(LEASE))));
        assert!(back.call.as_ref().is_some_and(|call| call.sending && call.due == NOW.after(LEASE)));
        assert_eq!(back.brought_back(waits, &call, LEASE, NOW), None);
    }
}
