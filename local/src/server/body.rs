//! Bodies of requests: bounded in size and in time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of a body that is too large is read before it is answered: a client that is still sending would see a
/// broken connection instead of the answer.
const MOST_DISCARDED: usize = 64 * 1024 * 1024;

/// Why a body was not read.
pub(crate) enum Unread {
    /// It is over the limit.
    TooLarge,
    /// It broke off, or took too long.
    Incomplete,
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    timeout(PATIENCE, whole(body, limit)).await.unwrap_or(Err(Unread::Incomplete))
}

async fn whole(mut body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    let mut bytes = BytesMut::new();
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Incomplete)?.into_data() else { continue };
        if discarded == 0 && bytes.len() + data.len() <= limit {
            if bytes.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            bytes.extend_from_slice(&data);
        } else {
            discarded += data.len();
            if discarded > MOST_DISCARDED {
                break;
            }
        }
    }
    if discarded > 0 { Err(Unread::TooLarge) } else { Ok(bytes.freeze()) }
}
