//! Headers of a push and the answer to it, as they are kept with its events.
//!
//! The answer that is kept is the one for a push that is stored in time. It is stored in the same write as the event, so that it
//! costs no second one; where a write is late, the partner gets the retryable negative instead.

use config::Connection;
use http::HeaderMap;
use hub::event::{Exchange, GivenAnswer};
use partners::answer::{Answer, Verdict};
use percent_encoding::percent_decode_str;

use crate::refusal::answered;

/// The exchange of a push at a connection, which is malformed for that reason.
pub(crate) fn of(connection: &Connection, names: &[&str], headers: &HeaderMap, malformed: Option<&str>) -> Exchange {
    let verdict = if malformed.is_some() { Verdict::Malformed } else { Verdict::Accepted };
    let Answer { status, content_type, body, .. } = answered(connection, names, verdict, malformed.unwrap_or_default());
    let given = GivenAnswer { status, content_type: content_type.into_owned(), body };
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    let has_key = |value: &str| {
        let decoded = percent_decode_str(value).decode_utf8_lossy();
        connection.keys.iter().any(|key| value.contains(key.expose()) || decoded.contains(key.expose()))
    };
    Exchange::new(headers, has_key, given)
}
