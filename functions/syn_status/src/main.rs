//! The Lambda function that receives XHQ's order status.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(syn_status::ACTION).await
}
