//! Bodies of requests: in memory, or a file that is read while it is sent.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use archive::Drafted;
use aws_sigv4::http_request::SignableBody;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use http_body::{Body, Frame};

/// A body.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// In memory.
    Bytes(Bytes),
    /// On the disk.
    File(Arc<Drafted>),
}

impl Content {
    /// No body.
    pub(crate) const fn none() -> Self {
        Self::Bytes(Bytes::new())
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File(drafted) => drafted.bytes,
        }
    }

    /// As it is signed. The hash of a file is known, and S3 holds the bytes that come against it.
    pub(crate) fn signable(&self) -> SignableBody<'_> {
        match self {
            Self::Bytes(bytes) => SignableBody::Bytes(bytes),
            Self::File(drafted) => SignableBody::Precomputed(drafted.hash.to_string()),
        }
    }

    /// As it is sent.
    pub(crate) fn body(&self) -> SdkBody {
        match self {
            Self::Bytes(bytes) => SdkBody::from(bytes.clone()),
            Self::File(drafted) => SdkBody::from_body_1_x(Pieces(Mutex::new(drafted.content()))),
        }
    }
}

/// Pieces of a file. Locked by nobody: the client wants a body that threads may share.
struct Pieces(Mutex<BoxStream<'static, io::Result<Bytes>>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let pieces = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        pieces.poll_next_unpin(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
