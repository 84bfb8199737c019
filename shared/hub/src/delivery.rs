//! What becomes of a delivery: `state + what happened + now -> next state`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::{keep, keep_put_off};
use crate::schedule::Schedule;
use crate::{EndpointId, Utc};

pub use crate::attempt::{ATTEMPTS_KEPT, Attempt, was_put_off};

/// How long a delivery whose endpoint cannot be tried at all stays pending; as long as its schedule where that is longer.
pub const PATIENCE: Duration = Duration::from_hours(72);

/// For how long its time must have been over before anything is given up: no single reading of a clock ends a patience.
pub(crate) const SEEN_OVER: Duration = Duration::from_hours(1);

/// How long an attempt may be owed to somebody whom nobody knows. Processes know the configuration as of some minutes ago,
/// and two versions may run beside one another: who is not known to one of them may be known to the next.
pub const UNKNOWN: Duration = Duration::from_hours(1);

/// How soon it may be known.
pub(crate) const KNOWN: Duration = Duration::from_mins(1);

/// Over how much time what this process does not know how to send comes due again.
pub(crate) const SPREAD: Duration = Duration::from_mins(1);

/// How much earlier than its time a retry may begin, for the sake of clocks that differ.
pub(crate) const EARLY: Duration = Duration::from_secs(1);

/// The longest `Retry-After` that is honoured.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(12);

/// How soon what this machine could not send for a lack of its own is tried again, and over how much time more.
pub const MOMENT: Duration = Duration::from_secs(5);

/// Why a delivery cannot be attempted by a process.
const UNCONFIGURED: &str = "its endpoint is not in the configuration";

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum State {
    /// To be attempted at its due time.
    Pending,
    /// The ERP took it.
    Delivered,
    /// Given up; listed until it is confirmed or replayed.
    Failed,
    /// Given up, and the ERP said that it has seen so.
    Confirmed,
}

/// One event on its way to one endpoint. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where it goes.
    pub endpoint: EndpointId,
    /// Where it stands.
    pub state: State,
    /// When it is to be attempted; while an attempt is under way, when that is given up for lost. Where the delivery is
    /// settled, when that happened.
    pub due: Utc,
    /// When its schedule began.
    pub since: Utc,
    /// Counts the claims: a hint for an older turn is stale.
    #[serde(default)]
    pub turn: u32,
    /// Somebody has it in hand until `due`; otherwise nobody may take it up before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_hand: bool,
    /// Since when an attempt is owed, where `due` no longer says so: it was put off, or taken up and perhaps not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed: Option<Utc>,
    /// Until when the endpoint asked for patience (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Utc>,
    /// When its retry was due that was brought forward. If that attempt fails too, the retry is due then, and no step of the
    /// schedule is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_forward: Option<Utc>,
    /// An operator asked for an attempt, whatever the circuit says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
    /// Since when it has been seen that the patience with its endpoint is over; an hour later it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Utc>,
    /// How many steps of the schedule are used up.
    #[serde(default)]
    pub tries: u32,
    /// The latest attempts, oldest first, [`ATTEMPTS_KEPT`] at the most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint took the event.
    Delivered,
    /// The endpoint answered, but not with success.
    Refused {
        /// What its `Retry-After` asks for.
        retry_after: Option<Duration>,
        /// Whether the answer speaks of the endpoint's own trouble (5xx, 429) rather than of this event.
        trouble: bool,
    },
    /// There was no answer: refused connection, timeout, unreadable response.
    NoAnswer,
    /// The attempt can never succeed: the endpoint's URL cannot be called.
    Impossible,
    /// Nothing was sent for a lack of this machine's own, which says nothing of the endpoint.
    Unsent,
}

impl Delivery {
    /// A delivery of an event received at `now`. The hint that goes out with it is its first turn, so nobody else may
    /// take it up before `lease` is over.
    #[must_use]
    pub const fn new(endpoint: EndpointId, now: Utc, due: Utc) -> Self {
        Self {
            endpoint,
            state: State::Pending,
            due,
            since: now,
            turn: 0,
            in_hand: true,
            owed: None,
            asked: None,
            brought_forward: None,
            at_once: false,
            over: None,
            tries: 0,
            attempts: Vec::new(),
        }
    }

    /// Whether it is this turn's work.
    #[must_use]
    pub fn is_turn(&self, turn: u32) -> bool {
        self.state == State::Pending && self.turn == turn
    }

    /// Whether its time has not come: a hint may arrive a little before it, by another clock.
    #[must_use]
    pub fn is_early(&self, now: Utc) -> bool {
        !self.in_hand && now.after(EARLY) < self.due
    }

