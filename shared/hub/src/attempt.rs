//! One attempt as it is stored for the operator, and the bounded list of the latest attempts.

use serde::{Deserialize, Serialize};

use crate::Utc;
use crate::time::Rfc3339;

/// Number of attempts that are stored for the operator to read; earlier ones are dropped.
pub const ATTEMPTS_KEPT: usize = 10;

/// One attempt, or a period in which no attempt was possible. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Time at which the attempt began.
    pub at: Utc,
    /// Duration in milliseconds.
    pub ms: u64,
    /// HTTP status, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Beginning of the answer's body, or the error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Number of postponements in a row without an attempt, the first at `at`; 0 for an attempt that was made.
    #[serde(default, rename = "put_off", skip_serializing_if = "is_zero")]
    pub postponed: u32,
    /// All these postponements were waits for an earlier event of the subject, which say nothing of the destination.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_turn: bool,
}

pub(crate) fn is_zero<T: Default + PartialEq>(count: &T) -> bool {
    *count == T::default()
}

impl Attempt {
    /// A placeholder that records why there is no attempt, or why the result of one is not known.
    pub(crate) fn none(now: Utc, why: &str) -> Self {
        Self { at: now, detail: why.to_owned(), ..Self::default() }
    }
}

/// One attempt, or a period in which no attempt was possible.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Attempt"))]
pub struct AttemptView<'a> {
    /// Time at which the attempt began.
    at: Rfc3339,
    /// Duration in milliseconds.
    ms: u64,
    /// The HTTP status, where there was an answer.
    status: Option<u16>,
    /// The beginning of the answer, or the error.
    detail: &'a str,
    /// Number of postponements in a row, the first at `at`, for the reason in `detail`; no attempt was made. Postponements
    /// use up no retry.
    #[serde(skip_serializing_if = "is_zero")]
    put_off: u32,
}

impl Attempt {
    /// The attempt as the API shows it to the ERP.
    #[must_use]
    pub fn view(&self) -> AttemptView<'_> {
        AttemptView {
            at: Rfc3339(self.at),
            ms: self.ms,
            status: self.status,
            detail: &self.detail,
            put_off: self.postponed,
        }
    }
}

/// Appends an attempt to the latest ones and drops the oldest beyond [`ATTEMPTS_KEPT`].
pub(crate) fn keep(attempts: &mut Vec<Attempt>, attempt: Attempt) {
    attempts.push(attempt);
    attempts.drain(..attempts.len().saturating_sub(ATTEMPTS_KEPT));
}

/// Records a postponement at `now`. Postponements in a row share one entry, which has the latest reason.
pub(crate) fn keep_postponed(attempts: &mut Vec<Attempt>, now: Utc, why: &str) {
    match attempts.last_mut().filter(|last| last.postponed > 0) {
        Some(last) => {
            last.postponed = last.postponed.saturating_add(1);
            why.clone_into(&mut last.detail);
            last.for_turn = false;
        }
        None => keep(attempts, Attempt { postponed: 1, ..Attempt::none(now, why) }),
    }
}

/// Records a wait for an earlier event at `now`, like a postponement.
pub(crate) fn keep_waiting(attempts: &mut Vec<Attempt>, now: Utc, why: &str) {
    let for_turn = attempts.last().is_none_or(|last| last.postponed == 0 || last.for_turn);
    keep_postponed(attempts, now, why);
    if let Some(last) = attempts.last_mut() {
        last.for_turn = for_turn;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholder_has_its_time_and_reason() {
        let none = Attempt::none(Utc(5), "no turn");
        assert_eq!((none.at, none.detail.as_str(), none.status), (Utc(5), "no turn", None));
    }

    #[test]
    fn postponements_in_a_row_are_one_entry_that_counts() {
        let mut attempts = Vec::new();
        for n in 0..100 {
            keep_postponed(&mut attempts, Utc(n), &format!("until {n}"));
        }
        let expected = Attempt { postponed: 100, ..Attempt::none(Utc(0), "until 99") };
        assert_eq!(attempts, std::slice::from_ref(&expected));
        keep(&mut attempts, Attempt::none(Utc(200), "tried"));
        keep_postponed(&mut attempts, Utc(300), "again");
        assert_eq!(attempts.iter().map(|attempt| attempt.postponed).collect::<Vec<_>>(), [100, 0, 1]);
        let read: Attempt = serde_json::from_str(&serde_json::to_string(&expected).unwrap()).unwrap();
        assert_eq!(read, expected);
    }
}
