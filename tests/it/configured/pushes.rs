//! Pushes of the partners of `examples/partners`.

use std::time::Duration;

use partners::Verdict;
use partners::answer::answer;
use simulators::partner::{Answer, Next, after};

use super::{Desk, FILES, HOUR, credentials, partner, path, text};

/// The answer to a kept push, and the start of that to a refused one: status and body.
const ANSWERS: [(&str, &str, u16, &str); 4] = [
    (
        "kuaidi100",
        r#"{"result":true,"returnCode":"200","message":"成功"}"#,
        404,
        r#"{"result":false,"returnCode":"404","#,
    ),
    ("terminal49", r#"{"ok":true}"#, 401, r#"{"ok":false,"#),
    ("easypost", r#"{"ok":true}"#, 404, r#"{"ok":false,"#),
    (
        "sf",
        r#"<Response service="RoutePushService"><Head>OK</Head></Response>"#,
        404,
        "<Response service=\"RoutePushService\"><Head>ERR</Head>",
    ),
];

/// The events of each example, by the documents: type, subject, milestone.
fn expected(id: &str, example: &str) -> &'static [(&'static str, &'static str, Option<&'static str>)] {
    match (id, example) {
        ("kuaidi100", "polling") => &[("kuaidi100.subscription", "waybill:V030344422", None)],
        ("kuaidi100", "abort") => &[("kuaidi100.subscription", "waybill:1136281381675", None)],
        ("kuaidi100", "cleared") => &[("kuaidi100.subscription", "waybill:EX015142583SG", Some("cleared"))],
        ("terminal49", "vessel_departed") => &[("terminal49.transport", "bl:914595688", Some("departed"))],
        ("terminal49", "estimated_arrival") => &[("terminal49.estimate", "bl:OOLU2136060630", None)],
        ("terminal49", "created") => &[("terminal49.container", "bl:MAEU221876618", None)],
        ("terminal49", "failed") => &[("terminal49.request", "bl:MAEU11875506", None)],
        ("terminal49", "succeeded") => &[("terminal49.request", "bl:MAEU221876618", None)],
        ("easypost", "updated") => &[("easypost.tracker", "waybill:1", None)],
        ("easypost", "delivered") => &[("easypost.tracker", "waybill:EZ4000000004", None)],
        ("easypost", "created") => &[("easypost.batch", "batch:batch_...", None)],
        ("sf", "collected") => &[("sf.route", "order:TE201500106", None)],
        ("sf", "two") => &[("sf.route", "order:TE201500106", None), ("sf.route", "order:TE201500106", None)],
        _ => panic!("{id} has an example {example} that is not known here"),
    }
}

#[tokio::test]
async fn each_example_is_its_event_and_gets_the_partners_answer() {
    for (id, taken, ..) in ANSWERS {
        let desk = Desk::of(id).await;
        let mut events = 0;
        for row in &desk.table().actions {
            for example in &row.examples {
                let push = desk.sample(&example.body);
                // At the URL of all actions, then at its own: that is a repetition.
                for suffix in ["push", row.suffix.as_deref().unwrap()] {
                    let reply = desk.push(suffix, &push).await;
                    assert_eq!((reply.status, text(&reply)), (200, taken), "{id} {} at {suffix}", example.name);
                    let kind = if id == "sf" { "content-type: text/xml" } else { "content-type: application/json" };
                    assert!(reply.head.contains(kind), "{}", reply.head);
                }
                let expected = expected(id, &example.name);
                events += expected.len();
                let told = desk.told(events).await;
                let got = |kind: &str, subject: &str, milestone: Option<&str>| {
                    let fits = |event: &&serde_json::Value| {
                        event["type"] == kind && event["subject"] == subject && event["milestone"].as_str() == milestone
                    };
                    told.iter().filter(fits).count()
                };
                for (kind, subject, milestone) in expected {
                    assert!(got(kind, subject, *milestone) > 0, "{id} {}: {told:?}", example.name);
                }
            }
        }
        assert_eq!((desk.stored().await, desk.erp.count()), (events, events), "{id}: a repetition is no event");
    }
}

