//! One exchange with a partner: what is sent, and what the answer means.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use hub::Secret;
use hub::call::{Answered, Came};
use hub::delivery::Outcome;
use outbound::{Kind, Request, Sent};
use partners::operation::enclosure::Enclosure;
use partners::operation::{self, Attempt, Fault, File, Operation, Prepared, Verdict};
use partners::{Json, operation::needs_token};
use runtime::config::Connection;
use store::Store;
use url::Url;

use super::{Gate, token};
use crate::file::{self, Limits, Obtained};
use crate::{Courier, nonce};

/// How much of an answer is read, in bytes. A longer one cannot be judged.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// How much of an answer is kept with a call, in bytes.
const KEPT: usize = 64 * 1024;

/// How much an attempt tells the operator, in characters.
const DETAIL: usize = 512;

/// What is asked, and of whom.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) connection: &'a Connection,
    pub(super) operation: &'a Operation<'a>,
    /// The ERP's body.
    pub(super) body: &'a Json<'a>,
    /// The file that came with it.
    pub(super) file: Option<&'a Enclosure>,
}

/// A request that may be sent.
pub(super) struct Ready {
    pub(super) request: Request,
    /// The token in it, where there is one.
    pub(super) token: Option<Secret>,
}

/// Why there is nothing to send.
pub(super) enum Unready {
    /// Not until somebody changes the request.
    Never(Vec<Fault>),
    /// Not by what this process knows of the connection and the operation.
    Unknown(Vec<Fault>),
    /// Not now.
    Later {
        text: String,
        /// What it says of the partner's health.
        outcome: Outcome,
        /// The wait that was asked for.
        retry_after: Option<Duration>,
    },
}

/// The request of one attempt: with the file, a token that is not `spent`, and a signature of its own.
pub(super) async fn ready<S: Store, Q>(
    courier: &Courier<S, Q>,
    ask: Ask<'_>,
    gate: &Gate,
    spent: Option<&Secret>,
) -> Result<Ready, Unready> {
    let Ask { connection, operation, body, file } = ask;
    let file = match file {
        Some(enclosed) => Some(obtain(courier, connection, enclosed).await?),
        None => None,
    };
    let token = if needs_token(connection.partner, &connection.settings) {
        let found = token::token(courier, connection, gate, spent).await;
        let later = |why: token::NoToken| Unready::Later { text: why.text, outcome: why.outcome, retry_after: None };
        Some(found.map_err(later)?)
    } else {
        None
    };
    let (own, boundary) = (nonce(courier), nonce(courier));
    let attempt = Attempt {
        settings: &connection.settings,
        credentials: &|name| connection.credentials.get(name).map(Secret::expose),
        token: token.as_ref().map(Secret::expose),
        now_ms: courier.context.now().milliseconds(),
        nonce: &own,
        boundary: &boundary,
        file: file.as_ref().map(|file| File { name: &file.name, content_type: &file.content_type, bytes: &file.bytes }),
    };
    let prepared = operation::prepare(operation, body, &attempt).map_err(Unready::Unknown)?;
    let request = request(connection, prepared)
        .map_err(|remedy| Unready::Unknown(vec![Fault { field: "base_url".to_owned(), remedy }]))?;
    Ok(Ready { request, token })
}

async fn obtain<S, Q>(
    courier: &Courier<S, Q>,
    connection: &Connection,
    enclosed: &Enclosure,
) -> Result<Obtained, Unready> {
    let limits = Limits { timeout: connection.timeout, allow_private: connection.allow_private_files };
    file::obtain(enclosed, |request| (courier.wire)(request), &limits).await.map_err(|why| {
        if why.worth_repeating {
            Unready::Later { text: why.text, outcome: Outcome::Impossible, retry_after: why.retry_after }
        } else {
            Unready::Never(vec![Fault { field: "file".to_owned(), remedy: why.text }])
        }
    })
}

/// What is prepared, as it goes to the connection's base URL.
pub(super) fn request(connection: &Connection, prepared: Prepared) -> Result<Request, String> {
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
        limit: LONGEST_ANSWER + 1,
    })
}

/// What came back, and what it says.
pub(super) struct Exchange {
    pub(super) sent: Sent,
    /// Nothing where there was no answer.
    pub(super) verdict: Option<Verdict>,
}

/// Sends a request, once, and reads the partner's business code.
pub(super) async fn exchange<S, Q>(courier: &Courier<S, Q>, ask: Ask<'_>, request: Request) -> Exchange {
    let sent = (courier.wire)(request).await;
    let verdict = match &sent {
        Sent::Answered { body, .. } if body.len() > LONGEST_ANSWER => {
            Some(Verdict::Unreadable { text: format!("the answer is longer than {LONGEST_ANSWER} bytes") })
        }
        Sent::Answered { status, body, .. } => {
            Some(operation::read(ask.operation, &ask.connection.settings, *status, body))
        }
        Sent::Failed { .. } => None,
    };
    Exchange { sent, verdict }
}

impl Exchange {
    /// Whether the partner turned the token away.
    pub(super) const fn is_expired(&self) -> bool {
        matches!(self.verdict, Some(Verdict::TokenExpired { .. }))
    }

    /// What became of the request.
    pub(super) const fn came(&self) -> Came {
        match (&self.verdict, &self.sent) {
            (Some(Verdict::Success), _) => Came::Success,
            (Some(Verdict::Refused { .. }), _) => Came::Refusal,
            (Some(Verdict::Busy { .. }), Sent::Answered { retry_after, .. }) => {
                Came::Nothing { retry_after: *retry_after }
            }
            (Some(Verdict::Busy { .. } | Verdict::TokenExpired { .. }), _) => Came::Nothing { retry_after: None },
            (Some(Verdict::Exception { .. } | Verdict::Unreadable { .. }), _) | (None, Sent::Answered { .. }) => {
                Came::Unknown
            }
            (None, Sent::Failed { kind, .. }) => match kind {
                Kind::Unsendable => Came::Refusal,
                Kind::Refused | Kind::Resolve | Kind::Connect => Came::Nothing { retry_after: None },
                Kind::Timeout | Kind::Broken => Came::Unknown,
            },
        }
    }

    /// What it says of the partner's health: an answer that the partner's code can be read from is a partner that works.
    pub(super) const fn outcome(&self) -> Outcome {
        match (&self.verdict, &self.sent) {
            (Some(Verdict::Success | Verdict::Refused { .. } | Verdict::TokenExpired { .. }), _) => Outcome::Delivered,
            (_, Sent::Answered { status, retry_after, .. }) => {
                Outcome::Refused { retry_after: *retry_after, trouble: *status == 429 || *status >= 500 }
            }
            (_, Sent::Failed { kind: Kind::Unsendable | Kind::Refused, .. }) => Outcome::Impossible,
            (_, Sent::Failed { kind: Kind::Resolve | Kind::Connect | Kind::Timeout | Kind::Broken, .. }) => {
                Outcome::NoAnswer
            }
        }
    }

    /// What the operator reads of it.
    pub(super) fn detail(&self) -> String {
        let text = self.verdict.as_ref().map_or_else(|| self.sent.detail(DETAIL), summary);
        text.chars().take(DETAIL).collect()
    }

    /// The answer as it is kept.
    pub(super) fn answer(&self) -> Option<Answered> {
        let Sent::Answered { status, body, .. } = &self.sent else { return None };
        let text = String::from_utf8_lossy(body);
        let end = text.floor_char_boundary(KEPT);
        let kept = text.get(..end).unwrap_or_default().to_owned();
        Some(Answered { status: *status, truncated: end < text.len(), body: kept })
    }
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
