//! Content of files in evidence: its entries, and their check over all parts.
//!
//! [`FILES`] lists the files of the shipment, the lost ones with the reason. The content of one that is kept is the entry
//! `files/<sha256>.<extension>`. Content that does not fit into a part is cut: the slice that begins at a byte is
//! `files/<sha256>.<extension>.from-<byte, 12 digits>`, in this part or a later one. What the hub could not read is
//! `files/<sha256>.unreadable.json`, with the reason.
//!
//! The chain covers the entries as they were made. Here the slices are put together and held against the hash in their name,
//! one at a time, so that no more than a part is in memory.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::manifest::Digest;
use crate::unpack::{MOST_UNPACKED, Refused, Zip};

/// Name of the list of files.
pub const FILES: &str = "files.json";

/// Folder of their content.
const FOLDER: &str = "files/";

/// Mark before the place of a slice.
const FROM: &str = ".from-";

/// End of the name of an entry for content that could not be read.
const UNREADABLE: &str = ".unreadable.json";

/// Path of content that is whole in its entry, or of a slice that begins at that byte.
#[must_use]
pub fn path(hash: &impl fmt::Display, extension: &str, from: Option<u64>) -> String {
    let slice = from.map(|from| format!("{FROM}{from:012}")).unwrap_or_default();
    format!("{FOLDER}{hash}.{extension}{slice}")
}

/// Path of the reason why some content could not be read.
#[must_use]
pub fn unreadable(hash: &impl fmt::Display) -> String {
    format!("{FOLDER}{hash}{UNREADABLE}")
}

/// An entry of content.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Slice { hash: Digest, extension: String, from: u64 },
    Unreadable(Digest),
}

impl Entry {
    fn of(path: &str) -> Option<Self> {
        let name = path.strip_prefix(FOLDER)?;
        let (hash, rest) = name.split_once('.')?;
        let hash = hash.parse().ok()?;
        if name.ends_with(UNREADABLE) {
            return Some(Self::Unreadable(hash));
        }
        let (extension, from) = match rest.split_once(FROM) {
            Some((extension, from)) => (extension, from.parse().ok()?),
            None => (rest, 0),
        };
        // It becomes the name of a file where content is written out.
        let is_plain = (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_plain.then(|| Self::Slice { hash, extension: extension.to_owned(), from })
    }
}

/// A flaw of some content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentFinding {
    /// Bytes from that place on are not among the entries, or come twice.
    Gap {
        /// The hash of the content.
        hash: Digest,
        /// The place at which they should begin.
        from: u64,
    },
    /// Listed content has no entry.
    Absent(Digest),
    /// Put together it is not the content of its hash.
    Other(Digest),
    /// The list of files cannot be read, for that reason.
    List(String),
}

impl fmt::Display for ContentFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { hash, from } => {
                write!(
                    f,
                    "file incomplete: the bytes of {hash} from {from} on are not among the entries of these parts"
                )
            }
            Self::Absent(hash) => write!(f, "file missing: {hash} is listed in {FILES} and in none of these parts"),
            Self::Other(hash) => write!(f, "file changed: the content of {hash} has another SHA-256"),
            Self::List(why) => write!(f, "unreadable: {FILES} ({why})"),
        }
    }
}

/// The listed files, as far as the check needs them.
#[derive(Deserialize)]
struct List {
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    hash: Option<Digest>,
    #[serde(default)]
    size: Option<u64>,
}

/// Content as far as it was put together.
struct Joined {
    hash: Sha256,
    bytes: u64,
    /// It has a gap: what follows is not looked at.
    is_broken: bool,
}

/// Receiver of content as it is put together: its name, and the bytes that come next. Content of which a slice is missing ends
/// there.
pub trait Sink {
    /// Error of the receiver.
    type Error;

