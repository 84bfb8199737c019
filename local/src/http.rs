//! The hub's port: bounded bodies, bounded time, one connection's trouble its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use ::http::{HeaderName, Method, Request, Response, StatusCode};
use api::Problem;
use bytes::{Bytes, BytesMut};
use courier::Courier;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use partners::Partner;
use partners::answer::{Answer, Verdict, answer};
use queue::Queue;
use runtime::Context;
use runtime::receive::{self, Address, Delivered, MAX_BODY};
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::table;

/// How many connections are served at once; further ones wait in the listener's queue.
const MOST_CONNECTIONS: usize = 1_024;

/// How long a request's head or its body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of a body that is too large is read before it is answered: a client that is still sending would see a
/// broken connection instead of the answer.
const MOST_DISCARDED: usize = 64 * 1024 * 1024;

/// How long requests under way are waited for at the end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until told to stop, then lets the requests under way finish.
pub(crate) async fn serve<S: Store, Q: Queue>(
    listener: TcpListener,
    courier: Arc<Courier<S, Q>>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stopped = pin!(async move { stop.wait_for(|stop| *stop).await.is_ok() });
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: those in use end, and then there are some again.
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = &mut stopped => break,
        };
        let _ = stream.set_nodelay(true);
        let courier = Arc::clone(&courier);
        let service = service_fn(move |request| {
            let courier = Arc::clone(&courier);
            async move { Ok::<_, Infallible>(handle(&courier, request, peer).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that would not end were cut off");
    }
}

async fn handle<S: Store, Q: Queue>(
    courier: &Arc<Courier<S, Q>>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Full<Bytes>> {
    let arrived = Instant::now();
    let partner = partner(request.uri().path());
    // A defect that panics is answered like an outage: the partner repeats, and the next push is served.
    let handled = AssertUnwindSafe(route(courier, request, peer, arrived)).catch_unwind().await;
    handled.unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        hook_answer(receive::refuse(partner, Verdict::Unavailable))
    })
}

async fn route<S: Store, Q: Queue>(
    courier: &Arc<Courier<S, Q>>,
    request: Request<Incoming>,
    peer: SocketAddr,
    arrived: Instant,
) -> Response<Full<Bytes>> {
    let context = &courier.context;
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["hooks", partner, connection, key] => {
            hook(context, request, peer, arrived, Address { partner, connection, key }, "").await
        }
        ["hooks", partner, connection, key, suffix] if !suffix.is_empty() => {
            hook(context, request, peer, arrived, Address { partner, connection, key }, suffix).await
        }
        ["hooks", partner, ..] => hook_answer(receive::refuse(Partner::from_id(partner), Verdict::Unauthorized)),
        ["deliveries" | "events", ..] => erp(courier, request, Door::Deliveries).await,
        ["calls", _, operation] if *operation != "resolve" => erp(courier, request, Door::Call).await,
        ["calls", ..] => erp(courier, request, Door::CallStatus).await,
        ["openapi.json"] => openapi::handle(&request).map(Full::new),
        ["health"] => match context.store.note("health").await {
            Ok(_) => plain(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"the store is unavailable"}"#.to_owned()),
        },
        _ => hook_answer(receive::refuse(None, Verdict::Unauthorized)),
    }
}

/// One push.
async fn hook<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    request: Request<Incoming>,
    peer: SocketAddr,
    arrived: Instant,
    address: Address<'_>,
    suffix: &str,
) -> Response<Full<Bytes>> {
    let partner = Partner::from_id(address.partner);
    let Some(action) = table::hook(suffix) else {
        return hook_answer(receive::refuse(partner, Verdict::Unauthorized));
    };
    if request.method() != Method::POST {
        return hook_answer(receive::refuse(partner, Verdict::NotPost));
    }
    let verified = match receive::verify(context, &action, address, Some(peer.ip())) {
        Ok(verified) => verified,
        Err(answer) => return hook_answer(answer),
    };
    let header = |name: HeaderName| {
        let value = request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.filter(|value| !value.is_empty())
    };
    let (content_type, encoding) = (header(CONTENT_TYPE).unwrap_or_default(), header(CONTENT_ENCODING));
    let body = match read(request.into_body(), MAX_BODY).await {
        Ok(body) => body,
        Err(Unread::TooLarge) => return hook_answer(receive::refuse(partner, Verdict::TooLarge)),
        // What did not arrive cannot be kept, and only a resend brings it.
        Err(Unread::Incomplete) => {
            return hook_answer(answer(verified.partner(), Verdict::Unavailable, INCOMPLETE));
        }
    };
    let delivered = Delivered { body, content_type, encoding, peer: Some(peer.ip()) };
    hook_answer(receive::receive(context, &action, verified, delivered, arrived).await)
}

