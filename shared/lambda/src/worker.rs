//! Hints, as SQS brings them in batches.

use std::error::Error;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt as _;
use futures::future::join_all;
use lambda_runtime::{LambdaEvent, service_fn};
use queue::Hint;

/// Runs a function that works on hints until the process ends. The event source needs
/// `FunctionResponseTypes: [ReportBatchItemFailures]`, or one failure repeats its whole batch, and a success of the
/// function hides all failures in it.
pub async fn worker<F, W, E>(handle: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Hint) -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, std::convert::Infallible>(batch(event.payload, handle).await)
    }))
    .await
}

/// Works on a batch, its hints beside one another, and reports the messages that are to come again: where the handler
/// fails or panics, and where a message cannot be read, so that it ends in the dead-letter queue and not in silence.
pub async fn batch<F, W, E>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    F: Fn(Hint) -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let failures = join_all(event.records.into_iter().map(|message| one(message, &handle))).await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.into_iter().flatten().collect();
    response
}

/// The failure of one message.
async fn one<F, W, E>(message: SqsMessage, handle: &F) -> Option<BatchItemFailure>
where
    F: Fn(Hint) -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let id = message.message_id.unwrap_or_default();
    let worked = match Hint::decode(message.body.as_deref().unwrap_or_default()) {
        Err(error) => {
            tracing::error!(message_id = id, error = runtime::logs::chain(&error), "a message is no hint");
            false
        }
        // The call is inside: a handler may panic before it gives its future.
        Ok(hint) => match AssertUnwindSafe(async { handle(hint).await }).catch_unwind().await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(message_id = id, error = runtime::logs::chain(&error), "a hint could not be worked on");
                false
            }
            Err(_) => {
                tracing::error!(message_id = id, "the handler of a hint panicked");
                false
            }
        },
    };
    (!worked).then(|| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failure
    })
}
