//! The Lambda adapters, from the gateway's and the queue's JSON to their answers, without Lambda's runtime.

mod api_answers;
mod configuration_refresh;
mod credentials_secret;
mod direct_invocation;
mod evidence;
pub(crate) mod logs;
mod metrics;
mod queues;
mod unkept_answers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use config::Config;
use config::Context;
use hub::action::{Action, Reading};
use hub::{EventId, EventKey, Record, Subject, Utc};
use lambda::Invocation;
use lambda_http::{Body, Response};
use partners::Partner;
use queue::{Hint, Job, Queue, QueueError};
use serde_json::{Value, json};
use store::Store as _;
use store_dynamodb::DynamoStore;
use tokio::time::Instant;

use crate::dynamodb::{Emulator, Fault, emulated};

const NOW: Utc = Utc(1_790_000_000_000_000);
const KEY: &str = "k0123456789abcdef0123456789abcdef";

/// A queue that forgets everything, as a queue may.
#[derive(Clone)]
struct Forgetful;

impl Queue for Forgetful {
    const HOLDS_UP: Duration = Duration::from_secs(1);

    async fn send(&self, _: Vec<Hint>, _: Duration) -> Result<(), QueueError> {
        Ok(())
    }
}

/// Connections of every partner that pushes, and no endpoint.
fn configuration() -> String {
    format!(
        r#"
        [[connections]]
        id = "xhq-sh"
        partner = "xhq"
        keys = ["{KEY}"]

        [[connections]]
        id = "xhq-lan"
        partner = "xhq"
        keys = ["{KEY}lan"]
        allow_ips = ["10.1.0.0/16"]

        [[connections]]
        id = "te"
        partner = "trackingeyes"
        keys = ["{KEY}te"]

        [[connections]]
        id = "rates"
        partner = "onedata"
        keys = ["{KEY}od"]
        "#
    )
}

async fn deployed() -> (Context<DynamoStore, Forgetful>, Emulator) {
    let (store, emulator) = emulated().await;
    let config = Arc::new(Config::parse(&configuration()).unwrap());
    (Context::new(config, store, Forgetful, Arc::new(|| NOW)), emulator)
}

/// A push as a REST API of API Gateway hands it on.
fn rest(path: &str, body: &str) -> Value {
    json!({
        "resource": "/hooks/{partner}/{connection}/{key}/{action}",
        "path": path,
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "Host": "abc.execute-api.eu-central-1.amazonaws.com"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": {"partner": "xhq"},
        "stageVariables": null,
        "requestContext": {
            "accountId": "1", "apiId": "abc", "stage": "prod", "requestId": "r", "httpMethod": "POST",
            "path": format!("/prod{path}"), "protocol": "HTTP/1.1", "resourceId": "x",
            "resourcePath": "/", "requestTimeEpoch": NOW.0 / 1000, "identity": {"sourceIp": "10.1.2.3"}
        },
        "body": body,
        "isBase64Encoded": false
    })
}

/// A push as an HTTP API of API Gateway hands it on; its path begins with the stage.
fn http(path: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": format!("/prod{path}"), "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "abc.execute-api.eu-central-1.amazonaws.com"},
        "requestContext": {
            "accountId": "1", "apiId": "abc", "domainName": "abc", "domainPrefix": "abc", "stage": "prod",
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "10.1.2.3", "userAgent": "x"},
            "requestId": "r", "routeKey": "$default", "time": "", "timeEpoch": NOW.0 / 1000
        },
        "body": body,
        "isBase64Encoded": false
    })
}

async fn push(context: &Context<DynamoStore, Forgetful>, action: &Action, event: &Value) -> Response<Body> {
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    lambda::answer(context, None, action, request).await
}

fn said(response: &Response<Body>) -> (u16, Value) {
    let Body::Text(body) = response.body() else { panic!("the answer is no text") };
    assert_eq!(response.headers()["content-type"], "application/json");
    (response.status().as_u16(), serde_json::from_str(body).unwrap())
}

/// The only event there is, if there is one.
async fn stored(context: &Context<DynamoStore, Forgetful>, subject: &str) -> Option<Record> {
    let events = context.store.timeline(&"xhq-sh".into(), &subject.into(), NOW).await.unwrap();
    assert!(events.len() < 2);
    context.store.load(&events.first()?.key, NOW).await.unwrap()
}

async fn nothing_is_stored(context: &Context<DynamoStore, Forgetful>) {
    assert!(context.store.ledger(NOW).await.unwrap().is_empty());
}

const BODY: &str = "{\"action\":\"syn_status\", \"orderOutNo\":\"S1\",\"code\":61,\"msg\":\"放行\"}\n";

