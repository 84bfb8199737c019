//! `call` on Lambda.

use bytes::Bytes;
use courier::Courier;
use outbound::KeepAlive;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?.with_archive()?;
    let base = Courier::new(function.context(), KeepAlive::Never, callback::ACTION)?;
    let (with, router) = (&|context| Courier { context, ..base.clone() }, &call::router());
    let handle = |context, request| async move { router.handle(&with(context), request).await };
    let invoke = |context, event: Bytes| async move { call::invoke(&with(context), &event).await };
    lambda::api(&function, handle, invoke).await
}
