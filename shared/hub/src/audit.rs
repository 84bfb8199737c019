//! The audit trail: which key changed what, when, and with which result.
//!
//! An entry is stored before its action is done and once more, with its result, afterwards. One without a result tells of an
//! action that may have been done: the process ended in between.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Rfc3339;
use crate::{ConnectionId, EndpointId, EventKey, Role, Subject, Utc};

/// Most bytes of what an entry names as touched, as far as their names go: an item of the store has its limit.
const MOST_TOUCHED: usize = 200_000;

/// Name of the hub itself, where it is the one that tells.
pub const HUB: &str = "hub";

/// Name of the sender of a change that is made by a command on the hub's machine.
pub const COMMAND_LINE: &str = "command-line";

/// Kind of an audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "", inline))]
pub enum Action {
    /// Deliveries were restarted, or sent at once.
    Replay,
    /// Failed deliveries were confirmed.
    Confirm,
    /// An ambiguous call was decided about.
    Resolve,
    /// A queued call was sent at once.
    Retry,
    /// A queued call was cancelled.
    Cancel,
    /// A command was accepted for a partner.
    Call,
    /// A push or a delivery was tried out.
    Test,
    /// The hub runs with another configuration.
    Configuration,
    /// An evidence file of a shipment was made.
    Evidence,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Replay,
        Self::Confirm,
        Self::Resolve,
        Self::Retry,
        Self::Cancel,
        Self::Call,
        Self::Test,
        Self::Configuration,
        Self::Evidence,
    ];

    /// The name that the API has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Confirm => "confirm",
            Self::Resolve => "resolve",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Call => "call",
            Self::Test => "test",
            Self::Configuration => "configuration",
            Self::Evidence => "evidence",
        }
    }
}

/// Place of an entry in the trail. Prints as a text that sorts like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Time of the entry.
    pub at: Utc,
    /// Tells entries of one time apart.
    pub id: u64,
}

impl Place {
    /// The greatest place before this one.
    #[must_use]
    pub const fn before(self) -> Self {
        match self.id.checked_sub(1) {
            Some(id) => Self { id, ..self },
            None => Self { at: Utc(self.at.0.saturating_sub(1)), id: u64::MAX },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.{:016x}", self.at.0.max(0), self.id)
    }
}

impl FromStr for Place {
    type Err = ();

    /// Reads nothing but what was printed.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        let place = Self { at: Utc(at.parse().map_err(drop)?), id: u64::from_str_radix(id, 16).map_err(drop)? };
        if place.to_string() == text { Ok(place) } else { Err(()) }
    }
}

/// An event or call that an action changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "", inline))]
pub struct Touched {
    /// Its key.
    #[serde(flatten)]
    pub key: EventKey,
    /// The endpoint whose delivery changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointId>,
}

impl Touched {
    /// The event or call of that key.
    #[must_use]
    pub const fn event(key: EventKey) -> Self {
        Self { key, endpoint: None }
    }

    /// The deliveries of these events to that endpoint.
    #[must_use]
    pub fn deliveries(keys: &[EventKey], endpoint: &EndpointId) -> Vec<Self> {
        keys.iter().map(|key| Self { key: key.clone(), endpoint: Some(endpoint.clone()) }).collect()
    }

    /// Number of bytes of its names.
    fn bytes(&self) -> usize {
        let Self { key, endpoint } = self;
        let endpoint = endpoint.as_ref().map_or(0, |endpoint| endpoint.as_str().len());
        key.connection.as_str().len() + key.subject.as_str().len() + endpoint + 96
    }
}

/// Result of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "", inline))]
pub struct Ended {
    /// The HTTP status of the answer.
    pub status: u16,
    /// The kind of the problem that was answered: the last part of its `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The number of events whose deliveries changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<usize>,
}

impl Ended {
    /// That status.
    #[must_use]
    pub const fn with(status: u16) -> Self {
        Self { status, problem: None, changed: None }
    }
}