    /// Since when an attempt has been due, whoever took the delivery up or put it off meanwhile; in the future where its
    /// time has not come. Nothing where the delivery is settled.
    #[must_use]
    pub fn owed_since(&self) -> Option<Utc> {
        (self.state == State::Pending).then(|| self.owing())
    }

    /// The first turn is owed from the beginning: its due time is only the end of its lease.
    const fn owing(&self) -> Utc {
        match self.owed {
            Some(owed) => owed,
            None if self.in_hand && self.turn == 0 => self.since,
            None => self.due,
        }
    }

    /// The delivery taken up until `until`: hints of earlier turns become stale.
    #[must_use]
    pub const fn claimed(mut self, until: Utc) -> Self {
        self.owed = Some(self.owing());
        self.turn += 1;
        self.in_hand = true;
        self.due = until;
        self
    }

    /// The delivery whose lease is over at `now`, because the process that held it has ended.
    #[must_use]
    pub const fn released(mut self, now: Utc) -> Self {
        if matches!(self.state, State::Pending) && self.in_hand && now.0 < self.due.0 {
            self.due = now;
        }
        self
    }

    /// The delivery after an attempt. `jitter` is in `0.0..1.0`.
    #[must_use]
    pub fn attempted(mut self, attempt: Attempt, outcome: Outcome, schedule: &Schedule, now: Utc, jitter: f64) -> Self {
        if outcome == Outcome::Unsent {
            let until = now.after(MOMENT.mul_f64(1.0 + jitter.clamp(0.0, 1.0)));
            return self.put_off(until, &format!("put off: {}", attempt.detail), schedule, now);
        }
        keep(&mut self.attempts, attempt);
        let retry_after = match outcome {
            Outcome::Delivered => return self.settled(State::Delivered, now),
            Outcome::Impossible => return self.settled(State::Failed, now),
            Outcome::Refused { retry_after, trouble: _ } => retry_after,
            Outcome::NoAnswer | Outcome::Unsent => None,
        };
        let asked = retry_after.map(|asked| now.after(asked.min(LONGEST_RETRY_AFTER)));
        let not_before = asked.unwrap_or(now);
        if let Some(due) = self.brought_forward.filter(|due| now < *due) {
            return self.waiting(due.max(not_before), asked);
        }
        match schedule.delay(self.tries, jitter) {
            None => self.settled(State::Failed, now),
            Some(delay) => {
                self.tries += 1;
                self.waiting(now.after(delay).max(not_before), asked)
            }
        }
    }

    /// The delivery that could not be tried before `until`, and why: its endpoint's circuit is open. No step of the schedule
    /// is used up: nobody knows whether an attempt would have failed.
    #[must_use]
    pub fn put_off(mut self, until: Utc, why: &str, schedule: &Schedule, now: Utc) -> Self {
        let over = now.since(self.since) >= PATIENCE.max(schedule.length());
        if is_over(&mut self.over, over, now) {
            return self.given_up("given up: its endpoint has failed for as long as a delivery waits", now);
        }
        keep_put_off(&mut self.attempts, now, why);
        self.later(until)
    }

    /// The delivery after a probe that failed: it comes again with the next probe. Probes use up the schedule's steps no
    /// faster than its delays would.
    #[must_use]
    pub fn probed(mut self, attempt: Attempt, until: Utc, schedule: &Schedule, now: Utc) -> Self {
        keep(&mut self.attempts, attempt);
        // A retry that was brought forward keeps its step until its own time has come.
        if self.brought_forward.is_none_or(|due| due <= now) {
            let Some(steps) = schedule.out_of_turn(self.tries, now.since(self.since)) else {
                return self.settled(State::Failed, now);
            };
            self.tries = steps;
        }
        self.later(until)
    }

    /// The delivery that waits, to be attempted at once: its retry or put-off is brought forward. Where its endpoint asked
    /// for patience it is due then, unless an operator ends that wait too. Nothing where it does not wait.
    #[must_use]
    pub fn forwarded(mut self, by_operator: bool, now: Utc) -> Option<Self> {
        let due = self.asked.filter(|_| !by_operator).map_or(now, |asked| asked.max(now));
        let waits = due < self.due || (by_operator && !self.at_once);
        if self.state != State::Pending || self.in_hand || !waits {
            return None;
        }
        if self.owed.is_none() {
            self.brought_forward = self.brought_forward.or(Some(self.due));
        }
        self.turn += 1;
        self.at_once |= by_operator;
        self.due = due;
        Some(self)
    }

