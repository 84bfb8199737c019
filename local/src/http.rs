//! The hub's requests: which function answers each, in whose envelope.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use ::http::{Request, Response, StatusCode};
use api::{Language, Problem, Router};
use bytes::Bytes;
use courier::Courier;
use futures::FutureExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use inbound::count::count;
use inbound::entrance::{PushPath, Unverified};
use inbound::receive::{self, IncomingPush, MAX_BODY};
use inbound::refusal::{Unread, refuse, unread};
use partners::answer::{Answer, Verdict};
use queue::Queue;
use store::Store;
use tokio::time::Instant;

use crate::health::Health;
use crate::server::Visit;
use crate::table;

/// Time for which a large body of the ERP waits for its share of the memory.
const PATIENCE: Duration = Duration::from_secs(5);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Services that answer the requests of the port.
pub(crate) struct Services<S, Q> {
    courier: Arc<Courier<S, Q>>,
    routers: table::Routers<S, Q>,
    health: Health,
}

impl<S: Store, Q: Queue> Services<S, Q> {
    pub(crate) fn new(courier: Arc<Courier<S, Q>>) -> Self {
        Self { courier, routers: table::routers(), health: Health::default() }
    }

    /// Answers one request in a task of its own, which ends even if the connection breaks: a push that arrived whole is stored
    /// and its queue messages are sent, a stored call is sent, and the result of a query counts for the partner's circuit.
    pub(crate) async fn answer(self: Arc<Self>, visit: Visit, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let arrived = Instant::now();
        let segments = Arc::new(hub::path::segments(request.uri().path()));
        let (is_push, partner) = {
            let path = PushPath::of(&segments);
            (path.is_push(), path.partner(&self.courier.context.config))
        };
        // Of no type: the layouts of all that it may wait for would be too deep for the compiler.
        let (own, visitor, of) = (Arc::clone(&self), visit.clone(), Arc::clone(&segments));
        let work = async move {
            let (response, verdict) = own.route(&visitor, request, &of, arrived).await;
            // Here, so that a push counts whose sender has hung up.
            own.count(&of, verdict, arrived);
            response
        };
        let answered = visit.run(work.boxed()).await;
        answered.unwrap_or_else(|_| {
            // A defect that panics is answered like an outage: the request is repeated, and the next one is served.
            tracing::error!("a request handler panicked");
            if is_push {
                let (response, verdict) = judged(refuse(partner, Verdict::Unavailable));
                // The defect may be met here again; the answer must not depend on it.
                let _ = catch_unwind(AssertUnwindSafe(|| self.count(&segments, verdict, arrived)));
                response
            } else {
                failed().answer("api").map(Full::new)
            }
        })
    }

    /// Counts a request that was answered as a push.
    fn count(&self, segments: &[String], verdict: Option<Verdict>, arrived: Instant) {
        if let Some(verdict) = verdict {
            count(&self.courier.context, PushPath::of(segments), verdict, arrived.elapsed());
        }
    }

    /// The answer to a request and, where it is that to a push, its verdict.
    async fn route(&self, visit: &Visit, request: Request<Incoming>, segments: &[String], arrived: Instant) -> Judged {
        let path = PushPath::of(segments);
        if !path.is_push() {
            if let Some(router) = api::find(&self.routers, segments) {
                return (self.erp(visit, request, router, segments).await.map(Full::new), None);
            }
            if segments == ["health"] {
                return (self.health().await, None);
            }
        }
        self.push(visit, request, path, arrived).await
    }

    /// One push, or a request that no function is for, which is refused as one.
    async fn push(&self, visit: &Visit, request: Request<Incoming>, path: PushPath<'_>, arrived: Instant) -> Judged {
        let context = &self.courier.context;
        let peer = Some(visit.address().ip());
        let push = Unverified::of(path, &context.config, request.method(), peer, &callback::SERVED);
        let verified = match push.and_then(|push| push.verify(&context.config)) {
            Ok(verified) => verified,
            Err(refused) => return judged(refused.answer(context.now())),
        };
        visit.show_key();
        let partner = verified.partner();
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
                tracing::warn!(
                    function,
                    "a push was refused unread: other large bodies use the memory for request bodies"
                );
                let (response, verdict) = judged(unread(partner, Unread::NoRoom));
                (closing(response), verdict)
            }
            Err(why) => judged(unread(partner, why)),
        }
    }

    /// One request of the ERP. An unauthorized one is refused before its body is read.
    async fn erp(
        &self,
        visit: &Visit,
        request: Request<Incoming>,
        router: &Router<Courier<S, Q>>,
        segments: &[String],
    ) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let language = Language::of(&head.headers);
        let caller = match router.caller(&self.courier, &head) {
            Ok(Some(caller)) => caller,
            Ok(None) => {
                let request = Request::from_parts(head, Bytes::new());
                return router.answer(&self.courier, None, segments, request).await;
            }
            Err(problem) => return closing(problem.told_in(language).answer(router.name)),
        };
        visit.show_key();
        match visit.budget().read(body, router.max_body, Instant::now() + PATIENCE).await {
            Ok((body, share)) => {
                let request = Request::from_parts(head, body);
                let answer = router.answer(&self.courier, Some(caller), segments, request).await;
                drop(share);
                answer
            }
            Err(why) => {
                let answer = Problem::unread(why, router.max_body).told_in(language).answer(router.name);
                if why == Unread::Incomplete { answer } else { closing(answer) }
            }
        }
    }

    /// Whether the store takes writes.
    async fn health(&self) -> Response<Full<Bytes>> {
        let context = &self.courier.context;
        match self.health.check(&context.store, context.now()).await {
            Ok(()) => plain(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
            Err(reason) => {
                let told = serde_json::json!({"status": "the store takes no writes", "reason": reason});
                plain(StatusCode::SERVICE_UNAVAILABLE, told.to_string())
            }
        }
    }
}

/// Problem for the ERP where a handler panicked.
fn failed() -> Problem {
    let detail = "the hub failed; the same request may be repeated";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", detail)
}

/// An answer, and its verdict where it is that to a push.
type Judged = (Response<Full<Bytes>>, Option<Verdict>);

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

fn plain(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    of_type(status, JSON, body)
}

fn of_type(status: StatusCode, content_type: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
