//! Examples of a partner's pushes, read as pushes are.

use std::borrow::Cow;

use bytes::Bytes;
use hub::admission::{self, Origin};
use hub::{ConnectionId, configured};
use partners::configured::{ALL_ACTIONS, ActionRow, Pointer, PushTable, Signed, When};
use partners::operation::Settings;
use partners::{Json, Partner};

use super::super::reader::Table;

/// Stand-in for each credential.
const SECRET: &str = "secret";

/// A mistake, by its key within the partner.
struct Fault {
    key: String,
    what: String,
}

/// Whether each example of the partner is read as its action says; notes those that are not, and the places of each action that
/// lead nowhere in its examples.
pub(super) fn check(table: &Table<'_>, partner: Partner) -> bool {
    let Some(pushes) = partner.push_table() else { return true };
    let mut faults = Vec::new();
    for (at, row) in pushes.actions.iter().enumerate() {
        let own: Vec<Fault> =
            row.examples.iter().enumerate().filter_map(|(place, _)| fault(pushes, partner, at, place)).collect();
        if own.is_empty() {
            faults.extend(unfound(table, pushes, at, row));
        }
        for fault in own {
            // Several examples may show the same mistake.
            if !faults.iter().any(|known: &Fault| known.key == fault.key) {
                faults.push(fault);
            }
        }
    }
    for Fault { key, what } in &faults {
        table.mistake(key, what.clone());
    }
    faults.is_empty()
}

/// The places of an action that no example has. One beside which another has something may be that of a part that is optional: the
/// operator is told, and it is taken.
fn unfound(table: &Table<'_>, pushes: &PushTable, at: usize, row: &ActionRow) -> Vec<Fault> {
    let texts: Vec<_> = row.examples.iter().filter_map(|example| pushes.document(&example.body)).collect();
    let read: Vec<_> = texts.iter().filter_map(|text| Json::parse(text).ok()).collect();
    let mut faults = Vec::new();
    for found in configured::unfound(row, &read) {
        let key = format!("push.actions[{at}].{}", found.key);
        if found.is_alone { faults.push(Fault { key, what: found.what }) } else { table.warn(&key, found.what) }
    }
    faults
}

/// An example of an action.
struct Tried<'t> {
    pushes: &'static PushTable,
    row: &'static ActionRow,
    /// Place of the action among the others.
    at: usize,
    /// Key of the example within the partner.
    key: String,
    body: &'t str,
    document: Option<Cow<'t, [u8]>>,
}

impl Tried<'_> {
    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { key: self.key.clone(), what: what.into() }
    }

    /// Key of the example within the pushes, as another mistake names it.
    fn name(&self) -> &str {
        self.key.trim_start_matches("push.")
    }

    fn json(&self) -> Option<Json<'_>> {
        Json::parse(self.document.as_deref()?).ok()
    }
}

/// Mistake of an example, at the URL of its action and at that of all.
fn fault(pushes: &'static PushTable, partner: Partner, at: usize, place: usize) -> Option<Fault> {
    let row = pushes.actions.get(at)?;
    let example = row.examples.get(place)?;
    // The `example` stands before the `examples`, and has the action's name.
    let has_one = row.examples.first().is_some_and(|example| example.name == row.name);
    let key = match (has_one, place) {
        (true, 0) => "example".to_owned(),
        (_, place) => format!("examples[{}].body", place - usize::from(has_one)),
    };
    let (key, body) = (format!("push.actions[{at}].{key}"), example.body.trim());
    let tried = Tried { pushes, row, at, key, body, document: pushes.document(body) };
    match signed(&tried) {
        Ok(body) => read(&tried, partner, &body),
        Err(fault) => Some(fault),
    }
}

