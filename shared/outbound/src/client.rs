//! One client for every request: connections are kept for each host, and nothing is built per request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::{RequestBuilder, Response, redirect, retry};
use tokio::time::{sleep, timeout_at};

use crate::address::{is_public, literal};
use crate::attached::{Attached, Sink, Streamed, allowance};
use crate::coding;
use crate::exchange::{Headers, Request, Sent};
use crate::failure::{Failure, Kind};
use crate::guard::{Forbidden, Resolver};
use crate::retry_after;
use crate::trust::{Trust, Untrusted};

/// Timeout of a connection, name resolution and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest time for which an unused connection is kept. Common servers close theirs after five seconds; one that is closed
/// under a request costs an attempt.
const IDLE: Duration = Duration::from_secs(4);

/// Most headers of an answer; one with more is no answer.
const MOST_HEADERS: usize = 256;

/// Bytes by which a compressed body may be longer than the bytes that are read of it. It hardly ever is longer.
const COMPRESSED: usize = 1024;

/// Most bytes of an answer for a sink that its server has compressed: it is decompressed in memory.
const MOST_CODED: usize = 20 * 1024 * 1024;

/// Most combinations of trust and guard that are kept. Each configuration has a few; processes read several.
const MOST_CLIENTS: usize = 64;

/// Most hosts that are remembered as recently answering.
const MOST_HOSTS: usize = 1024;

/// Pause before a request for which no descriptor was left is begun again.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// Whether connections are kept between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// For a few seconds: a process that runs all the time.
    Brief,
    /// Never: a process that is frozen between requests wakes up with connections that ended long ago.
    Never,
}

/// The HTTP client could not be made. That is a fault of the build, not of anything configured.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] Untrusted),
    /// The client could not be built.
    #[error("the HTTP client could not be built")]
    Build(#[from] reqwest::Error),
}

/// Sends requests. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    keep_alive: KeepAlive,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// One for each manner, so that a connection made in one can never serve a request of another.
    clients: Mutex<HashMap<Manner, reqwest::Client>>,
    /// Time of each host's latest answer over a connection that is kept.
    answered: Mutex<HashMap<String, Instant>>,
}

/// Properties of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Manner {
    trust: Trust,
    allow_private: bool,
    /// Whether it may serve another request.
    kept: bool,
}

impl Client {
    /// A client that reads no certificate store unless told to, no proxy settings, nothing of the host.
    pub fn new(keep_alive: KeepAlive) -> Result<Self, NoClient> {
        let client = Self { keep_alive, shared: Arc::default() };
        client.by(Manner { trust: Trust::default(), allow_private: false, kept: keep_alive == KeepAlive::Brief })?;
        Ok(client)
    }

    /// The client that makes connections in a manner.
    fn by(&self, manner: Manner) -> Result<reqwest::Client, NoClient> {
        let mut clients = self.shared.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&manner) {
            return Ok(client.clone());
        }
        if clients.len() >= MOST_CLIENTS {
            clients.clear();
        }
        let client = build(&manner)?;
        clients.insert(manner, client.clone());
        Ok(client)
    }

    /// Sends a request, once; where it may arrive twice, once more on a new connection if the one that was kept has ended.
    /// Where the process has no descriptor left for a connection, waits for one for a quarter of the request's time.
    pub async fn send(&self, request: Request) -> Sent {
        let (started, patience) = (Instant::now(), request.timeout / 4);
        let result = loop {
            let timeout = request.timeout.saturating_sub(started.elapsed());
            match self.attempt(Request { timeout, ..request.clone() }, Instant::now()).await {
                // Nothing was sent, and descriptors that are in use become free.
                Err(Failure { kind: Kind::Exhausted, .. }) if started.elapsed() < patience => {
                    sleep(NO_DESCRIPTOR).await;
                }
                result => break result,
            }
        };
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match result {
            Ok(Answer { status, headers, unreadable, body }) => {
                let Headers { retry_after, content_type, location } = headers;
                Sent::Answered { status, retry_after, content_type, location, unreadable, body, ms }
            }
            Err(Failure { kind, text }) => Sent::Failed { kind, text, ms },
        }
    }

    async fn attempt(&self, request: Request, started: Instant) -> Result<Answer, Failure> {
        let Request { method, url, headers, body, attached, sink, timeout, allow_private, trust, repeatable, limit } =
            request;
        let sending = attached.as_ref().map_or(Duration::ZERO, |attached| allowance(attached.length));
        let taking = sink.as_ref().map_or(Duration::ZERO, |_| allowance(u64::try_from(limit).unwrap_or(u64::MAX)));
        let (timeout, until_head) = (timeout + sending + taking, timeout + sending);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::new(Kind::Unsendable, "the URL is not an http or https URL".to_owned()));
        }
        // The resolver is asked about names only.
        if !allow_private && literal(&url).is_some_and(|address| !is_public(address)) {
            return Err(Failure::new(Kind::Refused, Forbidden.to_string()));
        }
        let headers = header_map(headers)?;
        let kept = repeatable && self.keep_alive == KeepAlive::Brief;
        let host = url.origin().ascii_serialization();
        let new = |client: &reqwest::Client, timeout| -> RequestBuilder {
            let request = client.request(method.clone(), url.clone()).headers(headers.clone()).timeout(timeout);
            with_body(request, &body, attached.as_ref())
        };
        let client = |kept| {
            let client = self.by(Manner { trust: trust.clone(), allow_private, kept });
            client.map_err(|error| Failure::of_client(&error))
        };
        let late = |_| Failure::late();
        let first =
            timeout_at((started + until_head).into(), new(&client(kept)?, timeout).send()).await.map_err(late)?;
        let first = first.map_err(|error| Failure::of(&error));
        let response = match first {
            Err(Failure { kind: Kind::Broken, .. }) if kept && self.has_answered(&host) => {
                let left = timeout.saturating_sub(started.elapsed());
                new(&client(false)?, left).send().await.map_err(|error| Failure::of(&error))
            }
            first => first,
        }?;
        if kept {
            self.answers(host);
        }
        match sink.filter(|_| response.status() == StatusCode::OK) {
            Some(sink) => pour(response, limit, &sink, started + until_head).await,
            None => read(response, limit).await,
        }
    }

    /// Whether there may be a connection to a host that was kept.
    fn has_answered(&self, host: &str) -> bool {
        let answered = self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection that is about to be given up may serve a request that takes a while to be sent.
        answered.get(host).is_some_and(|at| at.elapsed() < 2 * IDLE)
    }

    fn answers(&self, host: String) {
        let mut answered = self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= MOST_HOSTS {
            answered.retain(|_, at| at.elapsed() < IDLE);
        }
        answered.insert(host, Instant::now());
    }
}

