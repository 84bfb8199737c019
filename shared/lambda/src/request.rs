//! HTTP as API Gateway brings it and takes it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use api::Problem;
use bytes::Bytes;
use futures::FutureExt as _;
use hub::Utc;
use lambda_http::http::header::{CONTENT_TYPE, HeaderValue};
use lambda_http::http::uri::PathAndQuery;
use lambda_http::http::{Request as HttpRequest, StatusCode, Uri};
use lambda_http::{Body, Request, RequestExt as _, Response};
use telemetry::metrics;
use tokio::time::timeout;

use crate::Invocation;

/// Largest answer within the gateway's envelope, in bytes: Lambda's limit for both is 6,291,556.
pub(crate) const MOST_ANSWER: usize = 6_291_556 - 16 * 1024;

/// The bytes of a body, unchanged. `lambda_http` would return none for an unknown content type, and partners send any.
pub(crate) fn bytes(body: Body) -> Bytes {
    match body {
        Body::Text(text) => text.into(),
        Body::Binary(bytes) => bytes.into(),
        Body::Empty | _ => Bytes::new(),
    }
}

/// A JSON response.
pub(crate) fn respond(status: u16, content_type: &str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_str(content_type);
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Lambda's data about the invocation of a request.
pub(crate) fn invocation(request: &Request, now: Utc) -> Invocation {
    request.lambda_context_ref().map_or_else(Invocation::default, |context| Invocation::new(context, now))
}

/// A handler's answer, or the problem that stands for it: it panicked, or was not done in the time that is left. The next
/// request is served.
pub(crate) async fn guarded<T>(left: Duration, answer: impl Future<Output = T>) -> Result<T, Problem> {
    let (status, outcome, what) = match timeout(left, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "panicked", "the hub failed"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "late", "the hub was not done in the time of the function"),
    };
    tracing::error!(outcome, "{what}");
    metrics::emit(telemetry::system_clock()(), &metrics::errors(1));
    Err(Problem::new(status, "unavailable", format!("{what}; the same request may be repeated")))
}

/// Size of a body as a string within JSON, in bytes.
fn quoted(body: &[u8]) -> usize {
    let size = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    body.iter().map(size).sum()
}

/// The problem in place of an answer that Lambda would not take.
pub(crate) fn too_large(bytes: usize) -> Problem {
    let detail = format!("an answer of {bytes} bytes is more than Lambda takes from a function");
    tracing::error!("request not answered: {detail}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "answer-too-large", detail)
}

/// Whether an answer is a file, which goes through the gateway in base64.
pub(crate) fn is_file(response: &Response<Bytes>) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/zip")
}

/// The body as Lambda's answer has it: a file, and what is no text, in base64.
fn encoded(response: Response<Bytes>) -> Response<Body> {
    let is_file = is_file(&response);
    response.map(|body| match String::from_utf8(body.into()) {
        Ok(text) if is_file => Body::Binary(text.into_bytes()),
        Ok(text) => Body::Text(text),
        Err(error) => Body::Binary(error.into_bytes()),
    })
}

/// Turns an answer to the ERP into Lambda's, where it is there in the time that is left of the invocation.
pub async fn answer_api(left: Duration, answer: impl Future<Output = Response<Bytes>>) -> Response<Body> {
    let answered = guarded(left, answer).await.map(encoded).and_then(|response| {
        let (bytes, printed) = match response.body() {
            Body::Text(text) => (text.len(), quoted(text.as_bytes())),
            Body::Binary(bytes) => (bytes.len(), bytes.len().div_ceil(3) * 4),
            Body::Empty | _ => (0, 0),
        };
        if printed > MOST_ANSWER {
            return Err(too_large(bytes));
        }
        tracing::info!(outcome = response.status().as_u16(), "answered");
        Ok(response)
    });
    answered.unwrap_or_else(|problem| encoded(problem.unlogged()))
}

/// The request as the handler knows it: its own path without a stage or a base path, the body's bytes.
pub(crate) fn plain(request: Request) -> HttpRequest<Bytes> {
    let path = hub::path::own(request.raw_http_path());
    let path = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let (mut head, body) = request.into_parts();
    if let Ok(path) = PathAndQuery::try_from(path) {
        head.uri = Uri::from(path);
    }
    HttpRequest::from_parts(head, bytes(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: a trailing slash was accepted on one host alone.
    #[test]
    fn a_stage_before_the_path_is_left_out_and_the_rest_stays() {
        for (path, own) in [
            ("/deliveries", "/deliveries"),
            ("/prod/deliveries/failed", "/deliveries/failed"),
            ("/prod//events/a%2Fb//deliveries/", "/events/a%2Fb//deliveries/"),
            ("/other", "/other"),
        ] {
            let event = format!(
                r#"{{"version":"2.0","rawPath":"{path}","headers":{{}},"isBase64Encoded":false,"requestContext":
                {{"http":{{"method":"GET"}},"stage":"$default"}}}}"#
            );
            assert_eq!(plain(lambda_http::request::from_str(&event).unwrap()).uri().path(), own);
        }
    }

    #[test]
    fn a_body_of_any_kind_is_its_bytes() {
        assert_eq!(bytes(Body::Text("通关".to_owned())), "通关".as_bytes());
        assert_eq!(bytes(Body::Binary(vec![0, 255])), [0, 255][..]);
        assert_eq!(bytes(Body::Empty), Bytes::new());
    }
}
