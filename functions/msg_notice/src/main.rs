//! The Lambda function that receives XHQ's order messages.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(msg_notice::ACTION).await
}
