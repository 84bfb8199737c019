//! Every push the partners document, from its answer to the ERP.

use std::path::Path;

use callback::examples;
use hub::event_types;
use partners::{Json, Partner};
use serde_json::Value;

use crate::support::{Plan, answered, connection, erp, events, hook, pushing, sender, settled, within};

/// One push and what becomes of it.
struct Push {
    name: String,
    partner: Partner,
    suffix: &'static str,
    body: Vec<u8>,
    kind: &'static str,
    /// Its type through the URL that accepts every action.
    through_callback: &'static str,
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

/// The examples of the webhooks. An example of a type has its name; any other is of the type that its path is named by.
fn examples() -> Vec<Push> {
    let push = |example: examples::Example| {
        let of = |action: &str| {
            let kind = format!("{}.{action}", example.partner);
            event_types::of(example.partner).find(|known| *known == kind)
        };
        let kind = match example.name {
            // The path tells nothing: the body does.
            "callback" => Some("xhq.single_receipt"),
            name => of(name).or_else(|| of(example.suffix)),
        };
        let kind = kind.unwrap_or_else(|| panic!("{} is of no type that is listed", example.name));
        // XHQ's pushes without an action cannot be told apart there.
        let json = Json::parse(example.body).unwrap();
        let is_told = example.partner != Partner::Xhq || json.get("action").is_some();
        Push {
            name: example.name.to_owned(),
            partner: example.partner,
            suffix: example.suffix,
            body: example.body.to_vec(),
            kind,
            through_callback: if is_told { kind } else { "xhq.unknown" },
        }
    };
    examples::all().into_iter().map(push).collect()
}

fn samples() -> Vec<Push> {
    [
        ("trackingeyes_push.json", Partner::TrackingEyes, "customs_status", "trackingeyes.customs_status"),
        ("1datatech_rate_push.json", Partner::OneData, "rates", "onedata.rates"),
        ("1datatech_port_query_found.json", Partner::OneData, "ports", "onedata.ports"),
    ]
    .into_iter()
    .map(|(name, partner, suffix, kind)| Push {
        name: name.to_owned(),
        partner,
        suffix,
        body: fixture(name),
        kind,
        through_callback: kind,
    })
    .chain([several()])
    .collect()
}

/// Documented answer of the partner's document to an accepted push.
fn documented_answer(partner: Partner) -> Value {
    serde_json::from_str(pushing::row(partner).taken).unwrap()
}

/// The payloads of a push, one for each event: several waybills are one event each, and each stays in an array.
fn payloads(push: &Push) -> Vec<Vec<u8>> {
    let json = Json::parse(&push.body).unwrap();
    match json.elements() {
        Some(elements) if elements.len() > 1 => {
            elements.iter().map(|element| format!("[{}]", element.text()).into_bytes()).collect()
        }
        _ => vec![json.text().as_bytes().to_vec()],
    }
}

/// Several waybills in one push, each printed in its own way.
fn several() -> Push {
    let one = String::from_utf8(fixture("trackingeyes_push.json")).unwrap();
    let one =
        one.trim().trim_start_matches('[').trim_end_matches(']').trim().replace("CULVNAS2507540", "CULVNAS2507548");
    let other = one.replace("CULVNAS2507548", "CULVNAS2507549").replace('\n', " ");
    Push {
        name: "several waybills".to_owned(),
        partner: Partner::TrackingEyes,
        suffix: "customs_status",
        body: format!("[ {one},\n{other} ,{{\"blNo\": \"B3\", \"price\": 1.10}}]\n").into_bytes(),
        kind: "trackingeyes.customs_status",
        through_callback: "trackingeyes.customs_status",
    }
}

async fn arrive(pushes: Vec<Push>, callback: bool) {
    let (cloud, raw) = (erp().await, erp().await);
    let plan = Plan::new().endpoint("cloud", &cloud, "").endpoint("raw", &raw, "format = \"raw\"");
    let hub = plan.start().await;
    let mut before = 0;
    let mut seen = Vec::new();
    for push in &pushes {
        let name = &push.name;
        if callback && seen.contains(&&push.body) {
            // Two paths tell apart what one URL cannot.
            continue;
        }
        seen.push(&push.body);
        let suffix = if callback { "" } else { push.suffix };
        let content_type = if before % 2 == 0 { "application/json; charset=UTF-8" } else { "text/plain;charset=utf-8" };
        let (mut sender, path) = (sender(&hub, push.partner), hook(push.partner, suffix));
        let answer = answered(&mut sender, &path, content_type, &push.body).await;
        assert_eq!(answer.status, 200, "{name}");
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(said, documented_answer(push.partner), "{name}");

        let mut expected = payloads(push);
        let after = before + expected.len();
        let mut got: Vec<_> = within(cloud.received(after)).await[before..].to_vec();
        let mut bytes: Vec<_> = within(raw.received(after)).await[before..].to_vec();
        expected.sort();
        got.sort_by(|a, b| a.body[at_data(&a.body)..].cmp(&b.body[at_data(&b.body)..]));
        bytes.sort_by(|a, b| a.body.cmp(&b.body));
        for ((got, untouched), expected) in got.iter().zip(&bytes).zip(&expected) {
            let kind = if callback { push.through_callback } else { push.kind };
            assert!(got.signed && untouched.signed, "{name}");
            assert_eq!(got.kind.as_deref(), Some(kind), "{name}");
            assert_eq!(got.headers["content-type"], "application/cloudevents+json; charset=utf-8", "{name}");
            let data = [expected.as_slice(), b"}"].concat();
            assert!(got.body[at_data(&got.body)..] == data, "{name}: the data has changed");
            let envelope: Value = serde_json::from_slice(&got.body).unwrap();
            assert_eq!(envelope["source"], connection(push.partner), "{name}");
            assert_eq!(envelope["id"], got.id.as_str(), "{name}");

            let alone = payloads(push).len() == 1;
            let body = if alone { &push.body } else { expected };
            assert!(untouched.body == body[..], "{name}: the raw body has changed");
            assert_eq!(untouched.headers["content-type"], content_type, "{name}");
            assert!(got.id == untouched.id || !alone, "{name}: one event, one id");
        }
        before = after;
    }
    let tally = settled(&hub).await;
    assert_eq!((tally.accepted, tally.delivered), (2 * before as u64, 2 * before as u64));
    assert_eq!(events(&hub.context().store).await.len(), before);
    hub.stop().await;
    assert_eq!((cloud.count(), raw.count()), (before, before), "nothing was sent twice");
}

/// Position of a CloudEvent's payload.
fn at_data(body: &[u8]) -> usize {
    let mark = b",\"data\":";
    body.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_answered_and_delivered_unchanged() {
    arrive(examples(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_arrives_through_the_url_that_takes_everything() {
    arrive(examples(), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_sample_is_answered_and_arrives_unchanged() {
    arrive(samples(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_sample_arrives_through_the_shared_url() {
    arrive(samples(), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_actions_are_stored_and_delivered_as_unknown() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    let bodies = [
        r#"{"action":"singel_receipt","orderOutNo":"U1","paramJson":{}}"#,
        r#"{"action":"SINGLE_RECEIPT","orderOutNo":"U2"}"#,
        r#"{"orderOutNo":"U3","news":1906651379888427008}"#,
        r#"{"action":null,"orderOutNo":"U4"}"#,
        r#"{"action":["syn_status"],"orderOutNo":"U5"}"#,
        r#"{"action":"","price":1.10}"#,
        "{}",
    ];
    for (n, body) in (1..).zip(bodies) {
        let answer = crate::support::push(&hub, Partner::Xhq, "", body).await;
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, said), (200, documented_answer(Partner::Xhq)), "{body}");
        let got = within(erp.received(n)).await.pop().unwrap();
        assert_eq!((got.kind.as_deref(), got.signed), (Some("xhq.unknown"), true), "{body}");
        assert!(got.body.ends_with(format!(",\"data\":{body}}}").as_bytes()), "{body}");
    }
    for (partner, body) in [(Partner::TrackingEyes, r#"{"news":1}"#), (Partner::OneData, r#"{"dataType":"9"}"#)] {
        crate::support::taken(&hub, partner, "", body).await;
    }
    let got = within(erp.received(bodies.len() + 2)).await;
    let mut kinds: Vec<_> = got[bodies.len()..].iter().map(|got| got.kind.clone().unwrap()).collect();
    kinds.sort();
    assert_eq!(kinds, ["onedata.unknown", "trackingeyes.unknown"]);
    assert_eq!(settled(&hub).await.delivered, got.len() as u64);
}
