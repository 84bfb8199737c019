//! The ERP's requests, through the gateway or by a direct invocation.

use std::sync::Arc;
use std::time::Duration;

use api::Problem;
use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use config::{Context, Unconfigured};
use lambda_http::http::header::{LINK, LOCATION};
use lambda_http::http::{Request as HttpRequest, StatusCode, Uri};
use lambda_http::{Body, Error, RequestExt as _, Response};
use lambda_runtime::{LambdaEvent, service_fn};
use queue::Queue;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use store::Store;
use tracing::Instrument as _;

use crate::request::{MOST_ANSWER, guarded, too_large};
use crate::run::run;
use crate::{Accepts, CacheState, ConfigCache, Deployed, Function, Invocation, answer_api, aws, request};

/// Time limit of a reading of the secret for a refused request.
const PATIENCE: Duration = Duration::from_secs(3);

/// Time after which the ERP may repeat a request that was not taken because the secret could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// Tells an event of the gateway from any other.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "requestContext", borrow)]
    gateway: Option<&'a RawValue>,
}

/// Runs a function that answers the ERP's own requests, and direct invocations with plain JSON, until the process ends.
/// Serves a function of the ERP's API. A request that the cached configuration refuses is decided by a refreshed one.
pub async fn api<F, A, G, B>(function: &Function, handle: F, invoke: G) -> Result<(), Error>
where
    F: Fn(Deployed, HttpRequest<Bytes>) -> A + Sync,
    A: Future<Output = Response<Bytes>> + Send,
    G: Fn(Deployed, Bytes) -> B + Sync,
    B: Future<Output = Response<Bytes>> + Send,
{
    let (handle, invoke) = (&handle, &invoke);
    // The handlers' futures are boxed: the compiler gives up on one as deep as a call within the whole of the runtime.
    let handler = service_fn(move |event| async move {
        let (context, cache) = (&function.context(), function.cache());
        let by_gateway = |left, request: HttpRequest<Bytes>| {
            handled(context, cache, left, move |context| Box::pin(handle(context, request.clone())))
        };
        let directly =
            |left, event: Bytes| handled(context, cache, left, move |context| Box::pin(invoke(context, event.clone())));
        either(event, by_gateway, directly).await
    });
    run(Some(function), handler).await
}

