//! The ERP's functions invoked directly with plain JSON.

use super::*;

fn answer(response: &http::Response<bytes::Bytes>) -> (u64, Value) {
    let mut answer: Value = serde_json::from_str(&lambda::invoked(response)).unwrap();
    (answer["status"].as_u64().unwrap(), answer["body"].take())
}

/// Regression: an invocation with anything but the gateway's event was an error of the function, and raised its alarm.
#[tokio::test]
async fn deliveries_are_listed_and_shown_without_a_key() {
    let (context, _) = deployed().await;
    push(&context, &syn_status::ACTION, &rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), BODY)).await;
    let ask = async |event: &str| answer(&deliveries::router().invoke(&context, event.as_bytes()).await);
    let (status, failed) = ask(r#"{"path":"/deliveries/failed","query":{"limit":5}}"#).await;
    assert_eq!((status, &failed["items"]), (200, &json!([])));
    let (status, timeline) = ask(r#"{"path":"/events/xhq-sh/order:S1"}"#).await;
    assert_eq!((status, timeline["items"].as_array().unwrap().len()), (200, 1));
    let (status, problem) = ask(r#"{"path":"/deliveries/replay","body":{"endpoint":"nobody"}}"#).await;
    assert_eq!((status, &problem["field"]), (400, &"endpoint".into()));
    for (event, expected) in [
        ("{}", 400),
        ("[]", 400),
        ("\"?\"", 400),
        (r#"["GET","/deliveries/failed"]"#, 400),
        (r#"{"path":"/deliveries/failed","query":{"from":"WzAsbnVsbF0"}}"#, 400),
        (r#"{"path":"/deliveries/confirm","body":["erp"]}"#, 400),
        (r#"{"path":"/nowhere"}"#, 404),
        (r#"{"path":"/deliveries/replay"}"#, 405),
    ] {
        let (status, problem) = ask(event).await;
        assert_eq!((status, &problem["status"]), (expected, &expected.into()), "{event}: {problem}");
    }
}

#[tokio::test]
async fn calls_are_listed_and_shown_without_a_key() {
    let (context, _) = deployed().await;
    let ask = async |event: &str| answer(&call_status::router().invoke(&context, event.as_bytes()).await);
    assert_eq!(ask(r#"{"path":"/calls?state=ambiguous"}"#).await.0, 200);
    assert_eq!(ask(&format!(r#"{{"path":"/calls/{}"}}"#, "0".repeat(48))).await.0, 404);
    let resolve = format!(r#"{{"path":"/calls/{}/resolve","body":{{"decision":"done"}}}}"#, "0".repeat(48));
    assert_eq!(ask(&resolve).await.0, 404);
    let cancel = |more: &str| format!(r#"{{"path":"/calls/{}/cancel","method":"POST"{more}}}"#, "0".repeat(48));
    assert_eq!(ask(&cancel("")).await.0, 404);
    assert_eq!(ask(&cancel(r#","body":{}"#)).await.0, 404);
    let (status, problem) = ask(r#"{"path":"/calls","state":"ambiguous"}"#).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("state"), "{problem}");
}

#[tokio::test]
async fn shipments_are_shown_without_a_key() {
    let (context, _) = deployed().await;
    push(&context, &syn_status::ACTION, &rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), BODY)).await;
    let ask = async |event: &str| answer(&shipments::router().invoke(&context, event.as_bytes()).await);
    let (status, found) = ask(r#"{"path":"/shipments/S1","query":{"limit":5}}"#).await;
    assert_eq!((status, &found["keys"]), (200, &json!(["order:S1"])), "{found}");
    assert_eq!(ask(r#"{"path":"/shipments?state=failed"}"#).await, (200, json!({"items": [], "next": null})));
    assert_eq!(ask(r#"{"path":"/shipments/order:NONE"}"#).await.0, 404);
}

/// A header cannot make a request of the gateway one that needs no key.
#[tokio::test]
async fn request_of_the_gateway_needs_a_key() {
    let (context, _) = deployed().await;
    let request = http::Request::get("/calls").header("invoked", "true").body(bytes::Bytes::new()).unwrap();
    assert_eq!(call_status::router().handle(&context, request).await.status(), 401);
}

/// Regression: the ledger answered `null`.
#[tokio::test]
async fn the_ledger_answers_with_a_line_for_each_connection() {
    let (context, _) = deployed().await;
    push(&context, &syn_status::ACTION, &rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), BODY)).await;
    let log = logs::Log::default();
    let logging = log.begin("info");
    let lines = ledger::handle(&context.store, NOW).await.unwrap();
    drop(logging);
    let answered = serde_json::to_value(&lines).unwrap();
    assert_eq!(answered[0]["connection"], "xhq-sh");
    assert_eq!((&answered[0]["balanced"], &answered[0]["accepted"]), (&true.into(), &1.into()));
    let logged = log.lines();
    let logged: Vec<_> = logged.iter().filter(|line| line["connection"] == "xhq-sh").collect();
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert_eq!((&logged[0]["level"], &logged[0]["accepted"]), (&"INFO".into(), &1.into()));
}
