//! A server that answers with given bytes, whatever they are.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The server. Each connection gets one answer and is closed behind it.
pub(crate) struct Canned {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared {
    answer: Mutex<Vec<u8>>,
    requests: Mutex<Vec<String>>,
}

impl Canned {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Self { address, shared, task: task.abort_handle() }
    }

    /// Base URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers so from the next request on.
    pub(crate) fn answer(&self, bytes: impl Into<Vec<u8>>) {
        *self.shared.answer.lock().unwrap() = bytes.into();
    }

    /// Number of requests.
    pub(crate) fn count(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut bytes = Vec::new();
    let head = loop {
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break String::from_utf8_lossy(&bytes[..end + 4]).to_ascii_lowercase();
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < head.len() + length {
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
    shared.requests.lock().unwrap().push(head);
    let answer = shared.answer.lock().unwrap().clone();
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}
