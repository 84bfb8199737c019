//! Cursors: the places at which pages begin, sealed for the caller. The store's own places name subjects and events of other
//! connections, and count them.
//!
//! A cursor is valid for one API key, one list and one set of filters, for an hour. Nothing is configured or kept for it:
//! its sealing key is derived from the API key.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hub::{Secret, Utc};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use serde::Serialize;

use crate::Problem;

/// Life of a cursor.
const LIFE: Duration = Duration::from_hours(1);

/// Largest difference by which a cursor's time may be ahead: the clocks of two machines differ.
const AHEAD: Duration = Duration::from_mins(1);

/// Context of the key derivation from an API key.
const PURPOSE: &[u8] = b"tongguan cursor 1";

/// A sealed text has a multiple of so many bytes, so that its length tells little of a name in it.
const BLOCK: usize = 64;

/// Seals and opens the cursors of one list for one key.
pub struct Seal {
    /// Nothing where something failed that cannot.
    key: Option<LessSafeKey>,
    list: Vec<u8>,
}

impl Seal {
    /// The seal of a key that has these secrets, for a list with its filters.
    pub(crate) fn new<'s>(secrets: impl Iterator<Item = &'s Secret>, list: &impl Serialize) -> Self {
        let mut secret = Vec::new();
        for part in secrets {
            secret.extend_from_slice(part.expose().as_bytes());
            secret.push(0);
        }
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), PURPOSE);
        let key = UnboundKey::new(&CHACHA20_POLY1305, derived.as_ref()).ok().map(LessSafeKey::new);
        Self { key, list: serde_json::to_vec(list).unwrap_or_default() }
    }

    /// The cursor for a place of the store.
    pub fn sealed(&self, place: Option<String>, now: Utc) -> Result<Option<String>, Problem> {
        place.map(|place| self.close(&place, now).ok_or_else(no_entropy)).transpose()
    }

    fn close(&self, place: &str, now: Utc) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = [&now.0.to_be_bytes(), place.as_bytes()].concat();
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.key.as_ref()?.seal_in_place_append_tag(sealing, Aad::from(&self.list), &mut text).ok()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat()))
    }

    /// The place of the store that a cursor stands for.
    pub fn opened(&self, cursor: Option<&str>, now: Utc) -> Result<Option<String>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let (issued, place) = self.open(cursor).ok_or_else(Problem::bad_cursor)?;
        if issued > now.after(AHEAD) || now.since(issued) >= LIFE {
            return Err(Problem::cursor("is over an hour old: begin again without it"));
        }
        Ok(Some(place))
    }

    /// The text that another one stands for, however long ago it was sealed; nothing where it is of another key or list.
    #[must_use]
    pub fn opened_at_any_age(&self, sealed: &str) -> Option<String> {
        self.open(sealed).map(|(_, text)| text)
    }

    fn open(&self, cursor: &str) -> Option<(Utc, String)> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut text) = (Nonce::assume_unique_for_key(*nonce), text.to_vec());
        let text = self.key.as_ref()?.open_in_place(nonce, Aad::from(&self.list), &mut text).ok()?;
        let (issued, place) = text.split_first_chunk::<8>()?;
        let place = std::str::from_utf8(place).ok()?.trim_end_matches('\0');
        Some((Utc(i64::from_be_bytes(*issued)), place.to_owned()))
    }
}

fn no_entropy() -> Problem {
    tracing::error!("the system gives no random bytes for a cursor");
    Problem::no_entropy()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Utc = Utc(1_790_000_000_000_000);
    const PLACE: &str = "other-tenant#order:SECRET#E#00";

    fn seal(secret: &str, list: &str) -> Seal {
        Seal::new([Secret::new(secret.to_owned())].iter(), &("GET /list", list))
    }

    fn refused(result: Result<Option<String>, Problem>) -> String {
        let said = serde_json::to_value(result.unwrap_err()).unwrap();
        assert_eq!((&said["status"], &said["field"]), (&400.into(), &"from".into()), "{said}");
        assert_eq!(said["type"], "urn:tongguan:problem:bad-cursor");
        let detail = said["detail"].as_str().unwrap();
        assert!(detail.contains("begin again without it"), "{detail}");
        detail.to_owned()
    }

    #[test]
    fn cursor_opens_for_its_key_and_list_within_an_hour() {
        let own = seal("key-a", "erp");
        let cursor = own.sealed(Some(PLACE.to_owned()), NOW).unwrap().unwrap();
        let later = |minutes| NOW.after(Duration::from_mins(minutes));
        for now in [NOW, later(59), Utc(NOW.0 - 30_000_000)] {
            assert_eq!(own.opened(Some(&cursor), now).unwrap().as_deref(), Some(PLACE));
        }
        assert!(refused(own.opened(Some(&cursor), later(60))).contains("hour"));
        refused(own.opened(Some(&cursor), Utc(NOW.0 - 120_000_000)));
        for other in [seal("key-b", "erp"), seal("key-a", "erp-2"), seal("key-a", "")] {
            refused(other.opened(Some(&cursor), NOW));
        }
        assert_eq!((own.opened(None, NOW).unwrap(), own.sealed(None, NOW).unwrap()), (None, None));
    }

    /// Regression: the text was base64 of another connection's name, subject and event.
    #[test]
    fn cursor_is_opaque_and_tamper_proof() {
        let own = seal("key-a", "erp");
        let sealed = || own.sealed(Some(PLACE.to_owned()), NOW).unwrap().unwrap();
        let (cursor, again) = (sealed(), sealed());
        assert_ne!(cursor, again, "whether two places are the same is nobody's to see");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("SECRET"));
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            refused(own.opened(Some(&BASE64_URL_SAFE_NO_PAD.encode(&other)), NOW));
            refused(own.opened(Some(&BASE64_URL_SAFE_NO_PAD.encode(&bytes[..at])), NOW));
        }
        for other in ["7", "nowhere", "WzAsbnVsbF0", "长", &PLACE.repeat(1_000)] {
            refused(own.opened(Some(other), NOW));
        }
        let short = own.sealed(Some("1".to_owned()), NOW).unwrap().unwrap();
        assert_eq!(short.len(), cursor.len(), "the length tells no more than a multiple");
    }
}