/// Runs a function that answers every request by itself, through the gateway or invoked with anything, until the process
/// ends: an invocation as a `GET` of its path. It has no configuration, asks nothing of AWS, and needs no permission but
/// to log.
pub async fn describe<F, A>(path: &'static str, handle: F) -> Result<(), Error>
where
    F: Fn(HttpRequest<Bytes>) -> A,
    A: Future<Output = Response<Bytes>>,
{
    aws::begin();
    let handle = &handle;
    let handler = service_fn(move |event| async move {
        let directly = |_, _| {
            let mut request = HttpRequest::new(Bytes::new());
            *request.uri_mut() = Uri::from_static(path);
            handle(request)
        };
        either(event, |_, request| handle(request), directly).await
    });
    run(None, handler).await
}

/// Answers an event: the gateway's in its envelope, any other as [`invoked`] prints it.
async fn either<A, B>(
    event: LambdaEvent<Box<RawValue>>,
    by_gateway: impl FnOnce(Duration, HttpRequest<Bytes>) -> A,
    directly: impl FnOnce(Duration, Bytes) -> B,
) -> Result<Box<RawValue>, Error>
where
    A: Future<Output = Response<Bytes>>,
    B: Future<Output = Response<Bytes>>,
{
    let Invocation { request_id, left } = Invocation::new(&event.context, telemetry::system_clock()());
    let text = event.payload.get();
    if is_gateways(text) {
        let request = lambda_http::request::from_str(text)?.with_lambda_context(event.context);
        let request = request::plain(request);
        let span = tracing::error_span!("request", request_id, method = %request.method(), path = request.uri().path());
        let accepts = Accepts::of(&request);
        let response = answer_api(left, accepts, by_gateway(left, request)).instrument(span).await;
        return Ok(to_raw_value(&proxied(response))?);
    }
    let span = tracing::error_span!("invocation", request_id);
    let event = Bytes::copy_from_slice(text.as_bytes());
    Ok(RawValue::from_string(answer_invocation(left, directly(left, event)).instrument(span).await)?)
}

/// Whether an event comes from the gateway.
#[must_use]
pub fn is_gateways(event: &str) -> bool {
    serde_json::from_str::<Envelope<'_>>(event).is_ok_and(|envelope| envelope.gateway.is_some())
}

/// The answer to a request. Where it is [`Unconfigured`], the secret is read again, for no longer than is left, and the
/// request handled once more if that brought another configuration. Nothing was done for such a request yet.
pub async fn handled<S: Store, Q: Queue, A>(
    context: &Context<S, Q>,
    cache: &ConfigCache,
    left: Duration,
    handle: impl Fn(Context<S, Q>) -> A,
) -> Response<Bytes>
where
    A: Future<Output = Response<Bytes>>,
{
    let response = handle(context.clone()).await;
    if response.extensions().get::<Unconfigured>().is_none() {
        return response;
    }
    match cache.renew(context.now(), left.min(PATIENCE)).await {
        CacheState::Current(config) if Arc::ptr_eq(&config, &context.config) => response,
        CacheState::Current(config) => handle(Context { config, ..context.clone() }).await,
        CacheState::Unknown => unreadable(),
    }
}

/// 503: the secret may have what the request needs, and cannot be read.
fn unreadable() -> Response<Bytes> {
    let detail = "the configuration cannot be read now, and may have what this request needs; please repeat it";
    tracing::warn!(status = 503, "request not taken: {detail}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(RETRY_AFTER).unlogged()
}

/// An answer as a direct invocation gets it.
#[derive(Serialize)]
struct Invoked<'a> {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    body: &'a RawValue,
}

/// An answer as a direct invocation gets it: `{"status","location","link","body"}` of what HTTP would have got; with
/// `"encoding":"base64"` a body that is a file.
#[must_use]
pub fn invoked(response: &Response<Bytes>) -> String {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let (location, link) = (text(LOCATION), text(LINK));
    let (encoding, json) = match str::from_utf8(response.body()) {
        Ok(body) if !request::is_file(response) => {
            (None, RawValue::from_string(body.to_owned()).or_else(|_| to_raw_value(&body)).ok())
        }
        Ok(_) | Err(_) => (Some("base64"), to_raw_value(&BASE64_STANDARD.encode(response.body())).ok()),
    };
    let status = response.status().as_u16();
    let invoked = json.as_deref().map(|body| Invoked { status, location, link, encoding, body });
    // Numbers, texts and printed JSON: this cannot fail.
    invoked.and_then(|invoked| serde_json::to_string(&invoked).ok()).unwrap_or_default()
}

/// The answer to a direct invocation, where it is there in the time that is left and Lambda takes it.
async fn answer_invocation(left: Duration, answer: impl Future<Output = Response<Bytes>>) -> String {
    let answered = guarded(left, answer).await.and_then(|response| {
        let text = invoked(&response);
        if text.len() > MOST_ANSWER {
            return Err(too_large(text.len()));
        }
        tracing::info!(outcome = response.status().as_u16(), "answered");
        Ok(text)
    });
    answered.unwrap_or_else(|problem| invoked(&problem.unlogged()))
}

/// An answer as the gateway takes it from a function.
fn proxied(response: Response<Body>) -> ApiGatewayProxyResponse {
    let (head, body) = response.into_parts();
    let mut proxied = ApiGatewayProxyResponse::default();
    proxied.status_code = i64::from(head.status.as_u16());
    proxied.is_base64_encoded = matches!(body, Body::Binary(_));
    proxied.multi_value_headers = head.headers;
    proxied.body = Some(body);
    proxied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateway_event_differs_from_invocation() {
        assert!(is_gateways(r#"{"httpMethod":"POST","requestContext":{"stage":"x"}}"#));
        assert!(!is_gateways(r#"{"connection":"xhq-sh","operation":"upload","body":{"requestContext":{}}}"#));
        assert!(!is_gateways("[]"));
    }

    /// Regression: Lambda reported a timeout before the hub answered.
    #[tokio::test]
    async fn late_panicking_or_huge_invocation_answer_is_a_problem() {
        let late = answer_invocation(Duration::ZERO, std::future::pending()).await;
        let late: serde_json::Value = serde_json::from_str(&late).unwrap();
        assert_eq!((&late["status"], &late["body"]["type"]), (&503.into(), &"urn:tongguan:problem:unavailable".into()));
        let panicked = answer_invocation(Duration::MAX, async { panic!("a defect") }).await;
        assert!(panicked.starts_with(r#"{"status":500,"body":{"#), "{panicked}");
        let huge = Response::new(Bytes::from(format!("\"{}\"", "x".repeat(MOST_ANSWER))));
        let huge = answer_invocation(Duration::MAX, async { huge }).await;
        assert!(huge.contains("answer-too-large"), "{huge}");
    }

    #[test]
    fn an_invocation_gets_status_location_and_body() {
        let mut response = Response::new(Bytes::from_static(br#"{"n": 1.10}"#));
        assert_eq!(invoked(&response), r#"{"status":200,"body":{"n": 1.10}}"#);
        response.headers_mut().insert("location", "/calls/1".parse().unwrap());
        *response.body_mut() = Bytes::from_static(b"no JSON");
        assert_eq!(invoked(&response), r#"{"status":200,"location":"/calls/1","body":"no JSON"}"#);
        let mut file = Response::new(Bytes::from_static(b"zip"));
        file.headers_mut().insert("content-type", "application/zip".parse().unwrap());
        file.headers_mut().insert("link", "<?from=x>; rel=\"next\"".parse().unwrap());
        let expected = r#"{"status":200,"link":"<?from=x>; rel=\"next\"","encoding":"base64","body":"emlw"}"#;
        assert_eq!(invoked(&file), expected);
    }

    #[test]
    fn an_answer_is_what_the_gateway_takes() {
        let mut response = Response::new(Body::Text("{\"通\":1}".to_owned()));
        *response.status_mut() = lambda_http::http::StatusCode::ACCEPTED;
        response.headers_mut().insert("location", "../1".parse().unwrap());
        let proxied = serde_json::to_value(proxied(response)).unwrap();
        assert_eq!((&proxied["statusCode"], &proxied["body"]), (&202.into(), &"{\"通\":1}".into()));
        assert_eq!(proxied["multiValueHeaders"]["location"][0], "../1");
    }
}
