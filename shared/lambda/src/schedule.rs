//! Scheduled work, started by EventBridge or by an operator's invocation.

use std::error::Error;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt as _;
use hub::Clock;
use hub::Utc;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::IgnoredAny;
use store_dynamodb::DynamoStore;
use telemetry::metrics;
use tracing::Instrument as _;

use crate::{Deployed, Function, Invocation, Table};

/// Runs a scheduled function until the process ends. The handler gets the end of the invocation's time; the event is ignored.
/// The result is the function's answer. A failure is logged and counted by Lambda, and the next invocation does the work.
pub async fn schedule<F, W, R, E>(function: &Function, handle: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Deployed, Utc) -> W,
    W: Future<Output = Result<R, E>>,
    R: Serialize,
    E: Error + Send + Sync + 'static,
{
    let handle = &handle;
    let work = move |ends| async move {
        let context = function.fresh().await;
        let clock = context.clock.clone();
        let result = handle(context, ends).await;
        if clock() < ends {
            function.flush().await;
        }
        result
    };
    by_clock(&function.context().clock, work).await
}

/// The same of a function that needs the table alone.
pub async fn schedule_over<F, W, R, E>(table: &Table, handle: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(DynamoStore, Utc) -> W,
    W: Future<Output = Result<R, E>>,
    R: Serialize,
    E: Error + Send + Sync + 'static,
{
    by_clock(&table.clock, |_| handle(table.store.clone(), (table.clock)())).await
}

async fn by_clock<F, W, R, E>(clock: &Clock, handle: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Utc) -> W,
    W: Future<Output = Result<R, E>>,
    R: Serialize,
    E: Error + Send + Sync + 'static,
{
    let handle = &handle;
    let handler = move |event: LambdaEvent<IgnoredAny>| async move {
        let now = clock();
        let Invocation { request_id, left } = Invocation::new(&event.context, now);
        let span = tracing::error_span!("schedule", request_id);
        let work = async { handle(now.after(left)).await };
        let work = AssertUnwindSafe(work).catch_unwind().instrument(span.clone()).await;
        let _entered = span.enter();
        if !matches!(work, Ok(Ok(_))) {
            metrics::emit(now, &metrics::errors(1));
        }
        match work {
            Ok(Ok(result)) => {
                tracing::info!(outcome = "done", "the scheduled work is done");
                Ok(result)
            }
            Ok(Err(error)) => {
                tracing::error!(
                    error = telemetry::logs::chain(&error),
                    outcome = "failed",
                    "the scheduled work failed"
                );
                Err(lambda_runtime::Error::from(error))
            }
            // Lambda is to count it, too.
            Err(panic) => resume_unwind(panic),
        }
    };
    // Of no type: the compiler gives up on a future as deep as such work within the runtime.
    lambda_runtime::run(service_fn(move |event| handler(event).boxed_local())).await
}
