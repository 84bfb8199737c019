//! One client for every request: connections are kept for each host, and nothing is built per request.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, redirect, retry};
use url::Url;

use crate::address::{is_public, literal};
use crate::failure::{Failure, Kind};
use crate::guard::{Forbidden, Resolver};
use crate::retry_after;

/// How many bytes of a receiver's answer are read. It needs a few to say what it means; more is not waited for.
pub const RECEIPT: usize = 16 * 1024;

/// How long a connection may take, name resolution and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an unused connection is kept. Common servers close theirs after five seconds; one that is closed under a
/// request costs an attempt.
const IDLE: Duration = Duration::from_secs(4);

/// Whether connections are kept between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// For a few seconds: a process that runs all the time.
    Brief,
    /// Never: a process that is frozen between requests wakes up with connections that ended long ago.
    Never,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to. `http` or `https`.
    pub url: Url,
    /// The headers, names in any case. `Host`, `Content-Length` and `User-Agent` are written by the client.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The bytes, sent as they are.
    pub body: Bytes,
    /// How long it may take from the first step to the last byte of the answer that is read.
    pub timeout: Duration,
    /// Whether the address may be private or reserved.
    pub allow_private: bool,
    /// How many bytes of the answer are read; the rest is not waited for.
    pub limit: usize,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// There was an answer, of whatever status.
    Answered {
        /// The HTTP status; a redirect is an answer like any other.
        status: u16,
        /// The wait that `Retry-After` asks for.
        retry_after: Option<Duration>,
        /// The media type the answer says it is, as it was written; nothing where it is missing or no text.
        content_type: Option<String>,
        /// The body's first bytes, [`Request::limit`] at the most.
        body: Bytes,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// There was none.
    Failed {
        /// At which step it ended.
        kind: Kind,
        /// What happened, for the operator. Holds neither path nor query of the URL, nor any header's value.
        text: String,
        /// How long it took to find out, in milliseconds.
        ms: u64,
    },
}

impl Sent {
    /// How long it took, in milliseconds.
    #[must_use]
    pub const fn ms(&self) -> u64 {
        match self {
            Self::Answered { ms, .. } | Self::Failed { ms, .. } => *ms,
        }
    }

    /// The HTTP status, where there was an answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Failed { .. } => None,
        }
    }

    /// What the operator reads of the attempt: the beginning of the answer's body, at most `limit` characters of what
    /// may be any bytes, or what went wrong.
    #[must_use]
    pub fn detail(&self, limit: usize) -> String {
        match self {
            Self::Answered { body, .. } => String::from_utf8_lossy(body).chars().take(limit).collect(),
            Self::Failed { text, .. } => text.clone(),
        }
    }
}

/// The HTTP client could not be made. That is a fault of the build, not of anything configured.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The client could not be built.
    #[error("the HTTP client could not be built")]
    Build(#[from] reqwest::Error),
}

/// Sends requests. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    // Two, so that a connection to a private address can never serve a request that may not go there.
    guarded: reqwest::Client,
    unguarded: reqwest::Client,
}

impl Client {
    /// A client whose trust is compiled in: it reads no certificate store, no proxy settings, nothing of the host.
    pub fn new(keep_alive: KeepAlive) -> Result<Self, NoClient> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let client = |allow_private| {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("tongguan/", env!("CARGO_PKG_VERSION")))
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(Resolver { allow_private })
                // A redirect would lead a signed event to somewhere nobody configured.
                .redirect(redirect::Policy::none())
                .no_proxy()
                // One request is one attempt; the delivery's own state counts them.
                .retry(retry::never())
                .http1_only()
                .tcp_nodelay(true)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE);
            match keep_alive {
                KeepAlive::Brief => builder,
                KeepAlive::Never => builder.pool_max_idle_per_host(0),
            }
            .build()
        };
        Ok(Self { guarded: client(false)?, unguarded: client(true)? })
    }

    /// Sends a request, once.
    pub async fn send(&self, request: Request) -> Sent {
        let started = Instant::now();
        let result = self.attempt(request).await;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match result {
            Ok(Answer { status, retry_after, content_type, body }) => {
                Sent::Answered { status, retry_after, content_type, body, ms }
            }
            Err(Failure { kind, text }) => Sent::Failed { kind, text, ms },
        }
    }

    async fn attempt(&self, request: Request) -> Result<Answer, Failure> {
        let Request { method, url, headers, body, timeout, allow_private, limit } = request;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::new(Kind::Unsendable, "the URL is not an http or https URL".to_owned()));
        }
        // The resolver is asked about names only.
        if !allow_private && literal(&url).is_some_and(|address| !is_public(address)) {
            return Err(Failure::new(Kind::Refused, Forbidden.to_string()));
        }
        let client = if allow_private { &self.unguarded } else { &self.guarded };
        let sending = client.request(method, url).headers(header_map(headers)?).body(body).timeout(timeout);
        let response = sending.send().await.map_err(|error| Failure::of(&error))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|value| retry_after::parse(value, jiff::Timestamp::now()));
        let content_type = header(CONTENT_TYPE).map(str::to_owned);
        Ok(Answer { status, retry_after, content_type, body: beginning(response, limit).await? })
    }
}

/// What is read of an answer.
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    content_type: Option<String>,
    body: Bytes,
}

fn header_map(headers: Vec<(Cow<'static, str>, String)>) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let unsendable = || Failure::new(Kind::Unsendable, format!("the header {name} cannot be written"));
        let name = HeaderName::try_from(&*name).map_err(|_| unsendable())?;
        map.append(name, HeaderValue::try_from(value).map_err(|_| unsendable())?);
    }
    Ok(map)
}

/// The first bytes of the body. An answer that breaks off before that is none: what is missing could have
/// taken it back.
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
