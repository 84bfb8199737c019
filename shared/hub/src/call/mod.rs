//! A call to a partner: attempted as a delivery is, and judged more carefully, because a command that is sent twice may be
//! done twice.

mod record;
mod request;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use partners::operation::{LONGEST_TEXT, Verdict};
use serde::{Deserialize, Serialize};

use crate::attempt::{ATTEMPTS_KEPT, Attempt};
use crate::progress::{Next, Outgoing, Progress, stored};
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
#[serde(from = "Stored")]
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
    /// Its schedule and claim.
    #[serde(flatten)]
    pub progress: Progress,
    /// It is being sent, and must not be sent twice: found like this after its time, nobody knows what became of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sending: bool,
    /// The partner's latest answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answered>,
    /// What the partner said in the latest attempt that did not succeed, which may be nothing at all. Where this is missing,
    /// it is to be read from the answer: the attempt succeeded, or an earlier version made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Box<Said>>,
    /// Business keys that the partner's answer gave the subject.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Alias>,
    /// What was decided while it was ambiguous, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decided>,
}

stored!(Call {
    operation: String,
    key: String,
    #[serde(rename = "told_by")]
    digest: String,
    standing: Standing,
    #[serde(default)]
    sending: bool,
    answer: Option<Answered>,
    said: Option<Box<Said>>,
    #[serde(default)]
    learned: Vec<Alias>,
    #[serde(default)]
    decisions: Vec<Decided>,
});

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
        }
    }

    /// The call claimed until `until` to be sent, and marked: it must not be sent twice.
    #[must_use]
    pub fn claimed_to_send(mut self, until: Utc) -> Self {
        self.sending = true;
        self.claimed(until)
    }

    /// The call after an attempt. `jitter` is in `0.0..1.0`.
    #[must_use]
    pub fn attempted(mut self, tried: Tried, rules: &Rules<'_>, now: Utc, jitter: f64) -> Self {
        let came = tried.came;
        self.record(tried);
        let retry_after = match came {
            Came::Success => return self.ended(Standing::Succeeded, now),
            Came::Refusal => return self.ended(Standing::Failed, now),
            Came::Unknown if !rules.repeatable => return self.ended(Standing::Ambiguous, now),
            Came::Unknown => None,
            Came::Nothing { retry_after } => retry_after,
        };
        let next = self.progress.retry(retry_after, rules.schedule, now, jitter);
        self.follow(next)
    }

    /// The call after a probe that failed and left nothing behind at the partner: it comes again with the next probe.
    #[must_use]
    pub fn probed(mut self, tried: Tried, until: Utc, schedule: &Schedule, now: Utc) -> Self {
        self.record(tried);
        let next = self.progress.probe_again(until, schedule, now);
        self.follow(next)
    }

    /// The call whose process ended while it was being sent: the partner may have done it.
    #[must_use]
    pub fn interrupted(mut self, now: Utc) -> Self {
        self.said = Some(Box::default());
        self.progress.record(Attempt::none(now, "cut off while it was sent: the partner may have done it"));
        self.ended(Standing::Ambiguous, now)
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
                self.progress.restart(now);
                self
            }
        })
    }

    /// Keeps an attempt, and the partner's words in it.
    fn record(&mut self, tried: Tried) {
        self.progress.record(tried.attempt);
        self.answer = tried.answer.or(self.answer.take());
        self.learned = tried.learned;
        self.said = if tried.came == Came::Success { None } else { Some(tried.said.unwrap_or_default()) };
    }

    fn ended(mut self, standing: Standing, now: Utc) -> Self {
        self.standing = standing;
        self.sending = false;
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
        match next {
            Next::Pending => {}
            Next::Failed => self.standing = Standing::Failed,
            Next::GivenUp => (self.standing, self.said) = (Standing::Failed, Some(Box::default())),
        }
        self
    }
}
