//! An ERP that receives deliveries: it checks their signature, remembers them, and behaves as well or as badly as it is
//! told.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hub::Utc;
use hub::signature::SigningKey;
use hyper::body::Incoming;
use partners::Json;
use sha2::Sha256;
use standardwebhooks::Webhook;
use tokio::sync::watch;

use crate::serve::{Answered, Server};

/// One request the ERP got.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `webhook-id`; empty where it is missing.
    pub id: String,
    /// The CloudEvents `type`; nothing in the raw format.
    pub kind: Option<String>,
    /// The CloudEvents `subject`; nothing in the raw format.
    pub subject: Option<String>,
    /// The path it came to.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// `webhook-signature` holds a signature by one of the ERP's keys. Always false for an ERP without keys.
    pub signed: bool,
    /// Time at which it was complete.
    pub at: Utc,
    /// The status it is answered with; nothing where the connection is closed on it.
    pub answered: Option<u16>,
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Bytes,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Reply {
    /// An empty answer of that status.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        Self { status, body: Bytes::new(), retry_after: None }
    }

    /// A 200 with that body, such as `{"state":false}`.
    #[must_use]
    pub const fn saying(body: &'static str) -> Self {
        Self { status: 200, body: Bytes::from_static(body.as_bytes()), retry_after: None }
    }

    /// The answer with `Retry-After`.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// Behaviour of the ERP towards deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers 200 at once.
    #[default]
    Takes,
    /// Answers 200 after that long.
    Slow(Duration),
    /// Closes every connection without an answer.
    Down,
    /// Answers everything so.
    Answers(Reply),
    /// Answers the first so many deliveries of each id so, and takes the next.
    FailsFirst(u32, Reply),
    /// Answers every delivery whose body holds that text so, and takes the others.
    FailsWhere(&'static str, Reply),
    /// Answers every so-manyth request so, counted from the change of behaviour, and takes the others.
    FailsEvery(u32, Reply),
}

/// Action of the ERP on one request.
enum Act {
    Reply(Reply, Duration),
    Close,
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    /// Requests since the behaviour was set, in all and by id.
    requests: u32,
    by_id: HashMap<String, u32>,
    kept: Vec<Delivery>,
    under_way: usize,
    most_under_way: usize,
}

impl State {
    fn act(&mut self, id: &str, body: &[u8]) -> Act {
        self.requests = self.requests.saturating_add(1);
        let at_once = |reply: &Reply| Act::Reply(reply.clone(), Duration::ZERO);
        let takes = Act::Reply(Reply::of(200), Duration::ZERO);
        match &self.behaviour {
            Behaviour::Slow(delay) => Act::Reply(Reply::of(200), *delay),
            Behaviour::Down => Act::Close,
            Behaviour::Answers(reply) => at_once(reply),
            Behaviour::FailsFirst(times, reply) => {
                let failed = self.by_id.entry(id.to_owned()).or_default();
                if *failed < *times {
                    *failed += 1;
                    at_once(reply)
                } else {
                    takes
                }
            }
            Behaviour::FailsWhere(text, reply)
                if body.windows(text.len().max(1)).any(|part| part == text.as_bytes()) =>
            {
                at_once(reply)
            }
            Behaviour::FailsEvery(every, reply) if self.requests.is_multiple_of((*every).max(1)) => at_once(reply),
            Behaviour::Takes | Behaviour::FailsWhere(..) | Behaviour::FailsEvery(..) => takes,
        }
    }
}

/// Observer of the deliveries to an ERP.
type Seen = Box<dyn Fn(&Delivery) + Send + Sync>;

struct Shared {
    keys: Vec<Verifier>,
    seen: Option<Seen>,
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running ERP; dropping it closes its port and its connections.
pub struct Erp {
    server: Server,
    shared: Arc<Shared>,
}

impl Erp {
    /// Starts an ERP that keeps every delivery. Port 0 lets the system choose. With several keys any of them will do.
    pub async fn start(address: SocketAddr, keys: Vec<SigningKey>) -> io::Result<Self> {
        Self::open(address, keys, None).await
    }

    /// Starts an ERP that shows every delivery to `seen` and keeps none.
    pub async fn watched(
        address: SocketAddr,
        keys: Vec<SigningKey>,
        seen: impl Fn(&Delivery) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::open(address, keys, Some(Box::new(seen))).await
    }

