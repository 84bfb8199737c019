//! What becomes of a call to a partner: the same kind of thing as a delivery, and judged more carefully, because a
//! command that is sent twice may be done twice.

mod record;
mod request;
mod view;

use std::time::Duration;

use partners::operation::{LONGEST_TEXT, Verdict};
use serde::{Deserialize, Serialize};

use crate::attempt::{ATTEMPTS_KEPT, Attempt, keep, keep_put_off};
use crate::delivery::{EARLY, KNOWN, LONGEST_RETRY_AFTER, PATIENCE, SPREAD, UNKNOWN, is_over};
use crate::schedule::Schedule;
use crate::{Alias, Utc};

pub use record::{Request, SUBJECT, accepted, end, find, is_subject, key, shown};
use view::asked;
pub use view::{CallView, view, whole};

/// The types of the events that tell the ERP how a call ended.
pub const EVENT_TYPES: [&str; 3] = ["call.succeeded", "call.failed", "call.ambiguous"];

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CallState"))]
pub enum Standing {
    /// To be sent, or to be sent again.
    Queued,
    /// The partner took it.
    Succeeded,
    /// The partner refused it, or it could not be sent for as long as the schedule says.
    Failed,
    /// It was sent and nobody knows what the partner made of it. It is not sent again unless somebody decides so.
    Ambiguous,
}

impl Standing {
    /// Its name, as it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Ambiguous => "ambiguous",
        }
    }

    /// The type of the event that tells the ERP of it; nothing while the call is on its way.
    #[must_use]
    pub const fn event_type(self) -> Option<&'static str> {
        let [succeeded, failed, ambiguous] = EVENT_TYPES;
        match self {
            Self::Queued => None,
            Self::Succeeded => Some(succeeded),
            Self::Failed => Some(failed),
            Self::Ambiguous => Some(ambiguous),
        }
    }
}

/// One command on its way to a partner. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The operation, as the partner names it.
    pub operation: String,
    /// The ERP's idempotency key.
    pub key: String,
    /// What the request was told by: another body under the same key is another request. Stored under a name that a hub
    /// without calls to partners does not know: it refuses the item instead of telling the ERP the request as an event.
    #[serde(rename = "told_by")]
    pub digest: String,
    /// Where it stands.
    pub standing: Standing,
    /// When it is to be sent; while it is being sent, when that is given up for lost. Where it has ended, when that was.
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
    /// Until when the partner asked for patience (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Utc>,
    /// When its retry was due that was brought forward. If that attempt fails too, the retry is due then, and no step of the
    /// schedule is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_forward: Option<Utc>,
    /// Somebody asked for an attempt, whatever the circuit says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
    /// Since when it has been seen that the patience with its partner is over; an hour later it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Utc>,
    /// How many steps of the schedule are used up.
    #[serde(default)]
    pub tries: u32,
    /// It is being sent, and must not be sent twice: found like this after its time, nobody knows what became of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sending: bool,
    /// The latest attempts, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The partner's latest answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answered>,
    /// What the partner said in the latest attempt that did not succeed, which may be nothing at all. Where this is missing,
    /// it is to be read from the answer: the attempt succeeded, or an earlier version made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Box<Said>>,
    /// Business keys that the partner's answer gave the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Alias>,
    /// What was decided while it was ambiguous, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decided>,
}

/// A decision about a call that was ambiguous.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What was decided.
    pub decision: Decision,
    /// When.
    pub at: Utc,
    /// The id of the API key by which it was.
    pub by: String,
}

/// A partner's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The body, where it is text; the part that is kept of a long one.
    pub body: String,
    /// It was longer than what is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// The partner's own code and text where it does not say yes; neither where it said nothing that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its code; the HTTP status where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its text, [`LONGEST_TEXT`] characters at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Said {
    /// What a verdict repeats of the partner's words; nothing of a success.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Option<Box<Self>> {
        let cut = |text: &str| Some(text.chars().take(LONGEST_TEXT).collect());
        match verdict {
            Verdict::Success => None,
            Verdict::Refused { code, text }
            | Verdict::Busy { code, text }
            | Verdict::Exception { code, text }
            | Verdict::TokenExpired { code, text } => Some(Box::new(Self { code: cut(code), text: cut(text) })),
            Verdict::Unreadable { .. } => Some(Box::default()),
        }
    }
}

