//! The ERP's requests for calls: answers, `Prefer: wait`, problems, lists, keys of some connections, and invocations.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use simulators::api::Fault;
use simulators::erp::Behaviour;

use super::end_events::one_of_each;
use crate::calls::{Desk, Making, UNSAFE, invocation, invoke, upload};
use crate::support::http::{Reply, api, exchange, request};
use crate::support::{API_KEY, until, within};

/// A key that sees Yanwen's connection alone.
const NARROW_KEY: &str = "narrow-key-that-nobody-may-see-0123456789";

fn narrow() -> String {
    format!("[[api_keys]]\nid = \"narrow\"\nkey = \"{NARROW_KEY}\"\nconnections = [\"yan*\"]\n")
}

/// A problem of that status and type.
fn is_problem(reply: &Reply, status: u16, kind: &str) -> Value {
    let problem = reply.json();
    assert_eq!((reply.status, &problem["type"]), (status, &format!("urn:tongguan:problem:{kind}").into()), "{problem}");
    assert!(reply.head.contains("content-type: application/problem+json"), "{}", reply.head);
    assert_eq!(problem["status"], status);
    assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
    problem
}

#[tokio::test]
async fn command_is_answered_before_sending_unless_wait_is_preferred() {
    let desk = Desk::new().await;
    desk.xhq.behave(Fault::Holds);
    let reply = desk.call("xhq", "upload", "idempotency-key: k-1\r\n", &upload("1")).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((reply.status, &reply.json()["state"]), (202, &"queued".into()));
    assert!(reply.head.contains(&format!("location: ../{id}\r\n")) && !reply.head.contains("preference-applied"));
    // Not in time,
    let headers = "idempotency-key: k-1\r\nprefer: respond-async, wait=1\r\n";
    let reply = desk.call("xhq", "upload", headers, &upload("1")).await;
    assert_eq!((reply.status, &reply.json()["id"]), (202, &id.as_str().into()));
    assert!(reply.head.contains("preference-applied: wait=1\r\n"), "{}", reply.head);
    // in time, for one that is there already as for one that is new,
    let headers = "idempotency-key: k-1\r\nprefer: wait=900\r\n";
    let body = upload("1");
    let waiting = desk.call("xhq", "upload", headers, &body);
    let releasing = until(async || {
        desk.xhq.release();
        desk.status(&id).await["state"] == "succeeded"
    });
    let (reply, ()) = tokio::join!(waiting, releasing);
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"succeeded".into()));
    assert!(reply.head.contains("preference-applied: wait=25\r\n"), "{}", reply.head);
    // and for one that fails.
    desk.xhq.behave(Fault::Refuses);
    let headers = "idempotency-key: k-2\r\nprefer: wait=20\r\n";
    let reply = desk.call("xhq", "upload", headers, &upload("2")).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"failed".into()));
    // An unreadable preference is ignored.
    let reply = desk.call("xhq", "upload", "idempotency-key: k-3\r\nprefer: wait=soon\r\n", &upload("3")).await;
    assert!(reply.status == 202 && !reply.head.contains("preference-applied"), "{}", reply.head);
}

/// `Location` was `/calls/<id>`, which behind a gateway leads past the stage.
#[tokio::test]
async fn a_call_is_found_where_its_location_says_behind_a_stage_too() {
    let desk = Desk::new().await;
    let reply = desk.call("xhq", "upload", "idempotency-key: k\r\n", &upload("1")).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let location = reply.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    for before in ["http://127.0.0.1:8787", "https://abc.execute-api.eu-central-1.amazonaws.com/prod"] {
        let asked = url::Url::parse(&format!("{before}/calls/xhq/upload")).unwrap();
        assert_eq!(asked.join(location).unwrap().as_str(), format!("{before}/calls/{id}"));
    }
}

