//! `call_status` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    lambda::api(&function, |context, request| async move { call_status::handle(&context, request).await }).await
}
