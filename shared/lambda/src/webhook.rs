//! A push, as API Gateway brings it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use config::Context;
use futures::FutureExt as _;
use hub::action::Action;
use inbound::count::count;
use inbound::entrance::{PushPath, Unverified};
use inbound::receive::{self, IncomingPush};
use inbound::refusal::{Refused, refuse};
use lambda_http::request::RequestContext;
use lambda_http::{Adapter, Body, Request, RequestExt as _, Response, service_fn};
use partners::Partner;
use partners::answer::{Answer, Verdict};
use queue::Queue;
use store::Store;
use telemetry::metrics::{self, Dimension, Metric, Sample};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::run::run;
use crate::{CacheState, ConfigCache, Invocation, request};

/// Largest part of the partner's deadline that counts as spent before the function was called. The gateway's clock may differ
/// from this machine's: a wrong clock must not leave a push without time.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// The gateway's timeout for a function. A longer wait by its clock is that of a wrong clock.
const GATEWAY: Duration = Duration::from_secs(30);

/// Runs the webhook function of an action until the process ends.
pub async fn webhook(action: Action) -> Result<(), lambda_runtime::Error> {
    let function = crate::start_without_credentials().await?;
    let (function, action) = (&function, &action);
    let handler = service_fn(move |request| async move {
        Ok::<_, Infallible>(answer(&function.context(), Some(function.cache()), action, request).await)
    });
    run(Some(function), Adapter::from(handler)).await
}

/// Time for which the request waited for this function, as far as the gateway has the time of its arrival.
fn waited(request: &Request, now: hub::Utc) -> Duration {
    let millis = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.request_time_epoch,
        Some(RequestContext::ApiGatewayV2(context)) => context.time_epoch,
        Some(_) | None => 0,
    };
    // Zero where the gateway says nothing.
    let waited = if millis > 0 { now.since(hub::Utc(millis.saturating_mul(1000))) } else { Duration::ZERO };
    if waited > GATEWAY { LONGEST_WAIT } else { waited }
}

/// Answers one push, and counts it. In every case the answer is in the envelope of the partner that the path names. A cached
/// configuration is refreshed before it refuses a push: the key may have been added since.
pub async fn answer<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    cache: Option<&ConfigCache>,
    action: &Action,
    request: Request,
) -> Response<Body> {
    let (response, sample) = measured(context, cache, action, request).await;
    metrics::emit(context.now(), &sample);
    response
}

/// Answers one push, with what its metrics say.
pub async fn measured<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    cache: Option<&ConfigCache>,
    action: &Action,
    request: Request,
) -> (Response<Body>, Sample) {
    let called = Instant::now();
    let waited = waited(&request, context.now());
    let arrived = called.checked_sub(waited.min(LONGEST_WAIT)).unwrap_or(called);
    let Invocation { request_id, left } = request::invocation(&request, context.now());
    let segments = hub::path::segments(request.raw_http_path());
    let path = PushPath::of(&segments);
    let partner = path.partner(&context.config);
    let span = tracing::error_span!(
        "push",
        request_id,
        function = action.name,
        partner = partner.map(Partner::id),
        connection = Empty,
        subject = Empty,
        event = Empty,
        events = Empty,
        trace_id = Empty,
    );
    let push = Unverified::of(path, &context.config, request.method(), peer(&request), slice::from_ref(action));
    // A defect that panics or hangs is answered like an outage: the partner repeats, and the next push is served.
    let receipt = AssertUnwindSafe(receive(context, cache, push, request, arrived)).catch_unwind();
    let answered = timeout(left, receipt).instrument(span.clone()).await;
    let _entered = span.enter();
    let failure = match &answered {
        Ok(Ok(_)) => None,
        Ok(Err(_)) => Some("the handler panicked"),
        Err(_) => Some("the handler was not done in the time of the function"),
    };
    if let Some(failure) = failure {
        tracing::error!("{failure}");
    }
    let answer = answered.ok().and_then(Result::ok).unwrap_or_else(|| refuse(partner, Verdict::Unavailable));
    let (verdict, took) = (answer.verdict, waited + called.elapsed());
    let sample =
        Served { function: action.name, partner, verdict, took, failed: failure.is_some(), request_id }.sample();
    count(context, path, verdict, took);
    let ms = sample.value(Metric::AckTime);
    tracing::info!(outcome = answer.verdict.name(), status = answer.status, ms, "answered");
    (request::respond(answer.status, &answer.content_type, answer.body), sample)
}

/// One push as its metrics see it.
struct Served {
    function: &'static str,
    partner: Option<Partner>,
    verdict: Verdict,
    /// The time from the gateway to the answer.
    took: Duration,
    /// Whether the handler panicked or was not done in time.
    failed: bool,
    request_id: String,
}

