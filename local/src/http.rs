//! The hub's requests: which function answers each, in whose envelope.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use ::http::{Method, Request, Response, StatusCode};
use api::{Language, Problem, Router};
use archive::{Folder, Whole};
use bytes::Bytes;
use courier::Courier;
use futures::{FutureExt as _, TryStreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use inbound::count::count;
use inbound::entrance::{PushPath, Unverified};
use inbound::receive::{self, IncomingPush, MAX_BODY};
use inbound::refusal::{Unread, refuse, unread};
use partners::answer::{Answer, Verdict};
use queue::Queue;
use store::Store;
use tokio::time::Instant;

use crate::current::Current;
use crate::disk::Level;
use crate::health::Health;
use crate::hold;
use crate::metrics;
use crate::ready::Vitals;
use crate::server::{Keys, Visit};
use crate::{table, uploads};

/// Time for which a large body of the ERP waits for its share of the memory.
const PATIENCE: Duration = Duration::from_secs(5);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Services that answer the requests of the port.
pub(crate) struct Services<S, Q> {
    current: Current<S, Q>,
    routers: table::Routers<S, Q>,
    health: Health,
    vitals: Vitals,
    keys: Keys,
    folder: Folder,
}

/// The body of an answer: in memory, or a kept file that is read while it is sent.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, std::io::Error>;

fn in_memory(bytes: Bytes) -> AnswerBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// An answer with the file in place of its body that it stands for.
fn with_file(mut response: Response<Bytes>) -> Response<AnswerBody> {
    let Some(Whole { archive, hash, length }) = response.extensions_mut().remove() else {
        return response.map(in_memory);
    };
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    let content = archive::content(archive, hash, length);
    response.map(|_| StreamBody::new(content.map_ok(Frame::data)).boxed_unsync())
}

impl<S: Store, Q: Queue> Services<S, Q> {
    pub(crate) fn new(current: Current<S, Q>, vitals: Vitals, keys: Keys, folder: Folder) -> Self {
        Self { current, routers: table::routers(), health: Health::default(), vitals, keys, folder }
    }

    /// Answers one request in a task of its own, which ends even if the connection breaks: a push that arrived whole is stored
    /// and its queue messages are sent, a stored call is sent, and the result of a query counts for the partner's circuit.
    pub(crate) async fn answer(self: Arc<Self>, visit: Visit, request: Request<Incoming>) -> Response<AnswerBody> {
        let arrived = Instant::now();
        let segments = Arc::new(hub::path::segments(request.uri().path()));
        let courier = self.current.get();
        let (is_push, partner) = {
            let path = PushPath::of(&segments);
            (path.is_push(), path.partner(&courier.context.config))
        };
        // Of no type: the layouts of all that it may wait for would be too deep for the compiler.
        let (own, visitor, of) = (Arc::clone(&self), visit.clone(), Arc::clone(&segments));
        let work = async move {
            let (response, verdict) = own.route(&courier, &visitor, request, (&of, arrived)).await;
            // Here, so that a push counts whose sender has hung up.
            count_push(&courier, &of, verdict, arrived);
            response
        };
        let answered = visit.run(work.boxed()).await;
        answered.unwrap_or_else(|_| {
            // A defect that panics is answered like an outage: the request is repeated, and the next one is served.
            tracing::error!("a request handler panicked");
            if is_push {
                let (response, verdict) = judged(refuse(partner, Verdict::Unavailable));
                // The defect may be met here again; the answer must not depend on it.
                let _ = catch_unwind(AssertUnwindSafe(|| count_push(&self.current.get(), &segments, verdict, arrived)));
                response
            } else {
                failed().answer("api").map(in_memory)
            }
        })
    }

    /// The answer to a request and, where it is that to a push, its verdict.
    async fn route(
        &self,
        courier: &Courier<S, Q>,
        visit: &Visit,
        request: Request<Incoming>,
        (segments, arrived): (&[String], Instant),
    ) -> Judged {
        let path = PushPath::of(segments);
        if !path.is_push() {
            if let Some(router) = api::find(&self.routers, segments) {
                return (with_file(self.erp(courier, visit, request, (router, segments)).await), None);
            }
            if segments == ["health"] {
                return (self.health(courier).await, None);
            }
            if segments == ["ready"] {
                return (self.ready(courier).await, None);
            }
        }
        push(courier, (visit, &self.keys), request, (path, arrived)).await
    }

    /// One request of the ERP. An unauthorized one is refused before its body is read.
    async fn erp(
        &self,
        courier: &Courier<S, Q>,
        visit: &Visit,
        request: Request<Incoming>,
        (router, segments): (&Router<Courier<S, Q>>, &[String]),
    ) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let language = Language::of(&head.headers);
        let caller = match router.caller(courier, &head) {
            Ok(Some(caller)) => caller,
            Ok(None) => {
                let request = Request::from_parts(head, Bytes::new());
                return router.answer(courier, None, segments, request).await;
            }
            Err(problem) => return closing(problem.told_in(language).answer(router.name)),
        };
        visit.show_key();
        let Some(_in_progress) = self.keys.begin(format!("api {}", caller.id)) else {
            return closing(router.unread(Unread::Busy).told_in(language).answer(router.name));
        };
        if router.name == pull::NAME && self.vitals.hold.is_on() {
            return closing(on_hold().told_in(language).answer(router.name));
        }
        let (now, failed) = (courier.context.now(), |problem: Problem| problem.told_in(language).answer(router.name));
        let upload = match segments {
            [root, id] if root == "uploads" && head.method == Method::PUT => Some(id),
            _ => None,
        };
        let is_large_call = uploads::is_large_call(&head, &body, segments);
        if (upload.is_some() || is_large_call) && self.vitals.disk.latest().level == Level::Full {
            return closing(failed(uploads::no_space()));
        }
        if let Some(id) = upload {
            return uploads::put(&self.folder, &caller, id, body, now).await.unwrap_or_else(|why| closing(failed(why)));
        }
        if is_large_call {
            return match uploads::apart(&self.folder, &caller, (head, body), segments, now).await {
                Ok(request) => router.answer(courier, Some(caller), segments, request).await,
                Err(problem) => closing(failed(problem)),
            };
        }
        match visit.budget().read(body, router.max_body, Instant::now() + PATIENCE).await {
            Ok((body, share)) => {
                let request = Request::from_parts(head, body);
                let answer = router.answer(courier, Some(caller), segments, request).await;
                drop(share);
                answer
            }
            Err(why) => {
                let answer = failed(router.unread(why));
                if why == Unread::Incomplete { answer } else { closing(answer) }
            }
        }
    }

    /// Whether the store takes writes.
    async fn health(&self, courier: &Courier<S, Q>) -> Response<AnswerBody> {
        let context = &courier.context;
        match self.health.check(&context.store, context.now()).await {
            Ok(()) => plain(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
            Err(reason) => {
                let told = serde_json::json!({"status": "the store takes no writes", "reason": reason});
                plain(StatusCode::SERVICE_UNAVAILABLE, told.to_string())
            }
        }
    }

    /// Whether the store takes writes, sweeps end, and the disk has space.
    async fn ready(&self, courier: &Courier<S, Q>) -> Response<AnswerBody> {
        let context = &courier.context;
        let readiness = self.vitals.readiness(self.health.check(&context.store, context.now()).await);
        let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        plain(status, readiness.told())
    }
}

/// Counts a request that was answered as a push.
fn count_push<S, Q>(courier: &Courier<S, Q>, segments: &[String], verdict: Option<Verdict>, arrived: Instant) {
    if let Some(verdict) = verdict {
        let (context, path, took) = (&courier.context, PushPath::of(segments), arrived.elapsed());
        count(context, path, verdict, took);
        if telemetry::metrics::started() {
            let of = (path.partner(&context.config), path.connection(&context.config));
            metrics::pushed(context.now(), of, verdict, took);
        }
    }
}

/// One push, or a request that no function is for, which is refused as one.
async fn push<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    (visit, keys): (&Visit, &Keys),
    request: Request<Incoming>,
    (path, arrived): (PushPath<'_>, Instant),
) -> Judged {
    let context = &courier.context;
    let peer = Some(visit.address().ip());
    let push = Unverified::of(path, &context.config, request.method(), peer, &callback::SERVED);
    let verified = match push.and_then(|push| push.verify(&context.config)) {
        Ok(verified) => verified,
        Err(refused) => return judged(refused.answer(context.now())),
    };
    visit.show_key();
    let partner = verified.partner();
    let Some(_in_progress) = keys.begin(format!("hook {}", verified.connection())) else {
        tracing::warn!(
            connection = %verified.connection(),
            "a push was refused unread: as many of its connection are in progress as may be (requests_per_key)"
        );
        let (response, verdict) = judged(unread(partner, Unread::Busy));
        return (closing(response), verdict);
    };
    let (head, body) = request.into_parts();
    match visit.budget().read(body, MAX_BODY, arrived + partner.budget()).await {
        Ok((body, share)) => {
            let push = IncomingPush::new(head.headers, body).at(head.uri.query());
            let answer = receive::receive(context, verified, push, arrived).await;
            drop(share);
            judged(answer)
        }
        Err(Unread::NoRoom) => {
            let function = verified.function();
            tracing::warn!(function, "a push was refused unread: other large bodies use the memory for request bodies");
            let (response, verdict) = judged(unread(partner, Unread::NoRoom));
            (closing(response), verdict)
        }
        Err(why) => judged(unread(partner, why)),
    }
}

/// Problem for the ERP where a handler panicked.
fn failed() -> Problem {
    let detail = "the hub failed; the same request may be repeated";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", detail)
}

/// Problem for a consumer of events while the hub is on hold.
fn on_hold() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", hold::WHY)
}

/// An answer, and its verdict where it is that to a push.
type Judged = (Response<AnswerBody>, Option<Verdict>);

/// The answer to a push.
fn judged(answer: Answer) -> Judged {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let response = of_type(status, HeaderValue::from_str(&answer.content_type).unwrap_or(JSON), answer.body);
    let response = if answer.status == 413 { closing(response) } else { response };
    (response, Some(answer.verdict))
}

/// Marks the connection as closing, because the rest of the request's body is not read.
fn closing<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn plain(status: StatusCode, body: String) -> Response<AnswerBody> {
    of_type(status, JSON, body)
}

fn of_type(status: StatusCode, content_type: HeaderValue, body: String) -> Response<AnswerBody> {
    let mut response = Response::new(in_memory(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
