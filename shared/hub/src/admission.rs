//! Reading of a push: from its bytes to its events, with their deliveries.

mod notation;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use bytes::Bytes;
use partners::configured::{Body, json as configured_json};
use partners::operation::Settings;
use partners::pulled::Rows;
use partners::sentence::{sentence, shortened};
use partners::{Json, Partner, json};

use crate::action::{Action, Fact, Push, Reading};
use crate::configured;
use crate::content_encoding;
use crate::delivery::Delivery;
use crate::event::{Data, Meta, Pulled, Within};
use crate::identity::{self, Content, Identity};
use crate::milestone::DatedMilestone;
use crate::routes::Route;
use notation::Source;

use crate::{Alias, ConnectionId, Event, EventId, EventKey, EventType, Milestone, Subject, Utc, Work};

/// Largest number of events of a push. A push with more is stored as a single event: so many conditional writes would exceed
/// the partner's deadline, also at each retry.
const MOST_EVENTS: usize = 500;

/// Most bytes that the events of a push may be stored in where each keeps more of the body than its own part.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Longest part of a `Content-Encoding` that the reason of a refusal quotes, in characters.
const ENCODING_NAMED: usize = 60;

/// Beginning of the subject of an event that cannot be read.
const MALFORMED: &str = "malformed:";

/// Largest number and size of the keys that such an event is found by: each is a write, and all are in the event's item.
const MOST_KEYS: usize = 2_000;
const MOST_KEY_BYTES: usize = 64 * 1024;

/// The connection of a push, as far as reading the body takes it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Its name.
    pub connection: &'a ConnectionId,
    /// Its partner.
    pub partner: Partner,
    /// Settings of the connection that complement the partner's documents.
    pub settings: &'a Settings,
}

/// Events read from the body of a push.
#[derive(Debug)]
pub struct Arrival {
    /// The events that it may become, at least one, no two of them equal.
    pub drafts: Vec<Draft>,
    /// Deviation from the partner's documents; if any, the one draft stores the body unchanged.
    pub malformed: Option<String>,
}

/// An event that has no id yet, because that may depend on its predecessor.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Type of the event.
    pub kind: EventType,
    /// Subject of the event.
    pub subject: Subject,
    /// Rule by which a repetition is recognised.
    pub identity: Identity,
    /// Digest by which repetitions are recognised.
    pub content: Content,
    aliases: Vec<Alias>,
    keys_left_out: u32,
    milestone: Option<Milestone>,
    occurred: Option<Utc>,
    dated: Vec<DatedMilestone>,
    data: Data,
    within: Option<Within>,
    malformed: Option<String>,
    pulled: Option<Pulled>,
    encoding: Option<String>,
    body: Bytes,
}

/// Reads the body of a push.
#[must_use]
pub fn read(action: &Action, origin: Origin<'_>, body: &Bytes, encoding: Option<&str>) -> Arrival {
    let Origin { connection, partner, settings } = origin;
    let table = partner.push_table();
    let reading = |json: &Json<'_>| match table {
        Some(table) => match table.actions.iter().find(|row| action.suffix.is_empty() && row.name == action.name) {
            // What an answer brings names its action.
            Some(row) => configured::events(row, json),
            None => configured::read(table, partner, action.suffix, json),
        },
        None => (action.read)(&Push { partner, body: json, settings }),
    };
    // What an answer brings is JSON, whatever the partner pushes.
    let notation = table.map_or(&Body::Json, |table| if action.suffix.is_empty() { &Body::Json } else { &table.body });
    let source = Source { connection, body, notation };
    let text = match configured_json(notation, body) {
        Ok(text) => text,
        Err(error) => return unread(&source, partner, encoding, &error.to_string()),
    };
    // A body that is JSON was not compressed, whatever its header says.
    let json = match Json::parse(&text) {
        Ok(json) => json,
        Err(error) => {
            let arrival = unread(&source, partner, encoding, &error.to_string());
            if encoding.is_some_and(content_encoding::is_coded) {
                return arrival;
            }
            let found = json::mended(&text, &error, |json| match reading(json) {
                Reading::Facts(facts) => Some(found(&facts)),
                Reading::Malformed(_) => None,
            });
            return arrival.about(found.flatten().unwrap_or_default());
        }
    };
    match reading(&json) {
        Reading::Malformed(reason) => opaque(connection, partner, body, &reason),
        Reading::Facts(facts) => {
            let is_too_much = facts.len() > MOST_EVENTS || source.bytes(&facts) > MOST_BYTES;
            let facts = if is_too_much { together(&json, &facts) } else { facts };
            let mut known = HashSet::with_capacity(facts.len());
            let drafts = facts.into_iter().map(|fact| source.draft(&json, fact));
            Arrival { drafts: drafts.filter(|draft| known.insert(draft.content)).collect(), malformed: None }
        }
    }
}

