//! Content of files: its hash, and its kind by its first bytes. Neither what a server says of it nor a name decides.

use std::fmt;
use std::str::FromStr;

use partners::Hex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a file's content: 64 hex digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileHash([u8; 32]);

impl FileHash {
    /// The hash of some content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The hash of content that comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hashing(Sha256);

impl Hashing {
    /// Goes on with the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all pieces.
    #[must_use]
    pub fn done(self) -> FileHash {
        FileHash(self.0.finalize().into())
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file's hash is 64 hex digits, in lower case")]
pub struct NoHash;

impl FromStr for FileHash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(NoHash) };
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NoHash)
    }
}

impl Serialize for FileHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Extension of names.
    pub extension: &'static str,
    /// Media type that it is served as. None that a browser runs.
    pub media_type: &'static str,
}

const fn of(extension: &'static str, media_type: &'static str) -> Kind {
    Kind { extension, media_type }
}

/// The largest content that is kept or sent, in bytes.
pub const LARGEST: u64 = 100 * 1024 * 1024;

/// Number of first bytes by which content is told.
pub const BEGINNING: usize = 512;

/// Content of no known kind.
const UNKNOWN: Kind = of("bin", "application/octet-stream");

/// First bytes of the kinds that are known. An OFD or an Office document is a ZIP archive.
const BEGINNINGS: &[(&[u8], Kind)] = &[
    (b"%PDF-", of("pdf", "application/pdf")),
    (b"\x89PNG\r\n\x1a\n", of("png", "image/png")),
    (b"\xff\xd8\xff", of("jpg", "image/jpeg")),
    (b"GIF8", of("gif", "image/gif")),
    (b"II*\0", of("tif", "image/tiff")),
    (b"MM\0*", of("tif", "image/tiff")),
    (b"PK\x03\x04", of("zip", "application/zip")),
    (b"PK\x05\x06", of("zip", "application/zip")),
    (b"PK\x07\x08", of("zip", "application/zip")),
    (b"Rar!\x1a\x07", of("rar", "application/vnd.rar")),
    (b"7z\xbc\xaf\x27\x1c", of("7z", "application/x-7z-compressed")),
    (b"\x1f\x8b", of("gz", "application/gzip")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", of("doc", "application/x-ole-storage")),
];

/// Content that is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAFile {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// A page, such as a login or an error, or an error of a store of files.
    #[error("is an HTML or XML page instead of a file")]
    Page,
    /// A message of a server.
    #[error("is a JSON message instead of a file")]
    Message,
}

/// The kind of content by its first bytes. Content that cannot be told is kept as it is; a page or a message is none.
pub fn sniffed(content: &[u8]) -> Result<Kind, NotAFile> {
    let begins = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start();
    match (kind(content), begins.first()) {
        (_, None) => Err(NotAFile::Empty),
        (UNKNOWN, Some(b'<')) => Err(NotAFile::Page),
        (UNKNOWN, Some(b'{' | b'[')) => Err(NotAFile::Message),
        (kind, Some(_)) => Ok(kind),
    }
}

/// The kind that content is served as.
#[must_use]
pub fn kind(content: &[u8]) -> Kind {
    // A PDF may have a few bytes before its header.
    let begins = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start();
    let known =
        BEGINNINGS.iter().find(|(beginning, _)| content.starts_with(beginning) || begins.starts_with(beginning));
    known.map_or(UNKNOWN, |(_, kind)| *kind)
}

/// Extension of names of content that is served as that media type.
#[must_use]
pub fn extension(media_type: &str) -> &'static str {
    let known = BEGINNINGS.iter().find(|(_, kind)| kind.media_type == media_type);
    known.map_or(UNKNOWN, |(_, kind)| *kind).extension
}

/// Names of other kinds that content of a kind has, too: containers of several formats.
const ALSO: &[(&str, &[&str])] =
    &[("zip", &["docx", "xlsx", "pptx", "ofd"]), ("doc", &["xls", "ppt"]), ("jpg", &["jpeg"]), ("tif", &["tiff"])];

/// Whether content begins as a file with that extension does; nothing where its name does not tell. Programs save pages and tables as
/// `.doc` and `.xls`, too, so that these tell nothing.
#[must_use]
pub fn begins_as(extension: &str, content: &[u8]) -> Option<bool> {
    const LOOSE: &str = "doc";
    let also = |kind: &Kind| ALSO.iter().any(|(own, others)| *own == kind.extension && others.contains(&extension));
    let mut kinds = BEGINNINGS.iter().map(|(_, kind)| kind);
    let wanted = kinds.find(|kind| kind.extension == extension || also(kind))?;
    (wanted.extension != LOOSE).then(|| kind(content).extension == wanted.extension)
}

/// Longest name to save under, in characters, without its extension.
const LONGEST_NAME: usize = 100;

/// Name to save content under: the last segment of its path where that is one, else the member that named it, always with an
/// extension of its kind.
#[must_use]
pub fn saved_as(segment: &str, field: &str, kind: Kind) -> String {
    let plain = |text: &str| -> String {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '(' | ')');
        let text: String = text.chars().map(|c| if allowed(c) { c } else { '_' }).take(LONGEST_NAME).collect();
        text.trim_matches(|c| matches!(c, '.' | ' ' | '_')).to_owned()
    };
    let segment = plain(segment);
    let stem = if segment.is_empty() { plain(field) } else { segment };
    let stem = if stem.is_empty() { "file".to_owned() } else { stem };
    let own = stem.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    let others = ALSO.iter().find(|(known, _)| *known == kind.extension).map(|(_, others)| *others).unwrap_or_default();
    if own == kind.extension || others.contains(&own.as_str()) { stem } else { format!("{stem}.{}", kind.extension) }
}
