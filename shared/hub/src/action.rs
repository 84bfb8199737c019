//! An action of a webhook function, and the events that it reads from the body of a push.

use std::collections::BTreeSet;
use std::ops::Range;

use partners::json::Kind;
use partners::operation::Settings;
use partners::{Json, Partner};

use crate::identity::{self, Identity};
use crate::milestone::DatedMilestone;
use crate::{Alias, EventType, Milestone, Subject, Utc};

/// One webhook action: a row of the catalogue. Each function crate holds its own as `ACTION`.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// The function's name: folder, crate, binary, log and metric name.
    pub name: &'static str,
    /// The partners that push it.
    pub partners: &'static [Partner],
    /// The last segment of its path; empty for the URL that accepts every action.
    pub suffix: &'static str,
    /// Content of its pushes, in the partner's word and ours, for the documents.
    pub about: &'static str,
    /// Kinds of its subject, for the documents: a push is about the first of them that it has.
    pub subjects: &'static [&'static str],
    /// Pushes of it by its first partner, one at least. They are the document's own where it prints any.
    pub examples: &'static [Example],
    /// Reads a body. It must not fail on anything that JSON can say: what is not understood is kept.
    pub read: fn(&Push<'_>) -> Reading,
}

impl Action {
    /// Whether it is that of configured partners, whose tables name their own actions.
    #[must_use]
    pub const fn is_of_configured(&self) -> bool {
        self.partners.is_empty()
    }
}

/// An example of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its name: the action as the partner spells it, else the function's.
    pub name: &'static str,
    /// The JSON that is pushed.
    pub body: &'static [u8],
}

/// One push, as an action reads it.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// The partner that sent it.
    pub partner: Partner,
    /// The body.
    pub body: &'a Json<'a>,
    /// Settings of the connection that complement the partner's documents.
    pub settings: &'a Settings,
}

/// Result of reading a body.
#[derive(Clone, Debug)]
pub enum Reading {
    /// The events in it, at least one.
    Facts(Vec<Fact>),
    /// It has another shape than the document describes: which, and what to send instead.
    Malformed(String),
}

/// One business fact, before it is an event.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Type of the event.
    pub kind: EventType,
    /// Subject of the event.
    pub subject: Subject,
    /// Other business keys of the subject.
    pub aliases: Vec<Alias>,
    /// Keys that are no aliases because there are too many.
    pub left_out: BTreeSet<Alias>,
    /// Progress of the shipment.
    pub milestone: Option<Milestone>,
    /// The partner's time for it.
    pub occurred: Option<Utc>,
    /// Milestones that it lists with their times.
    pub dated: Vec<DatedMilestone>,
    /// Rule by which a repetition is recognised.
    pub identity: Identity,
    /// Its part of the body.
    pub span: Range<usize>,
    /// Its part is one of several elements of a JSON array.
    pub element: bool,
    /// The array that its part is an element of, where the push has more around that.
    pub array: Option<Range<usize>>,
    /// Values that do not count for its identity, by where they begin.
    pub without: Vec<usize>,
}

/// The longest list of aliases a fact has. A port snapshot names each container and declaration of a bill; a bill with more
/// than this many is found by its first ones.
const MOST_ALIASES: usize = 200;

