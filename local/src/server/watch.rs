//! Time limits of a connection: for being idle, for sending a head, and for leaving an answer unread.
//!
//! hyper has one time limit, from the end of an answer to the end of the next head. An idle connection of a proxy must live
//! longer than a head may take, so the stream itself is watched: its traffic shows which of them it is.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// Timeout for the arrival of a request's head, from its first byte, or from the start of a new connection.
const HEAD: Duration = Duration::from_secs(10);

/// Longest time for which a peer may leave an answer unread.
const UNREAD: Duration = Duration::from_secs(10);

/// Slowest rate at which it may read, in bytes a second.
const SLOWEST: u32 = 16 * 1024;

/// The watch over one connection. Clones share it.
#[derive(Clone)]
pub(super) struct Watch {
    idle: Duration,
    state: Arc<Mutex<State>>,
}

struct State {
    phase: Phase,
    /// Time until which the peer must have read the bytes that are written to it, if some wait.
    unread: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Nothing is asked, until then.
    Idle(Instant),
    /// A head is arriving, until then.
    Head(Instant),
    /// A request is being answered. Its body and its answer have time limits of their own.
    Busy,
}

/// End of a watched connection.
pub(super) enum Ended<T> {
    /// By itself.
    ByItself(T),
    /// It was given up, for that reason.
    OutOfTime(&'static str),
}

impl Watch {
    /// The watch over a connection that begins now and may be idle for that long between two requests.
    pub(super) fn new(idle: Duration) -> Self {
        let state = State { phase: Phase::Head(Instant::now() + HEAD), unread: None };
        Self { idle, state: Arc::new(Mutex::new(state)) }
    }

    /// Drives a connection until it ends or is out of time.
    pub(super) async fn over<C: Future>(&self, connection: C) -> Ended<C::Output> {
        let mut connection = pin!(connection);
        let mut alarm = pin!(sleep_until(Instant::now() + HEAD));
        poll_fn(|cx| {
            if let Poll::Ready(done) = connection.as_mut().poll(cx) {
                return Poll::Ready(Ended::ByItself(done));
            }
            // All that moves the limit happens while the connection is polled.
            let Some((limit, what)) = self.limit() else { return Poll::Pending };
            if alarm.deadline() != limit {
                alarm.as_mut().reset(limit);
            }
            ready!(alarm.as_mut().poll(cx));
            Poll::Ready(Ended::OutOfTime(what))
        })
        .await
    }

    /// The first limit that is to be kept, and what has happened where it is over.
    fn limit(&self) -> Option<(Instant, &'static str)> {
        let state = self.state();
        let phase = match state.phase {
            Phase::Idle(until) => Some((until, "it was idle")),
            Phase::Head(until) => Some((until, "no request arrived whole")),
            Phase::Busy => None,
        };
        let unread = state.unread.map(|until| (until, "its peer does not read the answers"));
        phase.into_iter().chain(unread).min_by_key(|(until, _)| *until)
    }

    /// Whether a request is being answered.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state().phase, Phase::Busy)
    }

    fn came(&self, bytes: &[u8]) {
        let mut state = self.state();
        // Some clients end a request with an empty line too many, which begins no other (RFC 9112 2.2).
        let begins = bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
        if begins && matches!(state.phase, Phase::Idle(_)) {
            state.phase = Phase::Head(Instant::now() + HEAD);
        }
    }

    fn went(&self, bytes: usize) {
        let mut state = self.state();
        if let Some(until) = &mut state.unread {
            *until += Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / SLOWEST;
        }
    }

    fn waits(&self) {
        self.state().unread.get_or_insert_with(|| Instant::now() + UNREAD);
    }

