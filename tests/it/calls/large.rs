//! Files that are larger than the body of a call: sent ahead, by a form, or fetched, up to 100 MB.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hub::files::FileHash;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::http::{Reply, api, exchange, request};
use crate::support::{API_KEY, Plan, Time};

/// Larger than the body of a call may be.
const LARGE: usize = 7 << 20;

const OTHER_KEY: &str = "another-api-key-of-thirty-two-characters";

/// A zip of that size.
fn zip(size: usize) -> Vec<u8> {
    let mut content = b"PK\x03\x04".to_vec();
    let mut word = 7_u64;
    while content.len() < size {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        content.extend_from_slice(&word.to_be_bytes());
    }
    content.truncate(size);
    content
}

/// A partner that says yes, and keeps what it was sent.
#[derive(Clone, Default)]
struct Partner(Arc<Mutex<Vec<Vec<u8>>>>);

impl Partner {
    async fn start() -> (Self, SocketAddr) {
        let (partner, listener) = (Self::default(), TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
        let address = listener.local_addr().unwrap();
        let own = partner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().answer(stream));
            }
        });
        (partner, address)
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut sent = Vec::new();
        let (head, length) = loop {
            if stream.read_buf(&mut sent).await.unwrap() == 0 {
                return;
            }
            if let Some(at) = sent.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&sent[..at]).to_lowercase();
                let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                break (at + 4, length.parse::<usize>().unwrap());
            }
        };
        while sent.len() < head + length && stream.read_buf(&mut sent).await.is_ok_and(|read| read > 0) {}
        self.0.lock().unwrap().push(sent.split_off(head));
        let yes = r#"{"code":200,"msg":"成功","data":"S-1"}"#;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", yes.len());
        let _ = stream.write_all(format!("{head}{yes}").as_bytes()).await;
    }

    /// The hash of the file in each request, which is a form with the file as its last part.
    fn hashes(&self) -> Vec<FileHash> {
        let hash = |body: &Vec<u8>| {
            let beginning = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
            let named = beginning.find("filename=").unwrap();
            let begins = named + beginning[named..].find("\r\n\r\n").unwrap() + 4;
            let edge = beginning.split("\r\n").next().unwrap();
            let ends = body.len() - format!("\r\n{edge}--\r\n").len();
            FileHash::of(&body[begins..ends])
        };
        self.0.lock().unwrap().iter().map(hash).collect()
    }
}

/// A hub between that partner and ERPs with two keys.
struct Desk {
    hub: tongguan::Hub,
    partner: Partner,
    time: Time,
    _plan: Plan,
}

impl Desk {
    async fn new() -> Self {
        let (partner, address) = Partner::start().await;
        let table = format!(
            "[[connections]]\nid = \"xhq\"\npartner = \"xhq\"\nbase_url = \"http://{address}/\"\nallow_private = true\n\
             allow_private_files = true\napp_id = \"a\"\nbgh_id = \"b\"\nbase64_field = \"fileBase64\"\n\
             keys = [\"{}\"]\n[[api_keys]]\nid = \"other\"\nkey = \"{OTHER_KEY}\"\n",
            crate::support::key("xhq")
        );
        let (plan, time) = (Plan::bare().table(&table), Time::now());
        let hub = plan.start_at(&time).await;
        Self { hub, partner, time, _plan: plan }
    }

    async fn begin(&self, name: &str, content: &[u8]) -> Value {
        let body = json!({"name": name, "bytes": content.len(), "sha256": FileHash::of(content)}).to_string();
        let begun = api(self.hub.address(), "POST", "/uploads", API_KEY, &body).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        begun.json()
    }

    async fn put(&self, begun: &Value, key: &str, content: &[u8]) -> Reply {
        let path = format!("/{}", begun["put"]["url"].as_str().unwrap());
        let headers = format!("authorization: Bearer {key}\r\n");
        exchange(self.hub.address(), request("PUT", &path, &headers, content)).await.expect("an answer")
    }

    async fn call(&self, (key, operation): (&str, &str), idempotency_key: &str, file: &Value) -> Reply {
        let body = json!({"orderOutNo": "SO-1", "file": file}).to_string();
        let headers = format!(
            "authorization: Bearer {key}\r\ncontent-type: application/json\r\nidempotency-key: {idempotency_key}\r\n\
             prefer: wait=25\r\n"
        );
        let path = format!("/calls/xhq/{operation}");
        exchange(self.hub.address(), request("POST", &path, &headers, body.as_bytes())).await.expect("an answer")
    }