#[tokio::test]
async fn payload_is_the_document_in_the_form() {
    let desk = Desk::of("kuaidi100").await;
    desk.push("push", &desk.sample(r#"{"status":"polling","lastResult":{"nu":"A1","state":1.10}}"#)).await;
    let body = desk.told(1).await;
    assert_eq!(
        (&body[0]["data"]["lastResult"]["nu"], &body[0]["datacontenttype"]),
        (&"A1".into(), &"application/json".into())
    );
    assert!(String::from_utf8_lossy(&desk.erp.deliveries()[0].body).contains("1.10"), "as the partner printed it");

    let desk = Desk::of("sf").await;
    let xml = "<Request><Body><WaybillRoute mailno=\"1\" remark=\"已签收 &amp; 完\"/></Body></Request>";
    desk.push("push", &desk.sample(xml)).await;
    let told = desk.told(1).await;
    assert_eq!((told[0]["data"].as_str(), &told[0]["datacontenttype"]), (Some(xml), &"application/xml".into()));
}

#[tokio::test]
async fn wrong_or_missing_signature_is_refused_in_the_envelope() {
    for (id, _, status, refused) in ANSWERS.into_iter().filter(|(id, ..)| *id != "sf") {
        let desk = Desk::of(id).await;
        let right = desk.sample(&desk.table().actions[0].examples[0].body);
        let mut changed = right.clone();
        let at = changed.body.len() / 2;
        changed.body[at] = if changed.body[at] == b'1' { b'2' } else { b'1' };
        let (mut missing, mut other, mut cut) = (right.clone(), right.clone(), right.clone());
        if id == "kuaidi100" {
            let sign = String::from_utf8(right.body.clone()).unwrap();
            let (before, sign) = sign.split_once("&sign=").unwrap();
            missing.body = before.as_bytes().to_vec();
            other.body = format!("{before}&sign={}", sign.to_lowercase()).into_bytes();
            cut.body = format!("{before}&sign=").into_bytes();
        } else {
            missing.headers.clear();
            other.headers[0].1 = other.headers[0].1.replace(|char: char| char.is_ascii_digit(), "0");
            cut.headers[0].1.truncate(20);
        }
        for (what, push) in [("changed", &changed), ("missing", &missing), ("other", &other), ("cut", &cut)] {
            let reply = desk.push("push", push).await;
            assert_eq!(reply.status, status, "{id} {what}: {}", text(&reply));
            assert!(text(&reply).starts_with(refused), "{id} {what}: {}", text(&reply));
        }
        assert_eq!(desk.stored().await, 0, "{id}");
        assert_eq!(desk.push("push", &right).await.status, 200, "{id}");
        assert_eq!(desk.stored().await, 1, "{id}");
    }
}

/// EasyPost's libraries print a body, a secret and the header that they make.
#[tokio::test]
async fn signature_that_easypost_prints_is_taken() {
    let desk = Desk::of("easypost").await;
    let push = desk.sample(&desk.table().actions[0].examples[0].body);
    let printed = "hmac-sha256-hex=38f3f53c103713df81616a0a186d77141957323ec21d5fe9363db93840f527db";
    assert_eq!(push.headers, [("x-hmac-signature".to_owned(), printed.to_owned())]);
    assert_eq!(desk.push("tracker", &push).await.status, 200);
}

#[tokio::test]
async fn push_without_a_signature_is_taken_where_none_was_agreed() {
    let without = "customer = \"CUSTOMER\"\nkey = \"KEY\"\n";
    let desk = Desk::with("kuaidi100", without, "").await;
    let push = desk.sample(r#"{"status":"polling","lastResult":{"nu":"1"}}"#);
    assert!(!String::from_utf8_lossy(&push.body).contains("sign="));
    assert_eq!(desk.push("push", &push).await.status, 200);
}

#[tokio::test]
async fn push_out_of_its_window_is_refused() {
    let file = std::fs::read_to_string(path("terminal49")).unwrap();
    let from = "parts = [\"body\"]";
    assert!(file.contains(from));
    let window = "timestamp = { header = \"X-Time\", unit = \"s\", window = \"5m\" }";
    let folder = tempfile::tempdir().unwrap();
    let timed = folder.path().join("timed.toml");
    std::fs::write(&timed, file.replace(from, &format!("parts = [\"timestamp\", \"body\"]\n{window}"))).unwrap();
    let desk = Desk::by("terminal49", timed.to_str().unwrap(), credentials("terminal49"), "").await;
    let push = desk.sample(&desk.table().actions[0].examples[0].body);
    desk.time.pass(HOUR);
    assert_eq!(desk.push("push", &push).await.status, 401);
    let fresh = desk.sample(&desk.table().actions[0].examples[0].body);
    assert_eq!(desk.push("push", &fresh).await.status, 200);
    let mut moved = push;
    moved.headers[0].1.clone_from(&fresh.headers[0].1);
    assert_eq!(desk.push("push", &moved).await.status, 401, "the time is signed");
    assert_eq!(desk.stored().await, 1);
}

#[tokio::test]
async fn record_without_a_number_is_delivered_without_shipment() {
    let desk = Desk::of("terminal49").await;
    // "Some events come with a minimal `included`": its document's own example.
    let available = r#"{"data":{"id":"fb111726-d489-4ef7-bac9-d39f2cbe66ba","type":"webhook_notification","attributes":{"id":"fb111726-d489-4ef7-bac9-d39f2cbe66ba","event":"container.transport.available","delivery_status":"succeeded","created_at":"2025-02-26T12:51:52Z"}}}"#;
    // Its delivery moves on in a repetition, which is no news.
    for state in ["succeeded", "pending"] {
        let push = desk.sample(&available.replace("succeeded", state));
        assert_eq!(desk.push("push", &push).await.status, 200);
    }
    let told = desk.told(1).await;
    assert_eq!(told[0]["type"], "terminal49.transport");
    assert!(told[0]["subject"].as_str().unwrap().starts_with("push:"), "{told:?}");
    assert_eq!(desk.stored().await, 1);
}

#[tokio::test]
async fn unknown_action_and_broken_document_are_kept() {
    for (id, unknown, broken) in [
        ("kuaidi100", r#"{"status":"other","lastResult":{"nu":"1"}}"#, "{"),
        ("terminal49", r#"{"data":{"attributes":{"event":"document.extracted"}}}"#, "["),
        ("easypost", r#"{"description":"refund.successful"}"#, ""),
    ] {
        let desk = Desk::of(id).await;
        assert_eq!(desk.push("push", &desk.sample(unknown)).await.status, 200, "{id}");
        desk.push("push", &desk.sample(broken)).await;
        let told = desk.told(2).await;
        for kind in ["unknown", "malformed"] {
            assert!(told.iter().any(|event| event["type"] == format!("{id}.{kind}")), "{id}: {told:?}");
        }
    }
}

#[test]
fn partner_repeats_as_its_file_says() {
    for (id, _) in FILES {
        let partner = partner(id);
        let given = |verdict| {
            let answer = answer(partner, verdict, "busy");
            Answer { status: answer.status, body: answer.body.into() }
        };
        for verdict in [Verdict::Accepted, Verdict::Duplicate] {
            assert_eq!(after(partner, 1, Some(&given(verdict))), Next::Taken, "{id}");
        }
        let lost = given(Verdict::Unavailable);
        let repeats = &partner.push_table().unwrap().repeats;
        for (tries, pause) in (1..).zip(repeats) {
            for answer in [None, Some(&lost)] {
                assert_eq!(after(partner, tries, answer), Next::Again(*pause), "{id} {tries}");
            }
        }
        let most = u32::try_from(repeats.len()).unwrap() + 1;
        assert!(matches!(after(partner, most, None), Next::GivenUp(_)), "{id}");
    }
    let half_an_hour = Duration::from_mins(30);
    assert_eq!(partner("kuaidi100").push_table().unwrap().repeats, [half_an_hour; 3]);
}
