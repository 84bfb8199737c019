//! A function that is called through the gateway and directly.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use bytes::Bytes;
use lambda_http::http::Request as HttpRequest;
use lambda_http::{Body, Error, RequestExt as _, Response};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::request::guarded;
use crate::run::run;
use crate::{Deployed, Function, Invocation, answer_api, request};

/// What tells an event of the gateway from what somebody invokes the function with.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "requestContext", borrow)]
    gateway: Option<&'a RawValue>,
}

/// Runs a function that answers the ERP's own requests, and direct invocations with JSON, until the process ends.
pub async fn api_or_invoke<F, A, G, B>(function: &Function, handle: F, invoke: G) -> Result<(), Error>
where
    F: Fn(Deployed, HttpRequest<Bytes>) -> A + Sync,
    A: Future<Output = Response<Bytes>> + Send,
    G: Fn(Deployed, String) -> B + Sync,
    B: Future<Output = String> + Send,
{
    let (handle, invoke) = (&handle, &invoke);
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let context = function.context();
        let Invocation { request_id, left } = Invocation::new(&event.context, context.now());
        // The handlers' futures are boxed: the compiler gives up on one as deep as a call within the whole of the runtime.
        let answer = if is_gateways(event.payload.get()) {
            let request = lambda_http::request::from_str(event.payload.get())?.with_lambda_context(event.context);
            let request = request::plain(request);
            let span =
                tracing::error_span!("request", request_id, method = %request.method(), path = request.uri().path());
            let response = answer_api(left, async { Box::pin(handle(context, request)).await });
            to_raw_value(&proxied(tracing::Instrument::instrument(response, span).await))?
        } else {
            let span = tracing::error_span!("invocation", request_id);
            let answer = directly(left, Box::pin(invoke(context, event.payload.get().to_owned())));
            RawValue::from_string(tracing::Instrument::instrument(answer, span).await)?
        };
        Ok::<_, Error>(answer)
    });
    run(function, handler).await
}

/// Whether an event comes from the gateway.
#[must_use]
pub fn is_gateways(event: &str) -> bool {
    serde_json::from_str::<Envelope<'_>>(event).is_ok_and(|envelope| envelope.gateway.is_some())
}

/// The answer to a direct invocation, where it is there in the time that is left.
async fn directly(left: Duration, answer: impl Future<Output = String>) -> String {
    match guarded(left, answer).await {
        Ok(answer) => {
            tracing::info!(outcome = "done", "answered");
            answer
        }
        Err((status, problem)) => format!("{{\"status\":{},\"body\":{problem}}}", status.as_u16()),
    }
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
    fn an_event_of_the_gateway_is_told_from_an_invocation() {
        assert!(is_gateways(r#"{"httpMethod":"POST","requestContext":{"stage":"x"}}"#));
        assert!(!is_gateways(r#"{"connection":"xhq-sh","operation":"upload","body":{"requestContext":{}}}"#));
        assert!(!is_gateways("[]"));
    }

    /// Who invoked the function was told by Lambda that it had timed out, and not by the hub.
    #[tokio::test]
    async fn an_invocation_that_takes_too_long_is_answered_in_its_time() {
        let late = directly(Duration::ZERO, std::future::pending()).await;
        let late: serde_json::Value = serde_json::from_str(&late).unwrap();
        assert_eq!((&late["status"], &late["body"]["type"]), (&503.into(), &"urn:tongguan:problem:unavailable".into()));
        let panicked = directly(Duration::MAX, async { panic!("a defect") }).await;
        assert!(panicked.starts_with(r#"{"status":500,"body":{"#), "{panicked}");
        assert_eq!(directly(Duration::MAX, async { "{}".to_owned() }).await, "{}");
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