/// Which function answers a request of the ERP.
#[derive(Clone, Copy)]
enum Door {
    Deliveries,
    Call,
    CallStatus,
}

/// One request of the ERP. Who may not ask is told so before the body is read.
async fn erp<S: Store, Q: Queue>(
    courier: &Arc<Courier<S, Q>>,
    request: Request<Incoming>,
    door: Door,
) -> Response<Full<Bytes>> {
    let context = &courier.context;
    let (head, body) = request.into_parts();
    let (name, limit) = match door {
        Door::Deliveries => (deliveries::NAME, deliveries::MAX_BODY),
        Door::Call => (call::NAME, call::MAX_BODY),
        Door::CallStatus => (call_status::NAME, call_status::MAX_BODY),
    };
    if let Some(refusal) = api::refusal(name, &context.config, &head.headers) {
        return closing(refusal.map(Full::new));
    }
    let request = match read(body, limit).await {
        Ok(body) => Request::from_parts(head, body),
        Err(Unread::TooLarge) => return closing(Problem::too_large(limit).answer(name).map(Full::new)),
        Err(Unread::Incomplete) => {
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "incomplete", INCOMPLETE);
            return problem.answer(name).map(Full::new);
        }
    };
    match door {
        Door::Deliveries => deliveries::handle(context, request).await,
        Door::Call => {
            // It goes on where the ERP hangs up: what came of it counts for the partner's circuit, and what was stored
            // is hinted at.
            let courier = Arc::clone(courier);
            let answered = tokio::spawn(async move { call::handle(&courier, request).await }).await;
            answered.unwrap_or_else(|error| {
                tracing::error!(%error, "a call's handler panicked");
                let failed = "the hub failed; the same request may be repeated";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", failed).answer(name)
            })
        }
        Door::CallStatus => call_status::handle(context, request).await,
    }
    .map(Full::new)
}

/// Why a body was not read.
enum Unread {
    /// It is over the limit.
    TooLarge,
    /// It broke off, or took too long.
    Incomplete,
}

const INCOMPLETE: &str = "the body did not arrive whole and in time, please send it again";

async fn read(body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    timeout(PATIENCE, whole(body, limit)).await.unwrap_or(Err(Unread::Incomplete))
}

async fn whole(mut body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    let mut bytes = BytesMut::new();
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Incomplete)?.into_data() else { continue };
        if discarded == 0 && bytes.len() + data.len() <= limit {
            if bytes.is_empty() && hyper::body::Body::is_end_stream(&body) {
                return Ok(data);
            }
            bytes.extend_from_slice(&data);
        } else {
            discarded += data.len();
            if discarded > MOST_DISCARDED {
                break;
            }
        }
    }
    if discarded > 0 { Err(Unread::TooLarge) } else { Ok(bytes.freeze()) }
}

fn hook_answer(answer: Answer) -> Response<Full<Bytes>> {
    let response = plain(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK), answer.body);
    if answer.status == 413 { closing(response) } else { response }
}

/// What is left of the body is not read: the connection is of no more use.
fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn plain(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Whose envelope the answer is to be in, as far as the path tells.
fn partner(path: &str) -> Option<Partner> {
    path.strip_prefix("/hooks/").and_then(|rest| rest.split('/').next()).and_then(Partner::from_id)
}
