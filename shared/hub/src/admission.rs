//! From the bytes of a push to the events it brings, with their deliveries.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use bytes::Bytes;
use partners::sentence::{sentence, shortened};
use partners::{Json, Partner, json};

use crate::action::{Action, Fact, Push, Reading};
use crate::content_encoding;
use crate::delivery::Delivery;
use crate::event::{Data, Meta};
use crate::identity::{self, Content, Identity};
use crate::routes::Route;
use crate::{Alias, ConnectionId, Event, EventId, EventKey, EventType, Milestone, Subject, Utc, Work};

/// How many events a push may become. One with more is kept as a single event: so many conditional writes would not be
/// done in the partner's time, and its retries would fare no better.
const MOST_EVENTS: usize = 500;

/// How much of a `Content-Encoding` the reason for a refusal repeats, in characters.
const ENCODING_NAMED: usize = 60;

/// How many keys such an event is found by, and how many bytes they have: each is a write, and all lie in the event's item.
const MOST_KEYS: usize = 2_000;
const MOST_KEY_BYTES: usize = 64 * 1024;

/// What was found in the body of a push.
#[derive(Debug)]
pub struct Arrival {
    /// The events it may become, one at least, no two of them equal.
    pub drafts: Vec<Draft>,
    /// Why it is not what the partner's documents describe; then the one draft keeps it as it came.
    pub malformed: Option<String>,
}

/// An event that has no id yet, because that may depend on its predecessor.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is.
    pub kind: EventType,
    /// What it is about.
    pub subject: Subject,
    /// How it is told from a repetition.
    pub identity: Identity,
    /// What it is told by.
    pub content: Content,
    aliases: Vec<Alias>,
    keys_left_out: u32,
    milestone: Option<Milestone>,
    data: Data,
    malformed: Option<String>,
    encoding: Option<String>,
    body: Bytes,
}

/// Reads the body of a push.
#[must_use]
pub fn read(
    action: &Action,
    connection: &ConnectionId,
    partner: Partner,
    fee_actions: &[String],
    body: &Bytes,
    encoding: Option<&str>,
) -> Arrival {
    // What is JSON was not compressed, whatever its header says.
    let json = match (Json::parse(body), encoding.filter(|encoding| content_encoding::is_coded(encoding))) {
        (Ok(json), _) => json,
        (Err(error), None) => {
            let found =
                json::mended(body, &error, |json| match (action.read)(&Push { partner, body: json, fee_actions }) {
                    Reading::Facts(facts) => Some(found(&facts)),
                    Reading::Malformed(_) => None,
                });
            return opaque(connection, partner, body, &error.to_string()).about(found.flatten().unwrap_or_default());
        }
        (Err(_), Some(encoding)) => {
            let named = shortened(encoding, ENCODING_NAMED);
            let reason = format!("Content-Encoding {named:?} is not accepted; send the JSON uncompressed");
            let mut arrival = opaque(connection, partner, body, &reason);
            arrival.drafts.iter_mut().for_each(|draft| draft.encoding = Some(header(encoding)));
            return arrival;
        }
    };
    match (action.read)(&Push { partner, body: &json, fee_actions }) {
        Reading::Malformed(reason) => opaque(connection, partner, body, &reason),
        Reading::Facts(facts) => {
            let facts = if facts.len() > MOST_EVENTS { together(&json, &facts) } else { facts };
            let mut known = HashSet::with_capacity(facts.len());
            let drafts = facts.into_iter().map(|fact| draft(connection, &json, body, fact));
            Arrival { drafts: drafts.filter(|draft| known.insert(draft.content)).collect(), malformed: None }
        }
    }
}

/// What several facts have in common with one event that stands for all of them.
#[derive(Default)]
struct Found {
    keys: Vec<Alias>,
    left_out: BTreeSet<Alias>,
    milestone: Option<Milestone>,
}

/// The keys of facts, their subjects before their aliases, and the milestone that all of them are at.
fn found(facts: &[Fact]) -> Found {
    let mut all = Found::default();
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
    let Found { keys, left_out, milestone } = found(facts);
    let one = |fact: &Fact| Fact { aliases: keys, left_out, milestone, ..Fact::new(fact.kind.clone(), json, []) };
    facts.first().map(one).into_iter().collect()
}

