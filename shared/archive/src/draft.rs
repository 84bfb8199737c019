//! Content on its way: a file of its own on this machine's disk, of which a piece at a time is in memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _};
use hub::files::{BEGINNING, FileHash, Hashing};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::Piece;

/// End of the name of a file that is being written.
pub(crate) const PART: &str = ".part";

/// Number of bytes that are written or read at once on this machine.
pub const PIECE: usize = 1 << 16;

/// Number of threads that read and write files at once. Each that was used keeps memory of its own, and more are no faster.
static FILES_AT_ONCE: Semaphore = Semaphore::const_new(4);

/// Runs work on a file on a thread where it may wait for the disk.
pub(crate) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    // The semaphore is never closed.
    let _place = FILES_AT_ONCE.acquire().await.ok();
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Number of drafts of this process, for their names.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Content that is being received. The file goes with this value.
#[derive(Debug)]
pub struct Draft {
    /// Nothing after a failure.
    written: Option<Written>,
    waiting: BytesMut,
}

#[derive(Debug)]
struct Written {
    file: File,
    part: Part,
    hashing: Hashing,
    bytes: u64,
    beginning: Vec<u8>,
}

/// A file that is removed with this value, unless it got another name.
#[derive(Debug)]
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // The next start removes it otherwise.
        let _ = fs::remove_file(&self.0);
    }
}

/// A name for a file that is being written, which this process has not given before.
pub(crate) fn part() -> String {
    format!("{}-{}{PART}", std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed))
}

impl Draft {
    /// A new file in that folder, for its owner alone.
    pub fn begin(folder: &Path) -> io::Result<Self> {
        let path = folder.join(part());
        let file = owned(OpenOptions::new().write(true).create_new(true)).open(&path)?;
        let (hashing, beginning) = (Hashing::default(), Vec::new());
        let written = Written { file, part: Part(path), hashing, bytes: 0, beginning };
        Ok(Self { written: Some(written), waiting: BytesMut::new() })
    }

    /// Number of bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let written = self.written.as_ref().map_or(0, |written| written.bytes);
        written + u64::try_from(self.waiting.len()).unwrap_or(u64::MAX)
    }

    /// Goes on with a piece. After a failure nothing more is taken.
    pub async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(piece);
        if self.waiting.len() < PIECE { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let (piece, written) = (self.waiting.split().freeze(), self.written.take());
        let written = written.ok_or_else(|| io::Error::other("an earlier piece could not be written"))?;
        let work = on_disk(move || {
            let mut written = written;
            written.file.write_all(&piece)?;
            written.hashing.update(&piece);
            written.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            let lacking = BEGINNING.saturating_sub(written.beginning.len());
            written.beginning.extend(piece.iter().take(lacking));
            Ok(written)
        });
        self.written = Some(work.await?);
        Ok(())
    }

    /// The whole content.
    pub async fn finish(mut self) -> io::Result<Drafted> {
        self.flush().await?;
        let written = self.written.take().ok_or_else(|| io::Error::other("it could not be written"))?;
        let Written { file, part, hashing, bytes, beginning } = written;
        Ok(Drafted { file, part, hash: hashing.done(), bytes, beginning: beginning.into() })
    }
}

/// Content that was received whole. The file goes with this value, unless it is kept.
#[derive(Debug)]
pub struct Drafted {
    pub(crate) file: File,
    part: Part,
    /// Its hash.
    pub hash: FileHash,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its first bytes, by which its kind is told.
    pub beginning: Bytes,
}

impl Drafted {
    /// Its file, which goes with it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.part.0
    }

    /// Reads it from its beginning.
    pub fn content(self: &Arc<Self>) -> BoxStream<'static, io::Result<Bytes>> {
        let drafted = Arc::clone(self);
        pieces((self.bytes, PIECE), move |range| {
            // It is there as long as this is.
            let drafted = Arc::clone(&drafted);
            async move { read(drafted.path().to_owned(), range).await }
        })
    }
}

/// Content of a file of that length, from its beginning.
#[must_use]
pub fn content_of(path: PathBuf, length: u64) -> BoxStream<'static, io::Result<Bytes>> {
    pieces((length, PIECE), move |range| read(path.clone(), range))
}

async fn read(path: PathBuf, range: Range<u64>) -> io::Result<Bytes> {
    let piece = on_disk(move || piece(&path, &range)).await?;
    piece.map(|piece| piece.bytes).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Content of that length, range by range.
pub(crate) fn pieces<F>(
    (length, step): (u64, usize),
    read: impl Fn(Range<u64>) -> F + Send + 'static,
) -> BoxStream<'static, io::Result<Bytes>>
where
    F: Future<Output = io::Result<Bytes>> + Send + 'static,
{
    let step = u64::try_from(step).unwrap_or(u64::MAX);
    let next = move |from: u64| {
        let range = from..from.saturating_add(step).min(length);
        let piece = (!range.is_empty()).then(|| read(range.clone()));
        async move {
            let Some(piece) = piece else { return Ok(None) };
            let (bytes, wanted) = (piece.await?, range.end - range.start);
            if u64::try_from(bytes.len()).ok() != Some(wanted) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(Some((bytes, range.end)))
        }
    };
    stream::try_unfold(0, next).boxed()
}

/// A result; nothing where what it is about is not there.
pub(crate) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A range of a file; nothing where there is no such file.
pub(crate) fn piece(path: &Path, range: &Range<u64>) -> io::Result<Option<Piece>> {
    let Some(mut file) = found(File::open(path))? else { return Ok(None) };
    let whole = file.metadata()?.len();
    let length = range.end.min(whole).saturating_sub(range.start);
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    file.seek(SeekFrom::Start(range.start))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Some(Piece { bytes: bytes.into(), whole }))
}

#[cfg(unix)]
pub(crate) fn owned(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
pub(crate) const fn owned(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
