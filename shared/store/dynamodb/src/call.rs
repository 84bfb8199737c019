//! Calls to DynamoDB: classes of failures, and retries.
//!
//! A write without an answer is *unknown*: it may have happened. The same write is repeated; conditions make that
//! harmless, and the nonce in the item identifies a conflicting write that is our own. A failure at once is retried after a
//! pause until the time of the call is over, because most failures are short.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_dynamodb::Error;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use store::StoreError;
use tokio::time::{Instant, sleep, timeout};

use crate::{DynamoStore, schema};

/// The attributes of an item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Timeouts of the attempts at a small item. The first is short, because usually the connection died while the process was
/// frozen, and a new one answers within the partner's deadline.
pub(crate) const SMALL: &[Duration] = &[Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(3)];

/// Timeouts of the attempts at an item of up to a megabyte.
pub(crate) const LARGE: &[Duration] = &[Duration::from_secs(3), Duration::from_secs(5), Duration::from_secs(5)];

/// Longest time that an abandoned attempt continues.
const LONGEST: Duration = Duration::from_secs(5);

/// The first pause after a failure; doubled each time.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest pause, before it is jittered.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Failure of a request to DynamoDB.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The condition does not hold; the item in the way, where it was asked for.
    Condition(Option<Item>),
    /// A transaction was cancelled because of these, in the order of its items.
    Canceled(Vec<CancellationReason>),
    /// Any other failure; its variant decides whether the call may be repeated.
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

/// Class of a failure.
enum Class {
    Final(Failure),
    /// It will be possible in a moment; it may have happened.
    Passing(StoreError),
}

/// Repeats a call until there is an answer. `patience` has the timeout of each attempt. Failures before it are retried, too;
/// the whole takes the sum of the timeouts at most.
pub(crate) async fn call<T, E, F>(
    store: &DynamoStore,
    verb: &'static str,
    patience: &[Duration],
    request: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, SdkError<E>>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    Error: From<SdkError<E>>,
{
    let mut pauses = Pauses::new();
    let mut waits = patience.iter().peekable();
    let mut end = None;
    let mut last = None;
    while let Some(wait) = waits.peek() {
        // Never closed, so there is always a permit in the end.
        let permit = store.in_flight.acquire().await.ok();
        let end = *end.get_or_insert_with(|| Instant::now() + patience.iter().sum::<Duration>());
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let answer = attempt(request(), left.min(**wait)).await;
        drop(permit);
        match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => match classify(verb, error) {
                Class::Final(failure) => return Err(failure),
                Class::Passing(error) => {
                    last = Some(error);
                    let pause = pauses.next();
                    if pause >= end.saturating_duration_since(Instant::now()) {
                        break;
                    }
                    sleep(pause).await;
                }
            },
            Err(source) => {
                waits.next();
                last = Some(StoreError::Unavailable { verb, source });
            }
        }
    }
    Err(Failure::Other(last.unwrap_or_else(|| StoreError::Unavailable { verb, source: "no attempt was made".into() })))
}

/// One attempt with a timeout, after which it continues unobserved: cancelled, it would drop the connection that it is opening,
/// and each later attempt would begin the handshake again. Its late effect is that of an attempt whose answer was lost.
async fn attempt<F>(request: F, wait: Duration) -> Result<F::Output, Box<dyn StdError + Send + Sync>>
where
    F: Future<Output: Send> + Send + 'static,
{
    Ok(timeout(wait, tokio::spawn(timeout(LONGEST, request))).await???)
}

/// Pauses between attempts: doubled each time, with jitter, so that calls that failed together are not retried together.
pub(crate) struct Pauses {
    number: u32,
    seed: u64,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self::seeded(store::seed())
    }

    const fn seeded(seed: u64) -> Self {
        Self { number: 0, seed }
    }

    /// The next pause: half to one and a half times what it would be without jitter.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = PAUSE.saturating_mul(1_u32.checked_shl(self.number).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
        let part = self.seed.rotate_right(self.number.wrapping_mul(16)) & u64::from(u16::MAX);
        let part = u16::try_from(part).unwrap_or_default();
        self.number = self.number.saturating_add(1);
        pause.mul_f64(f64::from(part) / f64::from(u16::MAX) + 0.5)
    }
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
        return Class::Passing(unavailable(error.into()));
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK adds errors with every release")]
    match error {
        Error::ConditionalCheckFailedException(failed) => Class::Final(Failure::Condition(failed.item)),
        Error::TransactionCanceledException(canceled) => {
            let reasons = canceled.cancellation_reasons.clone().unwrap_or_default();
            let passing = |reason| matches!(Reason::of(reason), Reason::Conflict | Reason::Throttled);
            if reasons.iter().any(|reason| Reason::of(reason) == Reason::Condition) {
                Class::Final(Failure::Canceled(reasons))
            } else if reasons.iter().any(passing) {
                Class::Passing(unavailable(canceled.into()))
            } else {
                refused(canceled.into())
            }
        }
        error @ (Error::TransactionConflictException(_)
        | Error::TransactionInProgressException(_)
        | Error::ReplicatedWriteConflictException(_)
        | Error::ProvisionedThroughputExceededException(_)
        | Error::RequestLimitExceeded(_)
        | Error::ThrottlingException(_)
        | Error::LimitExceededException(_)) => Class::Passing(unavailable(error.into())),
        error => {
            // An inner error of DynamoDB may have come after the write.
            if status.is_none_or(|status| status >= 500) {
                Class::Passing(unavailable(error.into()))
            } else {
                refused(error.into())
            }
        }
    }
}

/// Reason why an item of a transaction was not written.
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

/// Name of a write, which distinguishes it from an equal one of another process.
#[derive(Clone, Debug)]
pub(crate) struct Nonce(u64);

impl Nonce {
    /// A unique name. Without random bytes it is an error: with an equal name, a write of another process would be taken for
    /// this one.
    pub(crate) fn new(verb: &'static str) -> Result<Self, StoreError> {
        Self::filled(verb, getrandom::fill)
    }

    fn filled<E: StdError + Send + Sync + 'static>(
        verb: &'static str,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, StoreError> {
        let mut bytes = [0; 8];
        fill(&mut bytes).map_err(|source| StoreError::Unavailable { verb, source: source.into() })?;
        Ok(Self(u64::from_be_bytes(bytes)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        let nonces: std::collections::HashSet<_> = (0..1000).map(|_| Nonce::new("admit").unwrap().0).collect();
        assert_eq!(nonces.len(), 1000);
    }

    /// Regression: a failure of the random source of write names went unnoticed.
    #[test]
    fn without_random_bytes_a_write_has_no_name() {
        let named = Nonce::filled("admit", |_| Err(std::io::Error::other("no entropy")));
        assert!(matches!(named, Err(StoreError::Unavailable { verb: "admit", .. })), "{named:?}");
    }

    #[test]
    fn pauses_double_within_bounds_and_never_meet() {
        let pauses = |seed| {
            let mut pauses = Pauses::seeded(seed);
            std::array::from_fn::<_, 40, _>(|_| pauses.next().as_millis())
        };
        assert_eq!(pauses(0)[..9], [5, 10, 20, 40, 80, 160, 320, 500, 500]);
        assert_eq!(pauses(u64::MAX)[..9], [15, 30, 60, 120, 240, 480, 960, 1_500, 1_500]);
        assert_ne!(pauses(0x0123_4567_89ab_cdef), pauses(0xfedc_ba98_7654_3210));
    }
}
