//! Answers that are JSON.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::Problem;

/// An answer that is JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Bytes>, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "the answer could not be written");
    serde_json::to_vec(body).map(|body| raw(status, body)).map_err(failed)
}

/// An answer that was printed as JSON already.
#[must_use]
pub fn raw(status: StatusCode, body: Vec<u8>) -> Response<Bytes> {
    build(status, "application/json", body)
}

pub(crate) fn build(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
