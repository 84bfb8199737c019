//! Lambda's data about one invocation: its request id and its deadline.

use std::time::Duration;

use hub::Utc;
use lambda_runtime::Context;

/// Part of an invocation's time that is reserved for its answer.
const RESERVE: Duration = Duration::from_millis(500);

/// One invocation: its name in the log, and its time.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// For how long work may go on, so that the answer still goes out before Lambda ends the function.
    pub left: Duration,
}

impl Invocation {
    /// The invocation that Lambda's context describes, at `now`.
    #[must_use]
    pub fn new(context: &Context, now: Utc) -> Self {
        let end = i64::try_from(context.deadline).unwrap_or(i64::MAX).saturating_mul(1_000);
        Self { request_id: context.request_id.clone(), left: Utc(end).since(now).saturating_sub(RESERVE) }
    }
}

impl Default for Invocation {
    /// One without a name or an end.
    fn default() -> Self {
        Self { request_id: String::new(), left: Duration::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_before_lambda_ends_it() {
        let mut context = Context::default();
        context.request_id = "r".to_owned();
        context.deadline = 10_000;
        let left = |seconds: i64| Invocation::new(&context, Utc(seconds * 1_000_000)).left.as_millis();
        assert_eq!((left(0), left(9), left(10), left(99)), (9_500, 500, 0, 0));
    }
}
