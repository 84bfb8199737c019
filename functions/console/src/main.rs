//! `console` on Lambda.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let router = &console::router::<()>();
    lambda::describe(console::PATH, |request| router.handle(&(), request)).await
}
