//! A client that sends bytes as given, and a clock that stands until it is moved.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hub::Utc;
use serde_json::Value;
use simulators::api::{Api, Clock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// 2026-01-31 16:00:00 in China.
pub(crate) const NOON: i64 = 1_769_846_400;

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct Hands(Arc<AtomicI64>);

impl Hands {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOON * 1_000_000)))
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = self.clone();
        Arc::new(move || hands.now())
    }

    pub(crate) fn now(&self) -> Utc {
        Utc(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn forward(&self, span: Duration) {
        self.0.store(self.now().after(span).0, Ordering::SeqCst);
    }
}

/// One request.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn post(target: impl Into<String>, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { method: "POST", target: target.into(), headers, body: body.into() }
    }

    pub(crate) fn json(target: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::post(target, "application/json", body)
    }

    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self { method: "GET", target: target.into(), headers: vec![], body: vec![] }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer, or nothing where the connection was closed without one.
    pub(crate) async fn ask(&self, api: &Api) -> Option<Told> {
        let mut stream = TcpStream::connect(api.address()).await.unwrap();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut request = format!(
            "{} {} HTTP/1.1\r\nhost: partner\r\nconnection: close\r\n{}content-length: {}\r\n\r\n",
            self.method,
            self.target,
            headers.concat(),
            self.body.len(),
        )
        .into_bytes();
        request.extend_from_slice(&self.body);
        stream.write_all(&request).await.unwrap();
        let mut answer = vec![];
        let read = stream.read_to_end(&mut answer);
        // A connection that the partner breaks off may also be reset.
        let _ = tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some(Told { status: head[9..12].parse().unwrap(), head: head.to_ascii_lowercase(), body: body.to_owned() })
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The business code, printed as it came.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].to_string()
    }
}