/// What came of an attempt at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The partner's business code says success.
    Success,
    /// The partner's business code says that it will not: final.
    Refusal,
    /// It was not processed: not sent at all, or turned away before. Worth repeating.
    Nothing {
        /// What the partner asks for.
        retry_after: Option<Duration>,
    },
    /// It was sent, and no answer tells whether the partner did it.
    Unknown,
}

/// One attempt at a call.
#[derive(Clone, Debug)]
pub struct Tried {
    /// For the operator.
    pub attempt: Attempt,
    /// What the partner answered.
    pub answer: Option<Answered>,
    /// What it said there or, where the call itself was not sent, when it was asked for a token.
    pub said: Option<Box<Said>>,
    /// What that means.
    pub came: Came,
    /// Business keys that the answer gives the subject.
    pub learned: Vec<Alias>,
}

/// What holds for an operation.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// When it is sent again.
    pub schedule: &'a Schedule,
    /// Whether the partner may see it twice.
    pub repeatable: bool,
}

/// What somebody decides about a call that is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum Decision {
    /// Send it again.
    Retry,
    /// The partner has done it.
    Done,
}

impl Decision {
    /// Its name, as it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Done => "done",
        }
    }
}

impl Call {
    /// A call accepted at `now`. The hint that goes out with it is its first turn, so nobody else may take it up before
    /// `due`.
    #[must_use]
    pub const fn new(operation: String, key: String, digest: String, now: Utc, due: Utc) -> Self {
        Self {
            operation,
            key,
            digest,
            standing: Standing::Queued,
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
            sending: false,
            attempts: Vec::new(),
            answer: None,
            said: None,
            learned: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// Whether it is this turn's work.
    #[must_use]
    pub fn is_turn(&self, turn: u32) -> bool {
        self.standing == Standing::Queued && self.turn == turn
    }

    /// Whether its time has not come: a hint may arrive a little before it, by another clock.
    #[must_use]
    pub fn is_early(&self, now: Utc) -> bool {
        !self.in_hand && now.after(EARLY) < self.due
    }

    /// When something is to be done next.
    #[must_use]
    pub fn next(&self) -> Option<Utc> {
        (self.standing == Standing::Queued).then_some(self.due)
    }

    /// Since when an attempt has been due, whoever took the call up or put it off meanwhile; in the future where its time
    /// has not come. Nothing where the call has ended.
    #[must_use]
    pub fn owed_since(&self) -> Option<Utc> {
        (self.standing == Standing::Queued).then(|| self.owing())
    }

    /// The first turn is owed from the beginning: its due time is only the end of its lease.
    const fn owing(&self) -> Utc {
        match self.owed {
            Some(owed) => owed,
            None if self.in_hand && self.turn == 0 => self.since,
            None => self.due,
        }
    }

    /// The call taken up until `until`. With `sending` it is about to be sent and must not be sent twice.
    #[must_use]
    pub const fn claimed(mut self, until: Utc, sending: bool) -> Self {
        self.owed = Some(self.owing());
        self.turn += 1;
        self.due = until;
        self.in_hand = true;
        self.sending = self.sending || sending;
        self
    }

    /// The call whose lease is over at `now`, because the process that held it has ended.
    #[must_use]
    pub const fn released(mut self, now: Utc) -> Self {
        if matches!(self.standing, Standing::Queued) && self.in_hand && now.0 < self.due.0 {
            self.due = now;
        }
        self
    }

    /// The call after an attempt. `jitter` is in `0.0..1.0`.
    #[must_use]
    pub fn attempted(mut self, tried: Tried, rules: &Rules<'_>, now: Utc, jitter: f64) -> Self {
        keep(&mut self.attempts, tried.attempt);
        self.answer = tried.answer.or(self.answer);
        self.said = if tried.came == Came::Success { None } else { Some(tried.said.unwrap_or_default()) };
        self.learned = tried.learned;
        match tried.came {
            Came::Success => self.ended(Standing::Succeeded, now),
            Came::Refusal => self.ended(Standing::Failed, now),
            Came::Unknown if !rules.repeatable => self.ended(Standing::Ambiguous, now),
            Came::Unknown => self.again(None, rules.schedule, now, jitter),
            Came::Nothing { retry_after } => self.again(retry_after, rules.schedule, now, jitter),
        }
    }

    /// The call that was being sent when its process ended: nobody knows what became of it.
    #[must_use]
    pub fn interrupted(mut self, now: Utc) -> Self {
        keep(&mut self.attempts, Attempt::none(now, "cut off while it was sent: the partner may have done it"));
        self.said = Some(Box::default());
        self.ended(Standing::Ambiguous, now)
    }

    /// The call that cannot be tried before `until`, and why: its partner's circuit is open, or its turn at the connection's
    /// rate comes then. No step of the schedule is used up.
    #[must_use]
    pub fn put_off(mut self, until: Utc, why: &str, schedule: &Schedule, now: Utc) -> Self {
        let over = now.since(self.since) >= PATIENCE.max(schedule.length());
        if is_over(&mut self.over, over, now) {
            let why = "given up: its partner has failed, or its rate was used up, for as long as a call waits";
            return self.given_up(why, now);
        }
        keep_put_off(&mut self.attempts, now, why);
        self.later(until)
    }

    /// The call that cannot be sent by what the process knows of its connection and operation: `lacks` was removed, or the
    /// process has not learned of it yet. No step of the schedule is used up.
    #[must_use]
    pub fn unknown(mut self, lacks: &str, now: Utc, jitter: f64) -> Self {
        let over = now.since(self.owing()) >= UNKNOWN;
        if is_over(&mut self.over, over, now) {
            return self.given_up(&format!("given up: {lacks}"), now);
        }
        keep_put_off(&mut self.attempts, now, &format!("put off: {lacks}"));
        // Spread: what waits for a configuration must not come all at once.
        self.later(now.after(KNOWN).after(SPREAD.mul_f64(jitter.clamp(0.0, 1.0))))
    }

    /// The call after a probe that failed and left nothing behind at the partner: it comes again with the next probe. Probes
    /// use up the schedule's steps no faster than its delays would.
    #[must_use]
    pub fn probed(mut self, tried: Tried, until: Utc, schedule: &Schedule, now: Utc) -> Self {
        keep(&mut self.attempts, tried.attempt);
        self.answer = tried.answer.or(self.answer);
        self.said = if tried.came == Came::Success { None } else { Some(tried.said.unwrap_or_default()) };
        // A retry that was brought forward keeps its step until its own time has come.
        if self.brought_forward.is_none_or(|due| due <= now) {
            let Some(steps) = schedule.out_of_turn(self.tries, now.since(self.since)) else {
                return self.ended(Standing::Failed, now);
            };
            self.tries = steps;
        }
        self.later(until)
    }

    /// The call that waits, to be sent at once: its retry or put-off is brought forward. Where the partner asked for patience
    /// it is due then, unless somebody ends that wait too. Nothing where it does not wait.
    #[must_use]
    pub fn forwarded(mut self, by_operator: bool, now: Utc) -> Option<Self> {
        let due = self.asked.filter(|_| !by_operator).map_or(now, |asked| asked.max(now));
        let waits = due < self.due || (by_operator && !self.at_once);
        if self.standing != Standing::Queued || self.in_hand || !waits {
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

    /// The ambiguous call after a decision by the API key of that id. Nothing where it is not ambiguous.
    #[must_use]
    pub fn resolved(mut self, decision: Decision, by: &str, now: Utc) -> Option<Self> {
        if self.standing != Standing::Ambiguous {
            return None;
        }
        self.decisions.push(Decided { decision, at: now, by: by.to_owned() });
        self.decisions.drain(..self.decisions.len().saturating_sub(ATTEMPTS_KEPT));
        Some(match decision {
            Decision::Done => self.ended(Standing::Succeeded, now),
            Decision::Retry => {
                self.standing = Standing::Queued;
                self.tries = 0;
                self.since = now;
                self.waiting(now, None)
            }
        })
    }

    fn given_up(mut self, why: &str, now: Utc) -> Self {
        keep(&mut self.attempts, Attempt::none(now, why));
        self.said = Some(Box::default());
        self.ended(Standing::Failed, now)
    }

    const fn later(mut self, until: Utc) -> Self {
        self.owed = Some(self.owing());
        self.turn += 1;
        self.in_hand = false;
        self.at_once = false;
        self.sending = false;
        self.due = until;
        self
    }

    fn again(mut self, retry_after: Option<Duration>, schedule: &Schedule, now: Utc, jitter: f64) -> Self {
        let asked = retry_after.map(|asked| now.after(asked.min(LONGEST_RETRY_AFTER)));
        let not_before = asked.unwrap_or(now);
        if let Some(due) = self.brought_forward.filter(|due| now < *due) {
            return self.waiting(due.max(not_before), asked);
        }
        match schedule.delay(self.tries, jitter) {
            None => self.ended(Standing::Failed, now),
            Some(delay) => {
                self.tries += 1;
                self.waiting(now.after(delay).max(not_before), asked)
            }
        }
    }

    const fn waiting(mut self, due: Utc, asked: Option<Utc>) -> Self {
        self.turn += 1;
        self.due = due;
        self.in_hand = false;
        self.owed = None;
        self.asked = asked;
        self.brought_forward = None;
        self.at_once = false;
        self.over = None;
        self.sending = false;
        self
    }

    const fn ended(mut self, standing: Standing, now: Utc) -> Self {
        self.standing = standing;
        self.waiting(now, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::SEEN_OVER;

    const NOTHING: Came = Came::Nothing { retry_after: None };

    fn call() -> Call {
        Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(0), Utc(30_000_000))
    }

    fn attempted(call: Call, came: Came, repeatable: bool) -> Call {
        let attempt = Attempt { ms: 1, ..Attempt::default() };
        let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)]);
        let tried = Tried { attempt, answer: None, said: None, came, learned: vec![] };
        call.attempted(tried, &Rules { schedule: &schedule, repeatable }, Utc(0), 0.5)
    }

    #[test]
    fn the_partners_business_code_decides() {
        assert_eq!(attempted(call(), Came::Success, false).standing, Standing::Succeeded);
        assert_eq!(attempted(call(), Came::Refusal, true).standing, Standing::Failed);
    }

    #[test]
    fn without_an_answer_only_what_is_safe_is_sent_again() {
        let unsafe_call = attempted(call().claimed(Utc(60), true), Came::Unknown, false);
        assert_eq!((unsafe_call.standing, unsafe_call.next()), (Standing::Ambiguous, None));
        let safe = attempted(call(), Came::Unknown, true);
        assert_eq!((safe.standing, safe.due), (Standing::Queued, Utc(5_000_000)));
    }

    #[test]
    fn what_was_not_processed_follows_the_schedule_and_then_fails() {
        let (first, mut dues) = (call(), Vec::new());
        let mut call = first;
        while call.standing == Standing::Queued {
            call = attempted(call, NOTHING, false);
            dues.push(call.due.0 / 1_000_000);
        }
        assert_eq!((call.standing, dues), (Standing::Failed, vec![5, 30, 0]));
    }

    #[test]
    fn a_call_cut_off_while_it_was_sent_is_ambiguous_until_somebody_decides() {
        let cut = call().claimed(Utc(60), true).claimed(Utc(90), false);
        assert!(cut.sending, "a later claim does not forget that it may have been sent");
        let ambiguous = cut.interrupted(Utc(90));
        let again = ambiguous.clone().resolved(Decision::Retry, "erp", Utc(99)).unwrap();
        assert_eq!((again.standing, again.due, again.sending), (Standing::Queued, Utc(99), false));
        let done = ambiguous.resolved(Decision::Done, "erp", Utc(99)).unwrap();
        assert_eq!(done.standing, Standing::Succeeded);
        let decided = Decided { decision: Decision::Done, at: Utc(99), by: "erp".to_owned() };
        assert_eq!(done.decisions, [decided]);
        assert_eq!(done.resolved(Decision::Retry, "erp", Utc(99)), None);
    }

    #[test]
    fn a_closed_door_uses_nothing_up_but_patience() {
        let schedule = Schedule::default();
        let waiting = (0..200).fold(call(), |call, _| call.put_off(Utc(9), "", &schedule, Utc(8)));
        assert_eq!((waiting.tries, waiting.due, waiting.standing), (0, Utc(9), Standing::Queued));
        let over = waiting.put_off(Utc(9), "", &schedule, Utc(0).after(PATIENCE));
        assert_eq!(over.standing, Standing::Queued, "no single reading of a clock ends it");
        let late = Utc(0).after(PATIENCE + SEEN_OVER);
        assert_eq!(over.put_off(Utc(9), "", &schedule, late).standing, Standing::Failed);
    }

    /// A connection or an operation that one process did not know yet was one that nobody would ever know.
    #[test]
    fn what_is_not_known_here_may_be_known_elsewhere_within_the_hour() {
        let unknown = call().unknown("app_id", Utc(0), 0.5);
        assert_eq!((unknown.standing, unknown.tries, unknown.due), (Standing::Queued, 0, Utc(90_000_000)));
        let over = unknown.claimed(Utc(90_000_000), false).unknown("app_id", Utc(0).after(UNKNOWN), 0.5);
        assert_eq!(over.standing, Standing::Queued);
        let given_up = over.unknown("app_id", Utc(0).after(UNKNOWN + SEEN_OVER), 0.5);
        assert_eq!(given_up.standing, Standing::Failed);
    }

    /// The ERP was told of a call that had failed, or that nobody knows the result of, without a word of why.
    #[test]
    fn an_end_without_an_answer_says_why() {
        let old = Call { over: Some(Utc(0)), ..call() };
        let given_up = old.clone().put_off(Utc(9), "", &Schedule::default(), Utc(0).after(PATIENCE));
        let unknown = old.unknown("app_id", Utc(0).after(PATIENCE), 0.0);
        let cut = call().claimed(Utc(9), true).interrupted(Utc(9));
        for (ended, why) in [(cut, "cut off"), (given_up, "given up"), (unknown, "given up: app_id")] {
            assert!(ended.attempts.last().is_some_and(|last| last.detail.starts_with(why)), "{ended:?}");
        }
    }

    #[test]
    fn what_is_taken_up_again_and_again_stays_owed_since_its_time() {
        assert_eq!(call().claimed(Utc(60), true).owed_since(), Some(Utc(0)));
        let put_off = call().put_off(Utc(9), "", &Schedule::default(), Utc(8));
        assert_eq!(put_off.claimed(Utc(60), false).owed_since(), Some(Utc(0)));
        assert_eq!(attempted(call(), NOTHING, false).owed_since(), Some(Utc(5_000_000)));
        assert_eq!(attempted(call(), Came::Success, false).owed_since(), None);
    }

    #[test]
    fn a_retry_is_not_begun_before_its_time_and_what_is_in_hand_at_once() {
        let retry = attempted(call(), NOTHING, false);
        assert!(retry.is_early(Utc(0)) && !retry.is_early(Utc(4_500_000)) && !call().is_early(Utc(0)));
    }

    #[test]
    fn a_wait_is_ended_and_the_schedule_stays_as_it_was() {
        let asks = Came::Nothing { retry_after: Some(Duration::from_hours(24)) };
        let patient = attempted(call(), asks, false);
        assert_eq!(patient.clone().forwarded(false, Utc(1)), None, "the partner asked for it");
        let now = patient.clone().forwarded(true, Utc(1)).unwrap();
        assert_eq!((now.due, now.at_once), (Utc(1), true));
        let again = attempted(now, NOTHING, false);
        assert_eq!((again.due, again.tries), (patient.due, 1));
        let asked = patient.forwarded(true, Utc(1)).unwrap();
        assert_eq!(asked.forwarded(true, Utc(2)), None, "it is due at once already");
        assert_eq!(call().forwarded(true, Utc(1)), None, "it is under way");
        assert_eq!(attempted(call(), Came::Success, false).forwarded(true, Utc(1)), None);
    }
}
