//! Identity of events: the rules by which two pushes are the same event.
//!
//! The id of an event is derived from its content, so that a store's "put unless it is there" is the de-duplication.
//! White space, member order and escapes do not matter; values do, as printed: `1.10` is not `1.1`.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use partners::json::Kind;
use partners::{Hex, Json};

use crate::clock::CLOCKS;
use crate::{ConnectionId, EventId, EventType, Subject, Utc};

/// The repeat window where nothing is configured: for that long an equal of an earlier event may be a retry of it.
pub const REPEAT_WINDOW: Duration = Duration::from_mins(10);

/// Largest number of contents that a chain remembers within its repeat window.
const REMEMBERED: usize = 32;

/// A digest of what makes an event: connection, type and canonical payload. Prints as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content([u8; 16]);

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({self})")
    }
}

/// Rule by which an action distinguishes a repetition from news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Equal content is the same event, for as long as events are kept.
    Content,
    /// A message that carries neither time nor id. Equal to the latest event of its subject and type it is the same event
    /// within the connection's repeat window, and a new one later: a reminder, or a second draft.
    Message,
    /// A state that the hub asked for. Equal to the latest event of its subject and type it is the same event, however
    /// late: nothing has changed.
    Snapshot,
}

/// Window in which a push that equals the latest event of its chain is the same event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// For so long ([`Identity::Message`]).
    Within(Duration),
    /// For as long as events are kept ([`Identity::Snapshot`]).
    Always,
}

impl Repeats {
    /// Time for which a push that equals an event may be a late retry of it.
    const fn window(self) -> Duration {
        match self {
            Self::Within(window) => window,
            Self::Always => REPEAT_WINDOW,
        }
    }
}

/// 16 hex digits of a digest of some bytes, for names.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// 16 hex digits of a digest of a JSON value, for names: the same however it is printed.
#[must_use]
pub fn digest_of(value: &Json<'_>) -> String {
    digest_of_parts(value, &Parts::ALL)
}

/// The same of those parts of a value.
#[must_use]
pub fn digest_of_parts(value: &Json<'_>, parts: &Parts<'_>) -> String {
    let mut hash = Sha256::new();
    canonical(&mut hash, value, parts);
    hex(hash)
}

/// The content digest of a JSON payload.
#[must_use]
pub fn content(connection: &ConnectionId, kind: &EventType, payload: &Json<'_>) -> Content {
    content_of(connection, kind, payload, &Parts::ALL)
}

/// The content digest of those parts of a JSON payload.
#[must_use]
pub fn content_of(connection: &ConnectionId, kind: &EventType, payload: &Json<'_>, parts: &Parts<'_>) -> Content {
    let mut hash = begin(connection, kind, b"json");
    canonical(&mut hash, payload, parts);
    finish(hash)
}

/// The parts of a payload that make its content. Values are named by where they begin in the document.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'p> {
    /// Values that do not count, in ascending order.
    pub without: &'p [usize],
    /// An array of which one element alone counts: both begin there.
    pub only: Option<(usize, usize)>,
}

impl Parts<'_> {
    /// Everything.
    pub const ALL: Self = Self { without: &[], only: None };

    fn has(&self, value: &Json<'_>) -> bool {
        self.without.binary_search(&value.span().start).is_err()
    }
}

/// The content digest of a body that is not JSON.
#[must_use]
pub fn opaque(connection: &ConnectionId, kind: &EventType, body: &[u8]) -> Content {
    let mut hash = begin(connection, kind, b"bytes");
    hash.update(body);
    finish(hash)
}

/// The content digest of a payload at a place among others, which may be equal.
#[must_use]
pub fn placed(content: Content, place: u64) -> Content {
    finish(Sha256::new().chain_update(content.0).chain_update(place.to_be_bytes()))
}

/// The id of an event that equal content makes equal.
#[must_use]
pub fn by_content(connection: &ConnectionId, subject: &Subject, content: Content) -> EventId {
    with_prefix(connection, subject, content.0)
}

/// 16 bytes that identify a named item of a connection, such as a call by the ERP's idempotency key.
pub(crate) fn named(connection: &ConnectionId, kind: &str, name: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    text(&mut hash, b'k', connection.as_str());
    text(&mut hash, b'k', kind);
    text(&mut hash, b'k', name);
    cut(hash)
}

/// The 16 bytes of an id that are not its subject's.
pub(crate) fn own(id: EventId) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(id.0.into_iter().skip(8)).for_each(|(to, from)| *to = from);
    bytes
}

/// The first 8 bytes of the ids of a subject's events.
#[must_use]
pub fn prefix(connection: &ConnectionId, subject: &Subject) -> [u8; 8] {
    let mut hash = Sha256::new();
    text(&mut hash, b's', connection.as_str());
    text(&mut hash, b's', subject.as_str());
    cut(hash)
}

/// The latest event of a chain: one subject, one event type, [`Identity::Message`] or [`Identity::Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The latest event.
    pub event: EventId,
    /// Its content.
    pub content: Content,
    /// Time at which it was received; later than its predecessor's, whatever the clock shows.
    pub received: Utc,
    /// The contents received within the repeat window before the latest, and the latest itself, oldest first. Each with the
    /// clock's time of its reception.
    pub recent: Vec<(Content, Utc)>,
}

