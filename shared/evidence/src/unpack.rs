//! The reading of a zip that may be anybody's: bounded, and refused where two programs could read it differently.

use std::collections::HashSet;
use std::io::Read;

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipSliceArchive};
use sha2::{Digest as _, Sha256};

use crate::manifest::Digest;

/// Largest file that is read, in bytes.
pub const MOST_FILE: usize = 32 * 1024 * 1024;

/// Most bytes that the entries of a file may unpack to.
pub const MOST_UNPACKED: u64 = 128 * 1024 * 1024;

/// Most entries of a file.
pub const MOST_ENTRIES: usize = 20_000;

/// Largest entry that is read as a whole, in bytes: the facts and the manifest.
const MOST_WHOLE: u64 = 16 * 1024 * 1024;

/// Longest path of an entry, in bytes.
const LONGEST_PATH: usize = 1_024;

/// Size of the pieces that are unpacked at once.
const PIECE: usize = 64 * 1024;

/// A file that is not checked further.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is larger than any evidence file.
    #[error("the file is larger than {MOST_FILE} bytes: no evidence file is")]
    TooLarge,
    /// It is no zip, or one that breaks off.
    #[error("the file is no whole zip: {0}")]
    NoZip(#[from] rawzip::Error),
    /// Its directory has another number of entries than it says.
    #[error("the zip says that it has {said} entries and has {there}: it is cut off or was changed")]
    Count {
        /// The number that it says.
        said: u64,
        /// The number of entries that were found.
        there: usize,
    },
    /// It has too many entries.
    #[error("the zip has more than {MOST_ENTRIES} entries: no evidence file has")]
    TooMany,
    /// Two entries have one name.
    #[error("two entries of the zip are called {0}: programs would read different ones")]
    Twice(String),
    /// A name that may lead out of the folder that the zip is unpacked to.
    #[error("an entry of the zip is called {0}: such a name may lead out of the folder it is unpacked to")]
    Unsafe(String),
    /// The two names of an entry differ.
    #[error("the entry {0} has another name at its data: programs would read different ones")]
    TwoNames(String),
    /// Entries that share their data, as in a bomb.
    #[error("the entry {0} lies over another one in the file")]
    Overlaps(String),
    /// A compression or encryption that no evidence file has.
    #[error("the entry {0} is encrypted, or compressed by another method than deflate")]
    Method(String),
    /// The entries unpack to too much.
    #[error("the zip unpacks to more than {MOST_UNPACKED} bytes: no evidence file does")]
    Bomb,
    /// It has no manifest, so it is no evidence file.
    #[error("the zip has no manifest.json: it is no evidence file, or the list of its entries was removed")]
    NoManifest,
    /// The manifest cannot be read.
    #[error("manifest.json cannot be read: {0}")]
    Manifest(String),
    /// The manifest is of another form.
    #[error("manifest.json is of form {0}, which a later version of this program reads")]
    Form(u32),
}

/// An entry of a zip, and where its data are.
pub(crate) struct Found {
    pub(crate) path: String,
    method: CompressionMethod,
    place: rawzip::ZipArchiveEntryWayfinder,
}

/// A zip whose directory was read.
pub(crate) struct Zip<'z> {
    archive: ZipSliceArchive<&'z [u8]>,
    /// The entries in the order of the directory; no folders.
    pub(crate) entries: Vec<Found>,
}

/// The unpacked bytes of an entry.
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) digest: Digest,
    /// The bytes, where they were asked for and are not too many.
    pub(crate) whole: Option<Vec<u8>>,
}

