//! Hints, as SQS brings them in batches.

use std::error::Error;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt as _;
use futures::future::join_all;
use hub::Utc;
use lambda_runtime::{LambdaEvent, service_fn};
use queue::{Destination, Hint};
use telemetry::metrics;
use tokio::time::{Instant, timeout};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::{Deployed, Function, Invocation};

/// Runs a function that processes queue messages until the process ends. The handler gets the time at which it is stopped, so
/// that it begins nothing that would end later. The event source needs
/// `FunctionResponseTypes: [ReportBatchItemFailures]`, or one failure repeats its whole batch, and a success of the
/// function hides all failures in it.
pub async fn worker<F, W, E>(function: &Function, handle: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Deployed, Utc, Hint) -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let handle = &handle;
    let handler = move |event: LambdaEvent<SqsEvent>| async move {
        let context = function.fresh().await;
        let invocation = Invocation::new(&event.context, context.now());
        let ends = context.now().after(invocation.left);
        let response = batch(event.payload, &invocation, |hint| handle(context.clone(), ends, hint)).await;
        if context.now() < ends {
            function.flush().await;
        }
        let failed = response.batch_item_failures.len();
        if failed > 0 {
            metrics::emit(context.now(), &metrics::errors(failed));
        }
        Ok::<_, std::convert::Infallible>(response)
    };
    // Of no type: the compiler gives up on a future as deep as such work within the runtime.
    lambda_runtime::run(service_fn(move |event| handler(event).boxed_local())).await
}

/// Processes the messages of a batch concurrently, and reports those to receive again: where the handler fails, panics or
/// exceeds the invocation's time, and unreadable ones, so that they end in the dead-letter queue instead of vanishing.
pub async fn batch<F, W, E>(event: SqsEvent, invocation: &Invocation, handle: F) -> SqsBatchResponse
where
    F: Fn(Hint) -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let failures = join_all(event.records.into_iter().map(|message| one(message, invocation, &handle))).await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.into_iter().flatten().collect();
    response
}

/// The failure of one message.
async fn one<F, W, E>(message: SqsMessage, invocation: &Invocation, handle: &F) -> Option<BatchItemFailure>
where
    F: Fn(Hint) -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let id = message.message_id.unwrap_or_default();
    let worked = match Hint::decode(message.body.as_deref().unwrap_or_default()) {
        Err(error) => {
            let request_id = invocation.request_id.as_str();
            tracing::error!(
                request_id,
                message_id = id,
                error = telemetry::logs::chain(&error),
                "a message is no hint"
            );
            false
        }
        Ok(hint) => {
            let span = span(&hint, &id, invocation);
            work(hint, invocation, handle).instrument(span).await
        }
    };
    (!worked).then(|| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failure
    })
}

/// Log span of a queue message, whose fields every line has. The result is logged by the handler.
fn span(hint: &Hint, message_id: &str, invocation: &Invocation) -> Span {
    let (connection, subject, event) = (&hint.key.connection, &hint.key.subject, &hint.key.id);
    let endpoint = match hint.destination() {
        Destination::Endpoint(endpoint) => Some(endpoint),
        Destination::Connection(_) | Destination::Store => None,
    };
    let endpoint = endpoint.as_ref().map(tracing::field::display);
    let request_id = invocation.request_id.as_str();
    tracing::error_span!("hint", request_id, message_id, %connection, %subject, %event, endpoint, done = Empty, trace_id = Empty)
}

/// Whether a hint was worked on.
async fn work<F, W, E>(hint: Hint, invocation: &Invocation, handle: &F) -> bool
where
    F: Fn(Hint) -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let begun = Instant::now();
    // The call is inside: a handler may panic before it gives its future.
    let work = AssertUnwindSafe(async { handle(hint).await }).catch_unwind();
    match timeout(invocation.left, work).await {
        Ok(Ok(Ok(()))) => {
            let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(outcome = "done", ms, "queue message processed");
            return true;
        }
        Ok(Ok(Err(error))) => {
            let error = telemetry::logs::chain(&error);
            tracing::error!(error, outcome = "failed", "queue message could not be processed");
        }
        Ok(Err(_)) => tracing::error!(outcome = "panicked", "the handler of a queue message panicked"),
        Err(_) => tracing::error!(outcome = "late", "queue message was not processed within the function's timeout"),
    }
    false
}