#[tokio::test]
async fn a_push_is_kept_byte_for_byte_whatever_its_content_type() {
    use base64::Engine as _;
    let path = format!("/hooks/xhq/xhq-sh/{KEY}/syn_status");
    let mut plain = rest(&path, BODY);
    plain["headers"]["Content-Type"] = "text/plain; charset=utf-8".into();
    plain["multiValueHeaders"]["Content-Type"] = json!(["text/plain; charset=utf-8"]);
    let mut encoded = rest(&path, &base64::prelude::BASE64_STANDARD.encode(BODY));
    encoded["isBase64Encoded"] = true.into();
    for (event, content_type) in [
        (rest(&path, BODY), "application/json"),
        (http(&path, BODY), "application/json"),
        (plain, "text/plain; charset=utf-8"),
        (encoded, "application/json"),
    ] {
        let (context, _) = deployed().await;
        let yes = (200, json!({"state": true, "msg": ""}));
        assert_eq!(said(&push(&context, &syn_status::ACTION, &event).await), yes);
        assert_eq!(said(&push(&context, &syn_status::ACTION, &event).await), yes, "a duplicate");
        let record = stored(&context, "order:S1").await.unwrap();
        assert_eq!((&record.event.body[..], record.event.meta.content_type.as_str()), (BODY.as_bytes(), content_type));
    }
}

#[tokio::test]
async fn request_for_another_function_gets_the_partners_refusal() {
    let (context, _) = deployed().await;
    let mut get = rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), BODY);
    get["httpMethod"] = "GET".into();
    assert_eq!(said(&push(&context, &syn_status::ACTION, &get).await).0, 405);
    for path in [
        format!("/hooks/xhq/xhq-sh/{KEY}"),
        format!("/hooks/xhq/xhq-sh/{KEY}/send_data"),
        format!("/hooks/xhq/xhq-sh/{KEY}/syn_status/more"),
        format!("/hooks/xhq/xhq-sh/{KEY}x/syn_status"),
        format!("/hooks/xhq/other/{KEY}/syn_status"),
        format!("/hooks/trackingeyes/xhq-sh/{KEY}/syn_status"),
        format!("/hooks/nobody/xhq-sh/{KEY}/syn_status"),
        "/hooks/xhq".to_owned(),
        "/".to_owned(),
    ] {
        for event in [rest(&path, BODY), http(&path, BODY)] {
            let (status, body) = said(&push(&context, &syn_status::ACTION, &event).await);
            assert_eq!(status, 404, "{path}");
            assert!(body["state"] == false || body["code"] == 404, "{path}: {body}");
            assert!(!body.to_string().contains(KEY));
        }
    }
    nothing_is_stored(&context).await;
}

#[tokio::test]
async fn the_url_that_takes_everything_has_no_suffix() {
    let (context, _) = deployed().await;
    let path = format!("/hooks/xhq/xhq-sh/{KEY}");
    assert_eq!(said(&push(&context, &callback::ACTION, &rest(&path, BODY)).await).0, 200);
    assert!(stored(&context, "order:S1").await.is_some());
}

/// The gateway's word counts, not a header that anybody can write.
#[tokio::test]
async fn where_a_push_comes_from_is_what_the_gateway_saw() {
    let (context, _) = deployed().await;
    let path = format!("/hooks/xhq/xhq-lan/{KEY}lan/syn_status");
    for mut event in [rest(&path, BODY), http(&path, BODY)] {
        assert_eq!(said(&push(&context, &syn_status::ACTION, &event).await).0, 200);
        let address = if event["version"] == "2.0" {
            &mut event["requestContext"]["http"]["sourceIp"]
        } else {
            &mut event["requestContext"]["identity"]["sourceIp"]
        };
        *address = "192.0.2.1".into();
        event["headers"]["X-Forwarded-For"] = "10.1.2.3".into();
        assert_eq!(said(&push(&context, &syn_status::ACTION, &event).await).0, 404);
    }
}

