//! `console` on Lambda.

use http::Request;
use http::header::ACCEPT_ENCODING;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let router = &console::router::<()>();
    // The gateway passes text on: compressed files would arrive in base64.
    let plain = |mut request: Request<_>| {
        request.headers_mut().remove(ACCEPT_ENCODING);
        request
    };
    lambda::describe(console::PATH, |request| router.handle(&(), plain(request))).await
}