/// One entry of the trail, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Time at which the action began.
    pub at: Utc,
    /// Tells entries of one time apart.
    pub id: u64,
    /// Time from which it is forgotten.
    pub expires: Utc,
    /// The API key's id; [`COMMAND_LINE`], [`HUB`] or `invocation` where no key was asked for.
    pub key: String,
    /// The role of the key, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Kind of the action.
    pub action: Action,
    /// The request, as far as it says what was asked for: an object. It names nothing that [`Entry::touched`] is to name, and
    /// holds no payload and no secret.
    pub request: Value,
    /// The result; nothing before it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Ended>,
    /// The events and calls that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<Touched>,
    /// Whether more was changed than [`Entry::touched`] has room for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl Entry {
    /// Its place in the trail.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { at: self.at, id: self.id }
    }

    /// The entry with as much of what it touched as an item of the store takes.
    #[must_use]
    pub fn fitted(&self) -> Self {
        let sums = self.touched.iter().scan(0, |sum, touched| {
            *sum += touched.bytes();
            Some(*sum)
        });
        let fits = sums.take_while(|sum| *sum <= MOST_TOUCHED).count();
        let mut fitted = self.clone();
        fitted.touched.truncate(fits);
        fitted.is_cut |= fits < self.touched.len();
        fitted
    }

    /// The entry with those that it touched of one subject alone; nothing where it touched none.
    #[must_use]
    pub fn about(&self, connection: &ConnectionId, subject: &Subject) -> Option<Self> {
        let own = |touched: &&Touched| touched.key.connection == *connection && touched.key.subject == *subject;
        let touched: Vec<_> = self.touched.iter().filter(own).cloned().collect();
        (!touched.is_empty()).then(|| Self { touched, is_cut: false, ..self.clone() })
    }

    /// The subjects that it touched, each once.
    #[must_use]
    pub fn subjects(&self) -> Vec<(ConnectionId, Subject)> {
        let subject = |touched: &Touched| (touched.key.connection.clone(), touched.key.subject.clone());
        let mut subjects: Vec<_> = self.touched.iter().map(subject).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }
}

/// An entry of the audit trail.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AuditEntry"))]
pub struct EntryView {
    /// The time at which the action began.
    at: Rfc3339,
    /// The id of the API key; `invocation`, `command-line` or `hub` where no key was needed.
    key: String,
    /// The role of the key, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    action: Action,
    /// The request: `endpoint`, `now`, `cutoff` and the number of `events` that it named; `call` and `decision`; `connection`,
    /// `operation` and `idempotency_key`; `version` and `keys` of a configuration; `shipment`, `part` and `head` of an evidence file.
    request: Value,
    /// The result. Without one the action may have been done, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Ended>,
    /// The events and calls that were changed, as far as the key may see them.
    touched: Vec<Touched>,
    /// Whether more was changed than `touched` has room for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl EntryView {
    /// The entry for somebody who may see everything.
    #[must_use]
    pub fn whole(entry: Entry) -> Self {
        let Entry { at, key, role, action, request, result, touched, is_cut, .. } = entry;
        Self { at: Rfc3339(at), key, role, action, request, result, touched, cut: is_cut }
    }