#[tokio::test]
async fn panic_is_an_outage_and_the_next_push_is_served() {
    let broken = Action {
        name: "broken",
        partners: &Partner::ALL,
        suffix: "syn_status",
        about: "",
        subjects: &[],
        examples: &[],
        read: |push| {
            assert!(push.body.field("code").is_none(), "a defect");
            Reading::Malformed("fine".to_owned())
        },
    };
    let (context, _) = deployed().await;
    let path = format!("/hooks/xhq/xhq-sh/{KEY}/syn_status");
    let (status, body) = said(&push(&context, &broken, &rest(&path, r#"{"code":1}"#)).await);
    assert_eq!((status, &body["state"]), (503, &false.into()));
    let path = format!("/hooks/trackingeyes/te/{KEY}te/syn_status");
    let (status, body) = said(&push(&context, &broken, &rest(&path, r#"{"code":1}"#)).await);
    assert_eq!((status, &body["code"]), (200, &500.into()));
    nothing_is_stored(&context).await;
    assert_eq!(said(&push(&context, &broken, &rest(&path, "{}")).await).0, 200, "malformed, by TrackingEyes' rule");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_is_worth_repeating() {
    let (context, emulator) = deployed().await;
    let path = format!("/hooks/xhq/xhq-sh/{KEY}/single_receipt");
    for fault in [Fault::Lost, Fault::Throttled] {
        emulator.always(fault);
        let (status, body) = said(&push(&context, &single_receipt::ACTION, &rest(&path, BODY)).await);
        assert_eq!((status, &body["state"]), (503, &false.into()));
    }
    emulator.always(Fault::None);
    nothing_is_stored(&context).await;
    assert_eq!(said(&push(&context, &single_receipt::ACTION, &rest(&path, BODY)).await).0, 200);
}

/// 1datatech counts a push as failed after 500 ms; the negative is there before.
#[tokio::test(start_paused = true)]
async fn a_slow_store_is_answered_for_within_the_deadline() {
    let (context, emulator) = deployed().await;
    let path = format!("/hooks/onedata/rates/{KEY}od/rates");
    emulator.always(Fault::AnswerLate);
    let begun = Instant::now();
    let (status, body) = said(&push(&context, &rate_push::ACTION, &rest(&path, r#"{"batchNo":"B1"}"#)).await);
    assert!(begun.elapsed() < Partner::OneData.deadline(), "{:?}", begun.elapsed());
    assert_eq!((status, &body["success"]), (503, &false.into()));
}

fn message(id: &str, body: &str) -> Value {
    json!({"messageId": id, "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {},
        "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:x:1:q", "awsRegion": "x"})
}

fn hint(claim: u32) -> Hint {
    let key = EventKey { connection: "xhq-sh".into(), subject: Subject::new("order", "S1"), id: EventId([1; 24]) };
    Hint { key, job: Job::Deliver { endpoint: "erp".into(), claim } }
}

fn claim(hint: &Hint) -> u32 {
    match hint.job {
        Job::Deliver { claim, .. } => claim,
        Job::Call { .. } | Job::Index => u32::MAX,
    }
}

/// Messages that failed, panicked or are invalid are received again; the others are done.
#[tokio::test]
async fn a_batch_reports_its_failures_one_by_one() {
    let event: SqsEvent = serde_json::from_value(json!({"Records": [
        message("fine", &hint(0).encode()),
        message("fails", &hint(1).encode()),
        message("panics", &hint(2).encode()),
        message("panics at once", &hint(3).encode()),
        message("newer", r#"{"v":9}"#),
        message("nonsense", "hello"),
        message("fine too", &hint(6).encode()),
    ]}))
    .unwrap();
    let worked = Mutex::new(Vec::new());
    let response = lambda::batch(event, &Invocation::default(), |hint| {
        assert!(claim(&hint) != 3, "a defect");
        let worked = &worked;
        async move {
            worked.lock().unwrap().push(claim(&hint));
            assert!(claim(&hint) != 2, "a defect");
            if claim(&hint) == 1 { Err(std::io::Error::other("refused")) } else { Ok(()) }
        }
    })
    .await;
    let failures: Vec<_> =
        response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(failures, ["fails", "panics", "panics at once", "newer", "nonsense"]);
    assert!(worked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&6));
    let wire = serde_json::to_value(&response).unwrap();
    assert_eq!(wire["batchItemFailures"][0], json!({"itemIdentifier": "fails"}));
}

/// One endpoint that hangs does not hold the others of its batch.
#[tokio::test]
async fn messages_of_a_batch_are_processed_concurrently() {
    let records = [message("waits", &hint(0).encode()), message("frees it", &hint(1).encode())];
    let event: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    let gate = tokio::sync::Semaphore::new(0);
    let invocation = Invocation::default();
    let work = lambda::batch(event, &invocation, |hint| {
        let gate = &gate;
        async move {
            if claim(&hint) == 0 {
                gate.acquire().await.unwrap().forget();
            } else {
                gate.add_permits(1);
            }
            Ok::<_, std::io::Error>(())
        }
    });
    let response = tokio::time::timeout(Duration::from_secs(10), work).await.unwrap();
    assert!(response.batch_item_failures.is_empty());
}

/// Messages that exceed the invocation's time are received again; the others are done.
#[tokio::test]
async fn slow_message_fails_alone() {
    let records = [message("hangs", &hint(0).encode()), message("fine", &hint(1).encode())];
    let event: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    let invocation = Invocation { left: Duration::from_millis(20), ..Invocation::default() };
    let response = lambda::batch(event, &invocation, |hint| async move {
        if claim(&hint) == 0 { std::future::pending().await } else { Ok::<_, std::io::Error>(()) }
    })
    .await;
    let failures: Vec<_> = response.batch_item_failures.iter().map(|failure| &failure.item_identifier).collect();
    assert_eq!(failures, ["hangs"]);
}