    /// Takes the next bytes of some content.
    fn take(&mut self, name: &str, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// The contents of files over the parts, put together in their order.
#[derive(Default)]
pub struct Contents {
    joined: BTreeMap<[u8; 32], Joined>,
    unread: Vec<Digest>,
    listed: BTreeMap<[u8; 32], Option<u64>>,
    findings: Vec<ContentFinding>,
}

impl Contents {
    /// Adds the entries of a part: all parts in the order of their numbers.
    pub fn add<S: Sink>(&mut self, part: &[u8], to: &mut S) -> Result<Result<(), S::Error>, Refused> {
        let zip = Zip::open(part)?;
        let mut left = MOST_UNPACKED;
        for found in &zip.entries {
            if found.path == FILES {
                match zip.content(found, true, &mut left)? {
                    Ok(content) => self.list(content.whole.as_deref().unwrap_or_default()),
                    Err(why) => self.findings.push(ContentFinding::List(why)),
                }
                continue;
            }
            match Entry::of(&found.path) {
                None => {}
                Some(Entry::Unreadable(hash)) => self.unread.push(hash),
                Some(Entry::Slice { hash, extension, from }) => {
                    let joined = self.joined.entry(hash.0).or_insert_with(|| Joined {
                        hash: Sha256::new(),
                        bytes: 0,
                        is_broken: false,
                    });
                    if from != joined.bytes && !joined.is_broken {
                        self.findings.push(ContentFinding::Gap { hash, from: joined.bytes });
                        joined.is_broken = true;
                    }
                    if joined.is_broken {
                        continue;
                    }
                    let name = format!("{hash}.{extension}");
                    let mut taken = Ok(());
                    // An entry that cannot be unpacked is a finding of its part, and of the hash.
                    let _ = zip.pieces(found, &mut left, |piece| {
                        joined.hash.update(piece);
                        joined.bytes += piece.len() as u64;
                        if taken.is_ok() {
                            taken = to.take(&name, piece);
                        }
                    })?;
                    if taken.is_err() {
                        return Ok(taken);
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    fn list(&mut self, list: &[u8]) {
        match serde_json::from_slice::<List>(list) {
            Ok(list) => {
                let hashes = list.files.into_iter().filter_map(|file| Some((file.hash?.0, file.size)));
                self.listed.extend(hashes);
            }
            Err(error) => self.findings.push(ContentFinding::List(error.to_string())),
        }
    }

    /// The contents that are whole, and all flaws.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Digest>, Vec<ContentFinding>) {
        let mut whole = Vec::new();
        for (hash, joined) in self.joined {
            let (digest, is_said) = (Digest(joined.hash.finalize().into()), Digest(hash));
            let size = self.listed.get(&hash).copied().flatten();
            self.listed.remove(&hash);
            match size.filter(|size| *size > joined.bytes) {
                _ if joined.is_broken => {}
                Some(_) => self.findings.push(ContentFinding::Gap { hash: is_said, from: joined.bytes }),
                None if digest != is_said => self.findings.push(ContentFinding::Other(is_said)),
                None => whole.push(is_said),
            }
        }
        let absent = self.listed.into_keys().map(Digest).filter(|hash| !self.unread.contains(hash));
        self.findings.extend(absent.map(ContentFinding::Absent));
        (whole, self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{About, File, Pack};

    const CONTENT: &[u8] = b"0123456789";

    fn file(path: String, data: &[u8]) -> File {
        File { path, time: 1_790_000_000, data: data.to_vec() }
    }

    fn listed() -> File {
        let hash = Digest::of(CONTENT);
        let list = serde_json::json!({"files": [{"hash": hash, "size": 10}, {"state": "expired"}], "left_out": 0});
        file(FILES.to_owned(), list.to_string().as_bytes())
    }

    fn slice(from: u64, data: &[u8]) -> File {
        file(path(&Digest::of(CONTENT), "pdf", Some(from)), data)
    }

    fn zip(files: &[File]) -> Vec<u8> {
        let mut pack = Pack::new(1 << 20);
        pack.add(files).unwrap();
        pack.finish(About::default(), None, 1_790_000_000).unwrap().0
    }

    struct Written(BTreeMap<String, Vec<u8>>);

    impl Sink for Written {
        type Error = std::convert::Infallible;

        fn take(&mut self, name: &str, bytes: &[u8]) -> Result<(), Self::Error> {
            self.0.entry(name.to_owned()).or_default().extend(bytes);
            Ok(())
        }
    }

    fn checked(parts: &[&[File]]) -> (Vec<Digest>, Vec<ContentFinding>, BTreeMap<String, Vec<u8>>) {
        let (mut contents, mut written) = (Contents::default(), Written(BTreeMap::new()));
        for part in parts {
            contents.add(&zip(part), &mut written).unwrap().unwrap();
        }
        let (whole, findings) = contents.finish();
        (whole, findings, written.0)
    }

    #[test]
    fn slices_over_parts_are_put_together_and_whole() {
        let hash = Digest::of(CONTENT);
        for parts in [
            &[&[listed(), file(path(&hash, "pdf", None), CONTENT)][..]][..],
            &[&[listed(), slice(0, b"0123")], &[slice(4, b"456"), slice(7, b"789")]],
        ] {
            let (whole, findings, written) = checked(parts);
            assert_eq!((whole, findings), (vec![hash], vec![]));
            assert_eq!(written, BTreeMap::from([(format!("{hash}.pdf"), CONTENT.to_vec())]));
        }
        let reason = file(unreadable(&hash), b"{}");
        assert_eq!(checked(&[&[listed(), reason]]), (vec![], vec![], BTreeMap::new()), "the hub says that it has none");
    }

    #[test]
    fn slice_that_is_left_out_or_twice_is_a_gap() {
        let hash = Digest::of(CONTENT);
        let gap = |from| vec![ContentFinding::Gap { hash, from }];
        let (first, second, third) = (slice(0, b"0123"), slice(4, b"456"), slice(7, b"789"));
        for (part, findings) in [
            (vec![listed(), first.clone(), third.clone()], gap(4)),
            (vec![listed(), second.clone(), third.clone()], gap(0)),
            (vec![listed(), first.clone(), second.clone()], gap(7)),
            (vec![listed(), first.clone(), third, second], gap(4)),
            (vec![listed()], vec![ContentFinding::Absent(hash)]),
        ] {
            assert_eq!(checked(&[&part]).1, findings);
            assert_eq!(checked(&[&part]).0, []);
        }
        assert_eq!(checked(&[&[listed(), first.clone()], &[first]]).1, gap(4));
    }

    /// A chain that was computed anew does not help.
    #[test]
    fn content_of_another_hash_is_a_finding() {
        let hash = Digest::of(CONTENT);
        for part in [
            [listed(), file(path(&hash, "pdf", None), b"0123456780")],
            [listed(), file(path(&hash, "pdf", None), b"0123456789+")],
        ] {
            assert_eq!(checked(&[&part]).1, [ContentFinding::Other(hash)]);
        }
        let list = file(FILES.to_owned(), b"[");
        assert!(matches!(&checked(&[&[list]]).1[..], [ContentFinding::List(_)]));
    }

    #[test]
    fn names_that_no_evidence_has_are_no_content() {
        let hash = Digest::of(CONTENT);
        for name in ["x.pdf", "files/x.pdf", "files/a/b.pdf", &path(&hash, "a/b", None), &path(&hash, "", None)] {
            assert_eq!(Entry::of(name), None, "{name}");
        }
        let entry = Entry::Slice { hash, extension: "pdf".to_owned(), from: 7 };
        assert_eq!(Entry::of(&path(&hash, "pdf", Some(7))), Some(entry));
        assert_eq!(Entry::of(&unreadable(&hash)), Some(Entry::Unreadable(hash)));
    }
}
