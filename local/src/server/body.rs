//! Bodies of requests: bounded in size, in time and, all together, in memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use inbound::refusal::Unread;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Timeout for the arrival of a body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bodies up to this many bytes are read at once, whatever else arrives: each connection has room for one.
const SMALL: usize = 128 * 1024;

/// The unit of the budget, in bytes.
const UNIT: usize = 1024;

/// Slowest rate at which a body may arrive that is not kept in memory, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// Largest part of an unused body that is read and discarded: without that, a client that is still sending would see a broken
/// connection instead of the answer.
const MOST_DISCARDED: usize = 64 * 1024 * 1024;

/// Budget of memory for large bodies, granted in the order of their arrival. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    units: usize,
}

/// A part of the budget, given back when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), units }
    }

    /// Bytes that are granted now.
    pub(crate) fn used(&self) -> usize {
        self.units.saturating_sub(self.free.available_permits()).saturating_mul(UNIT)
    }

    async fn share(&self, bytes: usize) -> Share {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        Share { _permit: Arc::clone(&self.free).acquire_many_owned(units).await.ok() }
    }

    /// Reads a body of at most `limit` bytes. A large one waits for its share until `latest`, unread, and keeps that until
    /// the share is dropped.
    pub(crate) async fn read<B>(&self, mut body: B, limit: usize, latest: Instant) -> Result<(Bytes, Share), Unread>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Send,
    {
        let read = timeout(PATIENCE, self.whole(&mut body, limit, latest)).await.unwrap_or(Err(Unread::Incomplete));
        if matches!(read, Err(Unread::NoRoom)) {
            // The answer must not wait for the discarded body, nor be lost because the body is not read.
            tokio::spawn(timeout(PATIENCE, async move { discard(&mut body, 0).await }));
        }
        read
    }

    async fn whole<B>(&self, body: &mut B, limit: usize, latest: Instant) -> Result<(Bytes, Share), Unread>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let announced = body.size_hint().lower();
        if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
            discard(body, 0).await?;
            return Err(Unread::TooLarge);
        }
        // One that does not say its length may become as large as any.
        let size = body.size_hint().upper().and_then(|size| usize::try_from(size).ok()).unwrap_or(limit).min(limit);
        let share = async || timeout_at(latest, self.share(size)).await.map_err(|_| Unread::NoRoom);
        let mut held = None;
        if announced > u64::try_from(SMALL).unwrap_or(u64::MAX) {
            held = Some(share().await?);
        }
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Some(data) = data(frame)? else { continue };
            if bytes.len() + data.len() > limit {
                discard(body, data.len()).await?;
                return Err(Unread::TooLarge);
            }
            if bytes.is_empty() && body.is_end_stream() {
                return Ok((data, held.unwrap_or_default()));
            }
            if held.is_none() && bytes.len() + data.len() > SMALL {
                held = Some(share().await?);
            }
            bytes.extend_from_slice(&data);
        }
        Ok((bytes.freeze(), held.unwrap_or_default()))
    }
}

/// The pieces of a body that is not kept in memory. It may take as long as its size allows.
pub(crate) fn pieces<B>(body: B) -> BoxStream<'static, Result<Bytes, Unread>>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Send,
{
    let step = |(mut body, began, mut came): (B, Instant, u64)| async move {
        loop {
            let until = began + PATIENCE + Duration::from_secs(came / SLOWEST);
            let Some(frame) = timeout_at(until, body.frame()).await.map_err(|_| Unread::Incomplete)? else {
                return Ok(None);
            };
            if let Some(piece) = data(frame)? {
                came = came.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                return Ok(Some((piece, (body, began, came))));
            }
        }
    };
    stream::try_unfold((body, Instant::now(), 0), step).boxed()
}

/// Reads on without keeping anything, up to a limit: a client that is still sending would see a broken connection instead of the
/// answer.
pub(crate) async fn drain(pieces: &mut BoxStream<'static, Result<Bytes, Unread>>) {
    let read = async {
        let mut discarded = 0;
        while discarded <= MOST_DISCARDED
            && let Some(Ok(piece)) = pieces.next().await
        {
            discarded += piece.len();
        }
    };
    let _ = timeout(PATIENCE, read).await;
}

/// The bytes of a frame; nothing where it holds none.
fn data<E>(frame: Result<Frame<Bytes>, E>) -> Result<Option<Bytes>, Unread> {
    frame.map(|frame| frame.into_data().ok()).map_err(|_| Unread::Incomplete)
}

/// Reads on without keeping anything, up to a limit.
async fn discard<B: Body<Data = Bytes> + Unpin>(body: &mut B, mut discarded: usize) -> Result<(), Unread> {
    while discarded <= MOST_DISCARDED
        && let Some(frame) = body.frame().await
    {
        discarded += data(frame)?.map_or(0, |data| data.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::FutureExt as _;
    use futures::stream;
    use http_body_util::{Full, StreamBody};

    use super::*;

    const LIMIT: usize = 6 * 1024 * 1024;

    fn sized(size: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![b'x'; size]))
    }

    /// A body in pieces that does not say its length.
    fn pieces(count: usize, size: usize) -> impl Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static {
        let piece = move |_| Ok(Frame::data(Bytes::from(vec![b'x'; size])));
        StreamBody::new(stream::iter((0..count).map(piece)))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(350)
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_are_read_whatever_the_large_ones_take() {
        let budget = Budget::new(LIMIT);
        let (large, share) = budget.read(sized(LIMIT), LIMIT, soon()).await.unwrap();
        assert_eq!(large.len(), LIMIT);
        let (small, _) = budget.read(sized(SMALL), LIMIT, soon()).now_or_never().unwrap().unwrap();
        assert_eq!(small.len(), SMALL);
        let (small, _) = budget.read(pieces(2, SMALL / 2), LIMIT, soon()).now_or_never().unwrap().unwrap();
        assert_eq!(small.len(), SMALL);
        drop(share);
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_one_another() {
        let budget = Budget::new(LIMIT);
        let (_, share) = budget.read(sized(LIMIT), LIMIT, soon()).await.unwrap();
        let mut next = Box::pin(budget.read(sized(LIMIT), LIMIT, soon()));
        assert!(next.as_mut().now_or_never().is_none());
        drop(share);
        assert_eq!(next.await.unwrap().0.len(), LIMIT);
    }

    /// Regression: a large push that found no room was answered long after its partner had given up.
    #[tokio::test(start_paused = true)]
    async fn a_large_body_without_room_is_refused_in_time() {
        let budget = Budget::new(LIMIT);
        let (_, _share) = budget.read(sized(LIMIT), LIMIT, soon()).await.unwrap();
        let began = Instant::now();
        assert_eq!(budget.read(sized(LIMIT), LIMIT, soon()).await.unwrap_err(), Unread::NoRoom);
        assert_eq!(budget.read(pieces(6, 100_000), LIMIT, soon()).await.unwrap_err(), Unread::NoRoom);
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn too_large_body_takes_no_share() {
        let budget = Budget::new(UNIT);
        assert_eq!(budget.read(sized(LIMIT + 1), LIMIT, soon()).await.unwrap_err(), Unread::TooLarge);
        let budget = Budget::new(LIMIT);
        assert_eq!(budget.read(pieces(8, 1024 * 1024), LIMIT, soon()).await.unwrap_err(), Unread::TooLarge);
        assert!(budget.read(sized(LIMIT), LIMIT, soon()).await.is_ok(), "the share was given back");
    }
}
