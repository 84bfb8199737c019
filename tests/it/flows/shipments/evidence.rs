//! The evidence of a shipment: its files over the functions' own handlers, on both engines.

use std::collections::BTreeMap;

use bytes::Bytes;
use evidence::{Part, SetFinding, together};
use http::{HeaderMap, Request, Response};
use hub::call::{CallAttempt, CallOutcome, PartnerAnswer, Rules};
use hub::delivery::Attempt;
use hub::schedule::Schedule;
use inbound::receive::{self, IncomingPush};
use serde_json::{Value, json};
use store::Store;
use store_sqlite::SqliteStore;
use tokio::time::Instant;

use super::{Desk, KEY_A, inbound_key, port_data, receipt};
use crate::dynamodb::emulated;
use crate::flows::tenants::on_both_engines;
use crate::support::zip::entries;
use crate::support::{API_KEY, verified};

async fn asked<S: Store>(desk: &Desk<S>, key: &str, path: &str) -> Response<Bytes> {
    let request = Request::get(path).header("authorization", format!("Bearer {key}"));
    shipments::router().handle(&desk.context, request.body(Bytes::new()).unwrap()).await
}

/// All parts of an evidence, by what `Link` says.
async fn parts<S: Store>(desk: &Desk<S>, key: &str, path: &str) -> Vec<Bytes> {
    let (mut parts, mut query) = (Vec::new(), String::new());
    loop {
        let own =
            if query.is_empty() { path.to_owned() } else { format!("{}{query}", path.split('?').next().unwrap()) };
        let response = asked(desk, key, &own).await;
        assert_eq!(response.status(), 200, "{own}: {:?}", response.body());
        let head = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(head("content-type").as_deref(), Some("application/zip"));
        assert_eq!(head("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(head("cache-control").as_deref(), Some("no-store"));
        let name = head("content-disposition").unwrap();
        assert!(name.starts_with("attachment; filename=\"evidence-order_") && !name.contains(':'), "{name}");
        let link = head("link");
        parts.push(response.into_body());
        let Some(link) = link else { return parts };
        link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().clone_into(&mut query);
        desk.time.pass(std::time::Duration::from_secs(1));
    }
}

fn only<'e>(entries: &'e BTreeMap<String, Vec<u8>>, ends: &str) -> &'e [u8] {
    let found: Vec<_> = entries.iter().filter(|(path, _)| path.ends_with(ends)).collect();
    assert_eq!(found.len(), 1, "{ends} among {:?}", entries.keys());
    found[0].1
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn is_whole(zip: &[u8]) -> Part {
    let part = Part::read(zip).unwrap();
    assert_eq!(part.findings, [], "{:?}", entries(zip).keys());
    part
}

/// A push with the headers of a proxy that passes the URL on, at a connection that keeps them.
async fn push_with_headers<S: Store>(desk: &Desk<S>, body: &str, note: &str) -> (u16, String) {
    let key = inbound_key("xhq-b");
    let action = callback::ACTIONS.into_iter().find(|action| action.name == "single_receipt").unwrap();
    let path = simulators::pushes::path(partners::Partner::Xhq, "xhq-b", &key, action.suffix);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("User-Agent", "XHQ-Pusher/2"),
        ("X-Note", note),
        ("authorization", "Basic hunter2"),
        ("cookie", "session=hunter2"),
        ("x-original-uri", path.as_str()),
        ("referer", &path.replace('-', "%2D")),
    ] {
        headers.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let push = IncomingPush::new(headers, Bytes::from(body.to_owned()));
    let answer =
        receive::receive(&desk.context, verified(&desk.context.config, &path, action), push, Instant::now()).await;
    desk.index().await;
    (answer.status, answer.body)
}

async fn evidence_holds_bytes_attempts_calls_and_answers<S: Store>(store: S) {
    let desk = Desk::new(store);
    // Bytes that no JSON writer would print.
    let raw = r#"{ "action":"single_receipt","orderOutNo":"J1", "n":1.10,"n":1.10, "billNo":"B","paramJson":{"channel":"L"}}"#;
    let pushed = push_with_headers(&desk, raw, "first").await;
    // A repetition is no event of its own, and its headers are not kept.
    push_with_headers(&desk, raw, "again").await;
    desk.push("xhq-a", "single_receipt", &receipt(None, Some("B"), None, "P", "11:00:00")).await;
    desk.push("ports", "port_push", &port_data("B", &["C1".to_owned()])).await;
    let rules = Rules { schedule: &Schedule::new(vec![]), repeatable: false };
    let answer = PartnerAnswer { status: 200, body: r#"{"code": 200, "msg":"好"}"#.to_owned(), truncated: false };
    desk.call("xhq-b", "J1", |call| {
        let tried = CallAttempt {
            attempt: Attempt { ms: 7, status: Some(200), ..Attempt::default() },
            answer: Some(answer.clone()),
            said: None,
            came: CallOutcome::Success,
            learned: vec![],
        };
        call.attempted(tried, &rules, desk.context.now(), 0.5)
    })
    .await;

    let zips = parts(&desk, API_KEY, "/shipments/J1/evidence").await;
    let [zip] = &zips[..] else { panic!("{} parts", zips.len()) };
    let part = is_whole(zip);
    let found = entries(zip);
    assert_eq!(together(std::slice::from_ref(&part)), []);
    let about = part.about.unwrap();
    assert_eq!((about.by.as_str(), about.limited, about.last, about.complete), ("all", false, true, true));
    assert_eq!(about.keys[..2], ["order:J1", "bl:B"]);
    assert_eq!((about.events, about.entries + 1), (4, found.len()));

    let stored: Vec<_> = found.iter().filter(|(path, _)| path.ends_with("/push.json")).collect();
    assert_eq!(stored.len(), 3);
    assert!(stored.iter().any(|(_, bytes)| bytes.as_slice() == raw.as_bytes()), "byte for byte");
    let folder =
        stored.iter().find(|(_, bytes)| bytes.as_slice() == raw.as_bytes()).unwrap().0.strip_suffix("push.json");
    let of = |name: &str| found[&format!("{}{name}", folder.unwrap())].as_slice();
    let known = value(of("about.json"));
    assert_eq!((&known["connection"], &known["subject"]), (&json!("xhq-b"), &json!("order:J1")));
    assert_eq!(known["deliveries"][0]["state"], "pending");
    assert_eq!(known["answer"], json!({"status": 200, "content_type": "application/json"}));
    assert_eq!((pushed.0, pushed.1.as_bytes()), (200, of("answer.json")));
    let headers = value(only(&found, "/headers.json"));
    let names: BTreeMap<String, String> =
        serde_json::from_value::<Vec<(String, String)>>(headers["headers"].clone()).unwrap().into_iter().collect();
    assert_eq!((names["user-agent"].as_str(), names["x-note"].as_str()), ("XHQ-Pusher/2", "first"));
    for hidden in ["authorization", "cookie", "x-original-uri", "referer"] {
        assert_eq!(names[hidden], "[REDACTED]", "{hidden}");
    }

    let call = value(only(&found, "/call.json"));
    assert_eq!((&call["operation"], &call["state"]), (&json!("upload"), &json!("succeeded")));
    assert_eq!((&call["attempts"][0]["ms"], &call["request"]["body"]["orderOutNo"]), (&json!(7), &json!("J1")));
    let told: Vec<_> =
        found.iter().filter(|(path, _)| path.starts_with("calls/") && path.ends_with("/answer.json")).collect();
    assert_eq!(told[0].1.as_slice(), answer.body.as_bytes());
    let asked = String::from_utf8(only(&found, "/request.json").to_vec()).unwrap();
    assert_eq!(asked, crate::calls::upload("J1"), "as the ERP printed it");
    assert_eq!(value(&found["audit.json"]), json!({"entries": []}));
    let text = String::from_utf8(found["README.txt"].clone()).unwrap();
    assert!(text.contains("tongguan verify") && text.contains("没有数字签名") && text.contains("not signed"));
    for (path, bytes) in &found {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("hunter2") && !text.contains(&inbound_key("xhq-b")), "{path}");
        assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\:*?\"<>|".contains(&byte)), "{path}");
    }
}

