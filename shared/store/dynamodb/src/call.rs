//! Calls to DynamoDB: what a failure means, and what is repeated.
//!
//! A write without an answer is *unknown*: it may have happened. The same write is repeated a few times; conditions make
//! that harmless, and the nonce in the item tells whether the write that is in the way is our own.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use aws_sdk_dynamodb::Error;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use store::StoreError;
use tokio::time::{sleep, timeout};

use crate::{DynamoStore, schema};

/// The attributes of an item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// How long each attempt at a small item may take. The first is short because it is usually the connection that died
/// while the process was frozen, and a new one answers within the partner's deadline.
pub(crate) const SMALL: &[Duration] = &[Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(3)];

/// How long each attempt may take where up to a megabyte comes or goes.
pub(crate) const LARGE: &[Duration] = &[Duration::from_secs(3), Duration::from_secs(5), Duration::from_secs(5)];

/// How often a write is repeated because a transaction on the same item was under way.
const CONFLICTS: u32 = 6;

/// The first pause after a conflict; doubled each time, and jittered.
const CONFLICT_PAUSE: Duration = Duration::from_millis(2);

/// What a failed call means.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The condition does not hold; the item in the way, where it was asked for.
    Condition(Option<Item>),
    /// A transaction was cancelled because of these, in the order of its items.
    Canceled(Vec<CancellationReason>),
    /// Any other, told apart by whether the call may be repeated.
    Other(StoreError),
}

impl Failure {
    /// The failure of a call that has no condition.
    pub(crate) fn unconditional(self, verb: &'static str) -> StoreError {
        match self {
            Self::Other(error) => error,
            Self::Condition(_) | Self::Canceled(_) => {
                StoreError::Refused { verb, source: "a condition failed that was not set".into() }
            }
        }
    }
}

/// How a failure is dealt with.
enum Class {
    Final(Failure),
    /// It may have happened.
    Unknown(StoreError),
    /// It did not happen, and will be possible in a moment.
    Conflict(StoreError),
}

/// Calls until there is an answer: `patience` says how long to wait for each, and how often.
pub(crate) async fn call<T, E, F>(
    store: &DynamoStore,
    verb: &'static str,
    patience: &[Duration],
    request: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, SdkError<E>>>,
    Error: From<SdkError<E>>,
{
    let mut conflicts = 0;
    let mut attempts = patience.iter();
    let mut current = attempts.next();
    let mut last = None;
    while let Some(patience) = current {
        // Never closed, so there is always a permit in the end.
        let permit = store.in_flight.acquire().await.ok();
        let answer = timeout(*patience, request()).await;
        drop(permit);
        let class = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => classify(verb, error),
            Err(elapsed) => Class::Unknown(StoreError::Unavailable { verb, source: Box::new(elapsed) }),
        };
        match class {
            Class::Final(failure) => return Err(failure),
            Class::Unknown(error) => {
                current = attempts.next();
                last = Some(error);
            }
            Class::Conflict(error) if conflicts == CONFLICTS => return Err(Failure::Other(error)),
            Class::Conflict(_) => {
                sleep(CONFLICT_PAUSE.saturating_mul(1 << conflicts).mul_f64(jitter())).await;
                conflicts += 1;
            }
        }
    }
    Err(Failure::Other(last.unwrap_or_else(|| StoreError::Unavailable { verb, source: "no attempt was made".into() })))
}

fn classify<E>(verb: &'static str, error: SdkError<E>) -> Class
where
    Error: From<SdkError<E>>,
{
    let unavailable = |source: Box<dyn StdError + Send + Sync>| StoreError::Unavailable { verb, source };
    let refused =
        |source: Box<dyn StdError + Send + Sync>| Class::Final(Failure::Other(StoreError::Refused { verb, source }));
    let status = error.raw_response().map(|response| response.status().as_u16());
    let answered = matches!(error, SdkError::ServiceError(_));
    let never_sent = matches!(error, SdkError::ConstructionFailure(_));
    let error = Error::from(error);
    if never_sent {
        return refused(error.into());
    }
    if !answered {
        return Class::Unknown(unavailable(error.into()));
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK adds errors with every release")]
    match error {
        Error::ConditionalCheckFailedException(failed) => Class::Final(Failure::Condition(failed.item)),
        Error::TransactionCanceledException(canceled) => {
            let reasons = canceled.cancellation_reasons.clone().unwrap_or_default();
            if reasons.iter().any(|reason| Reason::of(reason) == Reason::Condition) {
                Class::Final(Failure::Canceled(reasons))
            } else if reasons.iter().any(|reason| Reason::of(reason) == Reason::Conflict) {
                Class::Conflict(unavailable(canceled.into()))
            } else if reasons.iter().any(|reason| Reason::of(reason) == Reason::Throttled) {
                Class::Final(Failure::Other(unavailable(canceled.into())))
            } else {
                refused(canceled.into())
            }
        }
        error @ (Error::TransactionConflictException(_)
        | Error::TransactionInProgressException(_)
        | Error::ReplicatedWriteConflictException(_)) => Class::Conflict(unavailable(error.into())),
        error @ (Error::ProvisionedThroughputExceededException(_)
        | Error::RequestLimitExceeded(_)
        | Error::ThrottlingException(_)
        | Error::LimitExceededException(_)) => Class::Final(Failure::Other(unavailable(error.into()))),
        error => {
            // An inner error of DynamoDB may have come after the write.
            if status.is_none_or(|status| status >= 500) {
                Class::Unknown(unavailable(error.into()))
            } else {
                refused(error.into())
            }
        }
    }
}

/// Why an item of a transaction was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It would have been.
    None,
    /// Its condition does not hold.
    Condition,
    /// Another transaction is at it.
    Conflict,
    /// There is no capacity.
    Throttled,
    /// Anything else.
    Other,
}

impl Reason {
    /// The SDK has no type for these codes; they are listed with `TransactWriteItems` in DynamoDB's API reference.
    pub(crate) fn of(reason: &CancellationReason) -> Self {
        match reason.code() {
            None | Some("None") => Self::None,
            Some("ConditionalCheckFailed") => Self::Condition,
            Some("TransactionConflict") => Self::Conflict,
            Some("ProvisionedThroughputExceeded" | "ThrottlingError") => Self::Throttled,
            Some(_) => Self::Other,
        }
    }
}

/// Names a write, so that it can be told from an equal one of somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Nonce(u64);

impl Nonce {
    pub(crate) fn new() -> Self {
        Self(random())
    }

    pub(crate) fn value(&self) -> AttributeValue {
        AttributeValue::B(Blob::new(self.0.to_be_bytes()))
    }

    pub(crate) fn token(&self) -> String {
        format!("{:016x}", self.0)
    }

    /// Whether the item in the way was written by the same call, in an attempt whose answer was lost.
    pub(crate) fn wrote(&self, item: Option<&Item>) -> bool {
        item.and_then(|item| item.get(schema::NONCE)) == Some(&self.value())
    }
}

/// Not for secrets: the standard library's seed for hash maps, which comes from the system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// In `0.5..1.5`.
fn jitter() -> f64 {
    f64::from(u32::try_from(random() >> 32).unwrap_or_default()) / f64::from(u32::MAX) + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        let nonces: std::collections::HashSet<_> = (0..1000).map(|_| Nonce::new().0).collect();
        assert_eq!(nonces.len(), 1000);
    }
}