    /// The entry for the key of that id, which may see those connections; nothing where it touched none of them, and is not the
    /// key's own.
    #[must_use]
    pub fn limited(entry: Entry, id: &str, sees: impl Fn(&ConnectionId) -> bool) -> Option<Self> {
        let (visible, hidden): (Vec<_>, Vec<_>) =
            entry.touched.into_iter().partition(|touched| sees(&touched.key.connection));
        let named = entry.request.get("connection").and_then(Value::as_str).map(ConnectionId::from);
        let is_own = entry.key == id && entry.role.is_some() && hidden.is_empty() && named.as_ref().is_none_or(&sees);
        if visible.is_empty() && !is_own {
            return None;
        }
        let mut view = Self::whole(Entry { touched: visible, ..entry });
        if !hidden.is_empty() || view.cut && !is_own {
            // How many there are besides is not this key's to know.
            if let Some(members) = view.request.as_object_mut() {
                members.remove("events");
            }
            view.result = view.result.map(|ended| Ended { changed: None, ..ended });
            view.cut = false;
        }
        Some(view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventId;

    fn touched(connection: &str, subject: &str) -> Touched {
        let key = EventKey { connection: connection.into(), subject: subject.into(), id: EventId([7; 24]) };
        Touched { key, endpoint: Some("erp".into()) }
    }

    fn entry(touched: Vec<Touched>) -> Entry {
        let (key, request) = ("erp".to_owned(), serde_json::json!({"endpoint": "erp"}));
        let (role, result) = (Some(Role::Operator), Some(Ended { changed: Some(1), ..Ended::with(200) }));
        let (at, expires, action) = (Utc(5), Utc(9), Action::Replay);
        Entry { at, id: 3, expires, key, role, action, request, result, touched, is_cut: false }
    }

    #[test]
    fn stored_entry_is_read_back() {
        for entry in [entry(vec![touched("a", "order:通 1")]), Entry { role: None, result: None, ..entry(Vec::new()) }]
        {
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry, "{text}");
        }
    }

    #[test]
    fn action_is_stored_by_its_name() {
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.name());
        }
    }

    #[test]
    fn place_prints_in_its_order_and_reads_back() {
        let places = [(0, 0), (9, 255), (10, 1), (10, 16), (1_790_000_000_000_000, u64::MAX), (i64::MAX, 0)];
        let places = places.map(|(at, id)| Place { at: Utc(at), id });
        assert!(places.is_sorted() && places.map(|place| place.to_string()).is_sorted());
        for place in places {
            assert_eq!(place.to_string().parse(), Ok(place));
            assert!(place.before() < place || place.at == Utc(0), "{place}");
        }
        for text in
            ["", "1", "1.1", "+0000000000000000001.0000000000000001", "x.y", "00000000000000000001.000000000000000G"]
        {
            assert_eq!(text.parse::<Place>(), Err(()), "{text}");
        }
    }

    #[test]
    fn entry_is_cut_where_it_touched_too_much() {
        let few = entry(vec![touched("a", "order:1")]);
        assert_eq!(few.fitted(), few);
        let many = entry(vec![touched("a", &"x".repeat(1_000)); 1_000]);
        let fitted = many.fitted();
        assert!(fitted.is_cut && (100..1_000).contains(&fitted.touched.len()), "{}", fitted.touched.len());
        assert!(serde_json::to_vec(&fitted).unwrap().len() < 390_000);
    }

    #[test]
    fn limited_entry_names_and_counts_nothing_hidden() {
        let mut both = entry(vec![touched("a", "order:1"), touched("b", "order:SECRET")]);
        both.request["events"] = 2.into();
        both.result = Some(Ended { changed: Some(2), ..Ended::with(200) });
        let seen = |entry: &Entry, id: &str, sees: &'static str| {
            let view = EntryView::limited(entry.clone(), id, |connection| connection.as_str() == sees);
            view.map(|view| serde_json::to_value(view).unwrap())
        };
        let view = seen(&both, "other", "a").unwrap();
        assert_eq!(view["touched"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&view["request"], &view["result"]),
            (&serde_json::json!({"endpoint": "erp"}), &serde_json::json!({"status": 200}))
        );
        assert!(!view.to_string().contains("SECRET"), "{view}");
        assert_eq!(seen(&both, "other", "c"), None);
        assert_eq!(seen(&both, "erp", "c"), None, "its own, of when it saw more");

        let own = entry(vec![touched("a", "order:1")]);
        assert_eq!(seen(&own, "other", "a").unwrap()["result"]["changed"], 1);
        let mut nothing = entry(Vec::new());
        assert!(seen(&nothing, "erp", "a").is_some() && seen(&nothing, "other", "a").is_none());
        nothing.request["connection"] = "b".into();
        assert_eq!(seen(&nothing, "erp", "a"), None);
    }

    #[test]
    fn entry_about_a_subject_names_no_other() {
        let entry = entry(vec![touched("a", "order:1"), touched("b", "order:1"), touched("a", "order:2")]);
        let about = entry.about(&"a".into(), &"order:1".into()).unwrap();
        assert_eq!(about.touched, [touched("a", "order:1")]);
        assert_eq!(entry.about(&"c".into(), &"order:1".into()), None);
        assert_eq!(entry.subjects().len(), 3);
    }
}