/// The body of an example as it is pushed, if its signature can be made and is found right.
fn signed(tried: &Tried<'_>) -> Result<Bytes, Fault> {
    let pushes = tried.pushes;
    if tried.json().is_some()
        && let Some((key, pointer)) = pushes.lacking(tried.body).into_iter().next()
    {
        let (pointer, own) = (pointer.as_str(), tried.name());
        let what = format!(
            "finds nothing: {own} has no value at {pointer:?}; correct it, or give the example as the partner sends it"
        );
        return Err(Fault { key: format!("push.verify.{key}"), what });
    }
    // Whatever the credentials are: a signature is no part of what is read.
    let sample = pushes.sample(tried.body, &|_| Some(SECRET), 0);
    let sample = sample.map_err(|_| tried.fault("lacks a part that verify signs"))?;
    let Some(verify) = &pushes.verify else { return Ok(sample.body.into()) };
    let header = |name: &str| {
        let mut own = sample.headers.iter();
        own.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let credential = |_: &str| Some(SECRET);
    let push = Signed { body: &sample.body, query: &sample.query, header: &header, credential: &credential, now_ms: 0 };
    // An example that cannot be read has a mistake of its own.
    if verify.check(&pushes.body, &push).is_err() && tried.json().is_some() {
        let what = "is refused on a push that is signed by this very recipe: it must stand outside of what parts names";
        return Err(Fault { key: "push.verify.signature".to_owned(), what: what.to_owned() });
    }
    Ok(sample.body.into())
}

/// Mistake of a push by what it is read as.
fn read(tried: &Tried<'_>, partner: Partner, body: &Bytes) -> Option<Fault> {
    let suffix = tried.row.suffix.as_deref().and_then(|suffix| tried.pushes.suffix(suffix));
    [Some(ALL_ACTIONS), suffix].into_iter().flatten().find_map(|suffix| {
        let (connection, settings) = (ConnectionId::from("example"), Settings::default());
        let origin = Origin { connection: &connection, partner, settings: &settings };
        let arrival = admission::read(&configured::action(suffix), origin, body, None);
        if let Some(reason) = arrival.malformed {
            return Some(tried.fault(format!("is not read: {reason}")));
        }
        if let Some(other) = arrival.drafts.iter().find(|draft| draft.kind.as_str() != tried.row.event_type) {
            let why = tried.json().and_then(|json| mistaken(tried, &json));
            let kind = &other.kind;
            return why.or_else(|| Some(tried.fault(format!("is read as {kind} at .../{suffix}: compare its when"))));
        }
        if arrival.drafts.is_empty() {
            return Some(tried.fault("gives no event"));
        }
        let without = arrival.drafts.iter().any(|draft| draft.subject.is_digest());
        without.then(|| keyless(tried))
    })
}

/// The mistake of an example, or of an element of it, that has none of the keys.
fn keyless(tried: &Tried<'_>) -> Fault {
    let keys: Vec<_> = tried.row.keys.iter().map(|key| &key.at).collect();
    let json = tried.json();
    let is_in_whole = |at: &Pointer| json.as_ref().is_some_and(|json| at.value(json).is_some());
    let of_whole = |at: &Pointer| tried.row.each.is_some() && !at.is_of_whole() && is_in_whole(at);
    let (own, at) = (tried.name(), tried.at);
    let key = |place: usize| format!("push.actions[{at}].keys[{place}].at");
    if let Some(place) = keys.iter().position(|at| of_whole(at)) {
        let pointer = keys.get(place).map_or("", |at| at.as_str());
        let what = format!("finds nothing in the element of each, and a value in {own}: write \"${pointer}\"");
        return Fault { key: key(place), what };
    }
    match keys.as_slice() {
        [only] if !is_in_whole(only) => {
            let pointer = only.as_str();
            let what =
                format!("finds nothing: {own} has no value at {pointer:?}; correct it, or give an example that has it");
            Fault { key: key(0), what }
        }
        several => {
            let places: Vec<_> = several.iter().map(|at| format!("{:?}", at.as_str())).collect();
            tried.fault(format!("has none of the keys ({}): compare their pointers with it", places.join(", ")))
        }
    }
}

/// The condition by which an example is not taken for a push of its action.
fn mistaken(tried: &Tried<'_>, read: &Json<'_>) -> Option<Fault> {
    let (Tried { pushes, row, at, .. }, own) = (tried, tried.name());
    let fault = |at: usize, end: &str, what| Some(Fault { key: format!("push.actions[{at}].{end}"), what });
    let fits = |when: &When| configured::is_met(when, read);
    if let Some(when) = row.when.as_ref().filter(|when| !fits(when)) {
        let place = when.at.as_str();
        return match when.at.value(read) {
            None => fault(
                *at,
                "when.at",
                format!("finds nothing: {own} has no value at {place:?}; correct it, or give an example that has it"),
            ),
            Some(value) => fault(
                *at,
                "when.is",
                format!("has not {value:?}, which {own} has at {place:?}: add it, or give an example of this action"),
            ),
        };
    }
    let before = pushes.actions.iter().take(*at).position(|other| other.when.as_ref().is_none_or(fits))?;
    let (first, name) = (pushes.actions.get(before)?, &row.name);
    let what = match first.when {
        None => format!(
            "is missing, so that {} takes every push at .../push, also those of {name}: add when, or put it last",
            first.name
        ),
        Some(_) => {
            format!("takes {own} too, so that no push comes to {name}: narrow it, or put {name} before {}", first.name)
        }
    };
    fault(before, "when", what)
}
