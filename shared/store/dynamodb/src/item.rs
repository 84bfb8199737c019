//! Between items and what they stand for.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use hub::event::Meta;
use hub::{ConnectionId, EventId, EventKey, EventType, Subject, Utc, Work};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Listed, StoreError};

use crate::call::Item;
use crate::codec;
use crate::schema::{BODY, DATA, EXPIRES, KEPT, PK, PLACE, SHARD, SHARDS, SK, VERSION, WORK};

/// Prefix of the sort keys of events.
pub(crate) const EVENT: &str = "E#";

/// A text value.
pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number value.
pub(crate) fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A bytes value.
pub(crate) fn blob(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// The expiry of an item: rounded up, so that nothing is forgotten early.
pub(crate) fn expires(at: Utc) -> AttributeValue {
    number(at.seconds() + i64::from(at.0.rem_euclid(1_000_000) > 0))
}

/// The expiry of open work, in seconds: the end of the year 9999.
const OPEN: i64 = 253_402_300_799;

/// The expiry of open work.
pub(crate) fn never() -> AttributeValue {
    number(OPEN)
}

/// The attributes of a new item's expiry.
pub(crate) fn life(at: Utc, is_open: bool) -> Item {
    if is_open {
        HashMap::from([(EXPIRES.to_owned(), never()), (KEPT.to_owned(), expires(at))])
    } else {
        HashMap::from([(EXPIRES.to_owned(), expires(at))])
    }
}

/// The time an expiry is compared with: an item is absent when its `x` is not over this.
pub(crate) fn now_seconds(now: Utc) -> AttributeValue {
    number(now.seconds())
}

/// Whether an item counts as absent.
pub(crate) fn is_expired(item: &Item, now: Utc) -> bool {
    let expires = item.get(EXPIRES).and_then(|value| value.as_n().ok()).and_then(|text| text.parse::<i64>().ok());
    expires.is_some_and(|expires| expires <= now.seconds())
}

/// `#name` for each name: many attribute names are reserved words, and every release may reserve more.
pub(crate) fn placeholders<const N: usize>(names: [&str; N]) -> HashMap<String, String> {
    names.into_iter().map(|name| (format!("#{name}"), name.to_owned())).collect()
}

/// The partition of a subject.
pub(crate) fn partition(connection: &ConnectionId, subject: &Subject) -> String {
    format!("{connection}#{subject}")
}

/// The subject of a partition. Connections have no `#` in their names.
pub(crate) fn subject_of(partition: &str) -> Option<(ConnectionId, Subject)> {
    let (connection, subject) = partition.split_once('#')?;
    Some((connection.into(), subject.into()))
}

/// The key of an event's item.
pub(crate) fn event_key(key: &EventKey) -> Item {
    item_key(partition(&key.connection, &key.subject), format!("{EVENT}{}", key.id))
}

/// Prefix of the sort keys of heads.
pub(crate) const HEADS: &str = "H#";

/// The key of a chain's head.
pub(crate) fn head_key(connection: &ConnectionId, subject: &Subject, kind: &EventType) -> Item {
    item_key(partition(connection, subject), format!("{HEADS}{kind}"))
}

/// A key of those two parts.
pub(crate) fn item_key(partition: String, sort: impl Into<String>) -> Item {
    HashMap::from([(PK.to_owned(), text(partition)), (SK.to_owned(), text(sort))])
}

/// Key of the event with these attributes; none where they are not an event's.
pub(crate) fn key_of(item: &Item) -> Option<EventKey> {
    let (connection, subject) = subject_of(item.get(PK)?.as_s().ok()?)?;
    let id = item.get(SK)?.as_s().ok()?.strip_prefix(EVENT)?.parse::<EventId>().ok()?;
    Some(EventKey { connection, subject, id })
}

/// Place of work in the index; none for settled work. `D#` is due only, `E#` due and failed, `F#` failed and waiting for a
/// decision or confirmation, `G#` failed only. `DP#` and `EP#` are `D#` and `E#` of what consumers lease: its time is that of what is
/// due beside it, else [`PULLABLE`] and that since which it waits, so that a lease does not move it. Due work is read from `D#` and
/// `E#`, waiting work from `E#` to `F#`, and failed work from there on. The previous version has no `G#`: it reads all after `E#` as
/// failed, and has stored all of that in `F#`. `W#` is a watch, `X#` files that are waited for, and `Y#` files of which some were given
/// up; no other list reads those.
pub(crate) fn place(work: &Work) -> Option<String> {
    if let Some(watch) = &work.watch {
        return watch.due.map(|due| place_at("W", due));
    }
    if let Some(since) = work.pullable_since() {
        let at = work.due().unwrap_or(Utc(PULLABLE.saturating_add(since.0.max(0))));
        return Some(place_at(if work.has_failed() { "EP" } else { "DP" }, at));
    }
    if work.files.is_some() {
        let due = work.due().map(|due| place_at("X", due));
        return due.or_else(|| work.lost_since().map(|since| place_at("Y", since)));
    }
    match (work.due(), work.failed_since(), work.waits_since()) {
        (Some(due), None, _) => Some(place_at("D", due)),
        (Some(due), Some(_), _) => Some(place_at("E", due)),
        (None, Some(_), Some(since)) => Some(place_at("F", since)),
        (None, Some(since), None) => Some(place_at("G", since)),
        (None, None, _) => None,
    }
}

/// Added to the times of what is due for a consumer alone, so that it is behind all that is due by itself.
pub(crate) const PULLABLE: i64 = 1 << 62;

/// A place that sorts by time.
pub(crate) fn place_at(class: &str, at: Utc) -> String {
    format!("{class}#{:020}", at.0.max(0))
}

/// The time of a place.
pub(crate) fn time_of(item: &Item) -> Option<Utc> {
    item.get(PLACE)?.as_s().ok()?.split_once('#')?.1.parse().ok().map(Utc)
}

/// The shard of an event, from the part of its id that its content makes: a busy subject is spread.
pub(crate) fn shard(id: &EventId) -> u8 {
    id.0.last().copied().unwrap_or_default() % SHARDS
}

/// The attributes that change with the work, the two of the index absent where nothing is to be done.
pub(crate) fn work_attributes(id: &EventId, work: &Work) -> (Item, bool) {
    let packed = codec::pack(&serde_json::to_vec(work).unwrap_or_default());
    let mut attributes = HashMap::from([(WORK.to_owned(), blob(packed)), (VERSION.to_owned(), number(work.version))]);
    let place = place(work);
    let listed = place.is_some();
    if let Some(place) = place {
        attributes.insert(SHARD.to_owned(), text(shard(id).to_string()));
        attributes.insert(PLACE.to_owned(), text(place));
    }
    (attributes, listed)
}

/// Packs a value as JSON.
pub(crate) fn pack_json(value: &impl Serialize) -> Vec<u8> {
    // Plain structs of texts and numbers always print; a failure here would be a defect of serde_json.
    codec::pack(&serde_json::to_vec(value).unwrap_or_default())
}

/// Metadata of an event, as JSON, and the body after it.
pub(crate) fn parts(data: Vec<u8>) -> (Bytes, Bytes) {
    let data = Bytes::from(data);
    // JSON is printed on one line.
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (data.slice(..end), data.slice((end + 1).min(data.len())..))
}

/// The text attributes and packs of an item that something is read from.
pub(crate) struct Reader<'a> {
    pub(crate) verb: &'static str,
    pub(crate) item: &'a Item,
}