fn draft(connection: &ConnectionId, json: &Json<'_>, body: &Bytes, fact: Fact) -> Draft {
    // One element alone is the same event as that element among others.
    let payload = match json.elements() {
        Some([only]) => Some(only),
        elements => {
            let elements = elements.unwrap_or_default();
            let place = elements.binary_search_by_key(&fact.span.start, |element| element.span().start);
            place.ok().and_then(|place| elements.get(place)).filter(|_| fact.element)
        }
    };
    let content = identity::content(connection, &fact.kind, payload.unwrap_or(json));
    let (data, body) =
        if fact.element { (Data::Element, body.slice(fact.span)) } else { (Data::Json(json.span()), body.clone()) };
    Draft {
        kind: fact.kind,
        subject: fact.subject,
        identity: fact.identity,
        content,
        aliases: fact.aliases,
        keys_left_out: u32::try_from(fact.left_out.len()).unwrap_or(u32::MAX),
        milestone: fact.milestone,
        data,
        malformed: None,
        encoding: None,
        body,
    }
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
        data: Data::Opaque,
        malformed: Some(reason.clone()),
        encoding: None,
        body: body.clone(),
    };
    Arrival { drafts: vec![draft], malformed: Some(reason) }
}

impl Arrival {
    /// The event of a body that is broken, about what could be read of it all the same.
    fn about(mut self, found: Found) -> Self {
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
    /// How many of its keys it will not be found by.
    #[must_use]
    pub const fn keys_left_out(&self) -> u32 {
        self.keys_left_out
    }

    /// The draft as a state that the hub asked for.
    #[must_use]
    pub fn snapshot(self) -> Self {
        Self { identity: Identity::Snapshot, ..self }
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
                expires: received.after(retention),
                content_type: header(content_type),
                encoding: self.encoding,
                data: self.data,
                milestone: self.milestone,
                aliases: self.aliases,
                keys_left_out: self.keys_left_out,
                malformed: self.malformed,
                possible_repeat,
            },
            body: self.body,
        }
    }
}

