//! The facts of a part, the list of its entries, and the chain over them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// Version of the form of evidence files.
pub const FORMAT: u32 = 1;

/// A SHA-256. Prints as 64 hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The value of the chain at an entry, where this is the value before it.
    #[must_use]
    pub fn followed_by(self, path: &str, digest: Self) -> Self {
        let mut hash = Sha256::new();
        for part in [&self.0[..], path.as_bytes(), &digest.0] {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be a SHA-256: 64 hex digits, in lower case".to_owned();
        let is_lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.bytes().all(is_lower) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// The facts of a part. They are an entry, so that the chain covers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the hub that made it.
    pub hub: String,
    /// Time at which it was made, in RFC 3339.
    pub made: String,
    /// Id of the API key that asked for it.
    pub by: String,
    /// Whether that key is limited to some connections: those of others are left out.
    pub limited: bool,
    /// Business keys of the shipment, the strongest first.
    pub keys: Vec<String>,
    /// Business keys that share a key or an event with it.
    pub related: Vec<String>,
    /// Whether the shipment was all there when it was read.
    pub complete: bool,
    /// Number of the part, from 1.
    pub part: u32,
    /// Whether no part follows.
    pub last: bool,
    /// Number of events and calls in the part.
    pub events: usize,
    /// Number of entries that the manifest lists.
    pub entries: usize,
}

/// The list of the entries of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this form.
    pub format: u32,
    /// The head of the part before; nothing in the first.
    pub previous: Option<Digest>,
    /// The entries, in their order.
    pub entries: Vec<Row>,
    /// The value of the chain at the last entry.
    pub head: Digest,
}

/// One entry of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its path in the zip.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// The value of the chain at this entry.
    pub chain: Digest,
}

impl Manifest {
    /// The manifest of some entries by their path, size and digest.
    pub(crate) fn of<'e>(
        previous: Option<Digest>,
        entries: impl IntoIterator<Item = (&'e str, usize, Digest)>,
    ) -> Self {
        let mut head = previous.unwrap_or_default();
        let row = |(path, size, sha256): (&str, usize, Digest)| {
            head = head.followed_by(path, sha256);
            Row { path: path.to_owned(), size: size as u64, sha256, chain: head }
        };
        let entries = entries.into_iter().map(row).collect();
        Self { format: FORMAT, previous, entries, head }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_reads_nothing_but_what_is_printed() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let long = "é".repeat(32);
        for text in ["", "2D711642", &digest.to_string().to_uppercase(), &format!("{digest}0"), &long] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    /// The formula of the manual, by which others may check a file.
    #[test]
    fn chain_is_sha256_of_value_before_path_and_digest() {
        let one = Digest::of(b"one");
        let by_hand = Digest::of(&[&[0; 32][..], b"a/b.json", &one.0].concat());
        let manifest = Manifest::of(None, [("a/b.json", 3, one)]);
        assert_eq!((manifest.entries[0].chain, manifest.head), (by_hand, by_hand));
        assert_ne!(Manifest::of(Some(one), [("a/b.json", 3, one)]).head, by_hand);
    }
}
