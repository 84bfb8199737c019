//! The ERP's requests about deliveries, over HTTP.

use std::time::Duration;

use hub::delivery::State;
use partners::Partner;
use serde_json::{Value, json};
use simulators::Erp;
use simulators::erp::{Behaviour, Reply};
use tongguan::Hub;

use crate::support::http::{Reply as Answer, api, exchange, request};
use crate::support::{
    API_KEY, Plan, Time, attempted, delivery, erp, events, ledger, settled, status, taken, until, within,
};

const EYES_KEY: &str = "api-key-that-sees-only-trackingeyes-0123";

/// A hub with so many failed deliveries of XHQ's and one of TrackingEyes', all to `erp`.
async fn failures(count: usize) -> (Hub, Erp, Time, Plan) {
    let (erp, time) = (erp().await, Time::now());
    let key = format!("[[api_keys]]\nid = \"eyes\"\nkey = \"{EYES_KEY}\"\nconnections = [\"eyes\"]");
    let plan = Plan::new().endpoint("erp", &erp, "retry = []").table(&key);
    let hub = plan.start_at(&time).await;
    erp.behave(Behaviour::Answers(Reply::of(400)));
    for n in 0..count {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("A{n}"), 61)).await;
    }
    taken(&hub, Partner::TrackingEyes, "customs_status", r#"[{"blNo":"A/1 通关"}]"#).await;
    until(async || ledger(&hub.context().store).await.failed == count as u64 + 1).await;
    (hub, erp, time, plan)
}