/// Keeps a body that is not of its notation, for that reason or for the encoding that it is in.
fn unread(source: &Source<'_>, partner: Partner, encoding: Option<&str>, reason: &str) -> Arrival {
    let Source { connection, body, .. } = source;
    let Some(encoding) = encoding.filter(|encoding| content_encoding::is_coded(encoding)) else {
        return opaque(connection, partner, body, reason);
    };
    let named = shortened(encoding, ENCODING_NAMED);
    let reason = format!("Content-Encoding {named:?} is not accepted; send the {} uncompressed", source.what());
    let mut arrival = opaque(connection, partner, body, &reason);
    arrival.drafts.iter_mut().for_each(|draft| draft.encoding = Some(header(encoding)));
    arrival
}

/// The event of a row of a partner's list of failed pushes, about the partner's own serial of the order; the order that it
/// belongs to is another key of it, so that its id is the same whether that is known or not. What a row holds is not documented,
/// so it is kept as it is, and equal rows are one event. Nothing where the row is no JSON.
#[must_use]
pub fn recovered(
    connection: &ConnectionId,
    kind: &'static str,
    row: &str,
    serial: Option<&str>,
    order: Option<&str>,
) -> Option<Draft> {
    let body = Bytes::from(row.to_owned());
    let json = Json::parse(&body).ok()?;
    Some(
        Source { connection, body: &body, notation: &Body::Json }
            .draft(&json, Fact::new(kind, &json, [("serial", serial), ("order", order)]))
            .pulled(None, None),
    )
}

/// Business keys and milestone of several facts that are stored as one event.
#[derive(Default)]
struct CommonParts {
    keys: Vec<Alias>,
    left_out: BTreeSet<Alias>,
    milestone: Option<Milestone>,
}

/// The keys of facts, their subjects before their aliases, and the milestone that all of them are at.
fn found(facts: &[Fact]) -> CommonParts {
    let mut all = CommonParts::default();
    let (mut known, mut bytes) = (HashSet::new(), 0);
    let named = facts.iter().map(|fact| &fact.subject).filter(|subject| !subject.is_digest());
    let subjects = named.map(|subject| Alias::from(subject.as_str()));
    let aliases = facts.iter().flat_map(|fact| fact.aliases.iter().chain(&fact.left_out)).cloned();
    for key in subjects.chain(aliases) {
        if !known.insert(key.clone()) {
            continue;
        }
        bytes += key.as_str().len();
        if all.keys.len() < MOST_KEYS && bytes <= MOST_KEY_BYTES {
            all.keys.push(key);
        } else {
            all.left_out.insert(key);
        }
    }
    let first = facts.first().and_then(|fact| fact.milestone);
    all.milestone = first.filter(|_| facts.iter().all(|fact| fact.milestone == first));
    all
}

/// The facts of an enormous push as one fact about the push itself, found by the keys of all.
fn together(json: &Json<'_>, facts: &[Fact]) -> Vec<Fact> {
    let CommonParts { keys, left_out, milestone } = found(facts);
    let one = |fact: &Fact| Fact { aliases: keys, left_out, milestone, ..Fact::new(fact.kind.clone(), json, []) };
    facts.first().map(one).into_iter().collect()
}

/// A header's value as it may be kept and sent again.
fn header(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(128).collect()
}

/// Keeps a body that cannot be read, for that reason.
fn opaque(connection: &ConnectionId, partner: Partner, body: &Bytes, reason: &str) -> Arrival {
    let reason = sentence(reason);
    let kind = EventType::from(format!("{partner}.malformed"));
    let draft = Draft {
        subject: Subject::new("malformed", &identity::digest(body)),
        content: identity::opaque(connection, &kind, body),
        kind,
        identity: Identity::Content,
        aliases: Vec::new(),
        keys_left_out: 0,
        milestone: None,
        occurred: None,
        dated: Vec::new(),
        data: Data::Opaque,
        within: None,
        malformed: Some(reason.clone()),
        pulled: None,
        encoding: None,
        body: body.clone(),
    };
    Arrival { drafts: vec![draft], malformed: Some(reason) }
}