    async fn open(address: SocketAddr, keys: Vec<SigningKey>, seen: Option<Seen>) -> io::Result<Self> {
        let keys: Option<Vec<_>> = keys.iter().map(|key| Verifier::new(key.expose())).collect();
        let keys = keys.ok_or_else(|| io::Error::other("a key is no Standard Webhooks secret"))?;
        let shared = Arc::new(Shared { keys, seen, state: Mutex::default(), count: watch::Sender::new(0) });
        let (door, inside) = (Arc::clone(&shared), Arc::clone(&shared));
        let admits = move || door.state().behaviour != Behaviour::Down;
        let server = Server::start(address, admits, move |request| receive(request, Arc::clone(&inside))).await?;
        Ok(Self { server, shared })
    }

    /// Address at which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// A URL on it; any path is as good.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/events", self.address())
    }

    /// Behaves so from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        let mut state = self.shared.state();
        state.behaviour = behaviour;
        state.requests = 0;
        state.by_id.clear();
    }

    /// Number of requests, badly answered ones included; not those that met a closed door.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// The most requests that were under way at the same time.
    #[must_use]
    pub fn most_under_way(&self) -> usize {
        self.shared.state().most_under_way
    }

    /// The requests it kept, in their order.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.state().kept.clone()
    }

    /// Waits until it got `n` requests and returns those it kept. Put a timeout around it.
    pub async fn received(&self, n: usize) -> Vec<Delivery> {
        // The sender lives as long as `self`, so the wait ends by its condition only.
        let _ = self.shared.count.subscribe().wait_for(|count| *count >= n).await;
        self.deliveries()
    }
}

/// One request that has not been answered yet.
struct UnderWay<'a>(&'a Shared);

impl<'a> UnderWay<'a> {
    fn begin(shared: &'a Shared) -> Self {
        let mut state = shared.state();
        state.under_way += 1;
        state.most_under_way = state.most_under_way.max(state.under_way);
        drop(state);
        Self(shared)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

async fn receive(request: Request<Incoming>, shared: Arc<Shared>) -> Answered {
    let _under_way = UnderWay::begin(&shared);
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let id = text(&parts.headers, "webhook-id").to_owned();
    let act = shared.state().act(&id, &body);
    let event = text(&parts.headers, "content-type").starts_with("application/cloudevents+json");
    let event = event.then(|| Json::parse(&body).ok()).flatten();
    let attribute = |name| Some(event.as_ref()?.field(name)?.to_owned());
    let (kind, subject) = (attribute("type"), attribute("subject"));
    let delivery = Delivery {
        signed: signed(&shared.keys, &parts.headers, &body),
        id,
        kind,
        subject,
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body,
        at: now(),
        answered: match &act {
            Act::Reply(reply, _) => Some(reply.status),
            Act::Close => None,
        },
    };
    match &shared.seen {
        Some(seen) => seen(&delivery),
        None => shared.state().kept.push(delivery),
    }
    shared.count.send_modify(|count| *count += 1);
    match act {
        Act::Reply(reply, delay) => {
            tokio::time::sleep(delay).await;
            let mut response = Response::new(Full::new(reply.body));
            *response.status_mut() = StatusCode::from_u16(reply.status)?;
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            if let Some(seconds) = reply.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            Ok(response)
        }
        // hyper closes the connection on a service that fails.
        Act::Close => Err("down".into()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Checks signatures as a receiver does that knows nothing of the hub: by the reference implementation of Standard
/// Webhooks.
struct Verifier {
    webhook: Webhook,
    /// For bodies that are no UTF-8, which the reference implementation does not sign.
    mac: Hmac<Sha256>,
}

impl Verifier {
    fn new(secret: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
        Some(Self { webhook: Webhook::new(secret).ok()?, mac: Hmac::new_from_slice(&bytes).ok()? })
    }

    /// Whether a signature is by this key.
    fn accepts(&self, signature: &str, id: &str, timestamp: i64, body: &[u8]) -> bool {
        if std::str::from_utf8(body).is_ok() {
            return self.webhook.sign(id, timestamp, body).is_ok_and(|expected| expected == signature);
        }
        let Some(given) = signature.strip_prefix("v1,").and_then(|text| BASE64_STANDARD.decode(text).ok()) else {
            return false;
        };
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        self.mac.clone().chain_update(signed).verify_slice(&given).is_ok()
    }
}

/// Whether one of the space-separated signatures is by one of the keys (Standard Webhooks 1.0). The timestamp's age is
/// not judged: the ERP of a test may live in another time.
fn signed(keys: &[Verifier], headers: &HeaderMap, body: &[u8]) -> bool {
    let Ok(timestamp) = text(headers, "webhook-timestamp").parse::<i64>() else { return false };
    let id = text(headers, "webhook-id");
    let theirs = text(headers, "webhook-signature");
    keys.iter().any(|key| theirs.split(' ').any(|signature| key.accepts(signature, id, timestamp, body)))
}

fn now() -> Utc {
    Utc(0).after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