async fn long_shipment_is_several_parts_of_one_chain<S: Store>(store: S) {
    let desk = Desk::new(store);
    for n in 0..7 {
        desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), None, None, "L", &format!("10:0{n}:00"))).await;
    }
    let zips = parts(&desk, API_KEY, "/shipments/order:J1/evidence?limit=3").await;
    let read: Vec<_> = zips.iter().map(|zip| is_whole(zip)).collect();
    let events: Vec<_> = read.iter().map(|part| part.about.as_ref().unwrap().events).collect();
    assert_eq!((events, together(&read)), (vec![3, 3, 1], vec![]));
    assert_eq!(together(&[read[0].clone(), read[2].clone()]), [SetFinding::Missing(2)]);
    let folders: Vec<_> =
        zips.iter().flat_map(|zip| entries(zip).into_keys()).filter(|path| path.ends_with("push.json")).collect();
    assert!(folders.is_sorted() && folders[6].starts_with("events/00007_"), "{folders:?}");
    assert_eq!(zips.iter().filter(|zip| entries(zip).contains_key("audit.json")).count(), 1);

    // The hub can say later which heads it gave.
    let request = Request::get("/audit?action=evidence").header("authorization", format!("Bearer {API_KEY}"));
    let told = audit::router().handle(&desk.context, request.body(Bytes::new()).unwrap()).await;
    let told = value(told.body());
    let heads: Vec<_> = told["entries"].as_array().unwrap().iter().map(|entry| entry["request"].clone()).collect();
    let expected = |part: usize| json!({"shipment": "order:J1", "part": part + 1, "head": read[part].head});
    assert_eq!(heads, [expected(2), expected(1), expected(0)]);
    assert_eq!((&told["entries"][0]["key"], &told["entries"][0]["result"]), (&json!("all"), &json!({"status": 200})));

    let first = asked(&desk, API_KEY, "/shipments/order:J1/evidence?limit=3").await;
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    let query = &link[1..link.find('>').unwrap()];
    for (key, path) in
        [(KEY_A, "/shipments/order:J1/evidence"), (API_KEY, "/shipments/J1/evidence"), (API_KEY, "/shipments/order:J1")]
    {
        let response = asked(&desk, key, &format!("{path}{query}")).await;
        assert_eq!(
            (response.status().as_u16(), value(response.body())["field"].clone()),
            (400, json!("from")),
            "{path}"
        );
    }
}

