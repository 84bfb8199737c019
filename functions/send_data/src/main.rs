//! The Lambda function that receives XHQ's declaration data.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(send_data::ACTION).await
}