    /// The delivery whose endpoint is not in the configuration of the process that was to attempt it: it was removed, or
    /// the process has not learned of it yet. No step of the schedule is used up.
    #[must_use]
    pub fn unknown(mut self, now: Utc, jitter: f64) -> Self {
        let over = now.since(self.owing()) >= UNKNOWN;
        if is_over(&mut self.over, over, now) {
            return self.given_up(&format!("given up: {UNCONFIGURED}"), now);
        }
        keep_put_off(&mut self.attempts, now, &format!("put off: {UNCONFIGURED}"));
        // Spread: what waits for a configuration must not come all at once.
        self.later(now.after(KNOWN).after(SPREAD.mul_f64(jitter.clamp(0.0, 1.0))))
    }

    /// The delivery started over, as a replay does.
    #[must_use]
    pub const fn replayed(mut self, now: Utc) -> Self {
        self.state = State::Pending;
        self.tries = 0;
        self.since = now;
        self.waiting(now, None)
    }

    /// The failed delivery that somebody has seen.
    #[must_use]
    pub fn confirmed(self, now: Utc) -> Self {
        self.settled(State::Confirmed, now)
    }

    fn given_up(mut self, why: &str, now: Utc) -> Self {
        keep(&mut self.attempts, Attempt::none(now, why));
        self.settled(State::Failed, now)
    }

    const fn later(mut self, until: Utc) -> Self {
        self.owed = Some(self.owing());
        self.turn += 1;
        self.in_hand = false;
        self.at_once = false;
        self.due = until;
        self
    }

    const fn settled(mut self, state: State, now: Utc) -> Self {
        self.state = state;
        self.waiting(now, None)
    }

    const fn waiting(mut self, due: Utc, asked: Option<Utc>) -> Self {
        self.turn += 1;
        self.in_hand = false;
        self.owed = None;
        self.asked = asked;
        self.brought_forward = None;
        self.at_once = false;
        self.over = None;
        self.due = due;
        self
    }
}

