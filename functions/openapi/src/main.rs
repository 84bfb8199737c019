//! `openapi` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let router = &openapi::router::<()>();
    lambda::describe(openapi::PATH, |request| router.handle(&(), request)).await
}
