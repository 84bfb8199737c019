//! The sample events: each is what its function is really called with, and is answered.
//!
//! They are for the configuration in `examples/tongguan.toml`, and for `sam local invoke SynStatus -e
//! infra/events/syn_status.json`. While they are answered it is noted what is asked of DynamoDB: the function's role
//! allows that, and no more.

mod calls;
mod described;
mod files;
mod pulls;
mod watches;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sqs::SqsEvent;
use base64::Engine as _;
use callback::examples;
use config::Config;
use config::Context;
use courier::{Courier, DeliveryResult};
use futures::FutureExt as _;
use hub::Utc;
use hub::delivery::Outcome;
use lambda_http::RequestExt as _;
use outbound::Sent;
use queue::Hint;
use serde_json::Value;
use store::Store as _;
use store_dynamodb::DynamoStore;

use self::calls::{PORT, answering, called};
use super::roles::{actions, allowed, index_arn, permissions, reaches, recent_arn, table_arn};
use super::{hook_route, infra, trigger};
use crate::dynamodb::{Emulator, emulated};
use crate::support::{RecordedQueue, delivering};
use tongguan::table::{Function, Trigger, functions};

/// The function of configured partners, of which the example configuration describes none.
const PARTNER: &str = "partner";

const NOW: Utc = Utc(1_795_334_400_000_000);

type Deployed = Context<DynamoStore, RecordedQueue>;

async fn deployed() -> (Deployed, Emulator) {
    deployed_with("").await
}

/// The same with another table.
async fn deployed_with(table: &str) -> (Deployed, Emulator) {
    let example = std::fs::read_to_string(infra().join("../examples/tongguan.toml")).unwrap();
    // An order takes a permission more.
    let example = example.replace("order = \"none\"", "order = \"subject\"") + table + described::TABLES;
    let (store, emulator) = emulated().await;
    let config = Arc::new(Config::parse(&with_recipes(&example)).unwrap());
    emulator.seen();
    (Context::new(config, store, RecordedQueue::default(), Arc::new(|| NOW)), emulator)
}

/// The example with 1datatech's recipes in force.
fn with_recipes(example: &str) -> String {
    let (before, onedata) = example.split_once("# The token:").unwrap();
    let keys =
        ["[connections.", "path ", "body ", "token ", "life ", "expired ", "parts ", "separator ", "hash ", "case "];
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if keys.iter().any(|key| rest.starts_with(key)) => format!("{rest}\n"),
        Some(_) | None => format!("{line}\n"),
    };
    format!("{before}# The token:{}", onedata.lines().map(line).collect::<String>())
}

fn courier(context: &Deployed) -> Courier<DynamoStore, RecordedQueue> {
    let send: courier::Send = Arc::new(|_, _| {
        async { DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() } }.boxed()
    });
    delivering(context.clone(), send)
}

/// A courier whose every attempt ends its delivery as failed.
fn failing(context: &Deployed) -> Courier<DynamoStore, RecordedQueue> {
    let send: courier::Send = Arc::new(|_, _| {
        async { DeliveryResult { outcome: Outcome::Impossible, status: None, detail: String::new() } }.boxed()
    });
    Courier { send, ..courier(context) }
}

fn sample(function: &str) -> String {
    if function == PARTNER { described::sample() } else { host::sample(function).unwrap().to_string() }
}

/// Actions requested of DynamoDB since the last call. Each must be allowed to that function.
fn asked(function: &str, emulator: &Emulator) -> BTreeSet<String> {
    let (may, statements) = (may(function), permissions(function));
    let asked = emulator.seen_whole().into_iter().map(|seen| {
        let action = match seen.operation.as_str() {
            // A transaction needs what is in it; the store's holds puts.
            "TransactWriteItems" => "dynamodb:PutItem".to_owned(),
            operation => format!("dynamodb:{operation}"),
        };
        if !seen.partitions.is_empty() {
            assert!(reaches(&statements, &action, &seen.partitions), "{function} may not {action} {seen:?}");
        }
        action
    });
    let asked: BTreeSet<String> = asked.collect();
    assert!(asked.is_subset(&may), "{function} asks for {asked:?} and may {may:?}");
    asked
}

/// Actions that a function may request of the table and its indexes.
fn may(function: &str) -> BTreeSet<String> {
    let may = permissions(function);
    [table_arn(), index_arn(), recent_arn()].iter().flat_map(|on| allowed(&may, on)).collect()
}