    /// A call with a form of one field and one file.
    async fn form(&self, operation: &str, content: &[u8]) -> Reply {
        let head = "--edge\r\nContent-Disposition: form-data; name=\"orderOutNo\"\r\n\r\nSO-1\r\n--edge\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"papers.zip\"\r\n\r\n";
        let body = [head.as_bytes(), content, b"\r\n--edge--\r\n"].concat();
        let headers = format!(
            "authorization: Bearer {API_KEY}\r\ncontent-type: multipart/form-data; boundary=edge\r\n\
             idempotency-key: {operation}\r\nprefer: wait=25\r\n"
        );
        let path = format!("/calls/xhq/{operation}");
        exchange(self.hub.address(), request("POST", &path, &headers, &body)).await.expect("an answer")
    }
}

fn refused(reply: &Reply, field: &str, detail: &str) {
    let said = reply.json();
    let told = said["detail"].as_str().unwrap_or_default();
    assert!(reply.status == 400 && said["field"] == field && told.contains(detail), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upload_of_sixty_megabytes_arrives_whole() {
    let (desk, content) = (Desk::new().await, zip(60 << 20));
    let hash = FileHash::of(&content);
    let begun = desk.begin("papers.zip", &content).await;
    assert_eq!(desk.put(&begun, API_KEY, &content).await.status, 204);
    let file = json!({"upload": begun["id"]});
    let done = desk.call((API_KEY, "fileUpload"), "k", &file).await.json();
    assert_eq!((&done["state"], &done["subject"]), (&"succeeded".into(), &"order:SO-1".into()), "{done}");
    assert_eq!(desk.partner.hashes(), [hash]);
    let path = format!("/calls/{}", done["id"].as_str().unwrap());
    let shown = api(desk.hub.address(), "GET", &path, API_KEY, "").await.json()["request"]["file"].clone();
    assert_eq!(shown, json!({"name": "papers.zip", "bytes": content.len(), "sha256": hash}));

    let served = api(desk.hub.address(), "GET", &format!("/files/{hash}"), API_KEY, "").await;
    assert!(served.status == 200 && FileHash::of(&served.body) == hash, "{}", served.head);
    assert!(served.head.contains("content-type: application/zip") && served.head.contains("content-length: 62914560"));

    // The same key with the same file is the same call, long after the upload.
    desk.time.pass(Duration::from_hours(30));
    assert_eq!(desk.call((API_KEY, "fileUpload"), "k", &file).await.json()["id"], done["id"]);
    assert_eq!(desk.partner.hashes().len(), 1);
    refused(&desk.call((API_KEY, "fileUpload"), "k-2", &file).await, "file.upload", "has expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn form_with_a_large_file_is_a_call_like_others() {
    let (desk, content) = (Desk::new().await, zip(LARGE));
    for operation in ["fileUpload", "fileBase64Upload"] {
        let done = desk.form(operation, &content).await.json();
        assert_eq!(done["state"], "succeeded", "{done}");
        assert_eq!(done["subject"], "order:SO-1");
        let again = desk.form(operation, &content).await.json();
        assert_eq!(again["id"], done["id"], "the same request");
    }
    assert_eq!(desk.form("fileUpload", &zip(LARGE + 1)).await.status, 409);
    let sent = desk.partner.0.lock().unwrap().clone();
    assert_eq!(sent.len(), 2);
    assert!(sent[1].ends_with(&[BASE64_STANDARD.encode(&content).as_bytes(), b"\"}"].concat()));
    desk.partner.0.lock().unwrap().pop();
    assert_eq!(desk.partner.hashes(), [FileHash::of(&content)]);
    let without = desk.form("upload", &content).await.json();
    assert!(without["errors"].to_string().contains("upload takes no file"), "{without}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetched_file_may_be_larger_than_a_body() {
    let (desk, content) = (Desk::new().await, zip(21 << 20));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/papers.zip", listener.local_addr().unwrap());
    let own = content.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") && stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0) {}
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", own.len());
        stream.write_all(&[head.as_bytes(), &own].concat()).await.unwrap();
    });
    let done = desk.call((API_KEY, "fileUpload"), "k", &json!({"url": url})).await.json();
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(desk.partner.hashes(), [FileHash::of(&content)]);
}

#[tokio::test]
async fn content_other_than_announced_is_no_upload() {
    let (desk, content) = (Desk::new().await, zip(1 << 20));
    let begun = desk.begin("papers.zip", &content).await;
    let put = async |content: &[u8]| desk.put(&begun, API_KEY, content).await;
    refused(&put(&content[1..]).await, "body", "has 1048575 bytes");
    refused(&put(&zip((1 << 20) + 1)).await, "body", "has more than the 1048576 bytes");
    refused(&put(&vec![b'x'; 1 << 20]).await, "body", "its SHA-256 is");
    let path = format!("/{}", begun["put"]["url"].as_str().unwrap());
    let headers = format!("authorization: Bearer {API_KEY}\r\ncontent-length: {}\r\n", content.len());
    crate::support::http::hang_up(desk.hub.address(), &request("PUT", &path, &headers, &content[..1000])).await;
    let call = async || desk.call((API_KEY, "fileUpload"), "k", &json!({"upload": begun["id"]})).await;
    refused(&call().await, "file.upload", "has not come");
    assert_eq!(put(&content).await.status, 204);
    assert_eq!(call().await.json()["state"], "succeeded");
}

#[tokio::test]
async fn upload_is_its_keys_alone_and_in_time() {
    let (desk, content) = (Desk::new().await, zip(100));
    let begun = desk.begin("papers.zip", &content).await;
    assert_eq!(desk.put(&begun, OTHER_KEY, &content).await.status, 404);
    assert_eq!(desk.put(&begun, "nobody's", &content).await.status, 401);
    assert_eq!(desk.put(&begun, API_KEY, &content).await.status, 204);
    let file = json!({"upload": begun["id"]});
    refused(&desk.call((OTHER_KEY, "fileUpload"), "k", &file).await, "file.upload", "is no upload of this key");
    refused(&desk.call((API_KEY, "fileUpload"), "k", &json!({"upload": "x"})).await, "file.upload", "is no upload");
    let hash = FileHash::of(&content);
    let kept = json!({"name": "a.zip", "sha256": hash});
    refused(&desk.call((API_KEY, "fileUpload"), "k", &kept).await, "file.sha256", "is not known here");
    assert_eq!(api(desk.hub.address(), "GET", &format!("/files/{hash}"), API_KEY, "").await.status, 404);
    desk.time.pass(Duration::from_mins(16));
    assert_eq!(desk.put(&begun, API_KEY, &content).await.status, 404, "its address");
    let named = json!({"upload": begun["id"], "name": "other.pdf", "content_type": "application/pdf"});
    let done = desk.call((API_KEY, "fileUpload"), "k", &named).await.json();
    assert_eq!((&done["state"], desk.partner.hashes()), (&"succeeded".into(), vec![hash]), "{done}");
    let sent = String::from_utf8_lossy(&desk.partner.0.lock().unwrap()[0]).into_owned();
    assert!(sent.contains("filename=\"other.pdf\"\r\nContent-Type: application/pdf"), "{sent}");
}

#[tokio::test]
async fn upload_that_cannot_be_is_refused_by_its_field() {
    let desk = Desk::new().await;
    let good = json!({"name": "a.zip", "bytes": 5, "sha256": FileHash::of(b"a")});
    for (member, value, detail) in [
        ("name", json!("a/b.zip"), "must be a name alone"),
        ("content_type", json!("zip"), "must be a media type"),
        ("bytes", json!(0), "must be from 1 to 104857600"),
        ("bytes", json!(104_857_601), "must be from 1 to 104857600"),
        ("sha256", json!("00"), "64 hex digits"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let reply = api(desk.hub.address(), "POST", "/uploads", API_KEY, &body.to_string()).await;
        refused(&reply, member, detail);
    }
    let headers = format!("authorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\n");
    let large = request("POST", "/calls/xhq/fileUpload", &headers, &zip(LARGE));
    let told = exchange(desk.hub.address(), large).await.unwrap();
    assert!(told.status == 413 && told.json()["detail"].as_str().unwrap().contains("POST /uploads"), "{told:?}");
}
