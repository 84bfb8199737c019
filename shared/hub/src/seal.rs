//! The seal of a stored event: a digest of its key, its metadata and its bytes. It is written with them and checked when they
//! are read, so that damaged or changed bytes in the database are noticed.
//!
//! It holds no secret: an intruder with write access to the database can compute a new one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::{Event, EventKey};

/// Text before the seal, which is a member of the stored JSON that versions without seals ignore.
const BEFORE: &str = r#"{"seal":""#;
/// Text between the seal and the rest of the JSON.
const AFTER: &str = r#"","#;
/// Beginning of an event that a version without seals has stored.
const UNSEALED: &str = r#"{"type":"#;
/// The length of a printed seal: 16 bytes.
const LENGTH: usize = 22;

/// Metadata of an event as JSON on one line, with its seal.
#[must_use]
pub fn sealed(event: &Event) -> String {
    // Plain structs of texts and numbers always print; a failure would be a defect of serde_json.
    let meta = serde_json::to_string(&event.meta).unwrap_or_default();
    let rest = meta.strip_prefix('{').unwrap_or_default();
    format!("{BEFORE}{}{AFTER}{rest}", seal(&event.key, rest.as_bytes(), &event.body))
}

/// Whether an event is as [`sealed`] has left it. `stored` is what is known of it, as it was read. An event without a seal
/// is taken for what it is.
#[must_use]
pub fn is_intact(key: &EventKey, stored: &[u8], body: &[u8]) -> bool {
    let Some(rest) = stored.strip_prefix(BEFORE.as_bytes()) else { return stored.starts_with(UNSEALED.as_bytes()) };
    let Some((own, rest)) = rest.split_at_checked(LENGTH) else { return false };
    rest.strip_prefix(AFTER.as_bytes()).is_some_and(|rest| seal(key, rest, body).as_bytes() == own)
}

fn seal(key: &EventKey, rest: &[u8], body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [key.connection.as_str().as_bytes(), key.subject.as_str().as_bytes(), &key.id.0, rest, body] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (half, _) = digest.split_at(digest.len() / 2);
    BASE64_URL_SAFE_NO_PAD.encode(half)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Meta;
    use crate::{EventId, Utc};

    fn event() -> Event {
        let body = Bytes::from_static(r#"{"orderOutNo":"S1","msg":"已放行"}"#.as_bytes());
        let meta = Meta::json("xhq.syn_status".into(), Utc(1), Utc(9), body.len());
        let key = EventKey { connection: "xhq-sh".into(), subject: "order:S1".into(), id: EventId([7; 24]) };
        Event { key, meta, body }
    }

    #[test]
    fn sealed_event_reads_as_before() {
        let event = event();
        let stored = sealed(&event);
        assert_eq!(serde_json::from_str::<Meta>(&stored).unwrap(), event.meta);
        assert!(is_intact(&event.key, stored.as_bytes(), &event.body));
        assert!(!stored.contains('\n'));
    }

    #[test]
    fn every_changed_byte_breaks_the_seal() {
        let event = event();
        let stored = sealed(&event).into_bytes();
        for place in 0..stored.len() {
            let mut changed = stored.clone();
            changed[place] ^= 1;
            assert!(!is_intact(&event.key, &changed, &event.body), "{}", String::from_utf8_lossy(&changed));
        }
        for place in 0..event.body.len() {
            let mut changed = event.body.to_vec();
            changed[place] ^= 1;
            assert!(!is_intact(&event.key, &stored, &changed));
        }
        assert!(!is_intact(&event.key, &stored, &event.body[1..]), "cut off");
        let other = EventKey { subject: "order:S2".into(), ..event.key.clone() };
        assert!(!is_intact(&other, &stored, &event.body), "another event's");
    }

    #[test]
    fn event_of_a_version_without_seals_is_intact() {
        let event = event();
        let unsealed = serde_json::to_string(&event.meta).unwrap();
        assert!(is_intact(&event.key, unsealed.as_bytes(), b"anything"));
        for other in ["", "{", BEFORE, "{\"seal\":\"abc\",\"type\":\"x\"}"] {
            assert!(!is_intact(&event.key, other.as_bytes(), b"anything"), "{other}");
        }
    }
}
