//! `sweep` on Lambda.

use courier::Courier;
use outbound::KeepAlive;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let courier = Courier::new(lambda::context().await?, KeepAlive::Never)?;
    lambda::schedule(|| sweep::handle(&courier)).await
}
