//! A call to a partner and its transitions. It is attempted like a delivery. An attempt without an answer makes it ambiguous,
//! because the partner may execute a command twice that is sent twice.

mod cancellation;
mod record;
mod request;
pub mod sequence;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use partners::operation::{Judgement, LONGEST_TEXT};
use serde::{Deserialize, Serialize};

use crate::attempt::{ATTEMPTS_KEPT, Attempt};
use crate::progress::{Next, Outgoing, Progress, stored};
use crate::schedule::Schedule;
use crate::trace::Place;
use crate::{Alias, EventId, Utc};

use self::cancellation::{read_standing, stored_standing};
use self::sequence::Predecessor;
pub use cancellation::Cancellation;
pub use record::{Request, SUBJECT, accepted, end, find, is_subject, key, shown};
pub use view::{Account, CallView, asked, view, whole};

/// Types of the events that notify the ERP of a call's end.
pub const EVENT_TYPES: [&str; 4] = ["call.succeeded", "call.failed", "call.ambiguous", "call.cancelled"];

/// State of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CallState"))]
pub enum Standing {
    /// To be sent, or to be sent again.
    Queued,
    /// Accepted by the partner.
    Succeeded,
    /// Refused by the partner, or not sent within the time of its retry schedule.
    Failed,
    /// Sent without a usable answer, so that the partner may have executed it. It is sent again only by a decision.
    Ambiguous,
    /// Cancelled by the ERP before it was sent.
    Cancelled,
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
            Self::Cancelled => "cancelled",
        }
    }

    /// Type of the event that notifies the ERP of this end; none while the call is queued.
    #[must_use]
    pub const fn event_type(self) -> Option<&'static str> {
        let [succeeded, failed, ambiguous, cancelled] = EVENT_TYPES;
        match self {
            Self::Queued => None,
            Self::Succeeded => Some(succeeded),
            Self::Failed => Some(failed),
            Self::Ambiguous => Some(ambiguous),
            Self::Cancelled => Some(cancelled),
        }
    }
}

/// One command to a partner. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Call {
    /// Operation by the partner's name for it.
    pub operation: String,
    /// The ERP's idempotency key.
    pub key: String,
    /// Digest of the request: another body under the same key is another request. Its stored name is unknown to versions
    /// without calls to partners. They refuse the item instead of delivering the request to the ERP as an event.
    #[serde(rename = "told_by")]
    pub digest: String,
    /// State of the call.
    #[serde(serialize_with = "stored_standing")]
    pub standing: Standing,
    /// Its schedule and claim.
    #[serde(flatten)]
    pub progress: Progress,
    /// Whether an operation that is not safe to repeat is being sent. Still set after the lease, the call is ambiguous.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sending: bool,
    /// The partner's latest answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<PartnerAnswer>,
    /// The partner's code and text in the latest attempt that did not succeed, either of which may be missing. Without this
    /// member they are read from `answer`: the attempt succeeded, or an earlier version made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Box<PartnerMessage>>,
    /// Business keys that the partner's answer gave the subject.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Alias>,
    /// Decisions made while it was ambiguous, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionRecord>,
    /// The nearest earlier command about each of its orders that may still be sent, as far as that was looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Predecessor>,
    /// The earlier command that it was found to wait for, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<EventId>,
    /// Its cancellation, where it is cancelled.
    #[serde(rename = "cancelled", skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// The `traceparent` of the ERP's request, where calls are traced and it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

stored!(Call {
    operation: String,
    key: String,
    #[serde(rename = "told_by")]
    digest: String,
    standing: Standing,
    #[serde(default)]
    sending: bool,
    answer: Option<PartnerAnswer>,
    said: Option<Box<PartnerMessage>>,
    #[serde(default)]
    learned: Vec<Alias>,
    #[serde(default)]
    decisions: Vec<DecisionRecord>,
    #[serde(default)]
    after: Vec<Predecessor>,
    waits_for: Option<EventId>,
    #[serde(rename = "cancelled")]
    cancellation: Option<Cancellation>,
    traceparent: Option<String>,
}, read_standing);

/// A decision about an ambiguous call, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The decision.
    pub decision: Decision,
    /// Time of the decision.
    pub at: Utc,
    /// Id of the API key that made it.
    pub by: String,
}

/// A partner's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, where it is text; the beginning of a long one.
    pub body: String,
    /// Whether `body` is the beginning of a longer one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// The partner's own code and text in an answer that is no success; neither where the answer was unreadable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerMessage {
    /// Business code; the HTTP status where the answer has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Text, [`LONGEST_TEXT`] characters at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl PartnerMessage {
    /// The code and text of a judgement; none of a success.
    #[must_use]
    pub fn of(verdict: &Judgement) -> Option<Box<Self>> {
        let cut = |text: &str| Some(text.chars().take(LONGEST_TEXT).collect());
        match verdict {
            Judgement::Success => None,
            Judgement::Refused { code, text }
            | Judgement::Busy { code, text }
            | Judgement::Exception { code, text }
            | Judgement::TokenExpired { code, text } => Some(Box::new(Self { code: cut(code), text: cut(text) })),
            Judgement::Unreadable { .. } => Some(Box::default()),
        }
    }
}

/// Result of an attempt at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The partner's business code says success.
    Success,
    /// The partner's business code says that it will not: final.
    Refusal,
    /// The partner did not process it: it was not sent, or rejected before processing. A retry is safe.
    Nothing {
        /// Wait that the partner asks for.
        retry_after: Option<Duration>,
    },
    /// It was sent, and no answer says whether the partner executed it.
    Unknown,
}

