//! `call_status` on Lambda.

use bytes::Bytes;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    let handle = |context, request| async move { call_status::handle(&context, request).await };
    let invoke = |context, event: Bytes| async move { call_status::invoke(&context, &event).await };
    lambda::api(&function, handle, invoke).await
}
