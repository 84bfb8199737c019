//! Content of a call's file while it is sent: from memory, from a draft on the disk, or from the archive.

use std::io;
use std::sync::{Arc, OnceLock};

use archive::{Archive, Drafted};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::files::FileHash;
use outbound::{Attached, Content};
use partners::operation::{Slot, Written};

/// Where the content is. It is read once for each time that it is sent.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// It came with the request.
    Memory(Bytes),
    /// It was fetched for this turn.
    Drafted(Arc<Drafted>),
    /// It was uploaded before.
    Kept(Arc<dyn Archive>, FileHash, u64),
}

/// Reason why content could not be read to its end while it was sent, if it could not: its receiver has a part of it alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<OnceLock<String>>);

impl Unread {
    /// The reason.
    pub(crate) fn why(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl Source {
    /// Length of the content in bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Drafted(drafted) => drafted.bytes,
            Self::Kept(_, _, length) => *length,
        }
    }

    fn content(&self) -> Content {
        match self {
            Self::Memory(bytes) => stream::iter([Ok(bytes.clone())]).boxed(),
            Self::Drafted(drafted) => drafted.content(),
            Self::Kept(archive, hash, length) => archive::content(Arc::clone(archive), *hash, *length),
        }
    }

    /// The content as it is written at its place in a body.
    pub(crate) async fn attached(self, slot: Slot) -> io::Result<(Attached, Unread)> {
        let length = match slot.written {
            Written::Plain => self.length(),
            Written::Base64 => self.length().div_ceil(3) * 4,
            // How much is encoded depends on the content.
            Written::FormBase64 => {
                let length = |text: &Bytes| text.iter().map(|byte| escaped(byte).len()).sum::<usize>();
                base64(self.content())
                    .try_fold(0, |sum, text| async move { Ok(sum + u64::try_from(length(&text)).unwrap_or(0)) })
                    .await?
            }
        };
        let unread = Unread::default();
        let told = unread.clone();
        let content = move || {
            let told = told.clone();
            let pieces = written(self.content(), slot.written).inspect_err(move |error| {
                let _ = told.0.set(error.to_string());
            });
            pieces.boxed()
        };
        Ok((Attached { at: slot.at, length, content: Arc::new(content) }, unread))
    }
}

/// Content in that form.
fn written(content: Content, written: Written) -> Content {
    match written {
        Written::Plain => content,
        Written::Base64 => base64(content),
        Written::FormBase64 => {
            let whole = |text: Bytes| text.iter().flat_map(escaped).copied().collect::<Bytes>();
            base64(content).map_ok(whole).boxed()
        }
    }
}

/// A character of base64 as a form has it.
fn escaped(byte: &u8) -> &[u8] {
    match byte {
        b'+' => b"%2B",
        b'/' => b"%2F",
        b'=' => b"%3D",
        other => std::slice::from_ref(other),
    }
}

/// Base64 of content, padded at its end alone.
fn base64(content: Content) -> Content {
    let step = |(mut content, mut waiting): (Content, BytesMut)| async move {
        let (whole, content) = loop {
            match content.try_next().await? {
                Some(piece) => {
                    waiting.extend_from_slice(&piece);
                    let whole = waiting.len() - waiting.len() % 3;
                    if whole > 0 {
                        break (waiting.split_to(whole), Some(content));
                    }
                }
                None if waiting.is_empty() => return Ok(None),
                None => break (waiting.split(), None),
            }
        };
        let content = content.unwrap_or_else(|| stream::empty().boxed());
        Ok(Some((Bytes::from(BASE64_STANDARD.encode(&whole)), (content, waiting))))
    };
    stream::try_unfold((content, BytesMut::new()), step).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(content: Content) -> Vec<u8> {
        content.map_ok(|piece| piece.to_vec()).try_concat().await.unwrap()
    }

    #[tokio::test]
    async fn base64_of_pieces_is_that_of_the_whole() {
        let whole: Vec<u8> = (0..1_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for length in [0, 1, 2, 3, 4, 998, 999, 1000] {
            let whole = &whole[..length];
            for step in [1, 2, 3, 7, 500] {
                let pieces: Vec<_> = whole.chunks(step).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
                let text = all(written(stream::iter(pieces).boxed(), Written::Base64)).await;
                assert_eq!(text, BASE64_STANDARD.encode(whole).into_bytes(), "{length} by {step}");
            }
        }
    }

    #[tokio::test]
    async fn length_is_that_of_what_is_written() {
        let source = Source::Memory(Bytes::from_static(b"\xfb\xff\xfe+/="));
        for (form, text) in [
            (Written::Plain, &b"\xfb\xff\xfe+/="[..]),
            (Written::Base64, b"+//+Ky89"),
            (Written::FormBase64, b"%2B%2F%2F%2BKy89"),
        ] {
            let (attached, unread) = source.clone().attached(Slot { at: 3, written: form }).await.unwrap();
            let content = all((attached.content)()).await;
            assert_eq!((&content[..], attached.length, attached.at), (text, text.len() as u64, 3), "{form:?}");
            assert_eq!((all((attached.content)()).await, unread.why()), (content, None), "a second time");
        }
    }

    #[tokio::test]
    async fn content_that_ends_early_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        let folder = archive::Folder::open(data.path()).unwrap();
        let absent = Source::Kept(Arc::new(folder), FileHash::of(b"x"), 1);
        let (attached, unread) = absent.attached(Slot { at: 0, written: Written::Plain }).await.unwrap();
        assert!((attached.content)().try_next().await.is_err() && unread.why().is_some());
    }
}
