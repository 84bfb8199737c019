//! The Lambda function that receives TrackingEyes' customs status.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(customs_status::ACTION).await
}
