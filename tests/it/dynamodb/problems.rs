//! Problems for the ERP where DynamoDB refuses a request.

use std::sync::Arc;

use config::Config;
use config::Context;
use serde_json::Value;

use super::{Emulator, Fault, NOW, emulated};
use crate::support::{API_KEY, RecordedQueue, routed};

async fn hub() -> (Context<store_dynamodb::DynamoStore, RecordedQueue>, Emulator) {
    let (store, emulator) = emulated().await;
    let key = "k".repeat(32);
    let text = format!(
        "[[connections]]\nid = \"xhq\"\npartner = \"xhq\"\nkeys = [\"{key}\"]\n[[api_keys]]\nid = \"erp\"\nkey = \"{API_KEY}\"\n"
    );
    let config = Arc::new(Config::parse(&text).unwrap());
    (Context::new(config, store, RecordedQueue::default(), Arc::new(|| NOW)), emulator)
}

async fn ask(context: &Context<store_dynamodb::DynamoStore, RecordedQueue>, path: &str) -> (u16, Value) {
    let (status, body) = routed(context, API_KEY, ("GET", path), "").await;
    (status, serde_json::from_slice(&body).unwrap())
}

/// Regression: a missing permission was told as the caller's bad request, with the SDK's words.
#[tokio::test(start_paused = true)]
async fn missing_permission_is_the_hubs_own_fault() {
    let (context, emulator) = hub().await;
    emulator.always(Fault::Denied);
    let id = "0".repeat(48);
    for path in [
        "/deliveries/failed",
        "/calls",
        "/calls?state=queued",
        "/calls?subject=order:A",
        "/events/xhq/order:A",
        &format!("/events/xhq/order:A/{id}"),
    ] {
        let (status, problem) = ask(&context, path).await;
        assert_eq!((status, &problem["type"]), (500, &"urn:tongguan:problem:internal".into()), "{path}: {problem}");
        let said = problem.to_string();
        assert!(!said.contains("AccessDenied") && !said.contains("told to"), "{path}: {said}");
    }
    emulator.always(Fault::None);
    for path in ["/deliveries/failed?from=nowhere", "/calls?from=nowhere"] {
        let (status, problem) = ask(&context, path).await;
        assert_eq!((status, &problem["field"]), (400, &"from".into()), "{path}: {problem}");
    }
}

/// A key that is longer than DynamoDB's would be refused by it.
#[tokio::test(start_paused = true)]
async fn endless_subject_is_looked_for_as_it_is_stored() {
    let (context, _emulator) = hub().await;
    let long = "x".repeat(5_000);
    for path in [format!("/events/xhq/order:{long}"), format!("/calls?subject=order:{long}")] {
        assert_eq!(ask(&context, &path).await.0, 200, "{path}");
    }
    for path in [format!("/events/xhq/{long}"), format!("/calls?subject={long}:1")] {
        let (status, problem) = ask(&context, &path).await;
        assert_eq!((status, &problem["field"]), (400, &"subject".into()), "{problem}");
    }
    let (status, _) = ask(&context, &format!("/events/{long}/order:1")).await;
    assert_eq!(status, 404);
}
