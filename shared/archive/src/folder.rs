//! The archive of one machine: a file for each content, in a folder beside the database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::BoxFuture;
use hub::Utc;
use hub::files::FileHash;
use tokio::task::spawn_blocking;

use crate::{Archive, ArchiveError, Opened, Piece, Result, Stored};

/// Name of the folder in the hub's data folder.
pub const FOLDER: &str = "files";

/// End of the name of a file that is being written.
const PART: &str = ".part";

/// A folder of files, by their hashes. One process writes it: the one that holds the lock of the data folder.
#[derive(Clone, Debug)]
pub struct Folder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// Held while a name is given or taken away, so that what was just written is not removed as what was there before.
    names: Mutex<()>,
    parts: AtomicU64,
}

impl Folder {
    /// Opens the folder below the hub's data folder, which is made with the first file. What a process that was killed has left
    /// half written is removed.
    pub fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FOLDER);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        for entry in entries.into_iter().flatten() {
            let part = entry?.path();
            if part.extension().is_some_and(|extension| extension == PART.trim_start_matches('.')) {
                fs::remove_file(part)?;
            }
        }
        Ok(Self(Arc::new(Shared { path, names: Mutex::default(), parts: AtomicU64::default() })))
    }

    async fn run<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Shared) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.0);
        let done = spawn_blocking(move || work(&shared)).await;
        let done = done.map_err(io::Error::other).and_then(std::convert::identity);
        done.map_err(|source| ArchiveError::Unavailable { verb, source: source.into() })
    }
}

impl Shared {
    fn place(&self, hash: &FileHash) -> PathBuf {
        self.path.join(hash.to_string())
    }

    /// Writes under a name of its own, makes that durable, and then gives it its hash as a name.
    fn put(&self, hash: &FileHash, content: &[u8], now: Utc) -> io::Result<()> {
        make(&self.path)?;
        let part = self.path.join(format!("{hash}-{}{PART}", self.parts.fetch_add(1, Ordering::Relaxed)));
        let written = write(&part, content, now).and_then(|()| {
            let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            fs::rename(&part, self.place(hash))?;
            sync_folder(&self.path)
        });
        if written.is_err() {
            // The next start removes it otherwise.
            let _ = fs::remove_file(&part);
        }
        written
    }

    fn read(&self, hash: &FileHash) -> io::Result<Option<Vec<u8>>> {
        let mut content = Vec::new();
        match File::open(self.place(hash)).and_then(|mut file| file.read_to_end(&mut content)) {
            Ok(_) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn piece(&self, hash: &FileHash, range: &Range<u64>) -> io::Result<Option<Piece>> {
        let mut file = match File::open(self.place(hash)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let whole = file.metadata()?.len();
        let length = range.end.min(whole).saturating_sub(range.start);
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
        file.seek(SeekFrom::Start(range.start))?;
        file.take(length).read_to_end(&mut bytes)?;
        Ok(Some(Piece { bytes: bytes.into(), whole }))
    }

    fn list(&self, behind: Option<&FileHash>, limit: usize) -> io::Result<Vec<Stored>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut hashes = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            hashes.extend(name.to_str().and_then(|name| name.parse::<FileHash>().ok()));
        }
        hashes.retain(|hash| behind.is_none_or(|behind| hash > behind));
        hashes.sort_unstable();
        hashes.truncate(limit);
        let stored = hashes.into_iter().map(|hash| Ok(self.stored(hash)?.into_iter()));
        stored.collect::<io::Result<Vec<_>>>().map(|stored| stored.into_iter().flatten().collect())
    }

    /// The present writing of some content; nothing where there is none.
    fn stored(&self, hash: FileHash) -> io::Result<Option<Stored>> {
        let modified = match fs::metadata(self.place(&hash)).and_then(|data| data.modified()) {
            Ok(modified) => modified,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let written = Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        Ok(Some(Stored { hash, written, writing: since.as_nanos().to_string() }))
    }

    fn remove(&self, stored: &Stored) -> io::Result<bool> {
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stored(stored.hash)?.as_ref() != Some(stored) {
            return Ok(false);
        }
        fs::remove_file(self.place(&stored.hash))?;
        Ok(true)
    }
}

/// Writes a file that its owner alone may read, durably.
fn write(part: &Path, content: &[u8], now: Utc) -> io::Result<()> {
    let mut file = owned(OpenOptions::new().write(true).create_new(true)).open(part)?;
    file.write_all(content)?;
    file.set_modified(system_time(now))?;
    file.sync_all()
}

/// Makes the folder for its owner alone, durably.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    path.parent().map_or(Ok(()), sync_folder)
}

#[cfg(unix)]
fn owned(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
const fn owned(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn system_time(now: Utc) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0).unwrap_or_default())
}

