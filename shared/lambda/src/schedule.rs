//! Work by the clock, as EventBridge calls for it.

use std::error::Error;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;

/// Runs a function on a schedule until the process ends. What the event says does not matter; a failure is logged and
/// counted by Lambda, and the next call does the work.
pub async fn schedule<F, W, E>(handle: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn() -> W,
    W: Future<Output = Result<(), E>>,
    E: Error + Send + Sync + 'static,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |_: LambdaEvent<IgnoredAny>| async move {
        let done = handle().await;
        done.inspect_err(|error| tracing::error!(error = runtime::logs::chain(error), "the scheduled work failed"))
            .map_err(lambda_runtime::Error::from)
    }))
    .await
}