#[tokio::test]
async fn every_invalid_request_is_a_problem() {
    let desk = Desk::new().await;
    let post = async |path: &str, headers: &str, body: &[u8]| {
        within(exchange(desk.hub.address(), request("POST", path, headers, body))).await.expect("an answer")
    };
    let authorized = format!("authorization: Bearer {API_KEY}\r\nidempotency-key: k\r\n");
    let body = upload("W").into_bytes();
    for headers in ["", "authorization: Bearer nobody\r\n", &format!("authorization: Basic {API_KEY}\r\n")] {
        is_problem(&post("/calls/xhq/upload", headers, &body).await, 401, "unauthorized");
    }
    is_problem(&post("/calls/nobody/upload", &authorized, &body).await, 404, "not-found");
    let problem = is_problem(&post("/calls/xhq/uplaod", &authorized, &body).await, 404, "unknown-operation");
    assert!(problem["detail"].as_str().unwrap().contains("upload"), "it says what there is: {problem}");
    is_problem(&post("/calls/xhq/upload", &authorized, &vec![b' '; 6 * 1024 * 1024 + 1]).await, 413, "too-large");
    for (broken, field) in [("{", "body"), ("\"\u{0}", "body"), ("[]", "body"), (r#"{"orderOutNo":"W"}"#, "fileUrl")] {
        let problem =
            is_problem(&post("/calls/xhq/upload", &authorized, broken.as_bytes()).await, 400, "invalid-request");
        let named = problem["field"].as_str().unwrap();
        assert!(named == field || problem["errors"].to_string().contains(field), "{broken}: {problem}");
    }
    is_problem(&post("/calls/xhq/upload", &authorized, b"\xff{}").await, 400, "invalid-request");
    let get = desk.get("/calls/xhq/upload").await;
    is_problem(&get, 405, "method-not-allowed");
    is_problem(&desk.get(&format!("/calls/{}", "0".repeat(48))).await, 404, "not-found");
    is_problem(&desk.get("/calls/nobody").await, 400, "invalid-request");
    is_problem(&desk.get("/calls?state=lost").await, 400, "invalid-request");
    is_problem(&desk.get("/calls?state=failed&from=nowhere").await, 400, "bad-cursor");
    is_problem(&desk.get("/calls?state=failed&limit=0").await, 400, "invalid-request");
    // A partner's refusal of a query: its code, its text, its answer as it came.
    desk.xhq.behave(Fault::Refuses);
    let problem = is_problem(&desk.call("xhq", "bghList", "", "").await, 422, "partner-refused");
    assert_eq!((&problem["code"], &problem["text"]), (&"500".into(), &"该订单状态不允许此操作".into()));
    assert_eq!((&problem["partner_status"], &problem["answer"]["code"]), (&200.into(), &500.into()));
    desk.xhq.behave(Fault::Rubbish);
    let problem = is_problem(&desk.call("xhq", "bghList", "", "").await, 502, "unreadable");
    assert!(problem["answer"].as_str().unwrap().contains("系统维护"), "{problem}");
    desk.xhq.behave(Fault::Drops);
    is_problem(&desk.call("xhq", "bghList", "", "").await, 502, "no-answer");
    assert!(desk.calls().await.is_empty(), "none of it was kept");
}

#[tokio::test]
async fn api_key_sees_and_changes_only_its_connections() {
    let desk = Desk::with(Making { top: &narrow(), ..Making::default() }).await;
    let mut ids = Vec::new();
    for (connection, operation, body) in UNSAFE {
        desk.partner(connection).behave(Fault::DropsAnswer);
        let id = desk.command(connection, operation, "k", &body("N")).await;
        desk.stands(&id, "ambiguous").await;
        ids.push(id);
    }
    let ask =
        async |method: &str, path: &str, body: &str| api(desk.hub.address(), method, path, NARROW_KEY, body).await;
    let done = r#"{"decision":"done"}"#;
    is_problem(&ask("GET", &format!("/calls/{}", ids[0]), "").await, 404, "not-found");
    is_problem(&ask("POST", &format!("/calls/{}/resolve", ids[0]), done).await, 404, "not-found");
    is_problem(&ask("POST", "/calls/xhq/upload", &upload("N")).await, 404, "not-found");
    is_problem(&ask("POST", "/calls/xhq/bghList", "").await, 404, "not-found");
    is_problem(&ask("GET", "/calls?state=ambiguous&connection=xhq", "").await, 404, "not-found");
    let listed = ask("GET", "/calls?state=ambiguous", "").await.json();
    let listed: Vec<_> = listed["items"].as_array().unwrap().iter().map(|call| call["id"].clone()).collect();
    assert_eq!(listed, [ids[1].as_str()]);
    let listed = ask("GET", "/calls?subject=order:N", "").await.json();
    assert_eq!(listed["items"], json!([]));
    assert_eq!(ask("GET", &format!("/calls/{}", ids[1]), "").await.status, 200);
    assert_eq!(ask("POST", &format!("/calls/{}/resolve", ids[1]), done).await.status, 200);
    assert_eq!(desk.status(&ids[0]).await["state"], "ambiguous");
    assert_eq!((desk.xhq.count(), desk.yanwen.count()), (1, 1));
}

#[tokio::test]
async fn calls_are_listed_by_subject_state_and_connection() {
    let desk = Desk::with(Making { every: r#"retry = ["1h"]"#, ..Making::default() }).await;
    let mut ids = one_of_each(&desk).await;
    desk.yanwen.behave(Fault::Busy);
    let (connection, operation, body) = UNSAFE[1];
    let queued = desk.command(connection, operation, "q", &body("Q")).await;
    desk.attempted(&queued, 1).await;
    desk.yanwen.behave(Fault::Refuses);
    let refused = desk.command(connection, operation, "r", &body("R")).await;
    desk.stands(&refused, "failed").await;
    let list = async |query: &str| -> Vec<String> {
        let page = desk.get(&format!("/calls?{query}")).await.json();
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{query}: {page}"));
        items.iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect()
    };
    let (succeeded, failed, ambiguous) = (
        ids.remove("call.succeeded").unwrap(),
        ids.remove("call.failed").unwrap(),
        ids.remove("call.ambiguous").unwrap(),
    );
    assert_eq!(list("state=queued").await, [queued.as_str()]);
    assert_eq!(list("state=ambiguous").await, [ambiguous.as_str()]);
    let mut both = list("state=failed").await;
    both.sort();
    let mut expected = vec![failed.clone(), refused.clone()];
    expected.sort();
    assert_eq!(both, expected);
    assert_eq!(list("state=failed&connection=yanwen").await, [refused.as_str()]);
    assert_eq!(list("subject=order:call.succeeded").await, [succeeded.as_str()]);
    assert_eq!(list("subject=mawb:Q").await, [queued.as_str()]);
    assert_eq!(list("subject=order:call.failed&state=succeeded").await, Vec::<String>::new());
    assert_eq!(list("subject=order:nobody").await, Vec::<String>::new());
    // Page by page nothing is left out and nothing comes twice.
    let (mut found, mut from) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("/calls?state=failed&limit=1{from}")).await.json();
        found.extend(page["items"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        from = format!("&from={next}");
    }
    found.sort();
    assert_eq!(found, expected);
    // A resolved call is no longer ambiguous.
    desk.resolve(&ambiguous, "done").await;
    assert_eq!(list("state=ambiguous").await, Vec::<String>::new());
    // Without subject and state it is what is open, each once, whatever the ERP still has to be told.
    desk.erp.behave(Behaviour::Down);
    desk.yanwen.behave(Fault::Refuses);
    let untold = desk.command(connection, operation, "u", &body("U")).await;
    desk.stands(&untold, "failed").await;
    desk.yanwen.recover();
    let done = desk.command(connection, operation, "d", &body("D")).await;
    desk.stands(&done, "succeeded").await;
    let mut open = list("").await;
    open.sort();
    let mut expected = [expected, vec![queued, untold]].concat();
    expected.sort();
    assert_eq!(open, expected);
}

/// Queued calls of another connection filled the page, and the list was empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queued_calls_are_listed_behind_a_thousand_of_another_one() {
    let desk = Desk::new().await;
    let courier = desk.courier_without_queue();
    let accept = async |connection: &str, operation: &str, key: usize, body: &str| {
        let answer = invoke(&courier, &invocation(connection, operation, key, body)).await;
        assert_eq!(answer["status"], 202, "{answer}");
    };
    within(join_all((0..=1_000).map(|key| accept("onedata", "port_query_v2", key, r#"[{"subNo":"1"}]"#)))).await;
    desk.time.pass(Duration::from_secs(1));
    let (connection, operation, body) = UNSAFE[0];
    accept(connection, operation, 0, &body("A")).await;
    let page = desk.get(&format!("/calls?state=queued&connection={connection}")).await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
}

#[tokio::test]
async fn an_invocation_is_answered_as_the_request_would_be() {
    let desk = Desk::new().await;
    let event = |operation: &str, key: &str, wait: u32, body: &str| {
        format!(
            r#"{{"connection":"xhq","operation":"{operation}","idempotency_key":"{key}","wait":{wait},"body":{body}}}"#
        )
    };
    let invoked = invoke(&desk.courier(), &event("upload", "k", 20, &upload("I"))).await;
    let reply = desk.call("xhq", "upload", "idempotency-key: k\r\n", &upload("I")).await;
    assert_eq!((&invoked["status"], reply.status), (&200.into(), 200));
    assert_eq!(invoked["body"], reply.json(), "the same key, the same call");
    let id = invoked["body"]["id"].as_str().unwrap();
    assert_eq!(invoked["location"], format!("/calls/{id}"));
    desk.xhq.behave(Fault::Holds.always().on("upload"));
    assert_eq!(invoke(&desk.courier(), &event("upload", "k-2", 0, &upload("J"))).await["status"], 202);
    let invoked = invoke(&desk.courier(), r#"{"connection":"xhq","operation":"bghList"}"#).await;
    let reply = desk.call("xhq", "bghList", "", "").await;
    assert_eq!((&invoked["status"], &invoked["body"]), (&200.into(), &reply.json()));
    for (event, status, kind) in [
        (event("upload", "k", 0, &upload("another")), 409, "idempotency-conflict"),
        (event("upload", "", 0, &upload("I")), 400, "invalid-request"),
        (event("upload", "k-3", 0, "{}"), 400, "invalid-request"),
        (event("uplaod", "k-3", 0, "{}"), 404, "unknown-operation"),
        (r#"{"connection":"nobody","operation":"upload"}"#.to_owned(), 404, "not-found"),
        (r#"{"connection":"xhq","operation":"upload","retries":3}"#.to_owned(), 400, "invalid-request"),
        ("hello".to_owned(), 400, "invalid-request"),
    ] {
        let invoked = invoke(&desk.courier(), &event).await;
        let expected = (status.into(), format!("urn:tongguan:problem:{kind}").into());
        assert_eq!((invoked["status"].clone(), invoked["body"]["type"].clone()), expected, "{event} {invoked}");
    }
    until(async || {
        desk.xhq.release();
        desk.calls().await.iter().all(|(_, standing)| *standing == hub::call::Standing::Succeeded)
    })
    .await;
}

/// Regression: of a call nobody saw what was asked, why it was refused, or who decided about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_shows_its_request_its_refusal_and_its_decisions() {
    let desk = Desk::with(Making { every: r"retry = []", ..Making::default() }).await;
    desk.xhq.behave(Fault::Refuses);
    let body = r#"{"fileUrl":"http://files/1.zip?Signature=secret","orderOutNo":"A", "isReload":"","n":1.10}"#;
    let id = desk.command("xhq", "upload", "k", body).await;
    let shown = desk.stands(&id, "failed").await;
    assert_eq!(shown["request"]["body"]["n"].to_string(), "1.1", "{shown}");
    assert_eq!(shown["request"]["body"]["fileUrl"], "http://files/1.zip?[REDACTED]");
    let code = shown["code"].as_str().unwrap().to_owned();
    assert!(!code.is_empty() && shown["text"].is_string(), "{shown}");
    let told = desk.hears("call.failed", 1).await;
    assert_eq!((&told[0]["data"]["code"], &told[0]["data"]["text"]), (&shown["code"], &shown["text"]));
    assert_eq!(told[0]["data"]["request"], shown["request"]);

    desk.xhq.recover();
    let file = r#"{"orderOutNo":"B","file":{"name":"a.pdf","base64":"YWJj"}}"#;
    desk.xhq.behave(Fault::DropsAnswer);
    let id = desk.command("xhq", "fileUpload", "f", file).await;
    let shown = desk.stands(&id, "ambiguous").await;
    let enclosed = &shown["request"]["file"];
    assert_eq!((&enclosed["name"], &enclosed["bytes"]), (&"a.pdf".into(), &3.into()), "{shown}");
    assert_eq!(enclosed["sha256"].as_str().map(str::len), Some(64));
    assert!(!shown.to_string().contains("YWJj"));
    let resolved = desk.resolve(&id, "done").await.json();
    let decided = &desk.status(&id).await["decisions"];
    assert_eq!(decided, &resolved["decisions"]);
    assert_eq!((&decided[0]["decision"], &decided[0]["by"]), (&"done".into(), &"all".into()), "{decided}");
    assert!(decided[0]["at"].is_string());
}