impl Head {
    /// The clock's time when the latest event was received.
    fn clock(&self) -> Utc {
        let latest = self.recent.last().filter(|(content, _)| *content == self.content);
        latest.map_or(self.received, |(_, at)| *at)
    }
}

/// Position of a push in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A repetition of the latest event.
    Duplicate(EventId),
    /// A new event.
    Next {
        /// Whether it may be a late retry instead of news: it equals the latest event, which is older than the repeat window,
        /// or an earlier one within the window.
        possible_repeat: bool,
        /// The chain with the new event as its latest. Its `received` is later than its predecessor's, unless that lies
        /// ahead because the clock was set back.
        head: Head,
    },
}

/// Decides what `content`, received at `now`, is to a chain whose latest event is `head`. The new id covers the
/// predecessor's, so that concurrent equals meet in one conditional write.
///
/// Times are compared whichever is the later: after a clock was set back by more than the window, an equal is a new event,
/// as it is after the window.
#[must_use]
pub fn follow(
    head: Option<&Head>,
    connection: &ConnectionId,
    subject: &Subject,
    content: Content,
    now: Utc,
    repeats: Repeats,
) -> Step {
    let apart = |at: Utc| now.since(at).max(at.since(now));
    let equal = head.filter(|head| head.content == content);
    if let Some(head) = equal {
        let repeated = match repeats {
            Repeats::Within(window) => apart(head.clock()) <= window,
            Repeats::Always => true,
        };
        if repeated {
            return Step::Duplicate(head.event);
        }
    }
    let mut hash = Sha256::new();
    hash.update(content.0);
    hash.update(head.map_or([0; 24], |head| head.event.0));
    let event = with_prefix(connection, subject, cut(hash));
    let received = later(head, now);
    let mut recent: Vec<_> = head.map_or_else(Vec::new, |head| head.recent.clone());
    recent.retain(|(_, at)| apart(*at) <= repeats.window());
    let possible_repeat = equal.is_some() || recent.iter().any(|(earlier, _)| *earlier == content);
    recent.push((content, now));
    recent.drain(..recent.len().saturating_sub(REMEMBERED));
    Step::Next { possible_repeat, head: Head { event, content, received, recent } }
}

/// Time of reception of the event after `head` that came at `now`: later than its predecessor's, unless that lies ahead because
/// the clock was set back.
pub(crate) fn later(head: Option<&Head>, now: Utc) -> Utc {
    // A time that a clock stored while it was ahead does not count once the clock is set back.
    let earlier = head.map(|head| head.received).filter(|at| *at <= now.after(CLOCKS));
    earlier.map_or(now, |earlier| now.max(Utc(earlier.0.saturating_add(1))))
}

/// The id of the event that these 16 bytes identify within the subject.
pub(crate) fn with_prefix(connection: &ConnectionId, subject: &Subject, own: [u8; 16]) -> EventId {
    let mut bytes = [0; 24];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&prefix(connection, subject));
    tail.copy_from_slice(&own);
    EventId(bytes)
}

fn begin(connection: &ConnectionId, kind: &EventType, form: &[u8]) -> Sha256 {
    let mut hash = Sha256::new();
    text(&mut hash, b's', connection.as_str());
    text(&mut hash, b's', kind.as_str());
    hash.update(form);
    hash
}

/// Feeds a value so that no two different values feed the same bytes: every text goes with its length.
fn canonical(hash: &mut Sha256, value: &Json<'_>, parts: &Parts<'_>) {
    match value.kind() {
        Kind::Null => hash.update(b"n"),
        Kind::Bool(true) => hash.update(b"t"),
        Kind::Bool(false) => hash.update(b"f"),
        Kind::Number(_) => text(hash, b'd', value.text()),
        // As printed between its quotes.
        Kind::String(_) if value.is_broken() => text(hash, b's', value.text().trim_matches('"')),
        Kind::String(string) => text(hash, b's', string),
        Kind::Array(elements) => {
            let only = parts.only.filter(|(array, _)| *array == value.span().start).map(|(_, element)| element);
            let counts =
                |element: &&Json<'_>| only.is_none_or(|only| only == element.span().start) && parts.has(element);
            hash.update(b"[");
            for element in elements.iter().filter(counts) {
                canonical(hash, element, parts);
            }
            hash.update(b"]");
        }
        Kind::Object(members) => {
            let mut sorted: Vec<_> = members.iter().filter(|(_, member)| parts.has(member)).collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            hash.update(b"{");
            for (name, member) in sorted {
                text(hash, b's', name);
                canonical(hash, member, parts);
            }
            hash.update(b"}");
        }
    }
}

fn text(hash: &mut Sha256, tag: u8, text: &str) {
    hash.update([tag]);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

fn hex(hash: Sha256) -> String {
    Hex(&cut::<8>(hash)).to_string()
}

fn finish(hash: Sha256) -> Content {
    Content(cut(hash))
}

/// The first bytes of a digest.
pub(crate) fn cut<const N: usize>(hash: Sha256) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    bytes
}