impl Archive for Folder {
    fn put(&self, hash: FileHash, content: Bytes, now: Utc) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run("keep a file", move |folder| folder.put(&hash, &content, now)))
    }

    fn open<'a>(&'a self, hash: &'a FileHash, _: Utc) -> BoxFuture<'a, Result<Option<Opened>>> {
        let wanted = *hash;
        Box::pin(async move {
            let read = move |folder: &Shared| {
                let content = folder.read(&wanted)?;
                Ok(content.map(|content| (FileHash::of(&content) == wanted, content)))
            };
            match self.run("read a file", read).await? {
                Some((true, content)) => Ok(Some(Opened::Content(content.into()))),
                Some((false, _)) => Err(ArchiveError::Damaged(wanted)),
                None => Ok(None),
            }
        })
    }

    fn read<'a>(&'a self, hash: &'a FileHash, range: Range<u64>) -> BoxFuture<'a, Result<Option<Piece>>> {
        let wanted = *hash;
        Box::pin(self.run("read a part of a file", move |folder| folder.piece(&wanted, &range)))
    }

    fn list<'a>(&'a self, behind: Option<&'a FileHash>, limit: usize) -> BoxFuture<'a, Result<Vec<Stored>>> {
        let behind = behind.copied();
        Box::pin(self.run("list files", move |folder| folder.list(behind.as_ref(), limit)))
    }

    fn remove<'a>(&'a self, stored: &'a Stored) -> BoxFuture<'a, Result<bool>> {
        let stored = stored.clone();
        Box::pin(self.run("remove a file", move |folder| folder.remove(&stored)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{CONTENT, Follow, NOW, hash};

    fn fresh() -> std::future::Ready<(Folder, tempfile::TempDir)> {
        let data = tempfile::tempdir().unwrap();
        std::future::ready((Folder::open(data.path()).unwrap(), data))
    }

    /// A folder has everything in its answers.
    impl Follow for tempfile::TempDir {
        fn follow<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<Bytes>> {
            panic!("a folder has no address such as {address}");
        }
    }

    crate::contract_tests!(fresh);

    #[tokio::test]
    async fn part_of_a_killed_process_is_no_file_and_goes() {
        let (folder, data) = fresh().await;
        folder.put(hash(), CONTENT, NOW).await.unwrap();
        let part = data.path().join(FOLDER).join(format!("{}-7{PART}", hash()));
        fs::write(&part, b"%PDF-half").unwrap();
        assert_eq!(folder.list(None, 10).await.unwrap().len(), 1);
        let again = Folder::open(data.path()).unwrap();
        assert!(!part.exists());
        assert_eq!(again.open(&hash(), NOW).await.unwrap(), Some(Opened::Content(CONTENT)));
    }

    #[tokio::test]
    async fn damaged_file_is_not_served() {
        let (folder, data) = fresh().await;
        folder.put(hash(), CONTENT, NOW).await.unwrap();
        fs::write(data.path().join(FOLDER).join(hash().to_string()), b"%PDF-half").unwrap();
        assert!(matches!(folder.open(&hash(), NOW).await, Err(ArchiveError::Damaged(damaged)) if damaged == hash()));
        folder.put(hash(), CONTENT, NOW).await.unwrap();
        assert_eq!(folder.open(&hash(), NOW).await.unwrap(), Some(Opened::Content(CONTENT)), "a fetch repairs it");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, data) = fresh().await;
        folder.put(hash(), CONTENT, NOW).await.unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let own = data.path().join(FOLDER);
        assert_eq!((mode(own.clone()), mode(own.join(hash().to_string()))), (0o700, 0o600));
    }

    #[tokio::test]
    async fn folder_that_cannot_be_written_keeps_nothing() {
        let (folder, data) = fresh().await;
        fs::write(data.path().join(FOLDER), b"a file in its place").unwrap();
        let error = folder.put(hash(), CONTENT, NOW).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Unavailable { .. }), "{error:?}");
    }
}