impl Fact {
    /// A fact of that type about the first key that has a value, in the order given; the others become aliases. Without
    /// any key it is about the payload itself, `push:<digest>`, so that such pushes spread over the store.
    #[must_use]
    pub fn new<'k>(
        kind: impl Into<EventType>,
        payload: &Json<'_>,
        keys: impl IntoIterator<Item = (&'k str, Option<&'k str>)>,
    ) -> Self {
        let mut keys = keys.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
        let subject = keys.next().map_or_else(
            || Subject::new("push", &identity::digest_of(payload)),
            |(kind, value)| Subject::new(kind, value),
        );
        let fact = Self {
            kind: kind.into(),
            subject,
            aliases: Vec::new(),
            left_out: BTreeSet::new(),
            milestone: None,
            occurred: None,
            dated: Vec::new(),
            identity: Identity::Content,
            span: payload.span(),
            element: false,
            array: None,
            without: Vec::new(),
        };
        keys.fold(fact, |fact, (kind, value)| fact.alias(kind, value))
    }

    /// The fact with another business key of its subject; keys it has already are left out.
    #[must_use]
    pub fn alias(mut self, kind: &str, value: &str) -> Self {
        let alias = Alias::new(kind, value);
        let known =
            alias.as_str() == self.subject.as_str() || self.left_out.contains(&alias) || self.aliases.contains(&alias);
        if known {
            return self;
        }
        if self.aliases.len() < MOST_ALIASES {
            self.aliases.push(alias);
        } else {
            self.left_out.insert(alias);
        }
        self
    }

    /// The fact at a milestone.
    #[must_use]
    pub fn at(mut self, milestone: Option<Milestone>) -> Self {
        self.milestone = milestone;
        self
    }

    /// The fact at the latest of the times that a field of the partner's gives. A text that is no time gives none.
    #[must_use]
    pub fn occurred<'t>(mut self, times: impl IntoIterator<Item = &'t str>) -> Self {
        self.occurred = times.into_iter().filter_map(Utc::parse).max();
        self
    }

    /// The fact with the milestones that it lists.
    #[must_use]
    pub fn with_dated(mut self, dated: Vec<DatedMilestone>) -> Self {
        self.dated = dated;
        self
    }

    /// The fact as a message, which carries neither time nor id.
    #[must_use]
    pub const fn message(mut self) -> Self {
        self.identity = Identity::Message;
        self
    }

    /// The fact as the one event of its push.
    #[must_use]
    pub fn alone(self) -> Reading {
        Reading::Facts(vec![self])
    }
}

/// The reading of a body that must be an object, and of what it is when it is not one.
#[must_use]
pub fn object(push: &Push<'_>, read: impl FnOnce(&Json<'_>) -> Reading) -> Reading {
    object_of(push.body, read)
}

pub(crate) fn object_of(body: &Json<'_>, read: impl FnOnce(&Json<'_>) -> Reading) -> Reading {
    if body.is_object() {
        read(body)
    } else {
        Reading::Malformed(format!("the body must be a JSON object, it begins with {:?}", beginning(body)))
    }
}

/// The reading of a body that is an array of objects with a fact each, or one such object. One element alone keeps the whole body, so
/// that the ERP gets the array that was pushed. An empty array is one fact, of the array itself.
#[must_use]
pub fn elements(body: &Json<'_>, fact: impl Fn(&Json<'_>) -> Fact) -> Reading {
    match body.kind() {
        Kind::Array(elements) => match elements.iter().position(|element| !element.is_object()) {
            Some(at) => Reading::Malformed(format!("element {} is not an object; send an array of objects", at + 1)),
            None => match elements.as_slice() {
                [] => fact(body).alone(),
                [only] => Fact { span: body.span(), ..fact(only) }.alone(),
                several => {
                    let element = |element| Fact { element: true, ..fact(element) };
                    Reading::Facts(several.iter().map(element).collect())
                }
            },
        },
        Kind::Object(_) => fact(body).alone(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {
            Reading::Malformed("the body must be a JSON array of objects".to_owned())
        }
    }
}

/// The reading of a push on the path of an XHQ action. `read` gets the name that XHQ's `action` gives it, one of `names`;
/// a push without a name is the first of them, because the path implies it. A push with another name is stored as unknown: it
/// was sent to the wrong path, and must not be read as another action.
#[must_use]
pub fn named(push: &Push<'_>, names: &[&str], read: impl FnOnce(&str, &Json<'_>) -> Fact) -> Reading {
    object(push, |body| {
        let name = match body.get("action").map(Json::kind) {
            None | Some(Kind::Null) => names.first(),
            Some(Kind::String(name)) if name.trim().is_empty() => names.first(),
            Some(Kind::String(name)) => names.iter().find(|own| *own == name),
            Some(Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_)) => None,
        };
        name.map_or_else(|| unknown(push), |name| read(name, body).alone())
    })
}

/// A push that is JSON but no action that is known: kept under the keys that can be found, as `<partner>.unknown`.
#[must_use]
pub fn unknown(push: &Push<'_>) -> Reading {
    undocumented(push, format!("{}.unknown", push.partner)).alone()
}