impl Reader<'_> {
    /// The item cannot be read.
    pub(crate) fn corrupt(&self, what: &str) -> StoreError {
        let key = |name| self.item.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
        StoreError::Corrupt { verb: self.verb, what: format!("{what} of {} {}", key(PK), key(SK)) }
    }

    pub(crate) fn unpack(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let packed = self.item.get(name).and_then(|value| value.as_b().ok());
        let packed = packed.ok_or_else(|| self.corrupt("an attribute is missing"))?;
        codec::unpack(packed.as_ref()).map_err(|error| self.corrupt(&error.to_string()))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| self.corrupt(&error.to_string()))
    }

    /// Metadata of an event, and its body where that is not stored in parts.
    pub(crate) fn event(&self) -> Result<(Meta, Bytes), StoreError> {
        let (meta, body) = parts(self.unpack(DATA)?);
        Ok((self.json(&meta)?, body))
    }

    /// The event is not as it was written.
    pub(crate) fn damaged(&self, key: &EventKey) -> StoreError {
        let work = self.work().ok().map(Box::new);
        StoreError::Damaged { verb: self.verb, event: key.id, work }
    }

    pub(crate) fn work(&self) -> Result<Work, StoreError> {
        self.json(&self.unpack(WORK)?)
    }

    pub(crate) fn listed(&self) -> Result<Listed, StoreError> {
        let key = key_of(self.item).ok_or_else(|| self.corrupt("the key"))?;
        let (meta, _) = self.event()?;
        Ok(Listed { key, meta, work: self.work()? })
    }

    /// Digest of a large body, and the number of its parts.
    pub(crate) fn body(&self) -> Result<Option<(String, usize)>, StoreError> {
        let Some(body) = self.item.get(BODY) else { return Ok(None) };
        let place = body.as_s().ok().and_then(|text| text.split_once('.'));
        let place = place.and_then(|(digest, parts)| Some((digest.to_owned(), parts.parse().ok()?)));
        place.map(Some).ok_or_else(|| self.corrupt("the place of the body"))
    }
}

