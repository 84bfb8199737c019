//! `deliveries` on Lambda.

use bytes::Bytes;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start_without_credentials().await?;
    let handle = |context, request| async move { deliveries::handle(&context, request).await };
    let invoke = |context, event: Bytes| async move { deliveries::invoke(&context, &event).await };
    lambda::api(&function, handle, invoke).await
}