#[test]
fn every_function_has_exactly_one_sample_event() {
    let files = std::fs::read_dir(infra().join("events")).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    // Of the webhooks, the first of each partner.
    let firsts = ["syn_status", "customs_status", "rate_push"];
    let has_own = |function: &&Function| match function.trigger {
        Trigger::Hook(_) => firsts.contains(&function.name),
        Trigger::Api(_) | Trigger::Queue(_) | Trigger::Schedule | Trigger::Daily => true,
    };
    let names = functions().iter().filter(has_own).map(|function| format!("{}.json", function.name)).collect();
    assert_eq!(files, names);
    for function in functions().into_iter().filter(|function| function.name != PARTNER) {
        let text = sample(function.name);
        match function.trigger {
            Trigger::Hook(action) => {
                let event: ApiGatewayProxyRequest = serde_json::from_str(&text).unwrap();
                assert_eq!(event.resource.unwrap(), hook_route(&action));
                assert_eq!(event.request_context.resource_path.unwrap(), hook_route(&action));
                assert!(event.is_base64_encoded, "as the gateway does with every body");
                let body = base64::prelude::BASE64_STANDARD.decode(event.body.unwrap()).unwrap();
                assert_eq!(body, examples::find(function.name).unwrap().body);
                let path = event.path.unwrap();
                assert_eq!(event.request_context.path.unwrap(), format!("/production{path}"));
                assert!(path.ends_with(action.suffix) && path.starts_with(&format!("/hooks/{}/", action.partners[0])));
            }
            Trigger::Api(routes) => {
                let event: ApiGatewayProxyRequest = serde_json::from_str(&text).unwrap();
                let route = (event.http_method, event.resource.unwrap());
                assert!(routes.iter().any(|(method, path)| route == (method.clone(), (*path).to_owned())), "{route:?}");
            }
            Trigger::Queue(_) => {
                let event: SqsEvent = serde_json::from_str(&text).unwrap();
                for record in event.records {
                    Hint::decode(&record.body.unwrap()).unwrap();
                }
            }
            Trigger::Schedule | Trigger::Daily => {
                let event: EventBridgeEvent<Value> = serde_json::from_str(&text).unwrap();
                assert_eq!(event.detail_type, "Scheduled Event");
            }
        }
    }
}

async fn push(context: &Deployed, function: &str) -> u16 {
    let Trigger::Hook(action) = trigger(function) else { panic!("{function} is no webhook") };
    let request = lambda_http::request::from_str(&sample(function)).unwrap();
    lambda::answer(context, None, &action, request).await.status().as_u16()
}

/// Has the store asked what every function asks it at its start.
async fn warm(context: &Deployed) {
    context.store.note("warm").await.unwrap();
}

#[tokio::test]
async fn every_push_is_accepted_and_known_the_second_time() {
    for function in functions() {
        if !matches!(function.trigger, Trigger::Hook(_)) {
            continue;
        }
        let (context, emulator) = deployed().await;
        warm(&context).await;
        assert_eq!(push(&context, function.name).await, 200, "{function:?}");
        assert_eq!(push(&context, function.name).await, 200, "{function:?}");
        store::flush(&context.store, &context.counters, NOW).await.unwrap();
        assert_eq!(asked(function.name, &emulator), may(function.name), "{function:?} may do no more than it does");
        assert!(!context.queue.0.lock().unwrap().is_empty(), "{function:?} hints");
        let ledger = context.store.ledger(NOW).await.unwrap();
        assert_eq!(ledger.len(), 1, "{function:?}");
    }
}

/// Regression: the description, which is public and needs nothing, could read the secret and the table and send hints.
#[tokio::test]
async fn the_description_is_given_by_a_function_that_may_only_log() {
    let request = http::Request::get("/openapi.json").body(bytes::Bytes::new()).unwrap();
    assert_eq!(openapi::router().handle(&(), request).await.status(), 200);
    let may: BTreeSet<String> = permissions("openapi").iter().flat_map(actions).collect();
    assert_eq!(may.into_iter().collect::<Vec<_>>(), ["logs:CreateLogStream", "logs:PutLogEvents"]);
}

