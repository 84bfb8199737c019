//! One attempt as it is kept for the operator, and the bounded list of the latest.

use serde::{Deserialize, Serialize};

use crate::Utc;
use crate::time::Rfc3339;

/// How many attempts are kept for the operator to read.
pub const ATTEMPTS_KEPT: usize = 10;

/// One attempt, or the time in which none could be made. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Utc,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The HTTP status, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of the answer's body, or what went wrong.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How often in a row it was postponed without an attempt, `at` being the first time; 0 for an attempt that was made.
    #[serde(default, rename = "put_off", skip_serializing_if = "is_zero")]
    pub postponed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(crate) const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Attempt {
    /// A placeholder that records why there is no attempt, or why the result of one is not known.
    pub(crate) fn none(now: Utc, why: &str) -> Self {
        Self { at: now, detail: why.to_owned(), ..Self::default() }
    }
}

/// One attempt, or the time in which none could be made.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Attempt"))]
pub struct AttemptView<'a> {
    /// The time at which it began.
    at: Rfc3339,
    /// Its duration in milliseconds.
    ms: u64,
    /// The HTTP status, where there was an answer.
    status: Option<u16>,
    /// The beginning of the answer, or the error.
    detail: &'a str,
    /// No attempt was made: it was put off so many times in a row, first `at` that time, for the reason in `detail`. No
    /// retry is used up by it.
    #[serde(skip_serializing_if = "is_zero")]
    put_off: u32,
}

impl Attempt {
    /// The attempt as the ERP sees it.
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

/// Adds an attempt to the latest, oldest first.
pub(crate) fn keep(attempts: &mut Vec<Attempt>, attempt: Attempt) {
    attempts.push(attempt);
    attempts.drain(..attempts.len().saturating_sub(ATTEMPTS_KEPT));
}

/// Records that no attempt could be made at `now`: one entry for all times in a row, with the latest reason.
pub(crate) fn keep_postponed(attempts: &mut Vec<Attempt>, now: Utc, why: &str) {
    match attempts.last_mut().filter(|last| last.postponed > 0) {
        Some(last) => {
            last.postponed = last.postponed.saturating_add(1);
            why.clone_into(&mut last.detail);
        }
        None => keep(attempts, Attempt { postponed: 1, ..Attempt::none(now, why) }),
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