    fn flushed(&self) {
        self.state().unread = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered, until it is dropped.
pub(super) struct Answering(Watch);

impl Answering {
    pub(super) fn new(watch: &Watch) -> Self {
        watch.state().phase = Phase::Busy;
        Self(watch.clone())
    }

    /// The body of the answer; the request is answered when that is gone.
    pub(super) const fn carry<B>(self, body: B) -> Carried<B> {
        Carried { body, _answering: self }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.state().phase = Phase::Idle(Instant::now() + self.0.idle);
    }
}

/// The body of an answer.
pub(super) struct Carried<B> {
    body: B,
    _answering: Answering,
}

impl<B: Body + Unpin> Body for Carried<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that reports its traffic to its watch.
pub(super) struct Watched<I> {
    stream: I,
    watch: Watch,
}

impl<I> Watched<I> {
    pub(super) const fn new(stream: I, watch: Watch) -> Self {
        Self { stream, watch }
    }

    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.watch.went(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.watch.waits(),
        }
        written
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.watch.came(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when all that was to be written is.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.watch.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use hyper::Response;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;

    const IDLE: Duration = Duration::from_secs(75);

    /// A server of answers of so many bytes behind one connection, and how that ends and after how many seconds.
    fn served(answer: usize) -> (DuplexStream, JoinHandle<(&'static str, u64)>) {
        let (near, far) = duplex(1_024);
        let watch = Watch::new(IDLE);
        let answers = watch.clone();
        let service = service_fn(move |_| {
            let answering = Answering::new(&answers);
            async move {
                let body = Full::new(bytes::Bytes::from(vec![b'x'; answer]));
                Ok::<_, std::convert::Infallible>(Response::new(answering.carry(body)))
            }
        });
        let stream = TokioIo::new(Watched::new(far, watch.clone()));
        let ended = tokio::spawn(async move {
            let began = Instant::now();
            let connection =
                http1::Builder::new().half_close(true).header_read_timeout(None).serve_connection(stream, service);
            let how = match watch.over(connection).await {
                Ended::ByItself(_) => "by itself",
                Ended::OutOfTime(what) => what,
            };
            (how, began.elapsed().as_secs())
        });
        (near, ended)
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: hub\r\n\r\n";

    /// Sends a request and reads its whole answer.
    async fn ask(stream: &mut DuplexStream, answer: usize) {
        stream.write_all(GET).await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(&vec![b'x'; answer]) {
            assert!(stream.read_buf(&mut got).await.unwrap() > 0);
        }
    }

    /// Regression: an idle connection was closed after the ten seconds that a head may take.
    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_lives_longer_than_a_head_may_take() {
        let (mut stream, ended) = served(1);
        for wait in [0, 60, 70] {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            ask(&mut stream, 1).await;
        }
        assert_eq!(ended.await.unwrap(), ("it was idle", 130 + IDLE.as_secs()));
    }

    /// Regression: an empty line behind a request counted as a head that was arriving.
    #[tokio::test(start_paused = true)]
    async fn empty_line_behind_a_request_leaves_the_connection_idle() {
        let (mut stream, ended) = served(1);
        for _ in 0..2 {
            ask(&mut stream, 1).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            stream.write_all(b"\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        assert_eq!(ended.await.unwrap(), ("it was idle", 61 + IDLE.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_has_begun_has_its_own_limit() {
        let (mut stream, ended) = served(1);
        ask(&mut stream, 1).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        for byte in GET.iter().take(20) {
            // Each byte is progress, and no head.
            let _ = stream.write_all(&[*byte]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(ended.await.unwrap(), ("no request arrived whole", 60 + HEAD.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_that_says_nothing_is_closed_soon() {
        let (_stream, ended) = served(1);
        assert_eq!(ended.await.unwrap(), ("no request arrived whole", HEAD.as_secs()));
    }

    /// Regression: connections that asked and read nothing held their places for as long as they liked.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_is_given_up() {
        let (mut stream, ended) = served(100_000);
        for _ in 0..10 {
            stream.write_all(GET).await.unwrap();
        }
        assert_eq!(ended.await.unwrap(), ("its peer does not read the answers", UNREAD.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_slowly_gets_everything() {
        let (mut stream, ended) = served(1_000_000);
        stream.write_all(GET).await.unwrap();
        let mut got = 0;
        let mut piece = [0; 1_024];
        while got < 1_000_000 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            got += stream.read(&mut piece).await.unwrap();
        }
        drop(stream);
        assert_eq!(ended.await.unwrap().0, "by itself");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_trickles_is_given_up() {
        let (mut stream, ended) = served(1_000_000);
        stream.write_all(GET).await.unwrap();
        while !ended.is_finished() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = stream.read_u8().await;
        }
        assert_eq!(ended.await.unwrap().0, "its peer does not read the answers");
    }

    /// Regression: a sender that closed its half got no answer.
    #[tokio::test(start_paused = true)]
    async fn a_sender_that_closes_its_half_is_answered() {
        let (mut stream, ended) = served(5);
        stream.write_all(GET).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\nxxxxx"), "{answer}");
        assert_eq!(ended.await.unwrap(), ("by itself", 0));
    }
}
