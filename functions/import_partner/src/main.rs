//! The Lambda function that receives XHQ's import partner data.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(import_partner::ACTION).await
}
