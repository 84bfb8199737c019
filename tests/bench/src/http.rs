//! As little HTTP/1.1 as the measurements need, so that the load and the ERP cost as little as they can of the cores they
//! share with what they measure: keep-alive, `Content-Length`, no chunks.

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection and what was read from it and not used yet.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    used: usize,
}

/// Positions of a message's parts in the buffer.
pub(crate) struct Message<'a> {
    /// The first line and the headers, with the blank line.
    pub head: &'a str,
    pub body: &'a [u8],
}

impl Message<'_> {
    /// The second word of the first line: a request's path, a response's status.
    pub(crate) fn second(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Wire {
    pub(crate) async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        Self::over(stream)
    }

    pub(crate) fn over(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8192), used: 0 })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// The next message; nothing where the connection ended between two.
    pub(crate) async fn read(&mut self) -> anyhow::Result<Option<Message<'_>>> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let mut searched = 0;
        let head = loop {
            if let Some(at) = find(self.buffer.get(searched..).unwrap_or_default(), b"\r\n\r\n") {
                break searched + at + 4;
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                ensure!(self.buffer.is_empty(), "the connection ended within a head");
                return Ok(None);
            }
        };
        let length = {
            let text = std::str::from_utf8(self.buffer.get(..head).unwrap_or_default())?;
            match header(text, "content-length") {
                Some(length) => length.parse::<usize>()?,
                None if header(text, "transfer-encoding").is_some() => bail!("chunks are not understood"),
                None => 0,
            }
        };
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection ended within a body");
            }
        }
        self.used = head + length;
        let (head, rest) = self.buffer.split_at(head);
        let (body, _) = rest.split_at(length);
        Ok(Some(Message { head: std::str::from_utf8(head)?, body }))
    }

    /// Sends a request and returns the answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Message<'_>> {
        self.write(request).await?;
        self.read().await?.context("the connection ended before the answer")
    }
}

/// A request with a JSON body.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len(),
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A 200 with a JSON body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A refusal of what was sent.
pub(crate) fn refused() -> Vec<u8> {
    b"HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 0\r\n\r\n".to_vec()
}

/// Position of the first `needle`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_told_apart_however_they_arrive() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let two = [ok("one"), ok("")].concat();
            for piece in two.chunks(7) {
                stream.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut wire = Wire::connect(&address).await.unwrap();
        let first = wire.read().await.unwrap().unwrap();
        assert_eq!((first.second(), first.body), ("200", &b"one"[..]));
        assert_eq!(first.header("Content-Type"), Some("application/json"));
        assert!(wire.read().await.unwrap().unwrap().body.is_empty());
        assert!(wire.read().await.unwrap().is_none());
    }
}
