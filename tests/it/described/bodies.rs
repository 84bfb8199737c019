//! Notations of bodies and signatures: what is kept, delivered and answered.

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha2::Sha256;

use super::push;
use crate::support::{Plan, Time, erp, events, key, settled, within};

/// A partner with forms that are signed by MD5, one with signed XML, and one with JSON, a time and an HMAC.
const PARTNERS: &str = r#"
[[partners]]
id = "express"
credentials = ["salt"]
[partners.push]
body = { form = "param" }
[partners.push.verify]
parts = [{ field = "param" }, { credential = "salt" }]
hash = "md5"
case = "upper"
signature = { field = "sign" }
unless_missing = "salt"
[partners.push.answers]
accepted = { status = 200, body = '{"result":true,"returnCode":"200","message":"成功"}' }
unavailable = { status = 500, body = '{"result":false,"returnCode":"500","message":"{message}"}', repeated = true }
[[partners.push.actions]]
name = "track"
when = { at = "/status", is = ["polling"] }
keys = [{ kind = "waybill", at = "/last/nu" }]
occurred = ["/last/data/*/ftime"]
milestones = { at = "/last/state", of = { "3" = "cleared" } }
example = '{"status":"polling","last":{"nu":"E1","state":"3","data":[{"ftime":"2026-01-02 03:04:05"}]}}'

[[partners]]
id = "customs"
credentials = ["secret"]
[partners.push]
body = "xml"
[partners.push.verify]
parts = ["body"]
hash = "hmac-sha256"
key = { credential = "secret" }
digits = "base64"
signature = { header = "X-Signature", prefix = "v1=" }
[partners.push.answers]
accepted = { content_type = "application/xml; charset=utf-8", body = "<r><code>0</code></r>" }
unavailable = { status = 500, content_type = "application/xml; charset=utf-8", body = "<r><code>1</code><text>{message}</text></r>" }
[[partners.push.actions]]
name = "notice"
suffix = "notice"
keys = [{ kind = "entry", at = "/Notice/Entry/@no" }, { kind = "bl", at = "/Notice/Bills/Bill/*" }]
milestones = { at = "/Notice/Code", of = { "P" = "released" } }
example = '<Notice><Entry no="X1"/><Code>P</Code><Bills><Bill>B1</Bill><Bill>B2</Bill></Bills></Notice>'

[[partners]]
id = "liner"
credentials = ["secret"]
[partners.push.verify]
parts = ["timestamp", "body"]
separator = "."
hash = "hmac-sha256"
key = { credential = "secret" }
signature = { header = "x-signature" }
timestamp = { header = "x-timestamp", window = "5m" }
[partners.push.answers]
accepted = { body = '{"ok":true}' }
unavailable = { status = 500, body = '{"ok":false,"why":"{message}"}' }
[[partners.push.actions]]
name = "moves"
each = "/moves"
keys = [{ kind = "container", at = "/box" }, { kind = "bl", at = "$/bill" }]
example = '{"bill":"B1","moves":[{"box":"C1"}]}'
"#;

