//! XHQ's uploads: a file by each way that it may come, in each form that the operation wants; and the serial number that
//! XHQ gives the order for it.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use partners::Partner;
use serde_json::{Value, json};
use simulators::pushes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::exchange::{call, invalid};
use crate::calls::{APP_ID, BGH_ID, Desk, upload};
use crate::support::http::{Reply, exchange, request};
use crate::support::{API_KEY, answered, key, sender};

/// A zip, with what would end a part or a text in it.
const ZIP: &[u8] = b"PK\x03\x04\x14\x00\r\n--boundary\r\n\r\n\"\\\xff\xfe\x00";

/// Serves that at every address for as long as the test runs.
async fn serve(head: &'static str, content: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") && stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0) {}
            let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", content.len());
            stream.write_all(&[head.as_bytes(), content].concat()).await.unwrap();
        }
    });
    address
}

/// Calls an operation with a multipart body of these parts, each with its head.
async fn multipart(desk: &Desk, operation: &str, parts: &[(&str, &[u8])]) -> Reply {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(format!("--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    let headers = format!(
        "authorization: Bearer {API_KEY}\r\ncontent-type: multipart/form-data; boundary=edge\r\n\
         idempotency-key: {operation}-multipart\r\nprefer: wait=25\r\n"
    );
    let path = format!("/calls/xhq/{operation}");
    exchange(desk.hub.address(), request("POST", &path, &headers, &body)).await.expect("an answer")
}

#[tokio::test]
async fn file_is_accepted_as_part_base64_or_url() {
    let desk = Desk::new().await;
    let files = serve("200 OK\r\ncontent-type: application/octet-stream", ZIP).await;
    let base64 = BASE64_STANDARD.encode(ZIP);
    for operation in ["fileUpload", "fileBase64Upload"] {
        let file = r#"name="file"; filename="报关.zip""#.to_owned() + "\r\nContent-Type: application/zip";
        let order = r#"name="orderOutNo""#;
        let parts: [(&str, &[u8]); 2] = [(order, b"SO-1"), (&file, ZIP)];
        let inline = format!(r#"{{"file":{{"name":"报关.zip","base64":"{base64}"}},"orderOutNo":"SO-1"}}"#);
        let address = format!(
            r#"{{"orderOutNo":"SO-1","file":{{"url":"http://{files}/in/%E6%8A%A5%E5%85%B3.zip?signature=s"}}}}"#
        );
        for reply in [
            multipart(&desk, operation, &parts).await,
            call(&desk, "xhq", operation, &inline).await,
            call(&desk, "xhq", operation, &address).await,
        ] {
            let said = reply.json();
            assert_eq!((&said["state"], &said["subject"]), (&"succeeded".into(), &"order:SO-1".into()), "{said}");
        }
        let sent = desk.xhq.requests_for(operation);
        assert_eq!((sent.len(), desk.xhq.wrongs()), (3, Vec::<String>::new()));
        for sent in &sent {
            let parts = sent.parts();
            if operation == "fileUpload" {
                let file = parts.iter().find(|part| part.filename.is_some()).unwrap();
                assert_eq!((file.name.as_str(), file.filename.as_deref()), ("file", Some("报关.zip")));
                assert_eq!((file.content_type.as_deref(), &file.content[..]), (Some("application/zip"), ZIP));
                let order = parts.iter().find(|part| part.name == "orderOutNo").unwrap();
                assert_eq!(&order.content[..], b"SO-1");
            } else {
                let body = sent.json();
                assert_eq!((&body["fileBase64"], &body["orderOutNo"]), (&json!(base64), &"SO-1".into()));
                assert!(body.get("file").is_none(), "{body}");
            }
        }
    }
}

/// A configured field name replaces one that is missing from the document.
#[tokio::test]
async fn a_file_that_the_erp_has_encoded_itself_passes_as_it_is() {
    let desk = Desk::new().await;
    for body in [r#"{"file":"UEsDBAo=","fileName":"a.exe"}"#, r#"{"fileBase64":"UEsDBAo","a":1.10}"#] {
        let done = call(&desk, "xhq", "fileBase64Upload", body).await.json();
        assert_eq!(done["state"], "succeeded", "{done}");
        let sent = desk.xhq.requests().pop().unwrap();
        let own = body.strip_prefix('{').unwrap();
        assert_eq!(String::from_utf8_lossy(&sent.body), format!(r#"{{"appId":"{APP_ID}","bghId":"{BGH_ID}",{own}"#));
    }
}

#[tokio::test]
async fn a_file_of_a_megabyte_arrives_whole() {
    let desk = Desk::new().await;
    let noise = (0..1024 * 1024_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
    let file: Vec<u8> = b"PK\x03\x04".iter().copied().chain(noise).collect();
    let head = r#"name="file"; filename="large.zip""#;
    for operation in ["fileUpload", "fileBase64Upload"] {
        let done = multipart(&desk, operation, &[(r#"name="orderOutNo""#, b"SO-1"), (head, &file)]).await.json();
        assert_eq!(done["state"], "succeeded", "{done}");
    }
    let sent = desk.xhq.requests();
    assert!(sent[0].parts().iter().any(|part| part.content == file));
    assert!(BASE64_STANDARD.decode(sent[1].json()["fileBase64"].as_str().unwrap()).unwrap() == file);
}

#[tokio::test]
async fn missing_or_invalid_file_is_refused_before_sending() {
    let desk = Desk::new().await;
    invalid(&call(&desk, "xhq", "fileUpload", "{}").await, "file", "a file must come with the call");
    invalid(&multipart(&desk, "fileUpload", &[(r#"name="orderOutNo""#, b"1")]).await, "file", "a file must come");
    for operation in ["fileUpload", "fileBase64Upload"] {
        for (file, field, remedy) in [
            (r#"{"base64":"UEsDBAo="}"#, "file.name", "must be given"),
            (r#"{"name":"../a.zip","base64":"UEsDBAo="}"#, "file.name", "must be a name alone"),
            (r#"{"name":"a.zip","base64":"data:;base64,UEsDBAo="}"#, "file.base64", "must be the file in base64"),
            (r#"{"name":"a.zip","base64":"UEsDBAo=","url":"http://x/a.zip"}"#, "file.url", "leave it out"),
            (r#"{"url":"ftp://x/a.zip"}"#, "file.url", "must be an http or https URL"),
            (r#"{"url":"http://x/"}"#, "file.name", "must be given"),
            (r#"{"name":"a.zip","path":"/etc/passwd"}"#, "file.path", "is not known here"),
        ] {
            let reply = call(&desk, "xhq", operation, &format!(r#"{{"file":{file}}}"#)).await;
            invalid(&reply, field, remedy);
        }
    }
    // The name of the base64's field is the hub's own.
    let body = r#"{"fileBase64":"x","file":{"name":"a.zip","base64":"UEsDBAo="}}"#;
    let said = call(&desk, "xhq", "fileBase64Upload", body).await;
    assert!(said.status >= 400 && said.json()["errors"][0]["field"] == "fileBase64", "{}", said.json());
    // A part is a field like any other.
    let parts: [(&str, &[u8]); 2] = [(r#"name="appId""#, b"x"), (r#"name="f"; filename="a.zip""#, ZIP)];
    invalid(&multipart(&desk, "fileUpload", &parts).await, "appId", "leave it out: it comes from the connection");
    // One that takes no file gets none.
    let file = r#"name="f"; filename="a.zip""#;
    let parts: [(&str, &[u8]); 4] =
        [(r#"name="fileUrl""#, b"http://x"), (r#"name="orderOutNo""#, b"1"), (r#"name="isReload""#, b""), (file, ZIP)];
    invalid(&multipart(&desk, "upload", &parts).await, "file", "upload takes no file");
    assert_eq!((desk.xhq.count(), desk.calls().await.len()), (0, 0));
}

#[tokio::test]
async fn url_without_the_file_fails_the_call_before_sending() {
    let desk = Desk::new().await;
    let page = serve("200 OK\r\ncontent-type: application/zip", b"<html>please log in</html>").await;
    let gone = serve("404 Not Found", b"").await;
    let moved = serve("302 Found\r\nlocation: http://127.0.0.1:1/a.zip", b"").await;
    for (n, server) in [page, gone, moved].into_iter().enumerate() {
        let body =
            format!(r#"{{"orderOutNo":"SO-{n}","file":{{"url":"http://{server}/a.zip?signature=secret-of-{n}"}}}}"#);
        for operation in ["fileUpload", "fileBase64Upload"] {
            let failed = call(&desk, "xhq", operation, &body).await.json();
            assert_eq!((&failed["state"], &failed["answer"]), (&"failed".into(), &Value::Null), "{failed}");
            let detail = failed["attempts"][0]["detail"].as_str().unwrap();
            assert!(detail.contains(&format!("http://{server}")) && !detail.contains("secret-of"), "{detail}");
        }
    }
    assert_eq!(desk.xhq.count(), 0);
    assert!(!desk.hears("call.failed", 6).await.iter().any(|event| event.to_string().contains("secret-of")));
}

/// The document does not say whether `data` is the serial or holds it.
#[tokio::test]
async fn serial_of_an_upload_finds_the_order_and_its_calls() {
    let desk = Desk::new().await;
    let hook = pushes::path(Partner::Xhq, "xhq", &key("xhq"), "syn_status");
    let file = |order: &str| format!(r#"{{"orderOutNo":"{order}","file":{{"name":"a.zip","base64":"UEsDBAo="}}}}"#);
    for (n, within) in [None, Some("orderNo")].into_iter().enumerate() {
        if let Some(name) = within {
            desk.xhq.serial_within(name);
        }
        for operation in ["upload", "fileUpload", "fileBase64Upload", "uploadImport"] {
            let order = format!("SO-{operation}-{n}");
            let body = if operation == "upload" { upload(&order) } else { file(&order) };
            let body = if operation == "uploadImport" { format!(r#"{{"orderOutNo":"{order}"}}"#) } else { body };
            let done = call(&desk, "xhq", operation, &body).await.json();
            assert_eq!(done["state"], "succeeded", "{done}");
            let data = &done["answer"]["body"]["data"];
            let serial = within.map_or(data, |name| &data[name]).as_str().unwrap();
            let alias = json!(format!("serial:{serial}"));
            assert!(done["aliases"].as_array().unwrap().contains(&alias), "{done}");
            // The order's pushes lie under it,
            let status = crate::support::status(&order, 61).into_bytes();
            answered(&mut sender(&desk.hub, Partner::Xhq), &hook, "application/json", &status).await;
            let timeline = desk.get(&format!("/events/xhq/serial:{serial}")).await.json();
            let [event] = timeline["items"].as_array().unwrap().as_slice() else { panic!("{serial}: {timeline}") };
            assert_eq!(event["subject"], format!("order:{order}"), "{timeline}");
            // and so does the call.
            let calls = desk.get(&format!("/calls?subject=serial:{serial}")).await.json();
            let [listed] = calls["items"].as_array().unwrap().as_slice() else { panic!("{serial}: {calls}") };
            assert_eq!(listed["id"], done["id"]);
        }
    }
}

#[tokio::test]
async fn push_with_only_the_serial_is_listed_with_the_order() {
    let desk = Desk::new().await;
    let done = call(&desk, "xhq", "upload", &upload("SO-1")).await.json();
    let serial = done["answer"]["body"]["data"].as_str().unwrap().to_owned();
    let path = |suffix| pushes::path(Partner::Xhq, "xhq", &key("xhq"), suffix);
    let mut sender = sender(&desk.hub, Partner::Xhq);
    let ledger = format!(r#"{{"orderNo":"{serial}","flag":"T","message":"成功","BussinessData":{{}}}}"#);
    answered(&mut sender, &path("bonded_list"), "application/json", ledger.as_bytes()).await;
    let status = crate::support::status("SO-1", 61).into_bytes();
    answered(&mut sender, &path("syn_status"), "application/json", &status).await;
    let timeline = desk.get(&format!("/events/xhq/serial:{serial}")).await.json();
    let mut subjects: Vec<_> = timeline["items"].as_array().unwrap().iter().map(|one| one["subject"].clone()).collect();
    subjects.sort_by_key(Value::to_string);
    assert_eq!(subjects, [json!("order:SO-1"), json!(format!("serial:{serial}"))], "{timeline}");
}
