//! `kill -9` while a file is uploaded, and between its upload and its call.

use archive::{FOLDER, UPLOADS};
use hub::files::FileHash;
use serde_json::{Value, json};
use simulators::api::Xhq;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::http::{api, exchange, request};
use crate::support::process::Process;
use crate::support::{API_KEY, APP_ID, Plan, until};

/// The upload is there whole or not at all, and its id is good over a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_hub_has_an_upload_whole_or_not_at_all() {
    let xhq = Xhq::start(([127, 0, 0, 1], 0).into(), telemetry::system_clock(), APP_ID, "bgh").await.unwrap();
    let own = format!("partner = \"xhq\"\nbase_url = \"{}\"\nallow_private = true\nbgh_id = \"bgh\"\n", xhq.url());
    let plan = Plan::new().changed("partner = \"xhq\"\n", &own);
    let data = plan.config().data_dir;
    let content: Vec<u8> =
        b"PK\x03\x04".iter().copied().chain((0..3_000_000_u32).map(|n| n.to_be_bytes()[3])).collect();
    let files = |folder: &str| std::fs::read_dir(data.join(folder)).map_or(0, Iterator::count);

    let process = Process::start(&plan, &[]).await.unwrap();
    let asked = json!({"name": "a.zip", "bytes": content.len(), "sha256": FileHash::of(&content)}).to_string();
    let begun: Value = api(process.address(), "POST", "/uploads", API_KEY, &asked).await.json();
    let path = format!("/{}", begun["put"]["url"].as_str().unwrap());
    let headers = format!("authorization: Bearer {API_KEY}\r\ncontent-length: {}\r\n", content.len());
    let whole = request("PUT", &path, &headers, &content);
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    stream.write_all(&whole[..whole.len() / 2]).await.unwrap();
    until(async || files(FOLDER) == 1).await;
    process.kill();
    assert_eq!((files(FOLDER), files(UPLOADS)), (1, 0), "a part, and no upload");

    let process = Process::start(&plan, &[]).await.unwrap();
    assert_eq!(files(FOLDER), 0, "the part is removed");
    let call = async |address| {
        let headers = format!(
            "authorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\nidempotency-key: k\r\nprefer: wait=25\r\n"
        );
        let body = json!({"orderOutNo": "SO-1", "file": {"upload": begun["id"]}}).to_string();
        let path = "/calls/xhq-sh/fileUpload";
        exchange(address, request("POST", path, &headers, body.as_bytes())).await.unwrap()
    };
    assert_eq!(call(process.address()).await.json()["field"], "file.upload");
    assert_eq!(exchange(process.address(), whole).await.unwrap().status, 204);
    process.kill();

    let process = Process::start(&plan, &[]).await.unwrap();
    let done = call(process.address()).await.json();
    assert_eq!(done["state"], "succeeded", "{done}");
    let sent = xhq.requests_for("fileUpload");
    assert!(sent.len() == 1 && sent[0].parts().iter().any(|part| part.content == content));
    process.kill();
}