/// Whether a patience that is over at `now` has been so for long enough; `since` keeps when that was first seen.
pub(crate) fn is_over(since: &mut Option<Utc>, over: bool, now: Utc) -> bool {
    // A time that lies ahead was seen on a clock that has been set back.
    *since = over.then(|| since.filter(|since| *since <= now).unwrap_or(now));
    since.is_some_and(|since| now.since(since) >= SEEN_OVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Delivery {
        Delivery::new("erp".into(), Utc(0), Utc(30_000_000))
    }

    fn attempt(status: u16) -> Attempt {
        Attempt { at: Utc(0), ms: 1, status: Some(status), ..Attempt::default() }
    }

    const REFUSED: Outcome = Outcome::Refused { retry_after: None, trouble: true };

    #[test]
    fn success_settles() {
        let done = fresh().attempted(attempt(200), Outcome::Delivered, &Schedule::default(), Utc(5), 0.5);
        assert_eq!((done.state, done.due), (State::Delivered, Utc(5)));
    }

    /// Regression: a lack of descriptors used up the retries of what could not be sent.
    #[test]
    fn lack_of_our_own_uses_no_retry_up() {
        let none = Attempt { at: Utc(0), detail: "no descriptor".to_owned(), ..Attempt::default() };
        let mut delivery = fresh();
        for _ in 0..50 {
            delivery = delivery.attempted(none.clone(), Outcome::Unsent, &Schedule::default(), Utc(0), 0.5);
        }
        assert_eq!((delivery.state, delivery.tries, delivery.due), (State::Pending, 0, Utc(7_500_000)));
        assert_eq!(delivery.attempts.len(), 1, "{:?}", delivery.attempts);
    }

    #[test]
    fn failures_follow_the_schedule_and_then_give_up() {
        let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)]);
        let mut delivery = fresh();
        let mut due = Vec::new();
        while delivery.state == State::Pending {
            delivery = delivery.attempted(attempt(500), REFUSED, &schedule, Utc(0), 0.5);
            due.push(delivery.due.0 / 1_000_000);
        }
        assert_eq!(due, [5, 30, 0]);
        assert_eq!((delivery.state, delivery.attempts.len()), (State::Failed, 3));
    }

    #[test]
    fn retry_after_is_honoured_when_it_is_later() {
        let asks = |seconds| Outcome::Refused { retry_after: Some(Duration::from_secs(seconds)), trouble: true };
        let due =
            |outcome| fresh().attempted(attempt(503), outcome, &Schedule::default(), Utc(0), 0.5).due.0 / 1_000_000;
        assert_eq!((due(asks(90)), due(asks(1)), due(asks(999_999))), (90, 5, 43_200));
    }

    #[test]
    fn what_cannot_be_tried_waits_for_three_days_and_uses_nothing_up() {
        let schedule = Schedule::new(vec![Duration::from_secs(5)]);
        let reopens = Utc(15_000_000);
        let waiting = (0..100).fold(fresh(), |delivery, _| delivery.put_off(reopens, "put off", &schedule, Utc(1)));
        assert_eq!((waiting.state, waiting.due, waiting.attempts.len()), (State::Pending, reopens, 1));
        let tried = waiting.clone().attempted(attempt(500), REFUSED, &schedule, Utc(2), 0.5);
        assert_eq!(tried.state, State::Pending, "every step is still there");
        let over = waiting.put_off(reopens, "put off", &schedule, Utc(0).after(PATIENCE));
        assert_eq!(over.state, State::Pending);
        let late = over.put_off(reopens, "put off", &schedule, Utc(0).after(PATIENCE + SEEN_OVER));
        assert_eq!(late.state, State::Failed);
    }

    /// One wrong reading gave up what had waited for minutes.
    #[test]
    fn a_clock_that_jumps_ahead_ends_no_patience() {
        let put_off =
            |delivery: Delivery, after| delivery.put_off(Utc(9), "", &Schedule::default(), Utc(0).after(after));
        let (minute, days) = (Duration::from_mins(1), PATIENCE * 30);
        let waiting = (0..200).fold(fresh(), |delivery, _| put_off(delivery, minute));
        let wrong = put_off(put_off(waiting, days), days + minute);
        assert_eq!(wrong.state, State::Pending);
        let right = put_off(wrong, SEEN_OVER * 2);
        assert_eq!((put_off(right.clone(), PATIENCE).state, right.over), (State::Pending, None));
        assert_eq!(fresh().unknown(Utc(0).after(days), 0.5).state, State::Pending);
    }

    /// Behind an open circuit a schedule of a week ended after three days.
    #[test]
    fn a_schedule_that_is_longer_than_three_days_is_not_cut_short() {
        let week = Schedule::new(vec![Duration::from_hours(24); 7]);
        let put_off =
            |delivery: Delivery, hours| delivery.put_off(Utc(9), "", &week, Utc(0).after(Duration::from_hours(hours)));
        let after = |hours| put_off(put_off(fresh(), hours - 1), hours).state;
        assert_eq!((after(100), after(187)), (State::Pending, State::Failed));
    }

    /// Deliveries were given up without a word of why.
    #[test]
    fn what_is_given_up_without_an_attempt_says_why() {
        let late = Utc(0).after(PATIENCE);
        let old = Delivery { over: Some(Utc(0)), ..fresh() };
        let circuit = old.clone().put_off(Utc(9), "", &Schedule::default(), late);
        let unknown = old.unknown(late, 0.5);
        for (given_up, why) in [(circuit, "endpoint has failed"), (unknown, "not in the configuration")] {
            assert_eq!(given_up.state, State::Failed);
            assert!(given_up.attempts.last().is_some_and(|last| last.detail.contains(why)), "{given_up:?}");
        }
    }

    /// An endpoint that one process did not know yet was one that nobody would ever know.
    #[test]
    fn who_is_not_known_here_may_be_known_elsewhere_within_the_hour() {
        let unknown = fresh().unknown(Utc(0), 0.5);
        assert_eq!((unknown.state, unknown.tries, unknown.due), (State::Pending, 0, Utc(90_000_000)));
        let over = unknown.clone().unknown(Utc(0).after(UNKNOWN), 0.5);
        assert_eq!(over.state, State::Pending);
        let almost = Utc(0).after(UNKNOWN).after(SEEN_OVER.saturating_sub(Duration::from_secs(1)));
        assert_eq!(over.clone().unknown(almost, 0.5).state, State::Pending);
        assert_eq!(over.claimed(almost).unknown(Utc(0).after(UNKNOWN + SEEN_OVER), 0.5).state, State::Failed);
        // However old it is: its hour begins when an attempt is owed.
        let retried = unknown.attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0).after(UNKNOWN * 9), 0.5);
        assert_eq!(retried.unknown(Utc(0).after(UNKNOWN * 9 + KNOWN), 0.5).state, State::Pending);
    }

    #[test]
    fn only_the_turn_it_was_hinted_for_may_act() {
        let delivery = fresh();
        assert!(delivery.is_turn(0));
        let claimed = delivery.claimed(Utc(60));
        assert!(!claimed.is_turn(0) && claimed.is_turn(1));
        let done = claimed.attempted(attempt(200), Outcome::Delivered, &Schedule::default(), Utc(5), 0.5);
        assert!(!done.is_turn(1) && !done.is_turn(2));
    }

    #[test]
    fn what_waits_for_its_time_is_not_taken_up_before_it() {
        let waiting = fresh().attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.5);
        assert!(waiting.is_early(Utc(3_999_999)) && !waiting.is_early(Utc(4_000_000)));
        assert!(!fresh().is_early(Utc(0)), "what is in hand is attempted at once");
        assert!(!waiting.claimed(Utc(90_000_000)).is_early(Utc(5_000_000)));
    }

    #[test]
    fn what_is_taken_up_again_and_again_stays_owed_since_its_time() {
        let owed = |delivery: &Delivery| delivery.owed_since();
        assert_eq!(owed(&fresh().claimed(Utc(90_000_000)).claimed(Utc(150_000_000))), Some(Utc(0)));
        let put_off = fresh().put_off(Utc(15_000_000), "", &Schedule::default(), Utc(1));
        assert_eq!(owed(&put_off.claimed(Utc(90_000_000))), Some(Utc(0)));
        let waiting =
            fresh().claimed(Utc(90_000_000)).attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.5);
        assert_eq!(owed(&waiting), Some(waiting.due), "not before its retry");
        assert_eq!(owed(&waiting.clone().claimed(Utc(90_000_000))), Some(waiting.due));
        assert_eq!(owed(&waiting.clone().replayed(Utc(7))), Some(Utc(7)));
        let done = waiting.attempted(attempt(200), Outcome::Delivered, &Schedule::default(), Utc(5), 0.5);
        assert_eq!(owed(&done), None);
    }

    #[test]
    fn the_attempts_kept_are_bounded() {
        let mut delivery = fresh();
        for _ in 0..50 {
            delivery = delivery.replayed(Utc(0)).attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.0);
        }
        assert_eq!(delivery.attempts.len(), ATTEMPTS_KEPT);
    }

    /// Regression: nothing but time ended a wait, and a day's `Retry-After` was one of twelve hours.
    #[test]
    fn a_wait_is_ended_and_the_schedule_stays_as_it_was() {
        let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_hours(1)]);
        let asks = Outcome::Refused { retry_after: Some(Duration::from_hours(24)), trouble: true };
        let patient = fresh().attempted(attempt(503), asks, &schedule, Utc(0), 0.5);
        assert_eq!(patient.clone().forwarded(false, Utc(1)), None, "the endpoint asked for it");
        let now = patient.clone().forwarded(true, Utc(1)).unwrap();
        assert_eq!((now.due, now.at_once, now.turn), (Utc(1), true, patient.turn + 1));
        let again = now.attempted(attempt(500), REFUSED, &schedule, Utc(2), 0.5);
        assert_eq!((again.due, again.tries, again.at_once), (patient.due, 1, false));
        // Regression: what was due at once was brought forward for ever, by whoever went on to the next page.
        let asked = patient.forwarded(true, Utc(1)).unwrap();
        assert_eq!((asked.clone().forwarded(true, Utc(1)), asked.forwarded(true, Utc(2))), (None, None));

        let retry = fresh().attempted(attempt(500), REFUSED, &schedule, Utc(0), 0.5);
        let forwarded = retry.clone().forwarded(false, Utc(1)).unwrap().claimed(Utc(60));
        assert_eq!(forwarded.clone().forwarded(true, Utc(2)), None, "it is under way");
        let done = forwarded.attempted(attempt(200), Outcome::Delivered, &schedule, Utc(2), 0.5);
        assert_eq!((done.state, done.brought_forward), (State::Delivered, None));

        let put_off = fresh().put_off(Utc(90), "", &schedule, Utc(1)).forwarded(false, Utc(2)).unwrap();
        let tried = put_off.attempted(attempt(500), REFUSED, &schedule, Utc(3), 0.5);
        assert_eq!((tried.tries, tried.due), (1, Utc(5_000_003)), "an attempt like any other");
    }

    /// Regression: a last retry that an operator brought forward was sent as the probe of its circuit, and its failure ended the
    /// schedule before the retry's own time.
    #[test]
    fn probe_brought_forward_uses_no_step_before_its_time() {
        let schedule = Schedule::new(vec![Duration::from_secs(5)]);
        let last = fresh().attempted(attempt(500), REFUSED, &schedule, Utc(0), 0.5);
        let probed = |now| last.clone().forwarded(true, Utc(1)).unwrap().probed(attempt(500), Utc(9), &schedule, now);
        let early = probed(Utc(4_999_999));
        assert_eq!((early.state, early.tries, early.due), (State::Pending, 1, Utc(9)));
        assert_eq!(probed(Utc(5_000_000)).state, State::Failed);
    }
}
