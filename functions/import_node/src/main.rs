//! The Lambda function that receives XHQ's import process nodes.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::webhook(import_node::ACTION).await
}
