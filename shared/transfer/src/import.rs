//! A file, put into a store that has no events, or in which an import of the same file was begun.

use std::io::{Read, Seek};

use futures::future::join_all;
use hub::Utc;
use serde::{Deserialize, Serialize};
use store::{Placed, Store, StoreError, Stored};

use crate::check::{Checked, FileError, Place};
use crate::{Kinds, agree};

/// Name of the note of an import in its store.
pub const NOTE: &str = "import";

/// Number of things that are stored at the same time.
const TOGETHER: usize = 256;

/// Bytes of the file beyond which no further thing is stored at the same time.
const BYTES_TOGETHER: usize = 32 * 1024 * 1024;

/// Number of things that are looked at together for an event.
const PAGE: usize = 100;

/// The note of an import.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    /// Digest of the file.
    export: String,
    /// Whether all of it is stored.
    done: bool,
}

/// Result of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Things that are stored now.
    pub new: Kinds,
    /// Things that were there already.
    pub same: Kinds,
    /// Things in whose place the store had others, which stayed: notes and statistics of a hub that ran before.
    pub other: Kinds,
}

/// Failure of an import. It may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is not what it was when it was checked.
    #[error("the export could not be read")]
    File(#[from] FileError),
    /// The store failed.
    #[error("the store could not be written; repeat the import")]
    Store(#[from] StoreError),
    /// There are events of something else.
    #[error("the store has events that are not of this export: import into an empty one")]
    NotEmpty,
    /// Another file was imported.
    #[error("another export was imported into the store: import into an empty one")]
    Another,
    /// Something has been stored since in the place of events or chains of the file.
    #[error("{} events and {} chains are stored otherwise than the export has them: import into an empty store", .0.events, .0.heads)]
    Changed(Kinds),
    /// The ledger differs.
    #[error(
        "the ledger of the store is not that of the export: something else has changed the store meanwhile; import into an empty one"
    )]
    Ledger,
}

/// How far an import of a file into a store has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The store has no events.
    Fresh,
    /// It was begun.
    Begun,
    /// It is done; there is nothing to do.
    Done,
}

/// How far the import of a file has come; fails where the store has something else.
pub async fn state<S: Store>(store: &S, checked: &Checked) -> Result<State, ImportError> {
    let note = store.note(NOTE).await?.and_then(|note| serde_json::from_str::<Noted>(&note.value).ok());
    match note {
        Some(Noted { export, .. }) if export != checked.sha256 => Err(ImportError::Another),
        Some(Noted { done, .. }) => Ok(if done { State::Done } else { State::Begun }),
        None if has_events(store, checked.now).await? => Err(ImportError::NotEmpty),
        None => Ok(State::Fresh),
    }
}

async fn has_events<S: Store>(store: &S, now: Utc) -> Result<bool, StoreError> {
    let mut from = None;
    loop {
        let page = store.stored(from.as_deref(), PAGE, now).await?;
        if page.unreadable > 0 || page.items.iter().any(|item| matches!(item, Stored::Event(_))) {
            return Ok(true);
        }
        from = page.next;
        if from.is_none() {
            return Ok(false);
        }
    }
}

/// Places in their order, parted so that the lines of a part fit into memory.
fn batches(places: &[Place]) -> impl Iterator<Item = &[Place]> {
    let mut left = places;
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = left.iter().take(TOGETHER).take_while(|place| {
            let is_free = bytes < BYTES_TOGETHER;
            bytes = bytes.saturating_add(place.length);
            is_free
        });
        let (batch, rest) = left.split_at(fits.count());
        left = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

async fn note<S: Store>(store: &S, checked: &Checked, done: bool) -> Result<(), ImportError> {
    let noted = Noted { export: checked.sha256.clone(), done };
    let over = store.note(NOTE).await?.map_or(0, |note| note.version);
    // Where another process has noted something meanwhile, the ledger tells.
    store.put_note(NOTE, &serde_json::to_string(&noted).unwrap_or_default(), over).await?;
    Ok(())
}

/// Stores all of a file, in order, and compares the ledger. Where it is done already, it changes nothing; where it was begun, it
/// goes on.
pub async fn import<S: Store>(
    store: &S,
    file: &mut (impl Read + Seek),
    checked: &Checked,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    match state(store, checked).await? {
        State::Done => return Ok(imported),
        State::Fresh => note(store, checked, false).await?,
        State::Begun => {}
    }
    for places in batches(&checked.places) {
        let items = places.iter().map(|place| place.read(file)).collect::<Result<Vec<_>, _>>()?;
        let placed = join_all(items.iter().map(|item| store.put_stored(item))).await;
        for (item, placed) in items.iter().zip(placed) {
            match placed? {
                Placed::New => imported.new.add(item),
                Placed::Same => imported.same.add(item),
                Placed::Other => imported.other.add(item),
            }
        }
    }
    if imported.other.events + imported.other.heads > 0 {
        return Err(ImportError::Changed(imported.other));
    }
    if !agree(&store.ledger(checked.now).await?, &checked.ledger) {
        return Err(ImportError::Ledger);
    }
    note(store, checked, true).await?;
    Ok(imported)
}
