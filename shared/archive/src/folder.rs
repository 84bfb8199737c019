//! The archive of one machine: a file for each content, in a folder beside the database.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use hub::Utc;
use hub::files::{FileHash, Hashing};

use crate::draft::{PART, PIECE, found, on_disk, part, piece};
use crate::{Address, Archive, ArchiveError, Draft, Drafted, GOOD_FOR, Opened, Piece, Result, Stored, Upload};

/// Name of the folder in the hub's data folder.
pub const FOLDER: &str = "files";

/// Name of the folder of uploads, beside it.
pub const UPLOADS: &str = "uploads";

/// A folder of files, by their hashes. One process writes it: the one that holds the lock of the data folder.
#[derive(Clone, Debug)]
pub struct Folder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// The folder of uploads, each under its id.
    uploads: PathBuf,
    /// Held while a name is given or taken away, so that what was just written is not removed as what was there before.
    names: Mutex<()>,
}

impl Folder {
    /// Opens the folder below the hub's data folder, which is made with the first file. What a process that was killed has left
    /// half written is removed.
    pub fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FOLDER);
        for entry in found(fs::read_dir(&path))?.into_iter().flatten() {
            let part = entry?.path();
            if part.extension().is_some_and(|extension| extension == PART.trim_start_matches('.')) {
                fs::remove_file(part)?;
            }
        }
        Ok(Self(Arc::new(Shared { path, uploads: data.join(UPLOADS), names: Mutex::default() })))
    }

    /// Holds received content as an upload, under its id: whole or not at all, over a power cut too.
    pub async fn hold(&self, upload: &Upload, drafted: Drafted, now: Utc) -> Result<()> {
        let place = self.0.uploads.join(&upload.id);
        self.run("hold an upload", move |folder| {
            make(&folder.uploads)?;
            durable(&drafted, now)?;
            fs::rename(drafted.path(), place)?;
            sync_folder(&folder.uploads)
        })
        .await
    }

    /// Removes the uploads that no call may name any more. Returns how many there were.
    pub async fn expire(&self, now: Utc) -> Result<usize> {
        self.run("remove uploads", move |folder| {
            let Some(entries) = found(fs::read_dir(&folder.uploads))? else { return Ok(0) };
            let mut removed = 0;
            for entry in entries {
                let entry = entry?;
                let held = micros(entry.metadata()?.modified()?);
                // A time of the future is of a clock that was ahead.
                if held <= now && !now.is_within(GOOD_FOR, held) {
                    fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Shared) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.0);
        let done = on_disk(move || work(&shared)).await;
        done.map_err(|source| ArchiveError::Unavailable { verb, source: source.into() })
    }
}

impl Shared {
    fn place(&self, hash: &FileHash) -> PathBuf {
        self.path.join(hash.to_string())
    }

    /// Makes what was written durable, and then gives it its hash as a name.
    fn keep(&self, drafted: &Drafted, now: Utc) -> io::Result<()> {
        durable(drafted, now)?;
        self.name(drafted.path(), &drafted.hash)
    }

    fn name(&self, part: &Path, hash: &FileHash) -> io::Result<()> {
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        fs::rename(part, self.place(hash))?;
        sync_folder(&self.path)
    }

    /// Gives the content of an upload its hash as a further name.
    fn adopt(&self, upload: &Upload, now: Utc) -> io::Result<bool> {
        make(&self.path)?;
        let part = self.path.join(part());
        if found(fs::hard_link(self.uploads.join(&upload.id), &part))?.is_none() {
            return Ok(false);
        }
        let named = File::open(&part).and_then(|file| {
            file.set_modified(system_time(now))?;
            file.sync_all()?;
            self.name(&part, &upload.hash)
        });
        // Where both are names of one file already, the second name stays.
        let _ = fs::remove_file(&part);
        named.map(|()| true)
    }

    /// Size of some content, and whether its bytes are those of its hash.
    fn check(&self, hash: &FileHash) -> io::Result<Option<(u64, bool)>> {
        let Some(mut file) = found(File::open(self.place(hash)))? else { return Ok(None) };
        let (mut hashing, mut bytes, mut buffer) = (Hashing::default(), 0, vec![0; PIECE]);
        loop {
            let read = file.read(&mut buffer)?;
            let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
            hashing.update(piece);
            bytes += u64::try_from(read).unwrap_or(u64::MAX);
        }
        Ok(Some((bytes, hashing.done() == *hash)))
    }

    fn list(&self, behind: Option<&FileHash>, limit: usize) -> io::Result<Vec<Stored>> {
        let Some(entries) = found(fs::read_dir(&self.path))? else { return Ok(Vec::new()) };
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
        let modified = found(fs::metadata(self.place(&hash)).and_then(|data| data.modified()))?;
        let Some(modified) = modified else { return Ok(None) };
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some(Stored { hash, written: micros(modified), writing: since.as_nanos().to_string() }))
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

/// Makes received content durable, with the time of its writing.
fn durable(drafted: &Drafted, now: Utc) -> io::Result<()> {
    drafted.file.set_modified(system_time(now))?;
    drafted.file.sync_all()
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

fn micros(time: SystemTime) -> Utc {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Archive for Folder {
    fn draft(&self) -> BoxFuture<'_, Result<Draft>> {
        Box::pin(self.run("begin a file", |folder| {
            make(&folder.path)?;
            Draft::begin(&folder.path)
        }))
    }

    fn keep(&self, drafted: Drafted, now: Utc) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run("keep a file", move |folder| folder.keep(&drafted, now)))
    }

    fn open<'a>(&'a self, hash: &'a FileHash, _: Utc) -> BoxFuture<'a, Result<Option<Opened>>> {
        let wanted = *hash;
        Box::pin(async move {
            match self.run("read a file", move |folder| folder.check(&wanted)).await? {
                Some((bytes, true)) => Ok(Some(Opened::Here(bytes))),
                Some((_, false)) => Err(ArchiveError::Damaged(wanted)),
                None => Ok(None),
            }
        })
    }

    fn read<'a>(&'a self, hash: &'a FileHash, range: Range<u64>) -> BoxFuture<'a, Result<Option<Piece>>> {
        let wanted = *hash;
        Box::pin(self.run("read a part of a file", move |folder| piece(&folder.place(&wanted), &range)))
    }

    fn address<'a>(&'a self, _: &'a Upload) -> BoxFuture<'a, Result<Option<Address>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn adopt<'a>(&'a self, upload: &'a Upload, now: Utc) -> BoxFuture<'a, Result<bool>> {
        let upload = upload.clone();
        Box::pin(self.run("keep an upload", move |folder| folder.adopt(&upload, now)))
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
    use bytes::Bytes;

    use super::*;
    use crate::contract::{CONTENT, Follow, NOW, hash};

    /// The hub itself, which takes what a folder has no address for.
    struct Host(tempfile::TempDir, Folder);

    impl Host {
        fn path(&self) -> &Path {
            self.0.path()
        }
    }

    fn fresh() -> std::future::Ready<(Folder, Host)> {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        std::future::ready((folder.clone(), Host(data, folder)))
    }

    /// A folder has everything in its answers.
    impl Follow for Host {
        fn follow<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<Bytes>> {
            panic!("a folder has no address such as {address}");
        }

        fn send<'a>(&'a self, upload: &'a Upload, to: Option<Address>, content: Bytes) -> BoxFuture<'a, bool> {
            assert_eq!(to, None);
            Box::pin(async move {
                let mut draft = self.1.draft().await.unwrap();
                draft.write(&content).await.unwrap();
                let drafted = draft.finish().await.unwrap();
                let fits = drafted.hash == upload.hash && drafted.bytes == upload.bytes;
                if fits {
                    self.1.hold(upload, drafted, NOW).await.unwrap();
                }
                fits
            })
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
        assert_eq!(again.open(&hash(), NOW).await.unwrap(), Some(Opened::Here(CONTENT.len() as u64)));
    }

    #[tokio::test]
    async fn damaged_file_is_not_served() {
        let (folder, data) = fresh().await;
        folder.put(hash(), CONTENT, NOW).await.unwrap();
        fs::write(data.path().join(FOLDER).join(hash().to_string()), b"%PDF-half").unwrap();
        assert!(matches!(folder.open(&hash(), NOW).await, Err(ArchiveError::Damaged(damaged)) if damaged == hash()));
        folder.put(hash(), CONTENT, NOW).await.unwrap();
        assert_eq!(
            folder.open(&hash(), NOW).await.unwrap(),
            Some(Opened::Here(CONTENT.len() as u64)),
            "a fetch repairs it"
        );
    }

    #[tokio::test]
    async fn draft_that_is_given_up_leaves_nothing() {
        let (folder, data) = fresh().await;
        let mut draft = folder.draft().await.unwrap();
        draft.write(&vec![7; PIECE + 1]).await.unwrap();
        let names = || fs::read_dir(data.path().join(FOLDER)).unwrap().count();
        assert_eq!((draft.bytes(), names(), folder.list(None, 10).await.unwrap().len()), (PIECE as u64 + 1, 1, 0));
        drop(draft);
        assert_eq!(names(), 0);
    }

    #[tokio::test]
    async fn upload_expires_and_its_kept_content_stays() {
        let (folder, data) = fresh().await;
        let upload = Upload { id: "0".repeat(32), hash: hash(), bytes: CONTENT.len() as u64 };
        assert_eq!(folder.expire(NOW).await.unwrap(), 0);
        assert!(data.send(&upload, None, CONTENT).await);
        assert!(folder.adopt(&upload, NOW).await.unwrap());
        assert_eq!(folder.expire(NOW.after(Duration::from_hours(23))).await.unwrap(), 0);
        assert_eq!(folder.expire(Utc(NOW.0 - 1)).await.unwrap(), 0, "a clock that was ahead");
        assert_eq!(folder.expire(NOW.after(GOOD_FOR)).await.unwrap(), 1);
        assert!(!folder.adopt(&upload, NOW).await.unwrap());
        assert_eq!(folder.open(&hash(), NOW).await.unwrap(), Some(Opened::Here(CONTENT.len() as u64)));
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
