//! One exchange with a partner: what is sent, and what the answer means.

use std::time::Duration;

use bytes::Bytes;
use config::Connection;
use hub::Secret;
use hub::call::{CallOutcome, PartnerAnswer, PartnerMessage};
use hub::delivery::Outcome;
use hub::files::LARGEST;
use outbound::{Kind, Request, Sent};
use partners::operation::enclosure::Enclosure;
use partners::operation::{self, Attempt, Effect, Fault, File, Judgement, Operation, refuses_credentials};
use partners::{Json, operation::needs_token};
use store::Store;

use super::credentials;
use super::gate::Gate;
use super::token::{Issuer, Lack, NoToken, Refusal};
use super::wire::{DETAIL, read, request, summary, wired};
use crate::download::Bounds;
use crate::entropy::NoEntropy;
use crate::file::{self, Here, Obtained, Unread};
use crate::{Courier, trust};

/// Largest part of an answer that is stored with a call, in bytes.
const KEPT: usize = 64 * 1024;

/// A request for an operation, with the connection that it goes through.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) connection: &'a Connection,
    pub(super) operation: &'a Operation<'a>,
    /// The ERP's body.
    pub(super) body: &'a Json<'a>,
    /// The file of the request.
    pub(super) file: Option<&'a Enclosure>,
}

/// A request that may be sent.
pub(super) struct Ready {
    pub(super) request: Request,
    /// The token in it, where there is one.
    pub(super) token: Option<Secret>,
    /// Whether its file can be read to the end.
    pub(super) unread: Unread,
}

/// Reason why no request can be sent.
pub(super) enum Unready {
    /// The request is invalid: only a changed one can be sent.
    Never(Vec<Fault>),
    /// Not by what this process knows of the connection and the operation.
    Unknown(Vec<Fault>),
    /// The partner refuses to give a token.
    Refused {
        /// For the operator: its words, and what to do.
        text: String,
        /// Kind of the refusal.
        refusal: Refusal,
        /// The partner's code and text.
        said: Option<Box<PartnerMessage>>,
    },
    /// This process lacks something; neither the partner nor the request is at fault.
    Here(String),
    /// Not in this moment: this machine has no descriptor left.
    Exhausted(String),
    /// Not now.
    Later {
        text: String,
        /// Outcome for the circuit of the partner.
        outcome: Outcome,
        /// Wait that the partner asked for.
        retry_after: Option<Duration>,
        /// The partner's code and text in place of a token.
        said: Option<Box<PartnerMessage>>,
    },
}

impl Unready {
    /// Outcome for the circuit of the partner.
    pub(super) const fn outcome(&self) -> Outcome {
        match self {
            Self::Later { outcome, .. } => *outcome,
            // It answers, and knows its own mind.
            Self::Refused { .. } => Outcome::Delivered,
            Self::Never(_) | Self::Unknown(_) | Self::Here(_) => Outcome::Impossible,
            Self::Exhausted(_) => Outcome::Unsent,
        }
    }
}

impl From<NoEntropy> for Unready {
    fn from(none: NoEntropy) -> Self {
        Self::Here(none.to_string())
    }
}

impl From<NoToken> for Unready {
    fn from(why: NoToken) -> Self {
        let NoToken { text, outcome, refused, said, lack } = why;
        match (refused, lack) {
            (Some(refusal), _) => Self::Refused { text, refusal, said },
            (None, Some(Lack::Entropy)) => Self::Here(text),
            (None, Some(Lack::Descriptors)) => Self::Exhausted(text),
            (None, None) => Self::Later { text, outcome, retry_after: None, said },
        }
    }
}

