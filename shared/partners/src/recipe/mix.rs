//! The hash of a recipe: parts in their order, separators, digest, notation.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

use super::{Case, Digits, Hash};
use crate::Hex;

/// Rule by which parts become a signature.
#[derive(Clone, Copy, Debug)]
pub struct Mix<'r> {
    /// Separator of two parts.
    pub separator: &'r str,
    /// The hash.
    pub hash: Hash,
    /// Notation of the hash.
    pub digits: Digits,
    /// The case of hex digits.
    pub case: Case,
}

impl Mix<'_> {
    /// The signature of these parts; `key` is that of an HMAC.
    #[must_use]
    pub fn of(&self, parts: &[&[u8]], key: &[u8]) -> String {
        let text = parts.join(self.separator.as_bytes());
        let hash = match self.hash {
            Hash::Md5 => Md5::digest(&text).to_vec(),
            Hash::Sha1 => Sha1::digest(&text).to_vec(),
            Hash::Sha256 => Sha256::digest(&text).to_vec(),
            Hash::HmacMd5 => mac::<Hmac<Md5>>(&text, key),
            Hash::HmacSha1 => mac::<Hmac<Sha1>>(&text, key),
            Hash::HmacSha256 => mac::<Hmac<Sha256>>(&text, key),
        };
        match (self.digits, self.case) {
            (Digits::Hex, Case::Lower) => Hex(&hash).to_string(),
            (Digits::Hex, Case::Upper) => Hex(&hash).to_string().to_ascii_uppercase(),
            (Digits::Base64, _) => BASE64_STANDARD.encode(hash),
        }
    }
}

/// HMAC, which takes a key of any length.
fn mac<M: Mac + KeyInit>(text: &[u8], key: &[u8]) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key);
    mac.map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec()).unwrap_or_default()
}
