//! The Lambda function that receives XHQ's e-ledger validity.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(electronic_ledger::ACTION).await
}