/// The request of one attempt: with the file, a token that is not `spent`, and a signature of its own. The file is obtained once,
/// and `obtained` for the attempt after this one.
pub(super) async fn ready<S: Store, Q>(
    courier: &Courier<S, Q>,
    ask: Ask<'_>,
    gate: &Gate,
    spent: Option<&Secret>,
    obtained: &mut Option<Obtained>,
) -> Result<Ready, Unready> {
    let Ask { connection, operation, body, file } = ask;
    if let Some(name) = connection.unread.first() {
        let remedy = "is in the credentials secret, which this process does not read".to_owned();
        return Err(Unready::Unknown(vec![Fault { field: name.clone(), remedy }]));
    }
    if let (Some(enclosed), None) = (file, &*obtained) {
        *obtained = Some(obtain(courier, connection, enclosed).await?);
    }
    let file = obtained.clone();
    let token = if needs_token(connection.partner, &connection.settings) {
        let issuer = Issuer { courier, connection, slot: &gate.token, complaint: &gate.complaint };
        Some(issuer.token(spent).await?)
    } else {
        None
    };
    let (own, boundary) = (courier.nonce()?, courier.nonce()?);
    let attempt = Attempt {
        settings: &connection.settings,
        credentials: &|name| connection.credentials.get(name).map(Secret::expose),
        token: token.as_ref().map(Secret::expose),
        now_ms: courier.now().milliseconds(),
        nonce: &own,
        boundary: &boundary,
        file: file.as_ref().map(|file| File { name: &file.name, content_type: &file.content_type }),
    };
    let prepared = operation::prepare(operation, body, &attempt).map_err(Unready::Unknown)?;
    let slot = prepared.file;
    let mut request = request(connection, prepared, operation.effect == Effect::Query)
        .map_err(|remedy| Unready::Unknown(vec![Fault { field: "base_url".to_owned(), remedy }]))?;
    let mut unread = Unread::default();
    if let Some((file, slot)) = file.zip(slot) {
        let attached = file.source.attached(slot).await.map_err(|error| cut_off(&error.to_string()))?;
        (request.attached, unread) = (Some(attached.0), attached.1);
    }
    Ok(Ready { request, token, unread })
}

/// The file could not be read to its end: what the partner has of the request is a part, which is none.
fn cut_off(why: &str) -> Unready {
    let text = format!("the file of the call could not be read to its end: {why}");
    Unready::Later { text, outcome: Outcome::Impossible, retry_after: None, said: None }
}

async fn obtain<S, Q>(
    courier: &Courier<S, Q>,
    connection: &Connection,
    enclosed: &Enclosure,
) -> Result<Obtained, Unready> {
    let bounds = Bounds {
        timeout: connection.timeout,
        allow_private: connection.allow_private_files,
        trust: trust(&connection.trust),
        largest: LARGEST,
    };
    let here = Here { archive: courier.context.archive.as_ref(), now: courier.now() };
    file::obtain(enclosed, |request| (courier.wire)(request), &bounds, here).await.map_err(|why| {
        if why.is_exhausted {
            Unready::Exhausted(why.text)
        } else if why.worth_repeating {
            Unready::Later { text: why.text, outcome: Outcome::Impossible, retry_after: why.retry_after, said: None }
        } else {
            Unready::Never(vec![Fault { field: "file".to_owned(), remedy: why.text }])
        }
    })
}

/// A sent request with its answer and the judgement of it.
pub(super) struct Exchange {
    pub(super) sent: Sent,
    /// None where there was no answer.
    pub(super) verdict: Option<Judgement>,
    /// The partner's own code and text.
    pub(super) said: Option<Box<PartnerMessage>>,
    /// Whether it refuses the connection's credentials.
    pub(super) refuses_credentials: bool,
}

/// Sends a request, once, and reads the partner's business code. One that this machine could not send is none.
pub(super) async fn exchange<S, Q>(
    courier: &Courier<S, Q>,
    ask: Ask<'_>,
    request: Request,
    unread: &Unread,
) -> Result<Exchange, Unready> {
    let sent = wired(courier, request).await;
    if let (Sent::Failed { .. }, Some(why)) = (&sent, unread.why()) {
        return Err(cut_off(why));
    }
    if let Sent::Failed { kind: Kind::Exhausted, text, .. } = sent {
        return Err(Unready::Exhausted(text));
    }
    let verdict = read(&sent, |status, body| operation::read(ask.operation, &ask.connection.settings, status, body));
    let said = verdict.as_ref().and_then(PartnerMessage::of);
    Ok(Exchange { sent, verdict, said, refuses_credentials: false })
}

