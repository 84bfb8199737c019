//! Content that is too large for memory: read while a request is sent, written while an answer is read.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use http_body::{Body, Frame, SizeHint};

/// Slowest rate at which content is sent or received, in bytes a second: its size adds to the time of its request.
const SLOWEST: u64 = 1024 * 1024;

/// Time that content of a size adds to that of its request.
#[must_use]
pub const fn allowance(bytes: u64) -> Duration {
    Duration::from_secs(bytes.div_ceil(SLOWEST))
}

/// A stream of content.
pub type Content = BoxStream<'static, io::Result<Bytes>>;

/// Content within the body of a request.
#[derive(Clone)]
pub struct Attached {
    /// Number of the body's bytes before it.
    pub at: usize,
    /// Its length in bytes.
    pub length: u64,
    /// Reads it from its beginning, each time that the request is sent.
    pub content: Arc<dyn Fn() -> Content + Send + Sync>,
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("at", &self.at).field("length", &self.length).finish_non_exhaustive()
    }
}

/// Takes the content of an answer, piece by piece.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(Bytes) -> BoxFuture<'static, io::Result<()>> + Send + Sync>);

impl Sink {
    /// A sink that hands each piece to a function. What that cannot take ends the answer.
    pub fn new(take: impl Fn(Bytes) -> BoxFuture<'static, io::Result<()>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Takes a piece.
    pub async fn take(&self, piece: Bytes) -> io::Result<()> {
        (self.0)(piece).await
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// A body of known length with content in it.
pub(crate) struct Streamed {
    /// Locked by nobody: a client wants a body that threads may share.
    pieces: Mutex<Content>,
    left: u64,
}

impl Streamed {
    /// Body and content, and the length of both.
    pub(crate) fn new(body: &Bytes, attached: &Attached) -> (Self, u64) {
        let at = attached.at.min(body.len());
        let (before, behind) = (body.slice(..at), body.slice(at..));
        let around = |piece: Bytes| stream::iter((!piece.is_empty()).then_some(Ok(piece)));
        let pieces = around(before).chain((attached.content)()).chain(around(behind)).boxed();
        let length = attached.length.saturating_add(u64::try_from(body.len()).unwrap_or(u64::MAX));
        (Self { pieces: Mutex::new(pieces), left: length }, length)
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let pieces = self.pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
        let next = match pieces.poll_next_unpin(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(next) => next,
        };
        Poll::Ready(match next {
            Some(Ok(piece)) => match self.left.checked_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX)) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(Frame::data(piece)))
                }
                None => Some(Err("the content of the request is longer than it was".into())),
            },
            Some(Err(error)) => Some(Err(error.into())),
            None if self.left > 0 => Some(Err("the content of the request is shorter than it was".into())),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
