//! The Lambda function that receives XHQ's order fees.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(fee_push::ACTION).await
}
