//! The Lambda function that receives the pushes of configured partners.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(partner::ACTION).await
}
