//! `openapi` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::describe(openapi::handle).await
}
