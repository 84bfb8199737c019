//! The hub's requests: which function answers each, in whose envelope.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use ::http::{Method, Request, Response, StatusCode};
use api::Problem;
use bytes::Bytes;
use courier::Courier;
use futures::FutureExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use partners::Partner;
use partners::answer::{Answer, Verdict, answer as envelope};
use queue::Queue;
use runtime::receive::{self, Delivered, MAX_BODY};
use runtime::refusal::Refusal;
use runtime::{Context, PushPath};
use store::Store;
use tokio::time::Instant;

use crate::health::Health;
use crate::server::Visit;
use crate::server::body::Unread;
use crate::table;

/// How long a large body of the ERP waits for its share of the memory.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers one request. What it asks is done in a task of its own, to the end, though its connection may break: a push
/// that has arrived whole is kept and hinted at, a call that was stored is hinted at, and what came of a query counts
/// for the partner's circuit.
pub(crate) async fn answer<S: Store, Q: Queue>(
    courier: Arc<Courier<S, Q>>,
    visit: Visit,
    health: Arc<Health>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let arrived = Instant::now();
    let path = request.uri().path().to_owned();
    // Of no type: the layouts of all that it may wait for would be too deep for the compiler.
    let visitor = visit.clone();
    let work = async move { route(&courier, &visitor, &health, request, arrived).await }.boxed();
    let answered = visit.run(work).await;
    answered.unwrap_or_else(|_| {
        // A defect that panics is answered like an outage: the request is repeated, and the next one is served.
        tracing::error!("a handler panicked");
        match PushPath::parse(&path) {
            Some(push) => hook_answer(receive::refuse(push.partner(), Verdict::Unavailable)),
            None => failed().answer("api").map(Full::new),
        }
    })
}

/// What an ERP is told of a defect.
fn failed() -> Problem {
    let detail = "the hub failed; the same request may be repeated";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", detail)
}

async fn route<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    visit: &Visit,
    health: &Health,
    request: Request<Incoming>,
    arrived: Instant,
) -> Response<Full<Bytes>> {
    let context = &courier.context;
    let path = request.uri().path().to_owned();
    if let Some(path) = PushPath::parse(&path) {
        return hook(context, visit, request, arrived, &path).await;
    }
    let segments = hub::path::segments(&path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["deliveries" | "events", ..] => erp(courier, visit, request, Door::Deliveries).await,
        ["calls", _, operation] if !matches!(*operation, "resolve" | "retry") => {
            erp(courier, visit, request, Door::Call).await
        }
        ["calls", ..] => erp(courier, visit, request, Door::CallStatus).await,
        ["openapi.json"] => openapi::handle(&request).map(Full::new),
        ["health"] => match health.check(&context.store, context.now()).await {
            Ok(()) => plain(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
            Err(reason) => {
                let told = serde_json::json!({"status": "the store takes no writes", "reason": reason});
                plain(StatusCode::SERVICE_UNAVAILABLE, told.to_string())
            }
        },
        _ => misdirected(context, None, Refusal::Path, visit),
    }
}

/// The answer to a request that no function is for.
fn misdirected<S, Q>(
    context: &Context<S, Q>,
    partner: Option<Partner>,
    refusal: Refusal,
    visit: &Visit,
) -> Response<Full<Bytes>> {
    let peer = Some(visit.address().ip());
    hook_answer(receive::misdirected(context, callback::ACTION.name, (partner, refusal), peer))
}

/// One push.
async fn hook<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    visit: &Visit,
    request: Request<Incoming>,
    arrived: Instant,
    path: &PushPath,
) -> Response<Full<Bytes>> {
    let partner = path.partner();
    let Some((address, suffix)) = path.address() else { return misdirected(context, partner, Refusal::Path, visit) };
    let Some(action) = table::hook(suffix) else {
        return misdirected(context, partner, Refusal::Action, visit);
    };
    if request.method() != Method::POST {
        return hook_answer(receive::refuse(partner, Verdict::NotPost));
    }
    let peer = Some(visit.address().ip());
    let verified = match receive::verify(context, &action, address, peer) {
        Ok(verified) => verified,
        Err(answer) => return hook_answer(answer),
    };
    visit.show_key();
    let latest = arrived + verified.partner().budget();
    let (head, body) = request.into_parts();
    let later = |why| envelope(verified.partner(), Verdict::Unavailable, why);
    let (body, share) = match visit.budget().read(body, MAX_BODY, latest).await {
        Ok(read) => read,
        Err(Unread::TooLarge) => return hook_answer(receive::refuse(partner, Verdict::TooLarge)),
        // What did not arrive cannot be kept, and only a resend brings it.
        Err(Unread::Incomplete) => return hook_answer(later(INCOMPLETE)),
        Err(Unread::NoRoom) => {
            tracing::warn!(function = action.name, "a push was not read: other large bodies took the memory for them");
            return closing(hook_answer(later(NO_ROOM)));
        }
    };
    let delivered = Delivered::new(&head.headers, body, peer);
    let answer = receive::receive(context, &action, verified, delivered, arrived).await;
    drop(share);
    hook_answer(answer)
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
    courier: &Courier<S, Q>,
    visit: &Visit,
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
    visit.show_key();
    let (request, share) = match visit.budget().read(body, limit, Instant::now() + PATIENCE).await {
        Ok((body, share)) => (Request::from_parts(head, body), share),
        Err(Unread::TooLarge) => return closing(Problem::too_large(limit).answer(name).map(Full::new)),
        Err(Unread::Incomplete) => {
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "incomplete", INCOMPLETE);
            return problem.answer(name).map(Full::new);
        }
        Err(Unread::NoRoom) => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", NO_ROOM);
            return closing(problem.answer(name).map(Full::new));
        }
    };
    let answer = match door {
        Door::Deliveries => deliveries::handle(context, request).await,
        Door::Call => call::handle(courier, request).await,
        Door::CallStatus => call_status::handle(context, request).await,
    };
    drop(share);
    answer.map(Full::new)
}

/// What a sender is told whose body broke off or took too long.
const INCOMPLETE: &str = "the body did not arrive whole and in time, please send it again";

/// What a sender is told whose large body found no room.
const NO_ROOM: &str = "too many large bodies arrive at once, please send it again";

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