impl Exchange {
    /// Records whether the partner accepts the credentials. Where it does not, the judgement names them. Rejecting a `fresh`
    /// token is such a refusal, too.
    pub(super) async fn with_credentials<S: Store, Q>(
        mut self,
        courier: &Courier<S, Q>,
        connection: &Connection,
        gate: &Gate,
        fresh: bool,
    ) -> Self {
        let status = self.sent.status().unwrap_or_default();
        let refused = match &self.verdict {
            Some(Judgement::Success) => {
                credentials::accepted(courier, connection, &gate.complaint).await;
                None
            }
            Some(Judgement::TokenExpired { code, text }) if fresh => {
                Some((code.clone(), format!("it rejected the token that it had just issued: {text}")))
            }
            Some(verdict @ Judgement::Refused { code, text })
                if refuses_credentials(connection.partner, status, verdict) =>
            {
                Some((code.clone(), text.clone()))
            }
            Some(_) | None => None,
        };
        if let Some((code, text)) = refused {
            credentials::refused(courier, connection, &gate.complaint, &code).await;
            let text = format!("{text}; {}", credentials::advice(connection));
            self.verdict = Some(Judgement::Refused { code, text });
            self.refuses_credentials = true;
        }
        self
    }

    /// Whether the partner turned the token away.
    pub(super) const fn is_expired(&self) -> bool {
        matches!(self.verdict, Some(Judgement::TokenExpired { .. }))
    }

    /// Result of the request.
    pub(super) const fn came(&self) -> CallOutcome {
        match (&self.verdict, &self.sent) {
            (Some(Judgement::Success), _) => CallOutcome::Success,
            (Some(Judgement::Refused { .. }), _) => CallOutcome::Refusal,
            (Some(Judgement::Busy { .. }), Sent::Answered { retry_after, .. }) => {
                CallOutcome::Nothing { retry_after: *retry_after }
            }
            (Some(Judgement::Busy { .. } | Judgement::TokenExpired { .. }), _) => {
                CallOutcome::Nothing { retry_after: None }
            }
            (Some(Judgement::Exception { .. } | Judgement::Unreadable { .. }), _) | (None, Sent::Answered { .. }) => {
                CallOutcome::Unknown
            }
            (None, Sent::Failed { kind, .. }) => match kind {
                Kind::Unsendable => CallOutcome::Refusal,
                Kind::Refused | Kind::Resolve | Kind::Connect | Kind::Exhausted => {
                    CallOutcome::Nothing { retry_after: None }
                }
                Kind::Timeout | Kind::Broken => CallOutcome::Unknown,
            },
        }
    }

    /// Outcome for the circuit of the partner: an answer with a readable code is that of a working partner.
    pub(super) const fn outcome(&self) -> Outcome {
        match (&self.verdict, &self.sent) {
            (Some(Judgement::Success | Judgement::Refused { .. } | Judgement::TokenExpired { .. }), _) => {
                Outcome::Delivered
            }
            (_, Sent::Answered { status, retry_after, .. }) => {
                Outcome::Refused { retry_after: *retry_after, trouble: *status == 429 || *status >= 500 }
            }
            (_, Sent::Failed { kind: Kind::Unsendable | Kind::Refused | Kind::Exhausted, .. }) => Outcome::Impossible,
            (_, Sent::Failed { kind: Kind::Resolve | Kind::Connect | Kind::Timeout | Kind::Broken, .. }) => {
                Outcome::NoAnswer
            }
        }
    }

    /// Summary for the operator, in the attempt's `detail`.
    pub(super) fn detail(&self) -> String {
        let text = self.verdict.as_ref().map_or_else(|| self.sent.detail(DETAIL), summary);
        text.chars().take(DETAIL).collect()
    }

    /// The body of the answer.
    pub(super) const fn body(&self) -> Option<&Bytes> {
        match &self.sent {
            Sent::Answered { body, .. } => Some(body),
            Sent::Failed { .. } => None,
        }
    }

    /// The answer as it is kept.
    pub(super) fn answer(&self) -> Option<PartnerAnswer> {
        let Sent::Answered { status, body, .. } = &self.sent else { return None };
        let text = String::from_utf8_lossy(body);
        let end = text.floor_char_boundary(KEPT);
        let kept = text.get(..end).unwrap_or_default().to_owned();
        Some(PartnerAnswer { status: *status, truncated: end < text.len(), body: kept })
    }
}

/// Health of the partner by the result of an attempt.
pub(super) const fn outcome(result: &Result<Exchange, Unready>) -> Outcome {
    match result {
        Ok(exchange) => exchange.outcome(),
        Err(unready) => unready.outcome(),
    }
}
