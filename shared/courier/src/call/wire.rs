//! Requests to a partner as they go over the wire, and how their answers are read.

use bytes::Bytes;
use config::Connection;
use http::Method;
use outbound::{Request, Sent};
use partners::operation::{self, Fault, Judgement, Prepared};
use url::Url;

use crate::{Courier, trust};

/// Longest answer that is read, in bytes. A longer one cannot be judged.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Longest `detail` of an attempt, in characters.
pub(super) const DETAIL: usize = 512;

/// The HTTP request of a prepared operation, to the connection's base URL. `repeatable` allows sending it twice in one
/// attempt; a command is sent once in each, whatever its schedule may do.
pub(super) fn request(connection: &Connection, prepared: Prepared, repeatable: bool) -> Result<Request, String> {
    let base = connection.base_url.as_ref().ok_or_else(|| "must be set: where the partner is called".to_owned())?;
    let url = Url::parse(&prepared.url(base.as_str())).map_err(|_| "and the operation's path are no URL".to_owned())?;
    let headers = prepared.headers.into_iter().map(|pair| (pair.name, pair.value));
    let content_type = prepared.content_type.into_iter().map(|value| ("content-type".into(), value));
    Ok(Request {
        method: match prepared.method {
            operation::Method::Get => Method::GET,
            operation::Method::Post => Method::POST,
        },
        url,
        headers: content_type.chain(headers).collect(),
        body: Bytes::from(prepared.body),
        attached: None,
        sink: None,
        timeout: connection.timeout,
        allow_private: connection.allow_private,
        trust: trust(&connection.trust),
        repeatable,
        limit: LONGEST_ANSWER + 1,
    })
}

/// Sends a request and returns its result, with the answer as text.
pub(super) async fn wired<S, Q>(courier: &Courier<S, Q>, request: Request) -> Sent {
    (courier.wire)(request).await.into_text(LONGEST_ANSWER + 1)
}

/// Judgement of an answer by the partner's rule `judge`; none without an answer. Of an unreadable answer only the status
/// counts, and never as success.
pub(super) fn read(sent: &Sent, judge: impl FnOnce(u16, &[u8]) -> Judgement) -> Option<Judgement> {
    let Sent::Answered { status, unreadable, body, .. } = sent else { return None };
    let why = if body.len() > LONGEST_ANSWER {
        Some(format!("the answer is longer than {LONGEST_ANSWER} bytes"))
    } else if unreadable.is_some() || sent.redirected().is_some() {
        Some(sent.detail(DETAIL))
    } else {
        None
    };
    let Some(why) = why else { return Some(judge(*status, body)) };
    // A 303 may carry a business code; a body that cannot be read carries none.
    let body = if unreadable.is_some() || body.len() > LONGEST_ANSWER { &b""[..] } else { body };
    Some(match judge(*status, body) {
        Judgement::Refused { code, .. } if code == status.to_string() => Judgement::Refused { code, text: why },
        Judgement::Busy { code, .. } if code == status.to_string() => Judgement::Busy { code, text: why },
        Judgement::TokenExpired { code, .. } if code == status.to_string() => {
            Judgement::TokenExpired { code, text: why }
        }
        Judgement::Unreadable { .. } => Judgement::Unreadable { text: why },
        verdict @ (Judgement::Success
        | Judgement::Refused { .. }
        | Judgement::Busy { .. }
        | Judgement::Exception { .. }
        | Judgement::TokenExpired { .. }) => verdict,
    })
}

/// A verdict in a line.
pub(super) fn summary(verdict: &Judgement) -> String {
    match verdict {
        Judgement::Success => String::new(),
        Judgement::Refused { code, text } => format!("refused: {code} {text}"),
        Judgement::Busy { code, text } => format!("not now: {code} {text}"),
        Judgement::Exception { code, text } => format!("its system failed: {code} {text}"),
        Judgement::TokenExpired { code, text } => format!("token expired: {code} {text}"),
        Judgement::Unreadable { text } => format!("unreadable: {text}"),
    }
}

/// Faults in a line.
pub(super) fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
