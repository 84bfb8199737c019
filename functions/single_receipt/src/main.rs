//! The Lambda function that receives XHQ's customs receipts.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(single_receipt::ACTION).await
}