impl Served {
    /// The metrics of the push. Only pushes of partners are timed.
    fn sample(self) -> Sample {
        let of = vec![
            (Dimension::Function, self.function.to_owned()),
            (Dimension::Partner, self.partner.map_or("", Partner::id).to_owned()),
        ];
        let mut values = telemetry::metrics::answered(self.verdict, self.partner, self.took);
        if self.failed {
            values.push((Metric::Errors, 1.0));
        }
        Sample { of, values, notes: vec![("request_id", self.request_id)] }
    }
}

async fn receive<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    cache: Option<&ConfigCache>,
    push: Result<Unverified<'_>, Refused>,
    request: Request,
    arrived: Instant,
) -> Answer {
    let push = match push {
        Ok(push) => push,
        Err(refused) => return refused.answer(context.now()),
    };
    let renewed = match push.verify(&context.config) {
        Ok(_) => None,
        Err(Refused { function, partner, peer, .. }) => {
            match renewed(context, cache, patience(&push, partner), arrived).await {
                CacheState::Current(config) => Some(Context { config, ..context.clone() }),
                CacheState::Unknown => {
                    let outcome = Verdict::Unavailable.name();
                    let text =
                        "push not taken: its key is not known, and the secret that may have it cannot be read now";
                    tracing::warn!(function, peer = peer.map(tracing::field::display), outcome, "{text}");
                    return refuse(partner, Verdict::Unavailable);
                }
            }
        }
    };
    let context = renewed.as_ref().unwrap_or(context);
    match push.verify(&context.config) {
        Ok(verified) => {
            let (head, body) = request.into_parts();
            let push = IncomingPush::new(head.headers, request::bytes(body)).at(head.uri.query());
            receive::receive(context, verified, push, arrived).await
        }
        Err(refused) => refused.answer(context.now()),
    }
}

/// Budget of a push whose partner no known configuration describes: that of the most impatient.
const UNKNOWN: Duration = Duration::from_millis(350);

/// Budget of a push that may be in another configuration. No configuration knows a push of no partner.
fn patience(push: &Unverified<'_>, partner: Option<Partner>) -> Option<Duration> {
    partner.map(Partner::budget).or_else(|| push.is_of_configured().then_some(UNKNOWN))
}

/// The configuration for a push that the known one refuses, within two thirds of the time that is left of the partner's
/// budget: the rest is for storing the push.
async fn renewed<S, Q>(
    context: &Context<S, Q>,
    cache: Option<&ConfigCache>,
    budget: Option<Duration>,
    arrived: Instant,
) -> CacheState {
    let (Some(cache), Some(budget)) = (cache, budget) else {
        return CacheState::Current(Arc::clone(&context.config));
    };
    cache.renew(context.now(), budget.saturating_sub(arrived.elapsed()) * 2 / 3).await
}

/// Address of the sender, as the gateway saw it. Headers are ignored, because any client can set them.
fn peer(request: &Request) -> Option<IpAddr> {
    let address = match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        _ => None,
    };
    address?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that the gateway received that many milliseconds after 1970.
    fn came(millis: i64) -> Request {
        let context = format!(r#"{{"http":{{"method":"POST"}},"timeEpoch":{millis},"stage":"$default"}}"#);
        let event = format!(
            r#"{{"version":"2.0","rawPath":"/","headers":{{}},"isBase64Encoded":false,"requestContext":{context}}}"#
        );
        lambda_http::request::from_str(&event).unwrap()
    }

    #[test]
    fn the_wait_before_the_call_counts_but_a_wrong_clock_does_not() {
        let now = hub::Utc(1_790_000_000_000_000);
        let waited = |millis: i64| waited(&came(millis), now).as_millis();
        let called = now.0 / 1000;
        assert_eq!((waited(called - 100), waited(called - 3_600_000), waited(called + 3_600_000)), (100, 200, 0));
        assert_eq!(waited(called - 1_500), 1_500, "a cold start is seen");
        assert_eq!(waited(0), 0, "the gateway does not say");
    }

    #[test]
    fn a_push_shows_how_much_of_the_partners_time_was_left() {
        let sample = |partner, verdict, millis| {
            let (took, request_id) = (Duration::from_millis(millis), "r".to_owned());
            Served { function: "rates", partner, verdict, took, failed: false, request_id }.sample()
        };
        let in_time = sample(Some(Partner::OneData), Verdict::Accepted, 125);
        assert_eq!((in_time.value(Metric::AckTime), in_time.value(Metric::AckMargin)), (Some(125.0), Some(75.0)));
        assert_eq!((in_time.value(Metric::Accepted), in_time.value(Metric::Errors)), (Some(1.0), None));
        let late = sample(Some(Partner::OneData), Verdict::Unavailable, 750);
        assert_eq!((late.value(Metric::AckMargin), late.value(Metric::Unavailable)), (Some(-50.0), Some(1.0)));
        for stranger in [sample(None, Verdict::Unauthorized, 1), sample(Some(Partner::Xhq), Verdict::Unauthorized, 1)] {
            assert_eq!((stranger.value(Metric::AckTime), stranger.value(Metric::Unauthorized)), (None, Some(1.0)));
        }
    }
}