/// The sample hint is the one that the sample receipt gives.
#[tokio::test]
async fn the_sample_receipt_is_delivered_by_the_sample_hint() {
    let (context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    emulator.seen();
    let event: SqsEvent = serde_json::from_str(&sample("deliver")).unwrap();
    let hint = Hint::decode(event.records[0].body.as_deref().unwrap()).unwrap();
    let hints = context.queue.0.lock().unwrap().clone();
    assert!(hints.contains(&hint), "not {}", hints[0].encode());
    let courier = courier(&context);
    let response = lambda::batch(event, &lambda::Invocation::default(), |hint| deliver::handle(&courier, hint)).await;
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(asked("deliver", &emulator), may("deliver"), "it may do no more than it does");
    let tally = context.store.ledger(NOW).await.unwrap()[&"xhq-sh".into()];
    assert_eq!(tally.delivered, 1);
}

#[tokio::test]
async fn the_sweep_delivers_what_the_queue_lost() {
    let (mut context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    push(&context, "ai_data").await;
    // One failed for good: what failed is measured, too.
    let hint = context.queue.0.lock().unwrap()[0].clone();
    deliver::handle(&failing(&context), hint).await.unwrap();
    called(&context, PORT.0, PORT.1).await;
    emulator.seen();
    let later = NOW.after(Duration::from_mins(2));
    context.clock = Arc::new(move || later);
    sweep::backlog::samples(&context, sweep::MEASURING).await;
    sweep::handle(&answering(&context)).await.unwrap();
    assert_eq!(asked("sweep", &emulator), may("sweep"), "it may do no more than it does");
    let tally = context.store.ledger(later).await.unwrap()[&"xhq-sh".into()];
    assert_eq!(tally.pending, 0);
}

/// A watch that is due: its shipment's timeline is read, which is more than the queue's work takes.
/// One request of the ERP, as the function is called with it.
async fn ask(context: &Deployed, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut event: Value = serde_json::from_str(&sample("deliveries")).unwrap();
    event["httpMethod"] = method.into();
    event["path"] = path.into();
    event["body"] = body.into();
    event["isBase64Encoded"] = false.into();
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let path = request.raw_http_path().to_owned();
    let (mut head, body) = request.into_parts();
    head.uri = path.parse().unwrap();
    let request = http::Request::from_parts(head, bytes::Bytes::from(body.to_vec()));
    let response = deliveries::router().handle(context, request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

#[tokio::test]
async fn the_erp_is_answered_within_the_permissions() {
    let (context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    emulator.seen();
    let (status, page) = ask(&context, "GET", "/deliveries/failed", "").await;
    assert_eq!((status, page["items"].as_array().unwrap().len()), (200, 0));
    let (status, timeline) = ask(&context, "GET", "/events/xhq-sh/order:SO2024042200017", "").await;
    assert_eq!((status, timeline["items"].as_array().unwrap().len()), (200, 1));
    let id = timeline["items"][0]["id"].as_str().unwrap().to_owned();
    let (status, _) = ask(&context, "GET", &format!("/events/xhq-sh/order:SO2024042200017/{id}"), "").await;
    assert_eq!(status, 200);
    for path in ["/events", "/events?number=order:SO2024042200017", "/deliveries", "/deliveries?state=pending"] {
        let (status, page) = ask(&context, "GET", path, "").await;
        let listed = page["events"].as_array().or(page["deliveries"].as_array()).unwrap();
        assert!(status == 200 && !listed.is_empty(), "{path}: {page}");
    }
    let mut needed = asked("deliveries", &emulator);
    // A delivery that failed is found by the index and read from the table.
    let hint = context.queue.0.lock().unwrap()[0].clone();
    deliver::handle(&failing(&context), hint).await.unwrap();
    asked("deliver", &emulator);
    let (_, page) = ask(&context, "GET", "/deliveries/failed", "").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let replay = format!(r#"{{"endpoint":{},"dry_run":false}}"#, page["items"][0]["delivery"]["endpoint"]);
    let (status, replayed) = ask(&context, "POST", "/deliveries/replay", &replay).await;
    assert_eq!((status, &replayed["replayed"]), (200, &1.into()));
    needed.extend(asked("deliveries", &emulator));
    assert_eq!(needed, may("deliveries"), "it may do no more than it does");
}

#[tokio::test]
async fn shipments_are_read_within_the_permissions() {
    let (context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    let hint = context.queue.0.lock().unwrap()[0].clone();
    deliver::handle(&failing(&context), hint).await.unwrap();
    emulator.seen();
    warm(&context).await;
    let router = shipments::router();
    let mut sent = request(&sample("shipments"));
    let found = router.handle(&context, sent.clone()).await;
    let found: Value = serde_json::from_slice(found.body()).unwrap();
    assert_eq!((found["items"].as_array().unwrap().len(), &found["milestone"]), (1, &"released".into()));
    for state in ["open", "failed"] {
        *sent.uri_mut() = format!("/shipments?state={state}").parse().unwrap();
        assert_eq!(router.handle(&context, sent.clone()).await.status(), 200);
    }
    let path = request(&sample("shipments")).uri().path().to_owned();
    *sent.uri_mut() = format!("{path}/evidence").parse().unwrap();
    assert_eq!(router.handle(&context, sent.clone()).await.status(), 200);
    assert_eq!(asked("shipments", &emulator), may("shipments"), "it may do no more than it does");
}

/// The URLs with the key, the state, and both tests. A test's push is stored and counted, that of an endpoint is not.
#[tokio::test]
async fn connections_and_endpoints_are_shown_within_the_permissions() {
    let (context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    let hint = context.queue.0.lock().unwrap()[0].clone();
    deliver::handle(&failing(&context), hint).await.unwrap();
    store::flush(&context.store, &context.counters, NOW).await.unwrap();
    emulator.seen();
    warm(&context).await;
    let (router, courier) = (stats::router(), courier(&context));
    let sent = request(&sample("stats"));
    let ask = async |method: &str, path: &str, body: &str| {
        let mut request = sent.clone();
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        *request.body_mut() = bytes::Bytes::copy_from_slice(body.as_bytes());
        let response = router.handle(&courier, request).await;
        assert_eq!(response.status(), 200, "{path}: {:?}", response.body());
        serde_json::from_slice::<Value>(response.body()).unwrap()
    };
    let shown = ask("GET", "/connections", "").await;
    assert_eq!(shown["connections"][0]["id"], "onedata", "{shown}");
    let shown = ask("GET", "/endpoints", "").await;
    let failed = shown["endpoints"].as_array().unwrap().iter().map(|shown| shown["failed"].as_u64().unwrap());
    assert_eq!(failed.sum::<u64>(), 1, "{shown}");
    let found = ask("GET", "/stats", "").await;
    let accepted = found["connections"]["xhq-sh"]["pushes"]["accepted"].as_array().unwrap();
    assert_eq!(accepted.iter().filter_map(Value::as_u64).sum::<u64>(), 1);
    ask("GET", "/ledger", "").await;
    let tested = ask("POST", "/connections/xhq-sh/test", r#"{"action":"syn_status"}"#).await;
    assert_eq!((&tested["status"], tested["events"].as_array().unwrap().len()), (&200.into(), 1), "{tested}");
    let endpoint = shown["endpoints"][0]["id"].as_str().unwrap();
    ask("POST", &format!("/endpoints/{endpoint}/test"), "").await;
    let url = ask("GET", "/connections/xhq-sh/urls", "").await["urls"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.contains("/hooks/xhq/xhq-sh/"), "{url}");
    store::flush(&context.store, &context.counters, NOW).await.unwrap();
    assert_eq!(asked("stats", &emulator), may("stats"), "it may do no more than it does");
}

#[tokio::test]
async fn the_audit_trail_is_read_within_the_permissions() {
    let (context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    let hint = context.queue.0.lock().unwrap()[0].clone();
    deliver::handle(&failing(&context), hint).await.unwrap();
    let (_, page) = ask(&context, "GET", "/deliveries/failed", "").await;
    let confirm = format!(r#"{{"endpoint":{}}}"#, page["items"][0]["delivery"]["endpoint"]);
    assert_eq!(ask(&context, "POST", "/deliveries/confirm", &confirm).await.0, 200);
    inbound::configured::tell(&context).await.unwrap();
    emulator.seen();
    warm(&context).await;
    let router = audit::router();
    let mut sent = request(&sample("audit"));
    for (path, entries) in
        [("/me", None), ("/configuration", None), ("/audit", Some(1)), ("/audit?number=SO2024042200017", Some(1))]
    {
        *sent.uri_mut() = path.parse().unwrap();
        let found = router.handle(&context, sent.clone()).await;
        assert_eq!(found.status(), 200, "{path}");
        let found: Value = serde_json::from_slice(found.body()).unwrap();
        assert_eq!(found["entries"].as_array().map(Vec::len), entries, "{path}: {found}");
    }
    assert_eq!(asked("audit", &emulator), may("audit"), "it may do no more than it does");
}

#[tokio::test]
async fn the_ledger_is_read_by_who_may() {
    let (context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    emulator.seen();
    let lines = ledger::handle(&context.store, context.now()).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(asked("ledger", &emulator), may("ledger"), "it may do no more than it does");
}

/// The request of a sample, as its function gets it.
fn request(sample: &str) -> http::Request<bytes::Bytes> {
    let request = lambda_http::request::from_str(sample).unwrap();
    let (path, query) = (request.raw_http_path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let (mut head, body) = request.into_parts();
    head.uri = format!("{path}?{query}").parse().unwrap();
    http::Request::from_parts(head, bytes::Bytes::from(body.to_vec()))
}