/// Nothing of another connection: no entry, no key, no number.
async fn limited_key_gets_its_own_connections_evidence_alone<S: Store>(store: S) {
    let desk = Desk::new(store);
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("B"), None, "L", "10:00:00")).await;
    let alone = parts(&desk, KEY_A, "/shipments/order:J1/evidence").await;
    desk.push("xhq-b", "single_receipt", &receipt(Some("J2"), Some("B"), Some("E9"), "R", "11:00:00")).await;
    desk.call("xhq-b", "J1", |call| call).await;
    parts(&desk, API_KEY, "/shipments/order:J1/evidence").await;
    let zips = parts(&desk, KEY_A, "/shipments/order:J1/evidence").await;
    let (before, after) = (entries(&alone[0]), entries(&zips[0]));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, bytes) in before.iter().filter(|(path, _)| !["evidence.json", "manifest.json"].contains(&path.as_str()))
    {
        assert_eq!(after[path], *bytes, "{path}");
    }
    for (path, bytes) in &after {
        let text = String::from_utf8_lossy(bytes);
        assert!(["xhq-b", "J2", "E9"].iter().all(|hidden| !text.contains(hidden)), "{path}: {text}");
    }
    assert!(is_whole(&zips[0]).about.unwrap().limited);
    let whole = parts(&desk, API_KEY, "/shipments/order:J1/evidence").await;
    assert_eq!(is_whole(&whole[0]).about.unwrap().events, 2, "its call is there for who may see it");
    let hidden = asked(&desk, KEY_A, "/shipments/order:J2/evidence").await;
    assert_eq!(
        (hidden.status().as_u16(), hidden.body()),
        (404, asked(&desk, KEY_A, "/shipments/order:NONE/evidence").await.body())
    );

    let request = Request::get("/audit?action=evidence").header("authorization", format!("Bearer {KEY_A}"));
    let told = audit::router().handle(&desk.context, request.body(Bytes::new()).unwrap()).await;
    let keys: Vec<_> =
        value(told.body())["entries"].as_array().unwrap().iter().map(|entry| entry["key"].clone()).collect();
    assert_eq!(keys, ["a", "a"], "what others took is not told");
}

/// Other connections have not a byte more stored.
async fn headers_are_kept_where_the_connection_says_so_alone<S: Store>(store: S) {
    let desk = Desk::new(store);
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), None, None, "L", "10:00:00")).await;
    push_with_headers(&desk, r#"{"action":"single_receipt","orderOutNo":"J2"}"#, "x").await;
    for (connection, order, kept) in [("xhq-a", "order:J1", false), ("xhq-b", "order:J2", true)] {
        let events = desk.context.store.timeline(&connection.into(), &order.into(), desk.context.now()).await.unwrap();
        assert_eq!(events[0].meta.exchange.is_some(), kept, "{connection}");
        let stored = serde_json::to_string(&events[0].meta).unwrap();
        assert_eq!(stored.contains("exchange"), kept, "{stored}");
    }
}

on_both_engines! {
    evidence_holds_bytes_attempts_calls_and_answers
    long_shipment_is_several_parts_of_one_chain
    limited_key_gets_its_own_connections_evidence_alone
    headers_are_kept_where_the_connection_says_so_alone
}