/// One attempt at a call.
#[derive(Clone, Debug)]
pub struct CallAttempt {
    /// Entry in the list of attempts.
    pub attempt: Attempt,
    /// The partner's answer.
    pub answer: Option<PartnerAnswer>,
    /// Code and text of that answer or, where only a token was requested, of the answer to that.
    pub said: Option<Box<PartnerMessage>>,
    /// Result of the attempt.
    pub came: CallOutcome,
    /// Business keys that the answer gives the subject.
    pub learned: Vec<Alias>,
}

/// Retry rules of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Retry schedule.
    pub schedule: &'a Schedule,
    /// Whether the partner may receive it twice.
    pub repeatable: bool,
}

/// A decision about an ambiguous call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum Decision {
    /// Send it again.
    Retry,
    /// The partner has executed it.
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
    /// A call accepted at `now`, claimed until `due` by the queue message that goes out with it.
    #[must_use]
    pub fn new(operation: String, key: String, digest: String, now: Utc, due: Utc) -> Self {
        Self {
            operation,
            key,
            digest,
            standing: Standing::Queued,
            progress: Progress::new(now, due),
            sending: false,
            answer: None,
            said: None,
            learned: Vec::new(),
            decisions: Vec::new(),
            after: Vec::new(),
            waits_for: None,
            cancellation: None,
            traceparent: None,
        }
    }

    /// The span of the ERP's request, at which its trace begins.
    #[must_use]
    pub fn caller(&self) -> Option<Place> {
        self.traceparent.as_ref()?.parse().ok()
    }

    /// The call claimed until `until` and marked as being sent: it must not be sent twice.
    #[must_use]
    pub fn claimed_to_send(mut self, until: Utc) -> Self {
        self.sending = true;
        self.waits_for = None;
        self.claimed(until)
    }

    /// The call after an attempt. `jitter` is in `0.0..1.0`.
    #[must_use]
    pub fn attempted(mut self, tried: CallAttempt, rules: &Rules<'_>, now: Utc, jitter: f64) -> Self {
        let came = tried.came;
        self.record(tried);
        let retry_after = match came {
            CallOutcome::Success => return self.ended(Standing::Succeeded, now),
            CallOutcome::Refusal => return self.ended(Standing::Failed, now),
            CallOutcome::Unknown if !rules.repeatable => return self.ended(Standing::Ambiguous, now),
            CallOutcome::Unknown => None,
            CallOutcome::Nothing { retry_after } => retry_after,
        };
        let next = self.progress.retry(retry_after, rules.schedule, now, jitter);
        self.follow(next)
    }

    /// The call after a failed probe that the partner did not process: its next attempt is the next probe.
    #[must_use]
    pub fn probed(mut self, tried: CallAttempt, until: Utc, schedule: &Schedule, now: Utc) -> Self {
        self.record(tried);
        let next = self.progress.probe_again(until, schedule, now);
        self.follow(next)
    }

    /// The call whose process ended while it was being sent: ambiguous, because the partner may have executed it.
    #[must_use]
    pub fn interrupted(mut self, now: Utc) -> Self {
        self.said = Some(Box::default());
        self.progress.record(Attempt::none(now, "cut off while it was sent: the partner may have done it"));
        self.ended(Standing::Ambiguous, now)
    }

    /// The ambiguous call after a decision by the API key of that id; none where it is not ambiguous.
    #[must_use]
    pub fn resolved(mut self, decision: Decision, by: &str, now: Utc) -> Option<Self> {
        if self.standing != Standing::Ambiguous {
            return None;
        }
        self.decisions.push(DecisionRecord { decision, at: now, by: by.to_owned() });
        self.decisions.drain(..self.decisions.len().saturating_sub(ATTEMPTS_KEPT));
        Some(match decision {
            Decision::Done => self.ended(Standing::Succeeded, now),
            Decision::Retry => {
                self.standing = Standing::Queued;
                self.progress.restart(now);
                self
            }
        })
    }

    /// Records an attempt with the partner's code and text.
    fn record(&mut self, tried: CallAttempt) {
        self.progress.record(tried.attempt);
        self.answer = tried.answer.or(self.answer.take());
        self.learned = tried.learned;
        self.said = if tried.came == CallOutcome::Success { None } else { Some(tried.said.unwrap_or_default()) };
    }

    fn ended(mut self, standing: Standing, now: Utc) -> Self {
        self.standing = standing;
        self.sending = false;
        self.waits_for = None;
        self.progress.settle(now);
        self
    }
}

impl Outgoing for Call {
    const GIVEN_UP: &'static str =
        "given up: its partner has failed, or its rate was used up, for as long as a call waits";

    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    fn is_pending(&self) -> bool {
        self.standing == Standing::Queued
    }

    fn follow(mut self, next: Next) -> Self {
        self.sending = false;
        self.waits_for = None;
        match next {
            Next::Pending => {}
            Next::Failed => self.standing = Standing::Failed,
            Next::GivenUp => (self.standing, self.said) = (Standing::Failed, Some(Box::default())),
        }
        self
    }

    /// A call that waits for another one is brought forward by that one's end, and by no circuit.
    fn forwarded(mut self, by_operator: bool, now: Utc) -> Option<Self> {
        let goes = self.is_pending() && (by_operator || self.waits_for.is_none());
        if !goes || !self.progress.bring_forward(by_operator, now) {
            return None;
        }
        self.waits_for = None;
        Some(self)
    }
}