impl Arrival {
    /// The event of a body that is broken, about what could be read of it all the same.
    fn about(mut self, found: CommonParts) -> Self {
        // A key that is not ASCII may be what the mending made of it.
        let mut keys = found.keys.into_iter().filter(|key| key.as_str().is_ascii());
        if let (Some(draft), Some(first)) = (self.drafts.first_mut(), keys.next()) {
            draft.subject = Subject::from(first.as_str());
            draft.aliases = keys.collect();
            draft.keys_left_out = u32::try_from(found.left_out.len()).unwrap_or(u32::MAX);
            draft.milestone = found.milestone;
        }
        self
    }
}

impl Draft {
    /// Number of its keys that it will not be found by.
    #[must_use]
    pub const fn keys_left_out(&self) -> u32 {
        self.keys_left_out
    }

    /// The draft of an event that the hub itself makes: JSON about a subject, told by `content`.
    pub(crate) const fn own(kind: EventType, subject: Subject, content: Content, body: Bytes) -> Self {
        Self {
            kind,
            subject,
            identity: Identity::Content,
            content,
            aliases: Vec::new(),
            keys_left_out: 0,
            milestone: None,
            occurred: None,
            dated: Vec::new(),
            data: Data::Json(0..body.len()),
            within: None,
            malformed: None,
            pulled: None,
            encoding: None,
            body,
        }
    }

    /// The draft as one that came in an answer: the part of a batch that it is, and the key that was asked for, which it is
    /// about where it has none of its own.
    #[must_use]
    pub fn pulled(mut self, rows: Option<Rows>, asked: Option<&Alias>) -> Self {
        self.pulled = Some(Pulled { rows });
        let has_no_key = self.subject.is_digest() || self.subject.as_str().starts_with(MALFORMED);
        if let Some(asked) = asked.filter(|_| has_no_key) {
            self.subject = Subject::from(asked.as_str());
        }
        self
    }

    /// Its payload.
    #[must_use]
    pub fn payload(&self) -> Cow<'_, [u8]> {
        let within = self.within.as_ref().and_then(|within| within.of(&self.body));
        within.map_or_else(|| self.data.of(&self.body), Cow::Owned)
    }

    /// The event this draft becomes under an id.
    #[must_use]
    pub fn event(
        self,
        connection: &ConnectionId,
        id: EventId,
        received: Utc,
        possible_repeat: bool,
        content_type: &str,
        retention: Duration,
    ) -> Event {
        Event {
            key: EventKey { connection: connection.clone(), subject: self.subject, id },
            meta: Meta {
                kind: self.kind,
                received,
                occurred: self.occurred,
                expires: received.after(retention),
                content_type: header(content_type),
                encoding: self.encoding,
                data: self.data,
                within: self.within,
                milestone: self.milestone,
                dated: self.dated,
                aliases: self.aliases,
                keys_left_out: self.keys_left_out,
                malformed: self.malformed,
                possible_repeat,
                pulled: self.pulled,
                exchange: None,
            },
            body: self.body,
        }
    }
}

/// The work an event causes: a delivery to each endpoint that wants it, and where it has other keys, or `has_more`, a watch
/// to begin or files to fetch, what is written after the answer.
#[must_use]
pub fn work(event: &Event, routes: &[Route], lease: Duration, has_more: bool) -> Work {
    let received = event.meta.received;
    let due = received.after(lease);
    let wanted = routes.iter().filter(|route| route.wants(&event.key.connection, &event.meta.kind));
    let deliveries: Vec<_> = wanted.map(|route| Delivery::by(route, received, due)).collect();
    Work {
        version: 0,
        accepted: u32::try_from(deliveries.len()).unwrap_or(u32::MAX).max(1),
        index_by: (has_more || !event.meta.aliases.is_empty()).then_some(due),
        deliveries,
        call: None,
        watch: None,
        files: None,
    }
}
