//! Examples of a partner's pushes, read as pushes are.

use bytes::Bytes;
use hub::admission::{self, Origin};
use hub::{ConnectionId, configured};
use partners::configured::{ALL_ACTIONS, ActionRow, Body, PushTable, Signed, json};
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
    let texts: Vec<_> = row.examples.iter().filter_map(|example| document(pushes, &example.body)).collect();
    let read: Vec<_> = texts.iter().filter_map(|text| Json::parse(text).ok()).collect();
    let mut faults = Vec::new();
    for found in configured::unfound(row, &read) {
        let key = format!("push.actions[{at}].{}", found.key);
        if found.is_alone { faults.push(Fault { key, what: found.what }) } else { table.warn(&key, found.what) }
    }
    faults
}

/// The JSON that an example is read as.
fn document(pushes: &PushTable, body: &str) -> Option<Vec<u8>> {
    let notation = match pushes.body {
        Body::Json | Body::Form(_) => Body::Json,
        Body::Xml | Body::FormXml(_) => Body::Xml,
    };
    json(&notation, body.trim().as_bytes()).ok().map(|text| text.into_owned())
}

/// Mistake of an example, at the URL of its action and at that of all.
fn fault(pushes: &'static PushTable, partner: Partner, at: usize, place: usize) -> Option<Fault> {
    let row = pushes.actions.get(at)?;
    let example = row.examples.get(place)?;
    // The `example` stands before the `examples`, and has the action's name.
    let has_one = row.examples.first().is_some_and(|example| example.name == row.name);
    let own = match (has_one, place) {
        (true, 0) => "example".to_owned(),
        (_, place) => format!("examples[{}].body", place - usize::from(has_one)),
    };
    let own = format!("push.actions[{at}].{own}");
    let of_example = |what: String| Some(Fault { key: own.clone(), what });
    let document = document(pushes, &example.body);
    if document.as_ref().is_some_and(|text| Json::parse(text).is_ok())
        && let Some((key, pointer)) = pushes.lacking(example.body.trim()).into_iter().next()
    {
        let (pointer, own) = (pointer.as_str(), own.trim_start_matches("push."));
        let what = format!(
            "finds nothing: {own} has no value at {pointer:?}; correct it, or give the example as the partner sends it"
        );
        return Some(Fault { key: format!("push.verify.{key}"), what });
    }
    // Whatever the credentials are: a signature is no part of what is read.
    let sample = pushes.sample(example.body.trim(), &|_| Some(SECRET), 0);
    let Ok(sample) = sample else { return of_example("lacks a part that verify signs".to_owned()) };
    let body = Bytes::from(sample.body.clone());
    if let Some(verify) = &pushes.verify {
        let header = |name: &str| {
            let mut own = sample.headers.iter();
            own.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let push =
            Signed { body: &body, query: &sample.query, header: &header, credential: &|_| Some(SECRET), now_ms: 0 };
        if verify.check(&pushes.body, &push).is_err() {
            let what = "is refused on a push that is signed by this very recipe: name in parts what the signature does not stand in";
            return Some(Fault { key: "push.verify.signature".to_owned(), what: what.to_owned() });
        }
    }
    let suffix = row.suffix.as_deref().and_then(|suffix| pushes.suffix(suffix));
    [Some(ALL_ACTIONS), suffix].into_iter().flatten().find_map(|suffix| {
        let (connection, settings) = (ConnectionId::from("example"), Settings::default());
        let origin = Origin { connection: &connection, partner, settings: &settings };
        let arrival = admission::read(&configured::action(suffix), origin, &body, None);
        if let Some(reason) = arrival.malformed {
            return of_example(format!("is not read: {reason}"));
        }
        if let Some(other) = arrival.drafts.iter().find(|draft| draft.kind.as_str() != row.event_type) {
            let read = document.as_deref().and_then(|text| Json::parse(text).ok());
            let why = read.and_then(|read| mistaken(pushes, at, &read, &own));
            return why.or_else(|| of_example(format!("is read as {} at .../{suffix}: compare its when", other.kind)));
        }
        if arrival.drafts.is_empty() {
            return of_example("gives no event".to_owned());
        }
        let without = arrival.drafts.iter().any(|draft| draft.subject.is_digest());
        without.then(|| of_example("has none of the keys: compare the pointers of keys with it".to_owned())).flatten()
    })
}

/// The condition by which an example is not taken for a push of its action.
fn mistaken(pushes: &PushTable, at: usize, read: &Json<'_>, own: &str) -> Option<Fault> {
    let row = pushes.actions.get(at)?;
    let own = own.trim_start_matches("push.");
    let key = |at: usize, end: &str| format!("push.actions[{at}].{end}");
    if let Some(when) = row.when.as_ref().filter(|when| !configured::is_met(when, read)) {
        let place = when.at.as_str();
        return Some(match when.at.value(read) {
            None => Fault {
                key: key(at, "when.at"),
                what: format!(
                    "finds nothing: {own} has no value at {place:?}; correct it, or give an example that has it"
                ),
            },
            Some(value) => Fault {
                key: key(at, "when.is"),
                what: format!(
                    "has not {value:?}, which {own} has at {place:?}: add it, or give an example of this action"
                ),
            },
        });
    }
    let before = pushes
        .actions
        .iter()
        .take(at)
        .position(|other| other.when.as_ref().is_none_or(|when| configured::is_met(when, read)))?;
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
    Some(Fault { key: key(before, "when"), what })
}