/// The work an event causes: a delivery to each endpoint that wants it.
#[must_use]
pub fn work(event: &Event, routes: &[Route], lease: Duration) -> Work {
    let received = event.meta.received;
    let due = received.after(lease);
    let wanted = routes.iter().filter(|route| route.wants(&event.key.connection, &event.meta.kind));
    let deliveries: Vec<_> = wanted.map(|route| Delivery::new(route.endpoint.clone(), received, due)).collect();
    Work {
        version: 0,
        accepted: u32::try_from(deliveries.len()).unwrap_or(u32::MAX).max(1),
        index_by: (!event.meta.aliases.is_empty()).then_some(due),
        deliveries,
        call: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: Action = Action {
        name: "echo",
        partners: &[Partner::TrackingEyes],
        suffix: "echo",
        read: |push| match push.body.elements() {
            Some(elements) => Reading::Facts(
                elements
                    .iter()
                    .map(|e| Fact { element: true, ..Fact::new("t.e", e, [("bl", e.field("bl"))]) })
                    .collect(),
            ),
            None => Fact::new("t.e", push.body, [("bl", push.body.field("bl"))]).alone(),
        },
    };

    fn arrival(body: &'static str, encoding: Option<&str>) -> Arrival {
        read(&ECHO, &"c".into(), Partner::TrackingEyes, &[], &Bytes::from_static(body.as_bytes()), encoding)
    }

    fn events(arrival: Arrival) -> Vec<Event> {
        let event = |draft: Draft| {
            let id = identity::by_content(&"c".into(), &draft.subject, draft.content);
            draft.event(&"c".into(), id, Utc(7), false, "application/json", Duration::from_mins(1))
        };
        arrival.drafts.into_iter().map(event).collect()
    }

    #[test]
    fn one_fact_keeps_the_whole_body_and_several_keep_their_parts() {
        let one = events(arrival(" {\"bl\":\"B1\", \"n\":1.10}\n", None));
        assert_eq!(
            (&one[0].body[..], &one[0].data()[..]),
            (&b" {\"bl\":\"B1\", \"n\":1.10}\n"[..], &b"{\"bl\":\"B1\", \"n\":1.10}"[..])
        );
        let two = events(arrival("[ {\"bl\":\"B1\"} , {\"bl\":\"B2\"} ]", None));
        assert_eq!((&two[0].data()[..], &two[1].data()[..]), (&b"[{\"bl\":\"B1\"}]"[..], &b"[{\"bl\":\"B2\"}]"[..]));
    }

    #[test]
    fn an_element_is_the_same_event_alone_and_among_others() {
        let (alone, among) = (arrival("[{\"bl\":\"B1\"}]", None), arrival("[{\"bl\":\"B0\"},{\"bl\":\"B1\"}]", None));
        assert_eq!(alone.drafts[0].content, among.drafts[1].content);
    }

    #[test]
    fn an_enormous_push_is_one_event() {
        let body: Vec<String> = (0..=MOST_EVENTS).map(|n| format!("{{\"bl\":\"B{n}\"}}")).collect();
        let body = Bytes::from(format!("[{}]", body.join(",")));
        let arrival = read(&ECHO, &"c".into(), Partner::TrackingEyes, &[], &body, None);
        assert_eq!(events(arrival).iter().map(|event| event.data().into_owned()).collect::<Vec<_>>(), [body.to_vec()]);
    }

    /// An enormous push of so many bills at these milestones, in turn.
    fn enormous(bills: usize, milestones: &'static str) -> Event {
        const STATED: Action = Action {
            read: |push| {
                let fact = |e: &Json<'_>| {
                    let milestone = (e.field("at") == Some("r")).then_some(Milestone::Released);
                    let keys = [("bl", e.field("bl")), ("waybill", e.field("id"))];
                    Fact { element: true, ..Fact::new("t.e", e, keys).at(milestone) }
                };
                Reading::Facts(push.body.elements().unwrap_or_default().iter().map(fact).collect())
            },
            ..ECHO
        };
        let at = |n: usize| milestones.chars().nth(n % milestones.len()).unwrap();
        let one = |n: usize| format!(r#"{{"bl":"B{n}","id":{n},"at":"{}"}}"#, at(n));
        let body = Bytes::from(format!("[{}]", (0..bills).map(one).collect::<Vec<_>>().join(",")));
        let mut events = events(read(&STATED, &"c".into(), Partner::TrackingEyes, &[], &body, None));
        assert_eq!(events.len(), 1);
        events.remove(0)
    }

    /// Regression: of more than 500 waybills no bill was found.
    #[test]
    fn an_enormous_push_is_found_by_its_keys() {
        let event = enormous(600, "r");
        assert!(event.key.subject.as_str().starts_with("push:"));
        assert_eq!((event.meta.aliases.len(), event.meta.keys_left_out), (1_200, 0));
        for key in ["bl:B0", "bl:B599", "waybill:599"] {
            assert!(event.meta.aliases.contains(&Alias::from(key)), "{key}");
        }
        assert_eq!(event.meta.milestone, Some(Milestone::Released));
        let mixed = enormous(1_500, "rrn");
        assert_eq!((mixed.meta.aliases.len(), mixed.meta.keys_left_out), (MOST_KEYS, 1_000));
        assert!((0..1_500).all(|n| mixed.meta.aliases.contains(&Alias::new("bl", &format!("B{n}")))), "bills first");
        assert_eq!(mixed.meta.milestone, None);
    }

    /// Regression: a body with one byte that is no UTF-8 was found by none of its keys.
    #[test]
    fn a_broken_body_is_found_by_the_keys_that_can_be_read() {
        let bodies: [&'static [u8]; 5] = [
            b"{\"bl\":\"B1\",\"note\":\"\xb7\xc5\xd0\xd0\"}",
            // The second byte of a character in GBK may be a backslash.
            b"{\"note\":\"\x95\x5c\",\"bl\":\"B1\"}",
            // Cut within a character.
            b"{\"bl\":\"B1\",\"note\":\"\xe6\x94\"}",
            b"{\"bl\":\"B1\",\"note\":\"a\nb\tc\"}",
            b"{\"bl\":\"B1\",\"note\":\"\x00\"}",
        ];
        for body in bodies {
            let arrival = read(&ECHO, &"c".into(), Partner::TrackingEyes, &[], &Bytes::from_static(body), None);
            assert!(arrival.malformed.is_some());
            let event = events(arrival).remove(0);
            assert_eq!((event.key.subject.as_str(), &event.body[..]), ("bl:B1", body));
            assert_eq!((event.meta.kind.as_str(), &event.meta.data), ("trackingeyes.malformed", &Data::Opaque));
        }
        for body in [&b"{\"bl\":\"\xb7\xc5\"}"[..], b"{\"bl\":\"B1\"", b"\xff\xfe{", b"[\xb7\xc5"] {
            let arrival = read(&ECHO, &"c".into(), Partner::TrackingEyes, &[], &Bytes::from_static(body), None);
            assert!(events(arrival)[0].key.subject.as_str().starts_with("malformed:"));
        }
    }

    #[test]
    fn an_element_twice_in_one_push_is_one_event() {
        assert_eq!(arrival("[{\"bl\":\"B1\"},{\"bl\": \"B1\"}]", None).drafts.len(), 1);
    }

    #[test]
    fn what_nobody_can_read_is_kept_with_the_reason() {
        let gzip = "\u{1f}gzipped";
        for (body, encoding) in [("action=syn_status&code=61", None), (gzip, Some("gzip")), ("", None)] {
            let arrival = arrival(body, encoding);
            assert!(arrival.malformed.is_some());
            let event = events(arrival).remove(0);
            assert_eq!((&event.data()[..], event.meta.kind.as_str()), (body.as_bytes(), "trackingeyes.malformed"));
            assert_eq!(event.meta.encoding.as_deref(), encoding);
        }
    }

    /// Regression: `Content-Encoding: UTF-8`, a charset, made good JSON malformed.
    #[test]
    fn json_is_read_whatever_its_coding_is_called() {
        for encoding in ["UTF-8", "none", "", "identity, Identity", "utf8", " GBK ", "gzip", "br, gzip", "nonsense"] {
            let arrival = arrival("{\"bl\":\"B1\"}", Some(encoding));
            assert_eq!(arrival.malformed, None, "{encoding}");
            assert_eq!(events(arrival)[0].meta.encoding, None, "{encoding}: the bytes are not coded");
        }
    }

    #[test]
    fn a_charset_is_no_coding_of_what_cannot_be_read() {
        let event = events(arrival("a=b", Some("UTF-8"))).remove(0);
        assert!(event.meta.encoding.is_none() && event.meta.malformed.unwrap().contains("not JSON"));
    }

    /// Regression: 200,000 bytes of `Content-Encoding` stood in the answer, the log and the stored event.
    #[test]
    fn a_long_coding_is_repeated_in_part() {
        let long = "x".repeat(200_000);
        let arrival = arrival("a=b", Some(&long));
        assert!(arrival.malformed.as_ref().unwrap().len() < 200, "{:?}", arrival.malformed);
        assert!(events(arrival)[0].meta.encoding.as_ref().unwrap().len() <= 128);
    }

    #[test]
    fn deliveries_go_to_whom_they_interest() {
        let route = |endpoint: &str, types: &str| Route {
            endpoint: endpoint.into(),
            connections: vec![crate::routes::Pattern::new("*".to_owned())],
            types: vec![crate::routes::Pattern::new(types.to_owned())],
        };
        let event = events(arrival("{\"bl\":\"B1\"}", None)).remove(0);
        let routed = work(&event, &[route("a", "t.*"), route("b", "x.*")], Duration::from_secs(30));
        assert_eq!((routed.accepted, routed.deliveries.len(), routed.tally().balanced()), (1, 1, true));
        let unrouted = work(&event, &[], Duration::from_secs(30));
        assert_eq!((unrouted.tally().unrouted, unrouted.tally().balanced(), unrouted.due()), (1, true, None));
    }
}
