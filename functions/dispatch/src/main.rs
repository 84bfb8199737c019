//! `dispatch` on Lambda.

use courier::Courier;
use outbound::KeepAlive;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?.with_archive()?;
    let courier = Courier::new(function.context(), KeepAlive::Never, callback::ACTION)?;
    let work = |context, ends, hint| {
        let courier = Courier { context, ends: Some(ends), ..courier.clone() };
        async move { dispatch::handle(&courier, hint).await }
    };
    lambda::worker(&function, work).await
}
