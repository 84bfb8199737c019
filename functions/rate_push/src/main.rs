//! The Lambda function that receives 1datatech's rates.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(rate_push::ACTION).await
}
