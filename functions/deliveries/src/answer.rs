//! JSON answers and RFC 9457 problems.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use serde::Serialize;
use store::StoreError;

/// What is wrong with a request, or with us.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Stable, the end of the problem's `type`.
    pub(crate) kind: &'static str,
    field: Option<&'static str>,
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, detail: &str) -> Self {
        Self { status, kind, field: None, detail: detail.to_owned() }
    }

    pub(crate) fn unauthorized() -> Self {
        let remedy = "send Authorization: Bearer <key> with one of the configuration's api_keys";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", remedy)
    }

    pub(crate) fn missing(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    pub(crate) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "use GET to read, POST to change")
    }

    pub(crate) fn field(field: &'static str, detail: &str) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::BAD_REQUEST, "invalid-request", detail) }
    }

    /// A failure of the store. Its causes are logged, not told.
    pub(crate) fn store(error: &StoreError) -> Self {
        if let StoreError::Refused { source, .. } = error {
            return Self::new(StatusCode::BAD_REQUEST, "invalid-request", &source.to_string());
        }
        tracing::error!(error = runtime::logs::chain(error), "the store failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the store is unavailable, please repeat the request")
    }

    /// The problem as `application/problem+json`.
    pub(crate) fn response(&self) -> Response<Bytes> {
        let body = serde_json::json!({
            "type": format!("urn:tongguan:problem:{}", self.kind),
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "field": self.field,
        });
        build(self.status, "application/problem+json", body.to_string().into_bytes())
    }
}

/// An answer that is JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Bytes>, Problem> {
    let body = serde_json::to_vec(body);
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "the answer could not be written");
    body.map(|body| raw(status, body)).map_err(failed)
}

/// An answer that was printed as JSON already.
pub(crate) fn raw(status: StatusCode, body: Vec<u8>) -> Response<Bytes> {
    build(status, "application/json", body)
}

fn build(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
