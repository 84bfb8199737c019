//! `openapi` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    lambda::api(&function, |_, request| async move { openapi::handle(&request) }).await
}
