//! The files of a shipment in its evidence: their list, then the content of each that is kept, in the order of hashes.
//!
//! Content is read in pieces no larger than what is left of a part, and goes on in the next one, so that a file of any size is
//! never in memory whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use api::Problem;
use archive::{Archive, ArchiveError, Piece};
use config::Context;
use evidence::{Pack, contents};
use hub::files::{FileHash, Hashing};
use hub::{ConnectionId, Subject, Utc};
use serde::{Deserialize, Serialize};
use store::{Listed, Store};

use super::{entries, not_made};

/// Least part of a slice: rather than a smaller one, the next part has it.
const LEAST: usize = 64 * 1024;

/// Bytes of a file that are read at once where its hash is computed.
const PIECE: u64 = 4 * 1024 * 1024;

/// The content with which the next part goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    hash: FileHash,
    /// The byte at which it goes on.
    from: u64,
}

/// The first part with files has their list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Next {
    /// The list.
    #[serde(rename = "list")]
    List,
    /// Content.
    #[serde(rename = "content")]
    Content(Place),
}

/// The records of the files of these subjects; of connections that have them fetched alone, so that others cost no reading.
pub(super) async fn records<S: Store, Q>(
    context: &Context<S, Q>,
    subjects: &BTreeSet<(ConnectionId, Subject)>,
) -> Result<Vec<Listed>, Problem> {
    let fetches = |id: &ConnectionId| context.config.connections.get(id).is_some_and(|connection| connection.files);
    let subjects = subjects.iter().filter(|(connection, _)| fetches(connection)).cloned().collect();
    store::files_of(&context.store, subjects, context.now()).await.map_err(|error| Problem::store(&error))
}

/// Kept content, by its hash.
struct Kept {
    size: u64,
    extension: &'static str,
    at: Utc,
}

fn kept(records: &[Listed]) -> BTreeMap<FileHash, Kept> {
    let files = records.iter().filter_map(|record| record.work.files.as_ref()).flat_map(|files| &files.entries);
    let own = files.filter_map(|file| Some((file.kept.as_ref()?, file.at)));
    own.map(|(kept, at)| (kept.hash, Kept { size: kept.size, extension: hub::files::extension(&kept.media_type), at }))
        .collect()
}

/// Packs files from that place on. Where the next part goes on; nothing where all are packed.
pub(super) async fn pack(
    pack: &mut Pack,
    archive: Option<&dyn Archive>,
    records: &[Listed],
    from: Next,
    now: Utc,
) -> Result<Option<Next>, Problem> {
    if records.is_empty() {
        return Ok(None);
    }
    let (mut behind, mut begins) = match from {
        Next::List => {
            if !pack.add_beside(&[entries::of_files(records, now)?]).map_err(not_made)? {
                return Ok(Some(Next::List));
            }
            (Bound::Unbounded, 0)
        }
        Next::Content(Place { hash, from }) => (Bound::Included(hash), from),
    };
    let kept = kept(records);
    while let Some((hash, file)) = kept.range((behind, Bound::Unbounded)).next() {
        let read = match archive {
            Some(archive) => content(pack, archive, (hash, file), begins).await?,
            None => Err("there is no archive of files"),
        };
        match read {
            Ok(None) => {}
            Ok(Some(from)) => return Ok(Some(Next::Content(Place { hash: *hash, from }))),
            Err(why) => {
                tracing::error!(%hash, why, "a file is not in the evidence: restore it from a backup");
                if !pack.add_beside(&[entries::without_content(hash, file.at, why)?]).map_err(not_made)? {
                    return Ok(Some(Next::Content(Place { hash: *hash, from: begins })));
                }
            }
        }
        (behind, begins) = (Bound::Excluded(*hash), 0);
    }
    Ok(None)
}

/// Content that cannot be packed, and why.
type Read<T> = Result<T, &'static str>;

const GONE: &str = "it is not in the archive of files";
const OTHER: &str = "the stored bytes are not those that were fetched";

/// Packs some content from a byte on. Where it goes on in the next part.
async fn content(
    pack: &mut Pack,
    archive: &dyn Archive,
    (hash, file): (&FileHash, &Kept),
    begins: u64,
) -> Result<Read<Option<u64>>, Problem> {
    let path = |from| contents::path(hash, file.extension, from);
    let room = pack.room(&path(Some(u64::MAX)));
    let (left, room_here) = (file.size.saturating_sub(begins), u64::try_from(room).unwrap_or(u64::MAX));
    if left > room_here && room < LEAST {
        return Ok(Ok(Some(begins)));
    }
    if begins == 0 && left > room_here && !is_that(archive, hash, file.size).await? {
        return Ok(Err(OTHER));
    }
    let end = begins + left.min(room_here);
    let Some(Piece { bytes, whole }) = archive.read(hash, begins..end).await.map_err(|error| failed(&error))? else {
        return Ok(Err(GONE));
    };
    let is_whole = begins == 0 && end == file.size;
    if whole != file.size || bytes.len() as u64 != end - begins || (is_whole && FileHash::of(&bytes) != *hash) {
        return Ok(Err(OTHER));
    }
    let path = path(Some(begins).filter(|_| !is_whole));
    pack.add(&[entries::bytes(path, file.at, &bytes)]).map_err(not_made)?;
    Ok(Ok(Some(end).filter(|end| *end < file.size)))
}

/// Whether stored content is that of its hash. It is read piece by piece: what is cut into slices is not seen whole later.
async fn is_that(archive: &dyn Archive, hash: &FileHash, size: u64) -> Result<bool, Problem> {
    let (mut own, mut at) = (Hashing::default(), 0);
    while at < size {
        let piece = archive.read(hash, at..size.min(at + PIECE)).await.map_err(|error| failed(&error))?;
        let Some(Piece { bytes, .. }) = piece.filter(|piece| !piece.bytes.is_empty()) else { return Ok(false) };
        own.update(&bytes);
        at += bytes.len() as u64;
    }
    Ok(own.done() == *hash)
}

fn failed(error: &ArchiveError) -> Problem {
    tracing::error!(error = telemetry::logs::chain(error), "a file cannot be read for an evidence file");
    Problem::no_archive()
}
