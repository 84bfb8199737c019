//! A file, read from its beginning to its end before anything of it is stored.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use hub::{Hex, Utc};
use sha2::{Digest as _, Sha256};
use store::Stored;

use crate::line::{Beginning, EXPORT, Ending, LineError, ledger, read};
use crate::{Kinds, Ledger, VERSION, in_seconds};

/// Longest line. A body has at most 10 MB, of which each byte may take six as text.
const LONGEST_LINE: u64 = 128 * 1024 * 1024;

/// Beginning of the last line.
const END: &[u8] = br#"{"end":"#;

/// A file that is whole.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Time of the export.
    pub at: Utc,
    /// Version of the program that wrote it.
    pub program: String,
    /// Numbers of the things in it.
    pub kinds: Kinds,
    /// Number of things that could not be read when it was written.
    pub unreadable: u64,
    /// Time of the check, by which things count as expired.
    pub(crate) now: Utc,
    /// The ledger of what has not expired.
    pub ledger: Ledger,
    /// Its digest, which is its name.
    pub sha256: String,
    /// The things that have not expired, in the order in which they are to be stored: events by their reception.
    pub(crate) places: Vec<Place>,
}

/// The place of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// When an event was received; everything else is before all events.
    received: Option<Utc>,
    offset: u64,
    pub(crate) length: usize,
}

impl Place {
    /// The thing there.
    pub(crate) fn read(&self, file: &mut (impl Read + Seek)) -> Result<Stored, FileError> {
        let mut line = vec![0; self.length];
        file.seek(SeekFrom::Start(self.offset))?;
        file.read_exact(&mut line)?;
        read(&line).map_err(|_| FileError::Changed)
    }
}

/// Reason why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error(
        "the file is no export of Tongguan: its first line does not say so; unpack it first where it is compressed"
    )]
    Foreign,
    /// It is of another version of the format.
    #[error(
        "the export is of version {0} of the format, and this program reads version {VERSION}: take the program that wrote it"
    )]
    Version(u32),
    /// A line is damaged.
    #[error("line {line} of the export is damaged: take another copy of the file, or export again")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// Its defect.
        #[source]
        source: LineError,
    },
    /// The end is missing.
    #[error("the export breaks off after {0} lines, without its end: take another copy of the file, or export again")]
    Cut(u64),
    /// There is more behind the end.
    #[error("the export goes on behind its end, at line {0}: take another copy of the file, or export again")]
    More(u64),
    /// The bytes are not those that were written.
    #[error("the export is not as it was written, {0}: take another copy of the file, or export again")]
    Differs(&'static str),
    /// It was changed while it was read.
    #[error("the export was changed while it was read")]
    Changed,
}

/// The next line without its end; nothing at the end of the file, or where it breaks off within a line.
fn next_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<usize>> {
    line.clear();
    let length = file.take(LONGEST_LINE).read_until(b'\n', line)?;
    Ok((line.pop() == Some(b'\n')).then_some(length))
}

/// Reads a file as a whole. Nothing of it counts unless all of it is as it was written.
pub fn check(file: &mut impl BufRead, now: Utc) -> Result<Checked, FileError> {
    let now = in_seconds(now);
    let (mut line, mut digest, mut offset) = (Vec::new(), Sha256::new(), 0_u64);
    let Some(length) = next_line(file, &mut line)? else { return Err(FileError::Foreign) };
    // Of another version no more is known than its number.
    let version = serde_json::from_slice::<serde_json::Value>(&line).map_err(|_| FileError::Foreign)?;
    if version.get("export").and_then(serde_json::Value::as_str) != Some(EXPORT) {
        return Err(FileError::Foreign);
    }
    match version.get("version").and_then(serde_json::Value::as_u64).and_then(|version| u32::try_from(version).ok()) {
        Some(VERSION) => {}
        Some(other) => return Err(FileError::Version(other)),
        None => return Err(FileError::Foreign),
    }
    let beginning: Beginning = serde_json::from_value(version).map_err(|_| FileError::Foreign)?;
    let (mut kinds, mut whole, mut living, mut places) = (Kinds::default(), Ledger::new(), Ledger::new(), Vec::new());
    let (mut number, mut length) = (1_u64, length);
    let end = loop {
        digest.update(&line);
        digest.update(b"\n");
        offset += u64::try_from(length).unwrap_or(u64::MAX);
        let Some(next) = next_line(file, &mut line)? else { return Err(FileError::Cut(number)) };
        length = next;
        number += 1;
        let damaged = |source: LineError| FileError::Line { line: number, source };
        if line.starts_with(END) {
            let Ending { end } = serde_json::from_slice(&line).map_err(|error| damaged(error.into()))?;
            break end;
        }
        let item = read(&line).map_err(damaged)?;
        kinds.add(&item);
        let mut received = None;
        let mut lives = true;
        if let Stored::Event(record) = &item {
            let (event, work) = (&record.event, &record.work);
            received = Some(event.meta.received);
            lives = event.meta.expires > now || work.is_open();
            *whole.entry(event.key.connection.clone()).or_default() += work.tally();
            if lives {
                *living.entry(event.key.connection.clone()).or_default() += work.tally();
            }
        }
        if lives {
            places.push(Place { received, offset, length: length.saturating_sub(1) });
        }
    };
    if !file.fill_buf()?.is_empty() {
        return Err(FileError::More(number + 1));
    }
    if end.kinds != kinds {
        return Err(FileError::Differs("it has not as many things as its end says"));
    }
    let sha256 = Hex(&digest.finalize()).to_string();
    if end.sha256 != sha256 {
        return Err(FileError::Differs("its digest is not the one of its end"));
    }
    if end.ledger != ledger(&whole) {
        return Err(FileError::Differs("its ledger is not the one of its end"));
    }
    places.sort_unstable();
    let Beginning { at, program, .. } = beginning;
    Ok(Checked { at, program, now, kinds, unreadable: end.unreadable, ledger: living, sha256, places })
}
