//! Requests to a partner as they go over the wire, and how their answers are read.

use bytes::Bytes;
use config::Connection;
use http::Method;
use outbound::{Request, Sent};
use partners::operation::{self, Fault, Prepared, Verdict};
use url::Url;

use crate::{Courier, trust};

/// How much of an answer is read, in bytes. A longer one cannot be judged.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// How much an attempt tells the operator, in characters.
pub(super) const DETAIL: usize = 512;

/// What is prepared, as it goes to the connection's base URL; `repeatable` where it may be sent twice in an attempt. A
/// command is sent once in each, whatever its schedule may do.
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
        timeout: connection.timeout,
        allow_private: connection.allow_private,
        trust: trust(&connection.trust),
        repeatable,
        limit: LONGEST_ANSWER + 1,
    })
}

/// What came of a request, an answer as text.
pub(super) async fn wired<S, Q>(courier: &Courier<S, Q>, request: Request) -> Sent {
    (courier.wire)(request).await.into_text(LONGEST_ANSWER + 1)
}

/// What an answer says by the partner's rule `judge`; nothing where there is none. Of one that cannot be read the status
/// alone counts, and never as success.
pub(super) fn read(sent: &Sent, judge: impl FnOnce(u16, &[u8]) -> Verdict) -> Option<Verdict> {
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
        Verdict::Refused { code, .. } if code == status.to_string() => Verdict::Refused { code, text: why },
        Verdict::Busy { code, .. } if code == status.to_string() => Verdict::Busy { code, text: why },
        Verdict::TokenExpired { code, .. } if code == status.to_string() => Verdict::TokenExpired { code, text: why },
        Verdict::Unreadable { .. } => Verdict::Unreadable { text: why },
        verdict @ (Verdict::Success
        | Verdict::Refused { .. }
        | Verdict::Busy { .. }
        | Verdict::Exception { .. }
        | Verdict::TokenExpired { .. }) => verdict,
    })
}

/// A verdict in a line.
pub(super) fn summary(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Success => String::new(),
        Verdict::Refused { code, text } => format!("refused: {code} {text}"),
        Verdict::Busy { code, text } => format!("not now: {code} {text}"),
        Verdict::Exception { code, text } => format!("its system failed: {code} {text}"),
        Verdict::TokenExpired { code, text } => format!("token expired: {code} {text}"),
        Verdict::Unreadable { text } => format!("unreadable: {text}"),
    }
}

/// Faults in a line.
pub(super) fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
