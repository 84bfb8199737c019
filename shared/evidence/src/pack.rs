//! The making of a part. The same entries give the same bytes.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use jiff::tz::Offset;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, ZipArchiveWriter, crc32};

use crate::manifest::{About, Digest, Manifest};
use crate::{ABOUT, MANIFEST, README};

/// The text of `README.txt`.
const EXPLANATION: &str = include_str!("README.txt");

/// Bytes that the file grows by for each entry, besides its data and its path: headers, and its row in the manifest.
const ENTRY: usize = 260;

/// Times that the path of an entry stands in the file: in both headers, and compressed in the manifest.
const PATHS: usize = 3;

/// Most unpacked bytes of a part; the entries of one event may be more.
const MOST_PACKED: usize = 32 * 1024 * 1024;

/// An entry that is to be packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path: ASCII, with `/` between folders.
    pub path: String,
    /// Its time, in seconds since 1970.
    pub time: i64,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// The zip could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The compression failed.
    #[error("an entry could not be compressed")]
    Compress(#[from] std::io::Error),
    /// The zip was not written.
    #[error("the zip could not be written")]
    Zip(#[from] rawzip::Error),
    /// The facts or the manifest could not be printed.
    #[error("the manifest could not be printed")]
    Print(#[from] serde_json::Error),
}

/// An entry, compressed.
struct Packed {
    path: String,
    time: i64,
    size: usize,
    sha256: Digest,
    crc: u32,
    method: CompressionMethod,
    data: Vec<u8>,
}

impl Packed {
    fn of(file: &File) -> Result<Self, PackError> {
        let File { path, time, data } = file;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(data)?;
        let deflated = deflated.finish()?;
        let is_smaller = deflated.len() < data.len();
        let (method, packed) =
            if is_smaller { (CompressionMethod::DEFLATE, deflated) } else { (CompressionMethod::STORE, data.clone()) };
        let (sha256, crc) = (Digest::of(data), crc32(data));
        Ok(Self { path: path.clone(), time: *time, size: data.len(), sha256, crc, method, data: packed })
    }

    const fn bytes(&self) -> usize {
        self.data.len() + PATHS * self.path.len() + ENTRY
    }
}

/// A part under way.
pub struct Pack {
    most: usize,
    entries: Vec<Packed>,
    events: usize,
    bytes: usize,
    unpacked: usize,
}

impl Pack {
    /// A part of at most so many bytes, as far as its first event fits.
    #[must_use]
    pub fn new(most: usize) -> Self {
        // The explanation, the facts and the end of the zip.
        Self { most: most.saturating_sub(16 * 1024), entries: Vec::new(), events: 0, bytes: 0, unpacked: 0 }
    }

    /// Adds entries that are no event's.
    pub fn add(&mut self, files: &[File]) -> Result<(), PackError> {
        let packed = files.iter().map(Packed::of).collect::<Result<Vec<_>, _>>()?;
        self.take(packed);
        Ok(())
    }

    /// Adds the entries of an event or call, all or none. `false` where there is no room for them.
    pub fn add_event(&mut self, files: &[File]) -> Result<bool, PackError> {
        let unpacked: usize = files.iter().map(|file| file.data.len()).sum();
        if self.events > 0 && self.unpacked + unpacked > MOST_PACKED {
            return Ok(false);
        }
        let packed = files.iter().map(Packed::of).collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = packed.iter().map(Packed::bytes).sum();
        if self.events > 0 && self.bytes + bytes > self.most {
            return Ok(false);
        }
        self.events += 1;
        self.take(packed);
        Ok(true)
    }

    /// Adds entries that are no event's where there is room for them, or nothing else in the part. Whether they were added.
    pub fn add_beside(&mut self, files: &[File]) -> Result<bool, PackError> {
        let packed = files.iter().map(Packed::of).collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = packed.iter().map(Packed::bytes).sum();
        let fits = self.entries.is_empty() || self.bytes + bytes <= self.most;
        if fits {
            self.take(packed);
        }
        Ok(fits)
    }

    /// Most bytes of an entry without an event, of that path, that still fits: a part that has something is not made larger.
    #[must_use]
    pub fn room(&self, path: &str) -> usize {
        let room = self.most.saturating_sub(self.bytes + PATHS * path.len() + ENTRY);
        room.min(MOST_PACKED.saturating_sub(self.unpacked))
    }

    fn take(&mut self, packed: Vec<Packed>) {
        self.bytes += packed.iter().map(Packed::bytes).sum::<usize>();
        self.unpacked += packed.iter().map(|entry| entry.size).sum::<usize>();
        self.entries.extend(packed);
    }

    /// The zip and its head. `about` gets the numbers of events and entries; `time` is that of the part, in seconds since 1970.
    pub fn finish(self, about: About, previous: Option<Digest>, time: i64) -> Result<(Vec<u8>, Digest), PackError> {
        let about = About { events: self.events, entries: self.entries.len() + 2, ..about };
        let own = |path: &str, data: Vec<u8>| Packed::of(&File { path: path.to_owned(), time, data });
        let mut entries = vec![
            own(README, EXPLANATION.replace('\n', "\r\n").into_bytes())?,
            own(ABOUT, serde_json::to_vec_pretty(&about)?)?,
        ];
        entries.extend(self.entries);
        let rows = entries.iter().map(|entry| (entry.path.as_str(), entry.size, entry.sha256));
        let manifest = Manifest::of(previous, rows);
        entries.push(own(MANIFEST, serde_json::to_vec_pretty(&manifest)?)?);
        let mut zip = ZipArchiveWriter::new(Vec::with_capacity(self.bytes));
        for entry in &entries {
            let file = zip.new_file(entry.path.as_str()).compression_method(entry.method);
            let file = match civil(entry.time) {
                Some(time) => file.last_modified(time),
                None => file,
            };
            let (mut writer, _) = file.start()?;
            writer.write_all(&entry.data)?;
            writer.finish(DataDescriptorOutput::new(entry.crc, entry.size as u64))?;
        }
        Ok((zip.finish()?, manifest.head))
    }
}

/// A time as a zip has it: from 1980 on.
fn civil(seconds: i64) -> Option<UtcDateTime> {
    let time = Offset::UTC.to_datetime(Timestamp::from_second(seconds).ok()?);
    let year = u16::try_from(time.year()).ok().filter(|year| (1980..2107).contains(year))?;
    let part = |number: i8| u8::try_from(number).ok();
    let (month, day) = (part(time.month())?, part(time.day())?);
    let (hour, minute, second) = (part(time.hour())?, part(time.minute())?, part(time.second())?);
    UtcDateTime::from_components(year, month, day, hour, minute, second, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_no_zip_can_have_is_left_out() {
        let told = |seconds| {
            let time = civil(seconds)?;
            Some((time.year(), time.month(), time.day(), time.hour(), time.minute(), time.second()))
        };
        assert_eq!(told(1_790_000_000), Some((2026, 9, 21, 14, 13, 20)));
        assert_eq!(told(315_532_800), Some((1980, 1, 1, 0, 0, 0)));
        for out in [0, -1, i64::MIN / 2, i64::MAX / 2, 5_000_000_000] {
            assert_eq!(told(out), None, "{out}");
        }
    }
}
