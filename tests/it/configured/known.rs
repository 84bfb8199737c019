//! Described partners, as the rest of the hub knows them: operations, names, files, and how they are followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use simulators::api::Running;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::calls::started;
use super::{Desk, HOUR, described, text};
use crate::support::http::api;
use crate::support::{API_KEY, Time, courier, settled, until, within};

/// A partner with a file in one operation, XML as the answer of another, and a token in both.
const FORWARDER: &str = r#"
[[partners]]
id = "forwarder"
names = ["货代"]
credentials = ["secret"]
push.answers = { accepted = { body = "1" }, unavailable = { status = 503, body = "2", repeated = true } }

[[partners.push.actions]]
name = "state"
about = "状态 state of a bill"
keys = [{ kind = "bl", at = "/Bill/@no" }]
milestones = { at = "/Bill/state", of = { "9" = "released" } }
example = '{"Bill":{"@no":"B1","state":"1"}}'

[partners.token]
path = "/token"
body = { secret = { credential = "secret" } }
token = "/token"
life_seconds = 86400
expired = ["400"]

[[partners.operations]]
name = "send"
about = "发送文件 send papers"
effect = "command"
path = "/send"
encoding = "multipart"
file = { part = "papers" }
credentials = [{ header = "Authorization", prefix = "Bearer ", token = true }]
fields = [{ name = "no", need = "required", about = "提单号 bill" }]
keys = [{ kind = "bl", at = "no" }]
success = { at = "/ok", is = ["true"], code = "/code", text = "/text" }
example = '{"no":"B1"}'
answer = '{"ok":true}'

[[partners.operations]]
name = "ask"
effect = "query"
path = "/ask"
credentials = [{ header = "Authorization", prefix = "Bearer ", token = true }]
fields = [{ name = "no", need = "required" }]
keys = [{ kind = "bl", at = "no" }]
success = { at = "/Answer/ok", is = ["true"], code = "/Answer/code" }
brings = { action = "state", at = "/Answer/Bill", in = "Bill", state = true }
example = '{"no":"B1"}'
answer = '<Answer><ok>true</ok><Bill no="B1"><state>9</state></Bill></Answer>'
"#;

const SECRET: &str = "secret = \"a-secret-of-the-forwarder\"\n";

/// That partner, its file in a folder, and a hub beside it with further settings.
async fn forwarder(more: &str) -> (TempDir, Running, Desk) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forwarder.toml");
    std::fs::write(&path, FORWARDER).unwrap();
    let path = path.to_str().unwrap();
    // Both by one time.
    let time = Time::now();
    let played = started(described(path), SECRET, &time).await;
    let more = format!("base_url = \"{}\"\nallow_private = true\nallow_private_files = true\n{more}", played.url);
    let desk = Desk::at("forwarder", path, SECRET, &more, time).await;
    (folder, played, desk)
}

/// A server of one file. How often it was asked.
async fn serving(content: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/papers.pdf", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
            count.fetch_add(1, Ordering::SeqCst);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                content.len()
            );
            stream.write_all(&[head.as_bytes(), content].concat()).await.unwrap();
        }
    });
    (url, asked)
}

async fn get(desk: &Desk, path: &str) -> Value {
    api(desk.hub.address(), "GET", path, API_KEY, "").await.json()
}

