//! The Lambda function that receives 1datatech's port data.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(port_push::ACTION).await
}
