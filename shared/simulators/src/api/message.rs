//! Requests to a partner and its answers.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body_util::Full;
use hub::Utc;
use serde_json::Value;

use super::body::{self, Part};
use crate::erp::Reply;

/// One request a partner got.
#[derive(Clone, Debug)]
pub struct Received {
    /// The operation: the last part of XHQ's path, Yanwen's method, `port_query`, `result_query`, `download`,
    /// `subscribe`, [`TOKEN`](super::TOKEN); the path itself where the partner does not know it.
    pub operation: String,
    /// The HTTP method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, decoded, in its order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Time at which it was complete, by the partner's clock.
    pub at: Utc,
    /// The rule it breaks; nothing where it is as the partner's document wants it.
    pub wrong: Option<String>,
    /// The partner did what it asks for, whatever it answered.
    pub processed: bool,
    /// The HTTP status of the answer; nothing where the connection is closed on it.
    pub answered: Option<u16>,
}

impl Received {
    pub(super) fn new(parts: Parts, body: Bytes, at: Utc) -> Self {
        let query =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self {
            operation: String::new(),
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query,
            headers: parts.headers,
            body,
            at,
            wrong: None,
            processed: false,
            answered: None,
        }
    }

    /// A header's text; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The query parameter of that name; the first where there are several.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is something else.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as a form in the URL encoding.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The parts of a multipart body; none where it is something else or broken.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        body::multipart(self.header("content-type"), &self.body).unwrap_or_default()
    }

    /// The media type, without its parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        let media_type = self.header("content-type").split(';').next().unwrap_or_default();
        media_type.trim().to_ascii_lowercase()
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        body::position(&self.body, text.as_bytes()).is_some()
            || self.query.iter().any(|(_, value)| value.contains(text))
    }
}

/// Answer of a partner.
pub(super) struct Answer {
    pub(super) status: u16,
    content_type: &'static str,
    body: Bytes,
    retry_after: Option<u64>,
}

impl Answer {
    pub(super) fn json(value: &Value) -> Self {
        Self::json_of(200, value)
    }

    pub(super) fn json_of(status: u16, value: &Value) -> Self {
        let body = Bytes::from(value.to_string());
        Self { status, content_type: "application/json;charset=UTF-8", body, retry_after: None }
    }

    pub(super) fn json_text(status: u16, body: &str) -> Self {
        let body = Bytes::from(body.to_owned());
        Self { status, content_type: "application/json;charset=UTF-8", body, retry_after: None }
    }

    pub(super) fn xml(status: u16, body: String) -> Self {
        Self { status, content_type: "text/xml;charset=UTF-8", body: body.into(), retry_after: None }
    }

    pub(super) fn text(status: u16, text: String) -> Self {
        Self { status, content_type: "text/plain;charset=UTF-8", body: text.into(), retry_after: None }
    }

    /// The body as a text.
    #[cfg(test)]
    pub(super) fn text_of(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn pdf(body: Bytes) -> Self {
        Self { status: 200, content_type: "application/pdf", body, retry_after: None }
    }

    pub(super) fn rubbish() -> Self {
        let body =
            "<!DOCTYPE html>\n<html><head><title>系统维护</title></head><body><h1>系统维护中</h1></body></html>\n";
        Self { status: 200, content_type: "text/html; charset=utf-8", body: body.into(), retry_after: None }
    }

    pub(super) fn response(self) -> Result<Response<Full<Bytes>>, http::Error> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status)?;
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(self.content_type));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        Ok(response)
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let Reply { status, body, retry_after } = reply;
        Self { status, content_type: "application/json", body, retry_after }
    }
}

/// Reason why a partner refuses a request, and its answer.
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) answer: Answer,
}

/// A partner's side of the play.
pub(super) trait Play: Send + Sync + 'static {
    /// The operation a request asks for.
    fn operation(&self, request: &Received) -> String;

    /// Whether the request is as the partner's document wants it. A nonce that was shown is used up by this.
    fn check(&self, request: &Received) -> Result<(), Refusal>;

    /// Does what the request asks for.
    fn process(&self, request: &Received) -> Answer;

    /// A business failure in the partner's envelope.
    fn failure(&self, code: i64, message: &str) -> Answer;

    /// The answer of a partner that refuses for good.
    fn refusal(&self) -> Answer;

    /// The answer of a partner that wants to be asked again later.
    fn busy(&self) -> Answer {
        let mut busy = self.failure(503, "系统繁忙,请稍后再试");
        busy.status = 503;
        busy
    }

    /// Identity of the request's content: its body, without the parts that change from one attempt to the next.
    fn key(&self, request: &Received) -> Bytes {
        request.body.clone()
    }
}
