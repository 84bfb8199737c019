//! `ledger` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let table = lambda::start_with_table().await?;
    lambda::schedule_over(&table, |store, now| async move { ledger::handle(&store, now).await }).await
}
