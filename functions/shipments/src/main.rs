//! `shipments` on Lambda.

use bytes::Bytes;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (function, router) = (lambda::start_reading().await?.with_archive()?, &shipments::router());
    let handle = |context, request| async move { router.handle(&context, request).await };
    let invoke = |context, event: Bytes| async move { router.invoke(&context, &event).await };
    lambda::api(&function, handle, invoke).await
}
