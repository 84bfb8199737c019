//! Events that the ERP's consumers lease and acknowledge.

use serde_json::Value;

use super::{NOW, asked, deployed_with, may, push, request, sample, warm};

#[tokio::test]
async fn events_are_pulled_within_the_permissions() {
    let table = "\n[[endpoints]]\nid = \"reader\"\npull = true\norder = \"subject\"\n";
    let (context, emulator) = deployed_with(table).await;
    push(&context, "single_receipt").await;
    emulator.seen();
    warm(&context).await;
    let router = pull::router();
    let mut sent = request(&sample("pull"));
    let leased = router.handle(&context, sent.clone()).await;
    let leased: Value = serde_json::from_slice(leased.body()).unwrap();
    assert_eq!(leased.as_array().unwrap().len(), 1, "{leased}");
    *sent.method_mut() = http::Method::POST;
    *sent.uri_mut() = "/endpoints/reader/acknowledge".parse().unwrap();
    *sent.body_mut() = format!(r#"{{"receipts":[{}]}}"#, leased[0]["receipt"]).into();
    let done = router.handle(&context, sent).await;
    let done: Value = serde_json::from_slice(done.body()).unwrap();
    assert_eq!(done["receipts"][0]["state"], "acknowledged", "{done}");
    store::flush(&context.store, &context.counters, NOW).await.unwrap();
    assert_eq!(asked("pull", &emulator), may("pull"), "it may do no more than it does");
}
