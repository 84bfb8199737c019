//! Answers of partners to calls, byte by byte as real servers send them.

use serde_json::Value;
use tongguan::Hub;

use crate::calls::{APP_ID, BGH_ID, upload};
use crate::flows::answers::{GBK, answer, gzip};
use crate::support::canned::Canned;
use crate::support::http::{Reply, api, exchange, request};
use crate::support::{API_KEY, Plan, Time, key, until};

/// A hub that calls XHQ at a server that answers anything.
async fn hub(canned: &Canned) -> (Plan, Hub) {
    let url = canned.url();
    let connection = format!(
        "[[connections]]\nid = \"xhq\"\npartner = \"xhq\"\nbase_url = \"{url}\"\nallow_private = true\n\
         keys = [\"{}\"]\napp_id = \"{APP_ID}\"\nbgh_id = \"{BGH_ID}\"\n",
        key("xhq")
    );
    let plan = Plan::bare().table(&connection);
    let hub = plan.start_at(&Time::now()).await;
    (plan, hub)
}

async fn call(hub: &Hub, operation: &str, key: &str, body: &str) -> Reply {
    let headers =
        format!("authorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\nidempotency-key: {key}\r\n");
    let bytes = request("POST", &format!("/calls/xhq/{operation}"), &headers, body.as_bytes());
    exchange(hub.address(), bytes).await.expect("an answer")
}

/// State of a command after one attempt.
async fn command(hub: &Hub, n: usize) -> Value {
    let accepted = call(hub, "upload", &format!("k-{n}"), &upload(&format!("A{n}"))).await.json();
    let path = format!("/calls/{}", accepted["id"].as_str().unwrap_or_else(|| panic!("{accepted}")));
    let status = async || api(hub.address(), "GET", &path, API_KEY, "").await.json();
    until(async || status().await["attempts"].as_array().is_some_and(|made| !made.is_empty())).await;
    status().await
}

/// Regression: answers that were compressed, in GBK or behind an odd header left commands ambiguous.
#[tokio::test]
async fn command_is_judged_by_the_text_of_its_answer() {
    let canned = Canned::start().await;
    let (_plan, hub) = hub(&canned).await;
    let (yes, no) = (&br#"{"code":200,"data":"A1"}"#[..], b"{\"code\":500,\"msg\":\"\xca\xa7\xb0\xdc\"}");
    let cut = gzip(yes)[..20].to_vec();
    let cases = [
        (answer(200, "content-encoding: gzip\r\n", &gzip(yes)), "succeeded"),
        (answer(200, "x-a : b\r\n", yes), "succeeded"),
        (answer(200, "x-a: b\r\n c\r\nset-cookie: \u{1}\r\n", yes), "succeeded"),
        (answer(200, "", no), "failed"),
        (answer(200, "content-type: text/plain; charset=GBK\r\n", no), "failed"),
        (answer(200, "content-encoding: gzip\r\n", &cut), "ambiguous"),
        (answer(200, "content-encoding: br\r\n", b"\x0b\x07\x80{\"code\":200}\x03"), "ambiguous"),
        (answer(503, "content-encoding: gzip\r\n", &cut), "queued"),
        (answer(200, "", &yes[..10]), "ambiguous"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"code\":200".to_vec(), "ambiguous"),
        (b"HTTP/1.1 503 x\r\ncontent-length: 99\r\n\r\n{\"code".to_vec(), "queued"),
    ];
    for (n, (bytes, state)) in cases.into_iter().enumerate() {
        canned.answer(bytes.clone());
        let call = command(&hub, n).await;
        assert_eq!(call["state"], state, "{} {call}", String::from_utf8_lossy(&bytes));
        if call["state"] == "failed" {
            assert!(call["attempts"][0]["detail"].as_str().unwrap().contains("失败"), "{call}");
            assert_eq!(call["answer"]["body"]["code"], 500, "{call}");
        }
    }
}

#[tokio::test]
async fn query_is_answered_in_utf_8() {
    let canned = Canned::start().await;
    let (_plan, hub) = hub(&canned).await;
    let gbk = b"{\"code\":200,\"data\":\"\xca\xa7\xb0\xdc\",  \"n\":1.10}";
    for (lines, body) in [("", gbk.to_vec()), ("content-encoding: gzip\r\n", gzip(gbk))] {
        canned.answer(answer(200, lines, &body));
        let reply = call(&hub, "bghList", "", "").await;
        let text = String::from_utf8(reply.body.clone()).unwrap();
        assert_eq!((reply.status, text.as_str()), (200, "{\"code\":200,\"data\":\"失败\",  \"n\":1.10}"));
    }
    canned.answer(answer(200, "", GBK));
    assert_eq!(call(&hub, "bghList", "", "").await.status, 502, "it has no code");
}

/// Regression: a redirect left a command ambiguous, which nobody at the partner had looked at.
#[tokio::test]
async fn redirected_call_has_failed_and_says_where_to() {
    let canned = Canned::start().await;
    let (_plan, hub) = hub(&canned).await;
    let redirect = |status, page| answer(status, "location: https://partner.example/?app=s3cret\r\n", page);
    let pages: [&[u8]; 3] = [b"<html>moved</html>", br#"{"code":200}"#, br#"{"code":300,"msg":"x"}"#];
    let cases = pages.into_iter().flat_map(|page| [301, 302, 307, 308].map(|status| (page, status)));
    for (n, (page, status)) in cases.enumerate() {
        canned.answer(redirect(status, page));
        let failed = command(&hub, n).await;
        assert_eq!((&failed["state"], &failed["attempts"][0]["status"]), (&"failed".into(), &status.into()));
        let detail = failed["attempts"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("redirects to https://partner.example/,") && !detail.contains("s3cret"), "{detail}");
        let query = call(&hub, "bghList", "", "").await;
        assert_eq!(query.status, 422, "{}", query.json());
        assert!(query.json()["detail"].as_str().unwrap().contains("https://partner.example/"), "{}", query.json());
    }
    // A server that says "see other" has processed the request.
    canned.answer(redirect(303, pages[0]));
    let unknown = command(&hub, 303).await;
    assert_eq!(unknown["state"], "ambiguous");
    assert!(unknown["attempts"][0]["detail"].as_str().unwrap().contains("https://partner.example/"), "{unknown}");
}
