//! `call` on Lambda.

use courier::Courier;
use outbound::KeepAlive;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    let base = Courier::new(function.context(), KeepAlive::Never, port_push::ACTION)?;
    let with = |context| Courier { context, ..base.clone() };
    let (web, direct) = (&with, &with);
    // Boxed: the compiler gives up on a future as deep as the whole of a call within the whole of the runtime.
    let handle = |context, request| Box::pin(async move { call::handle(&web(context), request).await });
    let invoke = |context, event: String| Box::pin(async move { call::invoke(&direct(context), event.as_bytes()).await });
    lambda::api_or_invoke(&function, handle, invoke).await
}