fn plan() -> Plan {
    let connection = |id: &str, more: &str| {
        format!("[[connections]]\nid = \"{id}\"\npartner = \"{id}\"\nkeys = [\"{}\"]\n{more}\n", key(id))
    };
    let connections =
        [("express", "salt = \"s4lt\""), ("customs", "secret = \"s3cret\""), ("liner", "secret = \"s3cret\"")];
    let connections = connections.map(|(id, more)| connection(id, more)).concat();
    Plan::bare().table(PARTNERS).table(&connections)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn hmac(parts: &[&[u8]]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    parts.iter().fold(mac, hmac::Mac::chain_update).finalize().into_bytes().to_vec()
}

const DOCUMENT: &str = r#"{"status":"polling","last":{"nu":"E1","state":"3","data":[{"ftime":"2026-01-02 03:04:05","context":"已放行 & 100%"}]}}"#;

/// The form of a document, as the partner's client encodes it.
fn form(document: &str, sign: &str) -> String {
    let encoded: String = document
        .bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("sign={sign}&param={encoded}")
}

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn form_is_verified_read_and_delivered_as_it_came() {
    let (raw, cloud) = (erp().await, erp().await);
    let plan = plan().endpoint("raw", &raw, "format = \"raw\"").endpoint("cloud", &cloud, "");
    let hub = plan.start().await;
    let sign = hex(&Md5::digest(format!("{DOCUMENT}s4lt"))).to_uppercase();
    let body = form(DOCUMENT, &sign);
    let reply = push(&hub, "express", "push", FORM, body.as_bytes()).await;
    assert_eq!((reply.status, reply.json()["message"].as_str()), (200, Some("成功")));
    // The same in another encoding is the same event.
    let again = push(&hub, "express", "push", FORM, body.replace('+', "%20").as_bytes()).await;
    assert_eq!(again.status, 200);
    for wrong in [form(DOCUMENT, &sign.to_lowercase()), form(DOCUMENT, "0"), form(&DOCUMENT.replace("E1", "E2"), &sign)]
    {
        let reply = push(&hub, "express", "push", FORM, wrong.as_bytes()).await;
        assert_eq!((reply.status, reply.json()["result"].as_bool()), (404, Some(false)), "{wrong}");
    }
    let unsigned = body.replace("sign=", "sig=");
    assert_eq!(push(&hub, "express", "push", FORM, unsigned.as_bytes()).await.status, 404);

    let kept = events(&hub.context().store).await;
    let [event] = kept.as_slice() else { panic!("{kept:#?}") };
    assert_eq!((event.meta.kind.as_str(), event.key.subject.as_str()), ("express.track", "waybill:E1"));
    assert_eq!(event.meta.milestone.map(hub::Milestone::name), Some("cleared"));
    assert_eq!(event.meta.occurred.unwrap().to_string(), "2026-01-01T19:04:05.000000Z");
    let delivered = within(raw.received(1)).await.pop().unwrap();
    assert_eq!(delivered.body, body.as_bytes());
    assert_eq!(delivered.headers["content-type"], "application/x-www-form-urlencoded");
    let event: Value = serde_json::from_slice(&within(cloud.received(1)).await.pop().unwrap().body).unwrap();
    assert_eq!(event["data"], serde_json::from_str::<Value>(DOCUMENT).unwrap());
    assert_eq!((&event["datacontenttype"], event.get("data_base64")), (&json!("application/json"), None));
    settled(&hub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xml_is_verified_kept_as_text_and_answered_in_xml() {
    let (raw, cloud) = (erp().await, erp().await);
    let plan = plan().endpoint("raw", &raw, "format = \"raw\"").endpoint("cloud", &cloud, "");
    let hub = plan.start().await;
    let body = "<?xml version=\"1.0\"?>\n<Notice>\n <Entry no=\"X1\"/><Code>P</Code><Bills><Bill>B1</Bill><Bill>B&amp;2</Bill></Bills></Notice>";
    let header = |body: &str| {
        let sign = base64::prelude::BASE64_STANDARD.encode(hmac(&[body.as_bytes()]));
        format!("content-type: text/xml\r\nx-signature: v1={sign}\r\n")
    };
    let reply = push(&hub, "customs", "notice", &header(body), body.as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"<r><code>0</code></r>"[..]));
    assert!(reply.head.contains("content-type: application/xml; charset=utf-8"), "{}", reply.head);
    let other = body.replace("P<", "Q<");
    let reply = push(&hub, "customs", "notice", &header(body), other.as_bytes()).await;
    let said = String::from_utf8(reply.body).unwrap();
    assert!(reply.status == 404 && said.starts_with("<r><code>1</code><text>no such address"), "{said}");
    for endpoint in [&raw, &cloud] {
        within(endpoint.received(1)).await;
    }
    // A bomb is no document; it is kept as it came, and the text that says so is XML again.
    let bomb = "<!DOCTYPE a [<!ENTITY b \"<b>\">]><a>&b;</a>";
    let reply = push(&hub, "customs", "notice", &header(bomb), bomb.as_bytes()).await;
    assert_eq!(reply.status, 400);
    assert!(String::from_utf8(reply.body).unwrap().contains("has a DOCTYPE"));

    let kept = events(&hub.context().store).await;
    assert_eq!(kept[0].key.subject.as_str(), "entry:X1");
    let aliases: Vec<_> = kept[0].meta.aliases.iter().map(hub::Alias::as_str).collect();
    assert_eq!(
        (aliases, kept[0].meta.milestone.map(hub::Milestone::name)),
        (vec!["bl:B1", "bl:B&2"], Some("released"))
    );
    assert_eq!((kept.len(), kept[1].meta.kind.as_str()), (2, "customs.malformed"));
    let delivered = within(raw.received(2)).await;
    assert_eq!(delivered[0].body, body.as_bytes());
    assert_eq!(delivered[0].headers["content-type"], "text/xml");
    let delivered = within(cloud.received(2)).await;
    let event: Value = serde_json::from_slice(&delivered[0].body).unwrap();
    assert_eq!((event["data"].as_str(), event["datacontenttype"].as_str()), (Some(body), Some("text/xml")));
    let broken: Value = serde_json::from_slice(&delivered[1].body).unwrap();
    assert!(broken["data_base64"].is_string() && broken.get("data").is_none());
    settled(&hub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_time_has_a_window_and_each_element_is_an_event() {
    let (cloud, time) = (erp().await, Time::now());
    let plan = plan().endpoint("cloud", &cloud, "");
    let hub = plan.start_at(&time).await;
    let body = r#"{"bill":"B1", "moves":[{"box":"C1"} ,{"box":"C2"}],"sent":1.10}"#;
    let header = |seconds: i64, text: &str| {
        let sign = hex(&hmac(&[seconds.to_string().as_bytes(), b".", text.as_bytes()]));
        format!("content-type: application/json\r\nx-timestamp: {seconds}\r\nx-signature: {sign}\r\n")
    };
    let now = hub.context().now().0 / 1_000_000;
    for (seconds, status) in [(now - 301, 404), (now + 301, 404), (now - 299, 200), (now, 200)] {
        let reply = push(&hub, "liner", "push", &header(seconds, body), body.as_bytes()).await;
        assert_eq!(reply.status, status, "{}", seconds - now);
    }
    let moved = header(now, body).replace(&format!("x-timestamp: {now}"), &format!("x-timestamp: {}", now - 1));
    assert_eq!(push(&hub, "liner", "push", &moved, body.as_bytes()).await.status, 404, "the time is signed");
    // One element alone is the same event as among others.
    let alone = r#"{"bill":"B1","moves":[{"box":"C2"}],"sent":1.10}"#;
    assert_eq!(push(&hub, "liner", "push", &header(now, alone), alone.as_bytes()).await.status, 200);
    let kept = events(&hub.context().store).await;
    let subjects: Vec<_> = kept.iter().map(|event| event.key.subject.as_str()).collect();
    assert_eq!(subjects, ["container:C1", "container:C2"]);
    assert_eq!(kept[0].meta.aliases[0].as_str(), "bl:B1");
    let mut data: Vec<String> = Vec::new();
    for delivery in within(cloud.received(2)).await {
        let text = String::from_utf8(delivery.body.to_vec()).unwrap();
        data.push(text[text.find("\"data\":").unwrap()..].to_owned());
    }
    data.sort();
    let part = |box_: &str| format!(r#""data":{{"bill":"B1", "moves":[{{"box":"{box_}"}}],"sent":1.10}}}}"#);
    assert_eq!(data, [part("C1"), part("C2")]);
}

/// A push to a wrong address gets the answer in the notation of the partner that the path names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_in_the_envelope_of_the_described_partner() {
    let hub = plan().start().await;
    let key = key("customs");
    for (method, path, status) in [
        ("POST", "/hooks/customs/customs/wrong/notice".to_owned(), 404),
        ("POST", format!("/hooks/customs/nobody/{key}/notice"), 404),
        ("POST", format!("/hooks/customs/customs/{key}/nothing"), 404),
        ("POST", format!("/hooks/customs/customs/{key}"), 404),
        ("POST", "/hooks/customs".to_owned(), 404),
        ("GET", format!("/hooks/customs/customs/{key}/notice"), 405),
    ] {
        let request = crate::support::http::request(method, &path, "", b"<a/>");
        let reply = crate::support::http::exchange(hub.address(), request).await.unwrap();
        let said = String::from_utf8(reply.body).unwrap();
        assert!(
            reply.status == status && said.starts_with("<r><code>1</code><text>"),
            "{path}: {} {said}",
            reply.status
        );
    }
    assert!(events(&hub.context().store).await.is_empty());
}