async fn get(hub: &Hub, path: &str) -> Value {
    let answer = api(hub.address(), "GET", path, API_KEY, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    assert!(answer.head.contains("content-type: application/json"));
    answer.json()
}

async fn post(hub: &Hub, path: &str, body: &Value) -> Value {
    let answer = api(hub.address(), "POST", path, API_KEY, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()
}

/// An RFC 9457 problem about a field.
fn problem(answer: &Answer, status: u16, field: Option<&str>) {
    let said = answer.json();
    assert_eq!((answer.status, &said["status"]), (status, &status.into()), "{said}");
    assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
    assert_eq!(said["field"].as_str(), field, "{said}");
    assert!(said["detail"].as_str().is_some_and(|detail| detail.len() > 5), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_without_a_key_reveals_nothing() {
    let (hub, _erp, _, _plan) = failures(1).await;
    let path = "/deliveries/failed";
    for token in ["", "x", &API_KEY[..20], &format!("{API_KEY}x"), &crate::support::key("xhq-sh")] {
        problem(&api(hub.address(), "GET", path, token, "").await, 401, None);
    }
    for headers in ["", "authorization: Basic YTpi\r\n", &format!("authorization: {API_KEY}\r\n")] {
        problem(&exchange(hub.address(), request("GET", path, headers, b"")).await.unwrap(), 401, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_deliveries_are_listed_once_by_pages() {
    let (hub, _erp, _, _plan) = failures(7).await;
    let (mut listed, mut from) = (Vec::new(), String::new());
    loop {
        let page = get(&hub, &format!("/deliveries/failed?endpoint=erp&limit=3&from={from}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        for item in items {
            assert_eq!((&item["delivery"]["state"], &item["delivery"]["endpoint"]), (&json!("failed"), &json!("erp")));
            assert_eq!(item["delivery"]["attempts"][0]["status"], 400);
            listed.push(item["id"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut from),
            None => break,
        }
    }
    let mut kept: Vec<_> = events(&hub.context().store).await.iter().map(|item| item.key.id.to_string()).collect();
    listed.sort();
    kept.sort();
    assert_eq!(listed, kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirmation_excludes_later_failures() {
    let (hub, _erp, time, _plan) = failures(3).await;
    time.pass(deliveries::SETTLING);
    let seen = get(&hub, "/deliveries/failed").await;
    assert_eq!(seen["items"].as_array().unwrap().len(), 4);
    time.pass(Duration::from_secs(5));
    taken(&hub, Partner::Xhq, "syn_status", status("LATER", 61)).await;
    until(async || ledger(&hub.context().store).await.failed == 5).await;

    let body = json!({"endpoint": "erp", "cutoff": seen["as_of"]});
    assert_eq!(post(&hub, "/deliveries/confirm", &body).await["confirmed"], 4);
    let left = get(&hub, "/deliveries/failed").await;
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    assert_eq!(left["items"][0]["subject"], "order:LATER");
    let tally = ledger(&hub.context().store).await;
    assert_eq!((tally.failed, tally.confirmed, tally.pending), (1, 4, 0));
    assert_eq!(post(&hub, "/deliveries/confirm", &body).await["confirmed"], 0, "they are confirmed already");
    // One, by name.
    let item = &left["items"][0];
    let one = json!({"connection": item["connection"], "subject": item["subject"], "id": item["id"]});
    let body = json!({"endpoint": "erp", "events": [one]});
    assert_eq!(post(&hub, "/deliveries/confirm", &body).await["confirmed"], 1);
    assert_eq!(ledger(&hub.context().store).await.confirmed, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_rehearsed_first_and_then_delivers() {
    let (hub, erp, _, _plan) = failures(3).await;
    erp.behave(Behaviour::Takes);
    let rehearsed = post(&hub, "/deliveries/replay", &json!({"endpoint": "erp"})).await;
    assert_eq!((&rehearsed["dry_run"], &rehearsed["replayed"]), (&json!(true), &json!(0)));
    assert_eq!(rehearsed["events"].as_array().unwrap().len(), 4);
    assert_eq!((erp.count(), ledger(&hub.context().store).await.failed), (4, 4), "nothing has happened");

    let done = post(&hub, "/deliveries/replay", &json!({"endpoint": "erp", "dry_run": false})).await;
    assert_eq!((&done["replayed"], &done["events"]), (&json!(4), &rehearsed["events"]));
    within(erp.received(8)).await;
    let tally = settled(&hub).await;
    assert_eq!((tally.accepted, tally.delivered, tally.failed), (4, 4, 0));

    // A delivered event is replayed when it is named.
    let again = json!({"endpoint": "erp", "dry_run": false, "events": [done["events"][0]]});
    assert_eq!(post(&hub, "/deliveries/replay", &again).await["replayed"], 1);
    within(erp.received(9)).await;
    assert_eq!(settled(&hub).await.delivered, 4);
    hub.stop().await;
    let got = erp.deliveries();
    assert_eq!(got.iter().filter(|one| one.id == done["events"][0]["id"]).count(), 3);
    assert!(got.iter().all(|one| one.signed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_sees_and_changes_its_own_connections_only() {
    let (hub, erp, _, _plan) = failures(2).await;
    let eyes = async |method: &str, path: &str, body: &Value| {
        api(hub.address(), method, path, EYES_KEY, &body.to_string()).await
    };
    let listed = eyes("GET", "/deliveries/failed", &json!(null)).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["connection"], "eyes");
    problem(&eyes("GET", "/events/xhq-sh/order:A0", &json!(null)).await, 404, None);
    problem(&eyes("GET", "/events/nobody/order:A0", &json!(null)).await, 404, None);

    let (other, _) = delivery(&hub, "order:A0", "erp").await;
    let stolen = json!({"endpoint": "erp", "dry_run": false, "events": [other]});
    problem(&eyes("POST", "/deliveries/replay", &stolen).await, 400, Some("events[0].connection"));
    let all = json!({"endpoint": "erp"});
    assert_eq!(eyes("POST", "/deliveries/confirm", &all).await.json()["confirmed"], 1);
    let tally = ledger(&hub.context().store).await;
    assert_eq!((tally.failed, tally.confirmed, erp.count()), (2, 1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_found_by_subject_and_by_alias_with_their_payload() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    let receipt =
        r#"{"action":"single_receipt","orderOutNo":"F 1/通","billNo":"BL1","n":1906651379888427008,"p":1.10}"#;
    taken(&hub, Partner::Xhq, "single_receipt", receipt).await;
    taken(&hub, Partner::Xhq, "syn_status", status("F 1/通", 61)).await;
    within(erp.received(2)).await;
    settled(&hub).await;
    for name in ["order:F%201%2F%E9%80%9A", "bl:BL1"] {
        let found = get(&hub, &format!("/events/xhq-sh/{name}")).await;
        let kinds: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| item["type"].clone()).collect();
        assert_eq!(kinds, ["xhq.single_receipt", "xhq.syn_status"], "{name}");
        assert_eq!(found["items"][0]["deliveries"][0]["state"], "delivered");
    }
    let found = get(&hub, "/events/xhq-sh/bl:BL1").await;
    let id = found["items"][0]["id"].as_str().unwrap();
    let path = format!("/events/xhq-sh/order:F%201%2F%E9%80%9A/{id}");
    let answer = api(hub.address(), "GET", &path, API_KEY, "").await;
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(text.contains(&format!("\"data\":{receipt}")), "the payload is untouched: {text}");
    assert_eq!(answer.json()["deliveries"][0]["attempts"][0]["status"], 200);
    assert_eq!(get(&hub, "/events/xhq-sh/order:none").await["items"], json!([]));
    let other = format!("/events/eyes/order:F%201%2F%E9%80%9A/{id}");
    problem(&api(hub.address(), "GET", &other, API_KEY, "").await, 404, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_cannot_be_done_names_what_is_wrong_with_it() {
    let (hub, _erp, _, _plan) = failures(1).await;
    let ask = async |method: &str, path: &str, body: &str| api(hub.address(), method, path, API_KEY, body).await;
    for (path, field) in [
        ("/deliveries/failed?limit=0", "limit"),
        ("/deliveries/failed?limit=1001", "limit"),
        ("/deliveries/failed?limit=many", "limit"),
        ("/deliveries/failed?from=nowhere", "from"),
        ("/events/xhq-sh/order:A0/nothing", "id"),
    ] {
        let answer = ask("GET", path, "").await;
        problem(&answer, 400, Some(field));
    }
    for path in ["/deliveries/confirm", "/deliveries/replay"] {
        for (body, field) in [
            ("", "body"),
            ("{", "body"),
            ("[]", "body"),
            // Regression: an array of the members' values was taken for the object, and confirmed everything.
            (r#"["erp"]"#, "body"),
            (r#" ["erp",false]"#, "body"),
            (
                r#"{"endpoint":"erp","events":[["xhq-sh","order:A0","000000000000000000000000000000000000000000000000"]]}"#,
                "body",
            ),
            (r#"{"events":[]}"#, "body"),
            (r#"{"endpoint":"erp","dryrun":false}"#, "body"),
            (r#"{"endpoint":"erp","events":[{"id":"1"}]}"#, "body"),
        ] {
            problem(&ask("POST", path, body).await, 400, Some(field));
        }
    }
    problem(&ask("POST", "/deliveries/replay", r#"{"endpoint":"nobody"}"#).await, 400, Some("endpoint"));
    problem(&ask("POST", "/deliveries/confirm", r#"{"endpoint":"erp","cutoff":"soon"}"#).await, 400, Some("cutoff"));
    problem(&ask("DELETE", "/deliveries/failed", "").await, 405, None);
    problem(&ask("GET", "/deliveries/replay", "").await, 405, None);
    problem(&ask("GET", "/deliveries/nothing", "").await, 404, None);
    assert_eq!(delivery(&hub, "order:A0", "erp").await.1.state, State::Failed, "nothing was changed by any of them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_of_one_page_are_no_more_than_were_asked_for() {
    let (hub, _erp, _, _plan) = failures(1).await;
    let (key, _) = delivery(&hub, "order:A0", "erp").await;
    let many = json!({"endpoint": "erp", "events": vec![key.clone(); 1001]});
    let answer = api(hub.address(), "POST", "/deliveries/replay", API_KEY, &many.to_string()).await;
    problem(&answer, 400, Some("events"));
    // The same twice is changed once.
    let twice = json!({"endpoint": "erp", "events": [key.clone(), key]});
    assert_eq!(post(&hub, "/deliveries/confirm", &twice).await["confirmed"], 1);
    attempted(&hub, "order:A0", "erp", 1).await;
}

/// Regression: a misspelt parameter, a name nobody has and a repetition were ignored, and a list was of something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_query_parameter_is_a_400_that_names_it() {
    let (hub, _erp, _, _plan) = failures(1).await;
    let (key, _) = delivery(&hub, "order:A0", "erp").await;
    let event = format!("/events/xhq-sh/order:A0/{}", key.id);
    for (method, path) in [
        ("GET", "/deliveries/failed"),
        ("POST", "/deliveries/confirm"),
        ("POST", "/deliveries/replay"),
        ("GET", "/events/xhq-sh/order:A0"),
        ("GET", &event),
        ("GET", "/calls"),
        ("GET", &format!("/calls/{}", "0".repeat(48))),
        ("POST", &format!("/calls/{}/resolve", "0".repeat(48))),
        ("POST", "/calls/xhq-sh/bghList"),
        ("GET", "/openapi.json"),
    ] {
        let answer = api(hub.address(), method, &format!("{path}?limt=5"), API_KEY, "{}").await;
        problem(&answer, 400, Some("limt"));
    }
    for (path, field, named) in [
        ("/deliveries/failed?limt=5", "limt", "did you mean limit?"),
        ("/deliveries/failed?endpoint=erp&endpoint=erp", "endpoint", "once"),
        ("/deliveries/failed?endpoint=", "endpoint", "no value"),
        ("/deliveries/failed?endpoint=erq", "endpoint", "did you mean erp?"),
        ("/deliveries/failed?limit=-1", "limit", "from 1 to 1000"),
        ("/calls?operator=upload", "operator", "connection, subject, number, operation"),
        ("/calls?connection=xhq-hs", "connection", "did you mean xhq-sh?"),
        ("/calls?connection=nobody", "connection", "xhq-sh"),
        ("/calls?state=open", "state", "ambiguous"),
        ("/calls?subject=order:A&from=x", "from", "one page"),
    ] {
        let answer = api(hub.address(), "GET", path, API_KEY, "").await;
        problem(&answer, 400, Some(field));
        assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{path}: {}", answer.json());
    }
    let confirm = r#"{"endpoint":"erq"}"#;
    problem(&api(hub.address(), "POST", "/deliveries/confirm", API_KEY, confirm).await, 400, Some("endpoint"));
    for path in ["/events/nobody/order:A0", "/events/xhq-hs/order:A0"] {
        let answer = api(hub.address(), "GET", path, API_KEY, "").await;
        problem(&answer, 404, None);
        assert!(answer.json()["detail"].as_str().unwrap().contains("xhq-sh"), "{}", answer.json());
    }
}

/// A key must not be a way to find out which connections there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_connection_looks_like_one_that_is_not_there() {
    let (hub, _erp, _, _plan) = failures(1).await;
    for path in ["/calls?connection=NAME", "/events/NAME/order:A0", "/events/NAME/order:A0/ID", "/calls/NAME/upload"] {
        let method = if path.ends_with("upload") { "POST" } else { "GET" };
        let path = path.replace("ID", &"0".repeat(48));
        let mut answers = Vec::new();
        for name in ["xhq-sh", "xhq-ss"] {
            let answer = api(hub.address(), method, &path.replace("NAME", name), EYES_KEY, "{}").await;
            let said = String::from_utf8(answer.body.clone()).unwrap();
            answers.push((answer.status, said.replace(name, "NAME")));
        }
        assert_eq!(answers[0], answers[1], "{path}");
        assert!(answers[0].0 == 400 || answers[0].0 == 404, "{answers:?}");
    }
}

/// Regression: `null` stood for what is left out, although the document has no null there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn null_is_no_value_of_a_change() {
    let (hub, _erp, _, _plan) = failures(1).await;
    for (path, body) in [
        ("/deliveries/confirm", r#"{"endpoint":"erp","from":null}"#),
        ("/deliveries/confirm", r#"{"endpoint":"erp","cutoff":null}"#),
        ("/deliveries/replay", r#"{"endpoint":"erp","events":null,"dry_run":false}"#),
        ("/deliveries/replay", r#"{"endpoint":"erp","dry_run":null}"#),
    ] {
        problem(&api(hub.address(), "POST", path, API_KEY, body).await, 400, Some("body"));
    }
    assert_eq!(delivery(&hub, "order:A0", "erp").await.1.state, State::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_are_told_in_chinese_to_who_asks_for_it() {
    let hub = Plan::new().start().await;
    let ask = async |language: &str, path: &str, token: &str| {
        let headers = format!("authorization: Bearer {token}\r\n{language}");
        exchange(hub.address(), request("GET", path, &headers, b"")).await.unwrap()
    };
    let (chinese, path) = ("accept-language: zh-CN,zh;q=0.9,en;q=0.8\r\n", "/deliveries/failed?limit=0");
    let (english, told) = (ask("", path, API_KEY).await, ask(chinese, path, API_KEY).await);
    assert_eq!((english.status, told.status), (400, 400));
    let (english, said) = (english.json(), told.json());
    for same in ["type", "status", "field"] {
        assert_eq!(english[same], said[same]);
    }
    assert_eq!(
        (said["title"].as_str(), said["detail"].as_str()),
        (Some("请求有误"), Some("须为 1 到 1000 之间的整数"))
    );
    assert_eq!(english["title"], "Bad Request");
    assert!(told.head.contains("content-language: zh-cn") && told.head.contains("vary: accept-language"));
    assert_eq!(ask(chinese, path, "wrong").await.json()["title"], "未认证");
    assert_eq!(ask(chinese, "/deliveries/none", API_KEY).await.json()["detail"], "没有这个路径");
}
