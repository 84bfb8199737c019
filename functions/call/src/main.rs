//! `call` on Lambda.

use bytes::Bytes;
use courier::Courier;
use outbound::KeepAlive;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    let base = Courier::new(function.context(), KeepAlive::Never, port_push::ACTION)?;
    let with = |context| Courier { context, ..base.clone() };
    let (web, direct) = (&with, &with);
    let invoke = |context, event: Bytes| async move { call::invoke(&direct(context), &event).await };
    lambda::api(&function, |context, request| async move { call::handle(&web(context), request).await }, invoke).await
}
