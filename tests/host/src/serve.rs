//! The HTTP servers of the host: one handler each, on a port that the system chooses.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
pub(crate) use simulators::serve::Server;

/// Serves until the value is dropped. A handler that gives nothing closes the connection without an answer.
pub(crate) async fn serve<F, A>(handler: F) -> io::Result<Server>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Option<Response<Full<Bytes>>>> + Send + 'static,
{
    let answer = move |request| {
        let answer = handler(request);
        async move { answer.await.ok_or_else(|| "no answer".into()) }
    };
    Server::start(([127, 0, 0, 1], 0).into(), || true, answer).await
}

/// A response with a JSON body.
pub(crate) fn json(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
