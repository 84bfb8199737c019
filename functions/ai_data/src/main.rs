//! The Lambda function that receives XHQ's AI extraction data.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(ai_data::ACTION).await
}
