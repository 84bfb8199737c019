//! RFC 9457: what is wrong with a request, or with us.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use config::Unconfigured;
use http::header::{ALLOW, CONTENT_LANGUAGE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hub::Role;
use hub::audit::Ended;
use inbound::refusal::{self, BUSY, INCOMPLETE, NO_ROOM, Refusal, Refused, Unread};
use partners::sentence::{sentence, shortened};
use serde::{Serialize, Serializer};
use store::StoreError;

use crate::answer::build;
use crate::chinese::Language;
use crate::contract::{Members, ProblemBody};

/// The longest detail, in characters: some list every name that would be taken.
const LONGEST_DETAIL: usize = 1_000;
/// Tells a failure that neither the caller nor time will mend.
const OURS: &str = "the hub failed and its log says why: nothing is wrong with the request; tell the hub's operator";

/// A problem (RFC 9457) with a request, or of the hub. It never quotes a credential.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    field: Option<Cow<'static, str>>,
    members: Box<Members>,
    headers: Vec<(HeaderName, HeaderValue)>,
    unconfigured: bool,
    language: Language,
}

impl Problem {
    /// A problem whose `type` is `urn:tongguan:problem:<kind>`. Kinds are stable: callers branch on them. The detail
    /// says what to do.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        let (field, members, headers) = (None, Box::default(), Vec::new());
        let (unconfigured, language) = (false, Language::English);
        Self { status, kind, detail: detail.into(), field, members, headers, unconfigured, language }
    }

    /// 401: no configured key.
    #[must_use]
    pub fn unauthorized() -> Self {
        let remedy = "send Authorization: Bearer <key> with one of the configuration's api_keys";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", remedy);
        problem.headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        problem.unconfigured()
    }

    /// 403: the role of that key does not include the one that the request needs.
    pub(crate) fn forbidden(key: &str, role: Role, needed: Role) -> Self {
        let detail = format!("needs the role {needed}; {key} is a {role}, as api_keys.role of the configuration says");
        let members = Members { role: Some(needed), ..Members::default() };
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail).with(members).unconfigured()
    }

    /// 404.
    #[must_use]
    pub fn missing(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 405: the path takes these methods, with commas between them.
    pub(crate) fn method(allowed: &str) -> Self {
        let detail = format!("this path takes {allowed}");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
        problem.headers.extend(HeaderValue::from_str(allowed).map(|allowed| (ALLOW, allowed)));
        problem
    }

    /// 400 about one field: of the body as a path from its top, of the path or query by its name.
    pub fn field(field: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let field = Some(field.into());
        Self { field, ..Self::new(StatusCode::BAD_REQUEST, "invalid-request", detail) }
    }

    /// 400: `from` is no place to begin from.
    pub(crate) fn cursor(detail: impl Into<String>) -> Self {
        let field = Some(Cow::Borrowed("from"));
        Self { field, ..Self::new(StatusCode::BAD_REQUEST, "bad-cursor", detail) }
    }

    /// 400: `from` is of another key, another list or another change, or of none.
    #[must_use]
    pub fn bad_cursor() -> Self {
        Self::cursor(
            "must be the `next` of the same list or change, asked for with the same key: begin again without it",
        )
    }

    /// 413, 408 or 503: the body, of at most `limit` bytes, was not read.
    #[must_use]
    pub(crate) fn unread(why: Unread, limit: usize, remedy: Option<&str>) -> Self {
        match why {
            Unread::TooLarge => {
                let remedy = remedy.map(|remedy| format!(": {remedy}")).unwrap_or_default();
                let detail = format!("the body is larger than {limit} bytes{remedy}");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
            }
            Unread::Incomplete => Self::incomplete(),
            Unread::NoRoom => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", NO_ROOM),
            Unread::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", BUSY),
        }
    }

    /// 408: the body did not arrive whole.
    #[must_use]
    pub fn incomplete() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "incomplete", INCOMPLETE)
    }

    /// A failure of the store. A cursor is the caller's (400); an outage passes (503); what the engine refuses or cannot
    /// read, and what is damaged, is the hub's own fault (500). Causes are logged, not told.
    #[must_use]
    pub fn store(error: &StoreError) -> Self {
        match error {
            StoreError::BadCursor { .. } => Self::bad_cursor(),
            StoreError::Unavailable { .. } => {
                tracing::error!(error = telemetry::logs::chain(error), "the store is unavailable");
                let detail = "the store is unavailable, please repeat the request";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            }
            StoreError::Refused { .. } => {
                tracing::error!(
                    error = telemetry::logs::chain(error),
                    "the store refused a request of the hub: look at its table and permissions"
                );
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", OURS)
            }
            StoreError::Corrupt { .. } => {
                tracing::error!(error = telemetry::logs::chain(error), "a stored item cannot be read");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", OURS)
            }
            StoreError::Damaged { event, .. } => {
                tracing::error!(%event, "a stored event is damaged: restore it from a backup");
                let detail = "the stored bytes of this event are not those that were received; they are not served";
                let members = Members { event: Some(*event), ..Members::default() };
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", detail).with(members)
            }
        }
    }

    /// The system gives no random bytes, which passes (503). It is logged where they are needed.
    #[must_use]
    pub fn no_entropy() -> Self {
        let detail = "the system gives no random bytes at the moment; repeat the request later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// The archive of files is not there, or does not answer, which passes (503). The cause is logged, not told.
    #[must_use]
    pub fn no_archive() -> Self {
        let detail = "the archive of files does not answer, please repeat the request";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// The HTTP status that it is answered with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The result of an action as the audit trail has it: that status, or the problem's.
    #[must_use]
    pub fn ended<T>(result: &Result<T, Self>, status: StatusCode) -> Ended {
        match result {
            Ok(_) => Ended::with(status.as_u16()),
            Err(problem) => Ended { problem: Some(problem.kind.to_owned()), ..Ended::with(problem.status.as_u16()) },
        }
    }

    /// The problem as one that another configuration may not give; its answer is marked [`Unconfigured`]. Only for a request
    /// that nothing has been done for.
    #[must_use]
    pub const fn unconfigured(mut self) -> Self {
        self.unconfigured = true;
        self
    }

    /// The problem with its texts in that language.
    #[must_use]
    pub fn told_in(mut self, language: Language) -> Self {
        self.language = language;
        for mistake in self.members.errors.iter_mut().flatten() {
            mistake.remedy = language.text(&mistake.remedy);
        }
        self
    }

    /// The problem with these members in place of those it had.
    #[must_use]
    pub fn with(mut self, members: Members) -> Self {
        *self.members = members;
        self
    }

    /// The problem with a `Retry-After` of so many seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).clamp(1, u128::from(u32::MAX));
        self.headers.push((RETRY_AFTER, HeaderValue::from(u32::try_from(seconds).unwrap_or(u32::MAX))));
        self
    }

    /// The answer, as `application/problem+json`. Logged once here, by the function's name.
    #[must_use]
    pub fn answer(&self, function: &'static str) -> Response<Bytes> {
        if self.status == StatusCode::UNAUTHORIZED {
            // A stranger may ask as often as it likes: the log is not its to fill.
            let refusal = Refusal::ApiKey;
            let refused = Refused { function, partner: None, refusal, connection: None, peer: None };
            refusal::log(&refused, telemetry::system_clock()());
        } else {
            tracing::info!(function, status = self.status.as_u16(), problem = self.kind, "request refused");
        }
        self.unlogged()
    }

    /// The same answer, for a caller that logs the failure itself.
    #[must_use]
    pub fn unlogged(&self) -> Response<Bytes> {
        // Texts, numbers and printed JSON: this cannot fail.
        let body = serde_json::to_vec(self).unwrap_or_default();
        let mut response = build(self.status, "application/problem+json", body);
        let headers = response.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(self.language.tag()));
        headers.insert(VARY, HeaderValue::from_static("accept-language"));
        if self.unconfigured {
            response.extensions_mut().insert(Unconfigured);
        }
        response
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let body = ProblemBody {
            kind: format!("urn:tongguan:problem:{}", self.kind),
            title: self.language.title(self.status),
            status: self.status.as_u16(),
            // Both may repeat something of the request.
            detail: shortened(&self.language.text(&self.detail), LONGEST_DETAIL),
            field: self.field.as_deref().map(sentence),
            members: &self.members,
        };
        body.serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{Mistake, Original};

    fn text(problem: &Problem) -> String {
        String::from_utf8(problem.answer("test").into_body().to_vec()).unwrap()
    }

    #[test]
    fn a_problem_says_its_type_the_field_and_the_remedy() {
        let problem = Problem::field(format!("orders[{}].billNo", 3), "must be given");
        let said: serde_json::Value = serde_json::from_str(&text(&problem)).unwrap();
        let expected = json!({
            "type": "urn:tongguan:problem:invalid-request", "title": "Bad Request", "status": 400,
            "detail": "must be given", "field": "orders[3].billNo",
        });
        assert_eq!(said, expected);
        assert_eq!(problem.answer("test").headers()["content-type"], "application/problem+json");
    }

    #[test]
    fn quoted_request_text_is_cut() {
        let long = "x".repeat(200_000);
        assert!(text(&Problem::field(long.clone(), long.clone())).len() < 2_000);
        assert!(text(&Problem::missing(&long)).len() < 2_000);
    }

    #[test]
    fn partners_answer_stays_unchanged() {
        let refused = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "partner-refused", "the partner refused it");
        let json = r#"{"code":1.10, "id":1906651379888427008,"id":"twice"}"#;
        let errors = Some(vec![Mistake { field: "a".to_owned(), remedy: "b".to_owned() }]);
        let answered = |text| Some(Original::of(text));
        let told = refused().with(Members { errors, answer: answered(json), ..Members::default() });
        assert!(text(&told).ends_with(&format!(r#","errors":[{{"field":"a","remedy":"b"}}],"answer":{json}}}"#)));
        let told = refused().with(Members { answer: answered("签名 \"error\""), ..Members::default() });
        assert!(text(&told).ends_with(r#","answer":"签名 \"error\""}"#));
    }

    #[test]
    fn retryable_problem_has_retry_after() {
        let busy = |wait| Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", "later").retry_after(wait);
        for (wait, seconds) in [(0, "1"), (1, "1"), (1001, "2"), (30_000, "30")] {
            assert_eq!(busy(Duration::from_millis(wait)).answer("test").headers()["retry-after"], seconds);
        }
        assert!(Problem::method("GET").answer("test").headers().get("retry-after").is_none());
    }

    /// RFC 9110 wants both: a 401 said nothing of how to authenticate, a 405 nothing of what the path takes.
    #[test]
    fn a_refusal_says_in_its_head_what_would_be_taken() {
        assert_eq!(Problem::unauthorized().answer("test").headers()["www-authenticate"], "Bearer");
        assert_eq!(Problem::method("GET, HEAD").answer("test").headers()["allow"], "GET, HEAD");
    }
}
