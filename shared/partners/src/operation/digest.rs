//! Digests as text.

use std::fmt::Write as _;

use md5::{Digest, Md5};

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digest of parts that are written one after the other.
pub(crate) fn of<D: Digest>(parts: &[&str]) -> Vec<u8> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    hash.finalize().to_vec()
}

/// MD5 of parts that are written one after the other, as 32 lower-case hex digits.
pub(crate) fn md5(parts: &[&str]) -> String {
    hex(&of::<Md5>(parts))
}