/// A fact of that type whose document lost its field names, so that any JSON may be one: about the keys that the partner's
/// other pushes carry at their top level (inferred), of an array in each of its elements.
#[must_use]
pub fn undocumented(push: &Push<'_>, kind: impl Into<EventType>) -> Fact {
    let names = push.partner.profile().pushes.map_or(&[][..], |pushes| pushes.keys);
    let parts = push.body.elements().unwrap_or(std::slice::from_ref(push.body)).iter();
    let keys = parts.flat_map(|part| names.iter().map(|(kind, name)| (*kind, part.field(name))));
    Fact::new(kind, push.body, keys)
}

fn beginning(json: &Json<'_>) -> String {
    json.text().chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_key_with_a_value_is_subject_others_are_aliases() {
        let json = Json::parse(b"{}").unwrap();
        let keys = [("order", None), ("bl", Some("B1")), ("entry", Some("E1")), ("bl", Some("B1"))];
        let fact = Fact::new("xhq.single_receipt", &json, keys);
        assert_eq!((fact.subject.as_str(), fact.aliases), ("bl:B1", vec![Alias::new("entry", "E1")]));
    }

    #[test]
    fn keys_over_the_limit_are_counted_once() {
        let json = Json::parse(b"{}").unwrap();
        let numbers: Vec<_> = (0..MOST_ALIASES + 8).map(|n| n.to_string()).collect();
        let keys = || numbers.iter().map(|number| ("container", Some(number.as_str())));
        let fact = Fact::new("onedata.ports", &json, keys().chain(keys()));
        assert_eq!((fact.aliases.len(), fact.left_out.len()), (MOST_ALIASES, 7));
    }

    #[test]
    fn alias_is_kept_once_and_up_to_the_limit() {
        let json = Json::parse(b"{}").unwrap();
        let mut fact = Fact::new("x", &json, [("order", Some("S1"))]).alias("order", "S1");
        assert_eq!(fact.aliases, [], "it is the subject");
        fact = fact.alias("bl", "0").alias("bl", "0");
        assert_eq!(fact.aliases, [Alias::new("bl", "0")]);
        fact = (1..MOST_ALIASES).fold(fact, |fact, n| fact.alias("bl", &n.to_string()));
        assert_eq!((fact.aliases.len(), fact.left_out.len()), (MOST_ALIASES, 0), "all have room");
        fact = fact.alias("bl", "one more").alias("bl", "one more").alias("bl", "0");
        assert_eq!((fact.aliases.len(), fact.left_out.len()), (MOST_ALIASES, 1));
        assert!(fact.left_out.contains(&Alias::new("bl", "one more")));
    }

    #[test]
    fn without_keys_the_payload_is_the_subject() {
        let (a, b) = (Json::parse(br#"{"a":1}"#).unwrap(), Json::parse(br#"{"a":2}"#).unwrap());
        assert_ne!(Fact::new("x", &a, []).subject, Fact::new("x", &b, []).subject);
    }

    /// Regression: a push without keys that was repeated in another layout was another event, because its id had the subject.
    #[test]
    fn a_payload_is_the_same_subject_however_it_is_printed() {
        let one = Json::parse(r#"{"a":1,"b":"放"}"#.as_bytes()).unwrap();
        let other = Json::parse(b"{\n  \"b\": \"\\u653e\", \"a\": 1 }").unwrap();
        assert_eq!(Fact::new("x", &one, []).subject, Fact::new("x", &other, []).subject);
    }

    #[test]
    fn missing_action_defaults_to_path_and_foreign_one_is_unknown() {
        for (body, kind) in [
            (r#"{"action":"b"}"#, "xhq.b"),
            ("{}", "xhq.a"),
            (r#"{"action":null}"#, "xhq.a"),
            (r#"{"action":""}"#, "xhq.a"),
            (r#"{"action":"A"}"#, "xhq.unknown"),
            (r#"{"action":" a"}"#, "xhq.unknown"),
            (r#"{"action":7}"#, "xhq.unknown"),
            (r#"{"action":["a"]}"#, "xhq.unknown"),
        ] {
            let json = Json::parse(body.as_bytes()).unwrap();
            let push = Push { partner: Partner::Xhq, body: &json, settings: &Settings::default() };
            let reading = named(&push, &["a", "b"], |name, body| Fact::new(format!("xhq.{name}"), body, []));
            let Reading::Facts(facts) = reading else { panic!("{body}") };
            assert_eq!(facts[0].kind.as_str(), kind, "{body}");
        }
    }
}
