//! `ledger` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = lambda::start().await?;
    lambda::schedule(&function, |context, _| async move { ledger::handle(&context).await }).await
}
