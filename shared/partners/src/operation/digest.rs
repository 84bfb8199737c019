//! Digests as text.

use md5::{Digest, Md5};

use crate::Hex;

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
    Hex(&of::<Md5>(parts)).to_string()
}
