//! Answers of a connection in place of its built-in partner's.

use partners::Partner;

use crate::support::http::{exchange, request};
use crate::support::{Plan, connection, hook, status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_whose_document_lost_it_is_the_configured_one() {
    let replies = "push_answers = { bonded_list = { accepted = { status = 201, content_type = \"text/plain\", body = \"好\" }, malformed = { status = 422, body = '{\"no\":\"{message}\"}' } } }\nfee_actions";
    let plan = Plan::new().changed("fee_actions", replies);
    let hub = plan.start().await;
    let push = async |suffix: &str, body: &str| {
        exchange(hub.address(), request("POST", &hook(Partner::Xhq, suffix), "", body.as_bytes())).await.unwrap()
    };
    let told = |reply: &crate::support::http::Reply| (reply.status, String::from_utf8(reply.body.clone()).unwrap());
    let taken = push("bonded_list", r#"{"orderOutNo":"1"}"#).await;
    assert_eq!(told(&taken), (201, "好".to_owned()));
    assert!(taken.head.contains("content-type: text/plain"), "{}", taken.head);
    // A duplicate is not an accepted push, and has the partner's own answer.
    let again = told(&push("bonded_list", r#"{"orderOutNo":"1"}"#).await);
    assert_eq!(again, (200, r#"{"msg":"","state":true}"#.to_owned()));
    let broken = push("bonded_list", "{").await;
    assert!(broken.status == 422 && broken.json()["no"].as_str().unwrap().contains("is not JSON"), "{broken:?}");
    assert_eq!(push("syn_status", &status("1", 61)).await.json()["state"], true);
    // Who has no key is a stranger.
    let path = format!("/hooks/xhq/{}/wrong/bonded_list", connection(Partner::Xhq));
    let stranger = exchange(hub.address(), request("POST", &path, "", b"{}")).await.unwrap();
    assert_eq!((stranger.status, &stranger.json()["state"]), (404, &false.into()));
}