#[tokio::test]
async fn operations_of_a_connection_are_told_with_schema_and_example() {
    let (_folder, played, desk) = forwarder("").await;
    let told = get(&desk, "/connections/forwarder/operations").await;
    let [send, ask] = told["operations"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(
        (&send["name"], &send["effect"], &send["repeatable"]),
        (&"send".into(), &"command".into(), &false.into())
    );
    assert_eq!((&ask["effect"], &ask["example"]), (&"query".into(), &serde_json::json!({"no": "B1"})));
    assert_eq!(send["body"]["required"], serde_json::json!(["no", "file"]));
    assert_eq!(send["body"]["properties"]["no"]["description"], "提单号 bill");
    assert_eq!(send["body"]["properties"]["file"]["$ref"], "/openapi.json#/components/schemas/Enclosure");
    let names = &get(&desk, "/connections").await["connections"][0]["names"];
    assert_eq!(names["partner"], serde_json::json!({"zh": "货代"}));
    assert_eq!(names["types"]["forwarder.state"], serde_json::json!({"zh": "状态", "en": "state of a bill"}));
    assert_eq!(names["operations"]["send"], serde_json::json!({"zh": "发送文件", "en": "send papers"}));
    let unknown = api(desk.hub.address(), "GET", "/connections/other/operations", API_KEY, "").await;
    assert_eq!(unknown.status, 404);
    // It is the same for everybody.
    let document = api(desk.hub.address(), "GET", "/openapi.json", API_KEY, "").await;
    assert!(!text(&document).contains("forwarder.send"));
    assert_eq!(played.count(), 0);
}

/// Regression: where only the token was stale, the file was obtained again for the second request.
#[tokio::test]
async fn file_goes_with_a_call_and_is_fetched_once() {
    const PDF: &[u8] = b"%PDF-1.7 \xff\xfe\r\n--something\r\n";
    let (_folder, played, desk) = forwarder("").await;
    let (url, asked) = serving(PDF).await;
    for (key, times) in [("k-1", 1), ("k-2", 2)] {
        let body = format!(r#"{{"no":"B1","file":{{"url":"{url}"}}}}"#);
        let reply = desk.call("send", &format!("idempotency-key: {key}\r\nprefer: wait=25\r\n"), &body).await;
        assert_eq!(reply.json()["state"], "succeeded", "{}", text(&reply));
        assert_eq!(
            (asked.load(Ordering::SeqCst), played.processed_count(), played.token_requests()),
            (times, times, times)
        );
        let sent = played.requests_for("send").pop().unwrap();
        let parts = sent.parts();
        let file = parts.iter().find(|part| part.name == "papers").unwrap();
        assert_eq!((file.filename.as_deref(), &file.content[..]), (Some("papers.pdf"), PDF));
        assert_eq!(file.content_type.as_deref(), Some("application/pdf"));
        assert!(parts.iter().any(|part| part.name == "no" && part.content == "B1"));
        // The partner forgets its token before the hub does.
        desk.time.pass(3 * HOUR);
    }
    assert_eq!(played.requests_for("send").len(), 3);
    let lacking = desk.call("send", "idempotency-key: k-3\r\n", r#"{"no":"B1"}"#).await;
    assert_eq!((lacking.status, &lacking.json()["field"]), (400, &"file".into()), "{}", text(&lacking));
}

#[tokio::test]
async fn xml_answer_brings_events_as_json_does() {
    let (_folder, _played, desk) = forwarder("").await;
    for _ in 0..2 {
        let reply = desk.call("ask", "", r#"{"no":"B1"}"#).await;
        assert!(reply.status == 200 && text(&reply).starts_with("<Answer>"), "{}", text(&reply));
    }
    let told = desk.told(1).await;
    assert_eq!((&told[0]["type"], &told[0]["subject"]), (&"forwarder.state".into(), &"bl:B1".into()));
    assert_eq!((&told[0]["milestone"], &told[0]["origin"]), (&"released".into(), &"pulled".into()));
    assert_eq!(told[0]["data"], serde_json::json!({"Bill": {"@no": "B1", "state": "9"}}));
    assert_eq!(desk.stored().await, 1, "the same state again is no news");
}

#[tokio::test]
async fn watched_shipment_of_a_described_partner_is_asked_for() {
    let watch = "\n[[watches]]\nconnection = \"forwarder\"\nsilence = \"30m\"\nask = \"ask\"\nuntil = [\"released\"]\n";
    let (_folder, played, desk) = forwarder(watch).await;
    let push = desk.sample(r#"{"Bill":{"@no":"B1","state":"1"}}"#);
    assert_eq!(desk.push("push", &push).await.status, 200);
    // A delivery whose answer is not stored when its lease ends is made twice.
    settled(&desk.hub).await;
    desk.time.pass(Duration::from_mins(31));
    let side = courier(&desk.hub);
    until(async || {
        within(sweep::handle(&side)).await.unwrap();
        played.processed_count() > 0
    })
    .await;
    let told = desk.told(2).await;
    assert_eq!((&told[1]["milestone"], &told[1]["origin"]), (&"released".into(), &"pulled".into()));
    assert_eq!(String::from_utf8_lossy(&played.requests_for("ask")[0].body), r#"{"no":"B1"}"#);
}
