//! The signed request of a delivery attempt, and its result.

use bytes::Bytes;
use config::Endpoint;
use hub::delivery::{Attempt, Outcome};
use hub::envelope;
use hub::signature::{SigningKey, signatures};
use hub::trace::{Place, TRACEPARENT};
use hub::{Event, Utc};
use outbound::{Client, Kind, RECEIPT, Request, Sent};

use crate::trust;

/// Longest part of an answer that is stored with the attempt, in characters.
const DETAIL: usize = 512;

/// One signed request to an endpoint.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// `webhook-id`: the event's id, the same at every attempt.
    pub id: String,
    /// `webhook-timestamp`, in seconds since 1970.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// `tongguan-type`, `tongguan-subject` and `tongguan-source`, as headers take them. They are not signed.
    pub labels: Vec<(&'static str, String)>,
    /// The attempt's span, where deliveries are traced. It is not signed.
    pub span: Option<Place>,
    /// `Content-Type`.
    pub content_type: String,
    /// `Content-Encoding`, where there is one.
    pub encoding: Option<String>,
    /// The bytes that are signed.
    pub body: Bytes,
}

/// Result of a delivery attempt.
#[derive(Clone, Debug)]
pub struct DeliveryResult {
    /// Judgement of the answer.
    pub outcome: Outcome,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The beginning of the answer, or what went wrong.
    pub detail: String,
}

impl Parcel {
    /// The event as this endpoint wants it, signed at `now` with these [`Endpoint::keys`].
    #[must_use]
    pub fn new(event: &Event, endpoint: &Endpoint, keys: &[SigningKey], now: Utc) -> Self {
        let content = envelope::content(event, endpoint.format);
        let id = event.key.id.to_string();
        let signature = signatures(keys, &id, now, &content.body);
        let envelope::Content { content_type, encoding, body } = content;
        let labels = envelope::labels(event);
        Self { id, timestamp: now.seconds(), signature, labels, span: None, content_type, encoding, body }
    }
}

impl DeliveryResult {
    /// The attempt as it is kept, begun at `at` and over at `now`.
    pub(crate) fn attempt(&self, at: Utc, now: Utc) -> Attempt {
        let ms = u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX);
        Attempt { at, ms, status: self.status, detail: self.detail.clone(), ..Attempt::default() }
    }
}

/// Posts a parcel to its endpoint.
pub(crate) async fn post(client: &Client, endpoint: &Endpoint, parcel: Parcel) -> DeliveryResult {
    let mut headers = vec![
        ("content-type".into(), parcel.content_type),
        ("webhook-id".into(), parcel.id),
        ("webhook-timestamp".into(), parcel.timestamp.to_string()),
        ("webhook-signature".into(), parcel.signature),
    ];
    headers.extend(parcel.labels.into_iter().map(|(name, value)| (name.into(), value)));
    headers.extend(parcel.span.map(|span| (TRACEPARENT.into(), span.to_string())));
    headers.extend(parcel.encoding.map(|encoding| ("content-encoding".into(), encoding)));
    let request = Request {
        method: http::Method::POST,
        url: endpoint.url.clone(),
        headers,
        body: parcel.body,
        attached: None,
        sink: None,
        timeout: endpoint.timeout,
        allow_private: endpoint.allow_private,
        trust: trust(&endpoint.trust),
        // With the same webhook-id, as every retry.
        repeatable: true,
        limit: RECEIPT,
    };
    let sent = client.send(request).await.into_text(RECEIPT);
    let outcome = match &sent {
        Sent::Answered { status, retry_after, unreadable, body, .. } => {
            let body = unreadable.is_none().then_some(&body[..]);
            envelope::judge(endpoint.format, *status, *retry_after, body)
        }
        Sent::Failed { kind: Kind::Unsendable, .. } => Outcome::Impossible,
        Sent::Failed { kind: Kind::Exhausted, .. } => Outcome::Unsent,
        // A forbidden address waits like one that does not answer: the operator may allow it, and nothing is lost.
        Sent::Failed { kind: Kind::Refused | Kind::Resolve | Kind::Connect | Kind::Timeout | Kind::Broken, .. } => {
            Outcome::NoAnswer
        }
    };
    DeliveryResult { outcome, status: sent.status(), detail: sent.detail(DETAIL) }
}