fn build(manner: &Manner) -> Result<reqwest::Client, NoClient> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("tongguan/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(manner.trust.tls()?)
        .dns_resolver(Resolver { allow_private: manner.allow_private })
        // A redirect would lead a signed event to an address that is not configured.
        .redirect(redirect::Policy::none())
        .no_proxy()
        // One request is one attempt; the delivery's own state counts them.
        .retry(retry::never())
        .http1_only()
        // An odd header is no reason not to read the answer behind it.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MOST_HEADERS)
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE);
    let builder = if manner.kept { builder } else { builder.pool_max_idle_per_host(0) };
    Ok(builder.build()?)
}

/// Status, headers and body that are read of an answer.
struct Answer {
    status: u16,
    headers: Headers,
    unreadable: Option<String>,
    body: Bytes,
}

fn header_map(headers: Vec<(std::borrow::Cow<'static, str>, String)>) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::with_capacity(headers.len() + 1);
    map.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in headers {
        let unsendable = || Failure::new(Kind::Unsendable, format!("the header {name} cannot be written"));
        let name = HeaderName::try_from(&*name).map_err(|_| unsendable())?;
        map.append(name, HeaderValue::try_from(value).map_err(|_| unsendable())?);
    }
    Ok(map)
}

/// The request with its body, in pieces where something is attached to it.
fn with_body(request: RequestBuilder, body: &Bytes, attached: Option<&Attached>) -> RequestBuilder {
    let Some(attached) = attached else { return request.body(body.clone()) };
    let (streamed, length) = Streamed::new(body, attached);
    request.header(CONTENT_LENGTH, length).body(reqwest::Body::wrap(streamed))
}

/// The headers of an answer, and the codings of its body.
fn head(response: &Response) -> (Headers, Vec<String>) {
    let values = |name| response.headers().get_all(name).iter();
    // Any bytes may stand in a header's value.
    let text = |name| values(name).next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let headers = Headers {
        retry_after: text(RETRY_AFTER).and_then(|value| retry_after::parse(&value, jiff::Timestamp::now())),
        content_type: text(CONTENT_TYPE),
        location: text(LOCATION),
    };
    let codings = values(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    (headers, codings.collect())
}

/// Gives the first `limit` bytes of the body to a sink. They may take as long after `late` as their number allows.
async fn pour(mut response: Response, limit: usize, sink: &Sink, late: Instant) -> Result<Answer, Failure> {
    let (headers, codings) = head(&response);
    let unkept = |error: std::io::Error| Failure::new(Kind::Broken, format!("the answer could not be kept: {error}"));
    if !coding::is_coded(&codings) {
        let mut taken = 0;
        while taken < limit {
            let until = late + allowance(u64::try_from(taken).unwrap_or(u64::MAX));
            let chunk = timeout_at(until.into(), response.chunk()).await;
            let chunk = chunk.map_err(|_| Failure::late())?;
            let Some(mut chunk) = chunk.map_err(|error| Failure::of(&error))? else { break };
            chunk.truncate(limit - taken);
            taken += chunk.len();
            sink.take(chunk).await.map_err(unkept)?;
        }
        return Ok(Answer { status: StatusCode::OK.as_u16(), headers, unreadable: None, body: Bytes::new() });
    }
    let answer = read(response, limit.min(MOST_CODED)).await?;
    if answer.unreadable.is_none() && answer.body.len() >= MOST_CODED {
        let why = format!("it is compressed, unasked, and larger than {} MiB", MOST_CODED >> 20);
        return Ok(Answer { unreadable: Some(why), body: Bytes::new(), ..answer });
    }
    sink.take(answer.body).await.map_err(unkept)?;
    Ok(Answer { body: Bytes::new(), status: answer.status, headers, unreadable: answer.unreadable })
}

async fn read(response: Response, limit: usize) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let (headers, codings) = head(&response);
    let (unreadable, body) =
        match beginning(response, if codings.is_empty() { limit } else { limit + COMPRESSED }).await {
            Ok(body) => match coding::undone(&codings, &body, limit) {
                Ok(undone) => (None, undone.slice(..undone.len().min(limit))),
                Err(why) => (Some(why), body),
            },
            // The missing part could have revoked the success.
            Err(failure) if (200..300).contains(&status) => return Err(failure),
            Err(failure) => (Some(failure.text), Bytes::new()),
        };
    Ok(Answer { status, headers, unreadable, body })
}

/// The first bytes of the body. One that breaks off before that is none.
async fn beginning(mut response: Response, limit: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while body.len() < limit
        && let Some(chunk) = response.chunk().await.map_err(|error| Failure::of(&error))?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(limit);
    Ok(body.freeze())
}
