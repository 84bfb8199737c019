//! The Lambda function that receives XHQ's bonded import list (核注清单).

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(bonded_list::ACTION).await
}
