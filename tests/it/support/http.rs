//! HTTP by hand, for what no client library would send.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::chinese::has_chinese_texts;
use super::within;

/// An HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The head as it came, in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text:?} after {}", self.head))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        has_chinese_texts(&bytes[end + 4..]);
        Some(Self { status, head, body: bytes[end + 4..].to_vec() })
    }
}

/// A request with `Content-Length`, unless `headers` have their own way of telling the end.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let framed = headers.to_lowercase();
    let length = if framed.contains("content-length") || framed.contains("transfer-encoding") {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n{length}{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A body in chunks.
pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(50_000) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Sends bytes and reads until the other side closes: the answer, if there is one.
pub(crate) async fn exchange(address: SocketAddr, bytes: Vec<u8>) -> Option<Reply> {
    within(async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        // Both halves stay open to the end: a sender that has closed its half looks like one that is gone.
        let (mut from, mut to) = stream.split();
        let mut answer = Vec::new();
        // A server that has read enough may close before all is sent; its answer counts all the same.
        let _ = tokio::join!(to.write_all(&bytes), from.read_to_end(&mut answer));
        Reply::read(&answer)
    })
    .await
}

/// Sends bytes and hangs up.
pub(crate) async fn hang_up(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}

/// A request of the ERP.
pub(crate) async fn api(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Reply {
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    exchange(address, request(method, path, &headers, body.as_bytes())).await.expect("an answer")
}
