//! Headers of a push and the answer to it, kept with its events where the connection wants evidence.

use serde::{Deserialize, Serialize};

use crate::attempt::is_zero;

/// Most bytes of the headers that are kept, names and values.
pub const MOST_HEADER_BYTES: usize = 4 * 1024;

/// Most bytes of the answer's body that are kept.
const MOST_BODY: usize = 4 * 1024;

/// Value of a header that holds a secret.
const REDACTED: &str = "[REDACTED]";

/// Parts of the names of headers that hold secrets.
const SECRET_NAMES: [&str; 7] = ["auth", "cookie", "token", "secret", "password", "apikey", "api-key"];

/// Headers of a push and the answer to it. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Names, in lower case, and values of the request's headers, in their order; those of secrets are redacted.
    pub headers: Vec<(String, String)>,
    /// Number of further headers, for which there was no room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
    /// The answer that the push gets once all of it is stored in time.
    pub answer: GivenAnswer,
}

/// An answer to a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: String,
    /// The body; the beginning of a long one.
    pub body: String,
}

impl Exchange {
    /// The headers of a push, without the values of those that are known to hold secrets or for which `is_secret` says so, and
    /// the answer.
    pub fn new(
        headers: impl IntoIterator<Item = (String, String)>,
        is_secret: impl Fn(&str) -> bool,
        mut answer: GivenAnswer,
    ) -> Self {
        let (mut kept, mut bytes, mut left_out) = (Vec::new(), 0, 0);
        for (name, value) in headers {
            let name = name.to_lowercase();
            let is_secret = SECRET_NAMES.iter().any(|part| name.contains(part)) || is_secret(&value);
            let value = if is_secret { REDACTED.to_owned() } else { value };
            let size = name.len() + value.len();
            if bytes + size > MOST_HEADER_BYTES {
                left_out += 1;
            } else {
                bytes += size;
                kept.push((name, value));
            }
        }
        answer.body.truncate(answer.body.floor_char_boundary(MOST_BODY));
        Self { headers: kept, left_out, answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(headers: &[(&str, &str)]) -> Exchange {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let answer =
            GivenAnswer { status: 200, content_type: "application/json".to_owned(), body: "通".repeat(9_000) };
        Exchange::new(headers, |value| value.contains("inbound-key"), answer)
    }

    #[test]
    fn secrets_in_headers_are_redacted() {
        let kept = exchange(&[
            ("User-Agent", "xhq/1"),
            ("Authorization", "Basic hunter2"),
            ("proxy-authorization", "hunter2"),
            ("Cookie", "hunter2"),
            ("X-Amz-Security-Token", "hunter2"),
            ("x-original-uri", "/hooks/xhq/c/inbound-key"),
        ]);
        assert_eq!(kept.headers[0], ("user-agent".to_owned(), "xhq/1".to_owned()));
        assert_eq!(kept.headers.len(), 6, "that they were there is told");
        assert!(kept.headers[1..].iter().all(|(_, value)| value == REDACTED), "{kept:?}");
    }

    #[test]
    fn headers_and_answer_are_bounded() {
        let long = "x".repeat(MOST_HEADER_BYTES);
        let kept = exchange(&[("a", "1"), ("b", &long), ("c", "2")]);
        assert_eq!((kept.headers.len(), kept.left_out), (2, 1));
        assert!(kept.answer.body.len() <= MOST_BODY && kept.answer.body.len() > MOST_BODY - 4);
    }

    #[test]
    fn exchange_is_read_back_as_it_was_stored() {
        let kept = exchange(&[("a", "1")]);
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Exchange>(&text).unwrap(), kept);
        assert!(text.starts_with(r#"{"headers":[["a","1"]],"answer":{"status":200,"content_type":"#), "{text}");
    }
}
