//! `deliveries` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    lambda::api(&function, |context, request| async move { deliveries::handle(&context, request).await }).await
}
