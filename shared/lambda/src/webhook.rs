//! A push, as API Gateway brings it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use hub::action::Action;
use lambda_http::http::Method;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _, Response, service_fn};
use partners::Partner;
use partners::answer::{self, Verdict};
use queue::Queue;
use runtime::Context;
use runtime::receive::{self, Address, Delivered};
use store::Store;
use tokio::time::Instant;

use crate::request;

/// How much of the partner's time may count as spent before the function was called. The gateway tells when the request
/// came, by a clock that may not agree with this machine's: a wrong clock must not leave a push without any time.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Runs the webhook function of an action until the process ends.
pub async fn webhook(action: Action) -> Result<(), lambda_runtime::Error> {
    let context = crate::context().await?;
    let (context, action) = (&context, &action);
    lambda_http::run(service_fn(move |request| async move {
        let arrived = arrival(&request, context.now());
        Ok::<_, Infallible>(answer(context, action, request, arrived).await)
    }))
    .await
}

/// When the partner's clock began to run.
fn arrival(request: &Request, now: hub::Utc) -> Instant {
    let called = Instant::now();
    called.checked_sub(waited(request, now)).unwrap_or(called)
}

/// How long the request waited for this function, at most [`LONGEST_WAIT`].
fn waited(request: &Request, now: hub::Utc) -> Duration {
    let millis = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.request_time_epoch,
        Some(RequestContext::ApiGatewayV2(context)) => context.time_epoch,
        Some(_) | None => 0,
    };
    // Zero where the gateway says nothing.
    if millis > 0 { now.since(hub::Utc(millis.saturating_mul(1000))).min(LONGEST_WAIT) } else { Duration::ZERO }
}

/// Answers one push that arrived at that time. Whatever happens, the answer is in the partner's envelope as far as the
/// path tells whose it is.
pub async fn answer<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    action: &Action,
    request: Request,
    arrived: Instant,
) -> Response<Body> {
    let partner = Place::of(request.raw_http_path()).and_then(|place| Partner::from_id(place.address.partner));
    // A defect that panics is answered like an outage: the partner repeats, and the next push is served.
    let answered = AssertUnwindSafe(receive(context, action, request, arrived)).catch_unwind().await;
    let answer = answered.unwrap_or_else(|_| {
        tracing::error!(function = action.name, "the handler panicked");
        receive::refuse(partner, Verdict::Unavailable)
    });
    request::respond(answer.status, answer.body)
}

async fn receive<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    action: &Action,
    request: Request,
    arrived: Instant,
) -> answer::Answer {
    let path = request.raw_http_path().to_owned();
    let Some(Place { address, suffix }) = Place::of(&path) else {
        return receive::refuse(None, Verdict::Unauthorized);
    };
    let partner = Partner::from_id(address.partner);
    if suffix != action.suffix {
        return receive::refuse(partner, Verdict::Unauthorized);
    }
    if request.method() != Method::POST {
        return receive::refuse(partner, Verdict::NotPost);
    }
    let peer = peer(&request);
    let verified = match receive::verify(context, action, address, peer) {
        Ok(verified) => verified,
        Err(answer) => return answer,
    };
    let header = |name: HeaderName| {
        let value = request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.filter(|value| !value.is_empty())
    };
    let (content_type, encoding) = (header(CONTENT_TYPE).unwrap_or_default(), header(CONTENT_ENCODING));
    let delivered = Delivered { body: request::bytes(request.into_body()), content_type, encoding, peer };
    receive::receive(context, action, verified, delivered, arrived).await
}

/// The parts of a webhook's path, `/hooks/<partner>/<connection>/<key>[/<action>]`.
#[derive(Debug)]
struct Place<'a> {
    address: Address<'a>,
    suffix: &'a str,
}

impl<'a> Place<'a> {
    /// Before `hooks` there may be a stage or the base path of a custom domain.
    fn of(path: &'a str) -> Option<Self> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        segments.find(|segment| *segment == "hooks")?;
        let (partner, connection, key) = (segments.next()?, segments.next()?, segments.next()?);
        let suffix = segments.next().unwrap_or_default();
        segments.next().is_none().then_some(Self { address: Address { partner, connection, key }, suffix })
    }
}

/// Where the push came from, as the gateway saw it. Headers are not asked: anybody can write them.
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

    /// A request that came to the gateway that many milliseconds after 1970.
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
        assert_eq!(waited(0), 0, "the gateway does not say");
    }

    #[test]
    fn a_place_is_found_behind_a_stage() {
        for (path, suffix) in [
            ("/hooks/xhq/xhq-sh/k", ""),
            ("/hooks/xhq/xhq-sh/k/", ""),
            ("/prod/hooks/xhq/xhq-sh/k/send_data", "send_data"),
        ] {
            let place = Place::of(path).unwrap();
            assert_eq!((place.address.partner, place.address.connection, place.address.key), ("xhq", "xhq-sh", "k"));
            assert_eq!(place.suffix, suffix);
        }
        for path in ["", "/", "/hooks", "/hooks/xhq/xhq-sh", "/hook/xhq/xhq-sh/k", "/hooks/xhq/xhq-sh/k/a/b"] {
            assert!(Place::of(path).is_none(), "{path}");
        }
    }
}