impl<'z> Zip<'z> {
    /// Reads the directory of a zip.
    pub(crate) fn open(bytes: &'z [u8]) -> Result<Self, Refused> {
        if bytes.len() > MOST_FILE {
            return Err(Refused::TooLarge);
        }
        let archive = ZipArchive::from_slice(bytes)?;
        let (mut entries, mut ranges, mut names, mut there) = (Vec::new(), Vec::new(), HashSet::new(), 0);
        let (mut directory, mut unpacked) = (archive.entries(), 0_u64);
        while let Some(entry) = directory.next_entry()? {
            there += 1;
            if there > MOST_ENTRIES {
                return Err(Refused::TooMany);
            }
            // What it says; what it unpacks to is counted as well.
            unpacked = unpacked.saturating_add(entry.uncompressed_size_hint());
            if unpacked > MOST_UNPACKED {
                return Err(Refused::Bomb);
            }
            let name = entry.file_path().as_bytes();
            let path = String::from_utf8_lossy(name).into_owned();
            // An archiver that packs a folder again adds entries for the folders.
            let is_folder = path.ends_with('/') && entry.uncompressed_size_hint() == 0;
            if !is_safe(path.strip_suffix('/').filter(|_| is_folder).unwrap_or(&path)) {
                return Err(Refused::Unsafe(path));
            }
            // Some file systems take capitals and small letters for the same.
            if !names.insert(path.to_lowercase()) {
                return Err(Refused::Twice(path));
            }
            let (method, place) = (entry.compression_method(), entry.wayfinder());
            let is_known = method == CompressionMethod::STORE || method == CompressionMethod::DEFLATE;
            if !is_known || entry.flags().is_encrypted() {
                return Err(Refused::Method(path));
            }
            let local = archive.get_entry(place)?;
            if local.local_header().file_path().as_bytes() != name {
                return Err(Refused::TwoNames(path));
            }
            let (_, end) = local.compressed_data_range();
            ranges.push((entry.local_header_offset(), end, path.clone()));
            if !is_folder {
                entries.push(Found { path, method, place });
            }
        }
        if archive.entries_hint() != there as u64 {
            return Err(Refused::Count { said: archive.entries_hint(), there });
        }
        ranges.sort_unstable();
        let mut reached = 0;
        for (begin, end, path) in ranges {
            if begin < reached {
                return Err(Refused::Overlaps(path));
            }
            reached = end;
        }
        Ok(Self { archive, entries })
    }

    /// Unpacks an entry, and takes its bytes from those that may still be unpacked. An error says why it cannot be.
    pub(crate) fn content(
        &self,
        entry: &Found,
        keep: bool,
        left: &mut u64,
    ) -> Result<Result<Content, String>, Refused> {
        let (mut hash, mut size, mut whole) = (Sha256::new(), 0_u64, keep.then(Vec::new));
        let read = self.pieces(entry, left, |piece| {
            size += piece.len() as u64;
            hash.update(piece);
            if size > MOST_WHOLE {
                whole = None;
            }
            if let Some(whole) = &mut whole {
                whole.extend_from_slice(piece);
            }
        })?;
        Ok(read.map(|()| Content { size, digest: Digest(hash.finalize().into()), whole }))
    }

    /// Unpacks an entry piece by piece, and takes its bytes from those that may still be unpacked. An error says why it cannot be.
    pub(crate) fn pieces(
        &self,
        entry: &Found,
        left: &mut u64,
        each: impl FnMut(&[u8]),
    ) -> Result<Result<(), String>, Refused> {
        let local = self.archive.get_entry(entry.place)?;
        let data = local.data();
        if entry.method == CompressionMethod::DEFLATE {
            read(local.verifying_reader(DeflateDecoder::new(data)), left, each)
        } else {
            read(local.verifying_reader(data), left, each)
        }
    }
}

fn read(mut from: impl Read, left: &mut u64, mut each: impl FnMut(&[u8])) -> Result<Result<(), String>, Refused> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => count,
            Err(error) => return Ok(Err(error.to_string())),
        };
        *left = left.checked_sub(count as u64).ok_or(Refused::Bomb)?;
        each(piece.get(..count).unwrap_or_default());
    }
}

/// Whether a name stays within the folder that it is unpacked to, on any system.
fn is_safe(path: &str) -> bool {
    let is_plain = |character: char| !character.is_control() && !matches!(character, '\\' | ':' | '\u{fffd}');
    path.len() <= LONGEST_PATH
        && path.chars().all(is_plain)
        && path.split('/').all(|name| !name.is_empty() && name != "." && name != "..")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A bomb may say that it is small.
    #[test]
    fn no_more_is_unpacked_than_may_be() {
        let mut left = 100_000;
        let mut size = 0;
        read(io::repeat(7).take(99_999), &mut left, |piece| size += piece.len()).unwrap().unwrap();
        assert_eq!((size, left), (99_999, 1));
        assert!(matches!(read(io::repeat(7), &mut left, |_| {}), Err(Refused::Bomb)));
    }
}