#[cfg(test)]
mod tests {
    use hub::call::{Call, Standing};
    use hub::delivery::{Delivery, State};

    use super::*;

    fn work(states: &[State]) -> Work {
        let delivery = |state: &State| Delivery { state: *state, ..Delivery::new("erp".into(), Utc(0), Utc(7)) };
        Work { deliveries: states.iter().map(delivery).collect(), ..Work::default() }
    }

    #[test]
    fn index_place_separates_due_from_failed_by_time() {
        let place = |states: &[State]| place(&work(states)).map(|place| place[..2].to_owned());
        assert_eq!(place(&[State::Pending, State::Delivered]).as_deref(), Some("D#"));
        assert_eq!(place(&[State::Pending, State::Failed]).as_deref(), Some("E#"));
        assert_eq!(place(&[State::Confirmed, State::Failed]).as_deref(), Some("F#"));
        assert_eq!(place(&[State::Confirmed, State::Delivered]), None);
        let call = Call {
            standing: Standing::Failed,
            ..Call::new(String::new(), String::new(), String::new(), Utc(0), Utc(7))
        };
        let called = |states: &[State]| {
            super::place(&Work { call: Some(call.clone()), ..work(states) }).unwrap()[..2].to_owned()
        };
        assert_eq!(called(&[State::Pending]), "E#");
        assert_eq!(called(&[State::Failed]), "F#");
        assert_eq!(called(&[State::Delivered]), "G#");
        assert!(place_at("D", Utc(9)) < place_at("D", Utc(10)) && place_at("D", Utc(i64::MAX)) < place_at("E", Utc(0)));
    }

    #[test]
    fn lease_does_not_move_what_consumers_wait_for() {
        let pulled = |state| Delivery { pull: true, ..work(&[state]).deliveries.remove(0) };
        let waiting = Work { deliveries: vec![pulled(State::Pending)], ..Work::default() };
        let leased = Work { deliveries: vec![pulled(State::Pending).leased(Utc(99), Utc(9))], ..Work::default() };
        assert_eq!((place(&waiting), place(&waiting).unwrap()[..3].to_owned()), (place(&leased), "DP#".to_owned()));
        let mixed = |other| Work {
            deliveries: [work(&[other]).deliveries, waiting.deliveries.clone()].concat(),
            ..Work::default()
        };
        assert_eq!(place(&mixed(State::Pending)), Some(place_at("DP", Utc(7))), "what is due beside it");
        assert_eq!(place(&mixed(State::Failed)).unwrap()[..3].to_owned(), "EP#");
        assert_eq!(place(&Work { deliveries: vec![pulled(State::Delivered)], ..Work::default() }), None);
        let order = ["D#9", "DP#0", "DP#9", "E#0", "E#9", "EP#0", "EP#9", "F#0"];
        assert!(order.is_sorted(), "the ranges of the lists");
    }

    #[test]
    fn expiry_is_rounded_up() {
        for (at, seconds) in [(0, "0"), (1, "1"), (1_000_000, "1"), (1_000_001, "2")] {
            assert_eq!(expires(Utc(at)), number(seconds));
        }
    }
}
