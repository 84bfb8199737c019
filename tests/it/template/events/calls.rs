//! Calls to partners, within the permissions of the functions that make them.

use super::*;

/// A courier whose calls the partner answers so.
fn answered(context: &Deployed, body: &'static str) -> Courier<DynamoStore, RecordedQueue> {
    let wire: courier::Wire =
        Arc::new(move |_| std::future::ready(Sent::answer(200, bytes::Bytes::from_static(body.as_bytes()))).boxed());
    Courier { wire, ..courier(context) }
}

/// A courier whose partners know something.
pub(super) fn answering(context: &Deployed) -> Courier<DynamoStore, RecordedQueue> {
    let wire: courier::Wire = Arc::new(move |request| {
        let body = match request.url.path() {
            "/auth/token" => r#"{"success":true,"code":200,"data":{"accessToken":"t","expiresIn":7200}}"#,
            "/ocean/api/port/query/v2" => {
                r#"{"success":true,"code":200,"data":[{"carrierCd":"CNTAO","subType":1,"subNo":"B1","resultCode":2,"resultData":{"blNo":"B1"}}]}"#
            }
            "/api/auth/authorization" => r#"{"code":"200","message":"","result":"t"}"#,
            _ => r#"{"code":200,"message":"","result":[{"id":"1","blNo":"B1"}]}"#,
        };
        std::future::ready(Sent::answer(200, bytes::Bytes::from_static(body.as_bytes()))).boxed()
    });
    Courier { wire, ..courier(context) }
}

/// Calls an operation, as the function is invoked by the ERP's own functions.
pub(super) async fn called(context: &Deployed, operation: &str, body: &str) {
    let (connection, name) = operation.split_once('/').unwrap();
    let event = format!(r#"{{"connection":"{connection}","operation":"{name}","idempotency_key":"k","body":{body}}}"#);
    let response = call::invoke(&answering(context), event.as_bytes()).await;
    assert!(response.status().is_success(), "{:?}", response.body());
}

pub(super) const PORT: (&str, &str) = ("onedata/port_query_v2", r#"[{"carrierCd":"CNTAO","subType":1,"subNo":"B1"}]"#);

/// A push with more to it than an answer shows is compared with what an answer has brought.
#[tokio::test]
async fn push_after_an_answer_is_within_the_permissions() {
    for function in ["customs_status", "callback"] {
        let (context, emulator) = deployed().await;
        warm(&context).await;
        called(&context, "trackingeyes/customs_status_download", r#"{"billId":"1"}"#).await;
        assert!(asked("call", &emulator).contains("dynamodb:Query"));
        let body = r#"[{"id":1,"blNo":"B1","extendNo":"ours","endId":"7"}]"#;
        let Trigger::Hook(action) = trigger(function) else { panic!("{function} is no webhook") };
        let (own, suffix) = ("/customs_status", format!("/{}", action.suffix));
        let sample = sample("customs_status").replace(own, suffix.trim_end_matches('/'));
        let mut event: Value = serde_json::from_str(&sample).unwrap();
        event["body"] = base64::prelude::BASE64_STANDARD.encode(body).into();
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        assert_eq!(lambda::answer(&context, None, &action, request).await.status(), 200);
        assert!(asked(function, &emulator).contains("dynamodb:GetItem"));
        assert_eq!(context.store.ledger(NOW).await.unwrap()[&"trackingeyes".into()].accepted, 1, "{function}");
    }
}

/// The sample hint at a call is the one that the sample request gives.
#[tokio::test]
async fn sample_message_makes_the_sample_call_and_its_end_event() {
    let (context, emulator) = deployed().await;
    // Its result is unknown.
    let courier = answered(&context, "<html>");
    for _ in 0..2 {
        let response = call::router().handle(&courier, request(&sample("call"))).await;
        assert_eq!(response.status(), 202, "{:?}", response.body());
    }
    called(&context, "trackingeyes/customs_status_download", r#"{"billId":"1"}"#).await;
    assert_eq!(asked("call", &emulator), may("call"), "it may do no more than it does");
    let event: SqsEvent = serde_json::from_str(&sample("dispatch")).unwrap();
    let hint = Hint::decode(event.records[0].body.as_deref().unwrap()).unwrap();
    let hints = context.queue.0.lock().unwrap().clone();
    assert!(hints.contains(&hint), "not {}", hints[0].encode());
    let response = lambda::batch(event, &lambda::Invocation::default(), |hint| dispatch::handle(&courier, hint)).await;
    assert!(response.batch_item_failures.is_empty());
    called(&context, PORT.0, PORT.1).await;
    let port = context.queue.0.lock().unwrap().last().cloned().unwrap();
    dispatch::handle(&answering(&context), port).await.unwrap();
    assert_eq!(asked("dispatch", &emulator), may("dispatch"), "it may do no more than it does");

    let listed = call_status::router().handle(&context, request(&sample("call_status"))).await;
    let listed: Value = serde_json::from_slice(listed.body()).unwrap();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&listed["items"][0]["state"], id), (&"ambiguous".into(), hint.key.id.to_string()));
    let mut open = request(&sample("call_status"));
    for path in ["/calls?state=ambiguous", "/calls?state=succeeded"] {
        *open.uri_mut() = path.parse().unwrap();
        assert_eq!(call_status::router().handle(&context, open.clone()).await.status(), 200, "{path}");
    }
    let mut resolve = request(&sample("call_status")).map(|_| bytes::Bytes::from_static(br#"{"decision":"done"}"#));
    *resolve.uri_mut() = format!("/calls/{}/resolve", hint.key.id).parse().unwrap();
    *resolve.method_mut() = http::Method::POST;
    assert_eq!(call_status::router().handle(&context, resolve).await.status(), 200);
    assert_eq!(asked("call_status", &emulator), may("call_status"), "it may do no more than it does");
}
