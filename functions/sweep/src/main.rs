//! `sweep` on Lambda.

use std::sync::atomic::AtomicBool;

use courier::Courier;
use outbound::KeepAlive;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    let courier = Courier::new(function.context(), KeepAlive::Never, port_push::ACTION)?;
    let begun = AtomicBool::new(false);
    let work = |context, ends| {
        let (courier, begun) = (Courier { context, ends: Some(ends), ..courier.clone() }, &begun);
        async move { sweep::again(&courier, begun).await }
    };
    lambda::schedule(&function, work).await
}
