//! `deliveries` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let context = lambda::context().await?;
    lambda::api(|request| deliveries::handle(&context, request)).await
}
