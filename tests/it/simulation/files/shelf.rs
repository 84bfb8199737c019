//! An archive in memory that keeps an archive's promises, and breaks down as a disk or a bucket does: it errs before a write or
//! after it, and answers late or too late.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use archive::{Address, Archive, ArchiveError, Draft, Drafted, Opened, Piece, Result, Stored, Upload};
use bytes::Bytes;
use futures::future::BoxFuture;
use hub::Utc;
use hub::files::FileHash;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::super::world::World;

#[derive(Default)]
struct Shelf {
    contents: BTreeMap<FileHash, (Bytes, Utc, u64)>,
    writings: u64,
}

impl Shelf {
    /// A process puts what is there once more, and dies before it names it.
    fn put_again(&mut self, now: Utc) {
        for (_, written, writing) in self.contents.values_mut() {
            self.writings += 1;
            (*written, *writing) = (now, self.writings);
        }
    }
}

/// Age at which content may be removed: whoever has put it before has named it by then.
const LEFT_ALONE: Duration = Duration::from_hours(23);

/// Time from the beginning on after which nothing is put again by nobody.
const PUT_AGAIN: Duration = Duration::from_hours(100);

/// The archive of a history.
#[derive(Clone)]
pub(in crate::simulation) struct SimArchive {
    world: Arc<World>,
    shelf: Arc<Mutex<Shelf>>,
    began: Utc,
}

impl fmt::Debug for SimArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an archive in memory")
    }
}

impl SimArchive {
    pub(super) fn new(world: &Arc<World>) -> Self {
        Self { began: world.now(), world: Arc::clone(world), shelf: Arc::default() }
    }

    /// The kept content of a hash.
    pub(super) fn content(&self, hash: &FileHash) -> Option<Bytes> {
        self.shelf.lock().unwrap().contents.get(hash).map(|(content, ..)| content.clone())
    }

    /// One verb: it may fail before or after it is done, and be done after its caller has gone.
    async fn run<T: Send + 'static>(
        &self,
        verb: &'static str,
        act: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T> {
        let (errs, loses, slow, pause) = self.world.draw(|random, weather| {
            let slow = random.chance(weather.store_delays).then(|| random.ms(100..=12_000));
            (random.chance(weather.store_errors), random.chance(weather.store_losses), slow, random.ms(1..=9))
        });
        let failed = || ArchiveError::Unavailable { verb, source: "as the seed has it".into() };
        sleep(pause).await;
        if errs {
            self.world.tell(&format!("the archive cannot {verb}"));
            return Err(failed());
        }
        let (own, (done, happened)) = (self.clone(), oneshot::channel());
        self.world.aside(async move {
            sleep(slow.unwrap_or_default()).await;
            // The caller may be gone.
            let _ = done.send(act(&own));
        });
        let done = happened.await.map_err(|_| failed())?;
        sleep(Duration::from_millis(1)).await;
        if loses { Err(failed()) } else { Ok(done) }
    }
}

impl Archive for SimArchive {
    fn draft(&self) -> BoxFuture<'_, Result<Draft>> {
        let begun = Draft::begin(&std::env::temp_dir());
        Box::pin(async { begun.map_err(|error| ArchiveError::Unavailable { verb: "draft", source: error.into() }) })
    }

    fn keep(&self, drafted: Drafted, now: Utc) -> BoxFuture<'_, Result<()>> {
        let content = Bytes::from(std::fs::read(drafted.path()).unwrap());
        let hash = drafted.hash;
        if FileHash::of(&content) != hash {
            self.world.broken(&format!("other content is kept as {hash}"));
        }
        Box::pin(self.run("keep a file", move |own| {
            let mut stock = own.shelf.lock().unwrap();
            stock.writings += 1;
            let writing = (content, now, stock.writings);
            stock.contents.insert(hash, writing);
            own.world.tell(&format!("the archive keeps {hash}"));
            own.world.checker().files.archived(hash);
        }))
    }

    /// Nothing is sent ahead.
    fn address<'a>(&'a self, _: &'a Upload) -> BoxFuture<'a, Result<Option<Address>>> {
        Box::pin(async { Ok(None) })
    }

    fn adopt<'a>(&'a self, _: &'a Upload, _: Utc) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Ok(false) })
    }

    fn open<'a>(&'a self, hash: &'a FileHash, _: Utc) -> BoxFuture<'a, Result<Option<Opened>>> {
        let hash = *hash;
        Box::pin(
            self.run("read a file", move |own| own.content(&hash).map(|content| Opened::Here(content.len() as u64))),
        )
    }

    fn read<'a>(&'a self, hash: &'a FileHash, range: Range<u64>) -> BoxFuture<'a, Result<Option<Piece>>> {
        let hash = *hash;
        Box::pin(self.run("read a file", move |own| {
            let content = own.content(&hash)?;
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
            let bytes = content.slice(place(range.start)..place(range.end.max(range.start)));
            Some(Piece { bytes, whole: content.len() as u64 })
        }))
    }

    fn list<'a>(&'a self, behind: Option<&'a FileHash>, limit: usize) -> BoxFuture<'a, Result<Vec<Stored>>> {
        let behind = behind.copied();
        let is_early = self.world.now() < self.began.after(PUT_AGAIN);
        let again = self.world.draw(|random, _| random.chance(200)) && is_early;
        Box::pin(self.run("list files", move |own| {
            let mut stock = own.shelf.lock().unwrap();
            let rest = stock.contents.iter().filter(|(hash, _)| behind.is_none_or(|behind| **hash > behind));
            let stored = |(hash, (_, written, writing)): (&FileHash, &(Bytes, Utc, u64))| Stored {
                hash: *hash,
                written: *written,
                writing: writing.to_string(),
            };
            let listed: Vec<_> = rest.take(limit).map(stored).collect();
            if again {
                stock.put_again(own.world.now());
            }
            listed
        }))
    }

    fn remove<'a>(&'a self, stored: &'a Stored) -> BoxFuture<'a, Result<bool>> {
        let stored = stored.clone();
        Box::pin(self.run("remove a file", move |own| {
            let mut stock = own.shelf.lock().unwrap();
            let is_there =
                stock.contents.get(&stored.hash).is_some_and(|(_, _, writing)| writing.to_string() == stored.writing);
            if let Some((_, written, _)) = stock.contents.get(&stored.hash).filter(|_| is_there) {
                let (hash, age) = (stored.hash, own.world.now().since(*written));
                if age < LEFT_ALONE {
                    own.world.broken(&format!("{hash} is removed {age:?} after it was put"));
                }
                stock.contents.remove(&hash);
                own.world.tell(&format!("the archive removes {}", stored.hash));
                let held = own.world.checker().files.removed(stored.hash, own.world.now());
                own.world.hold(held);
            }
            is_there
        }))
    }
}
