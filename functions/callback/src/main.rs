//! The Lambda function that receives everything a partner sends to one URL.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(callback::ACTION).await
}
