//! Examples of a partner's pushes, read as pushes are.

use bytes::Bytes;
use hub::admission::{self, Origin};
use hub::{ConnectionId, configured};
use partners::Partner;
use partners::configured::{ALL_ACTIONS, ActionRow, PushTable};
use partners::operation::Settings;

use super::super::reader::Table;

/// Whether each example of the partner is read as its action says; notes those that are not.
pub(super) fn check(table: &Table<'_>, partner: Partner) -> bool {
    let Some(pushes) = partner.push_table() else { return true };
    let mut sound = true;
    for (at, row) in pushes.actions.iter().enumerate() {
        // The `example` stands before the `examples`, and has the action's name.
        let has_one = row.examples.first().is_some_and(|example| example.name == row.name);
        for (place, example) in row.examples.iter().enumerate() {
            let Some(what) = fault(pushes, partner, row, &example.body) else { continue };
            sound = false;
            let key = match (has_one, place) {
                (true, 0) => "example".to_owned(),
                (_, place) => format!("examples[{}].body", place - usize::from(has_one)),
            };
            table.mistake(&format!("push.actions[{at}].{key}"), what);
        }
    }
    sound
}

/// What is wrong with an example, at the URL of its action and at that of all.
fn fault(pushes: &'static PushTable, partner: Partner, row: &ActionRow, body: &str) -> Option<String> {
    let suffix = row.suffix.as_deref().and_then(|suffix| pushes.suffix(suffix));
    [Some(ALL_ACTIONS), suffix].into_iter().flatten().find_map(|suffix| {
        // Whatever the credentials are: a signature is no part of what is read.
        let sample = pushes.sample(body, &|_| Some("secret"), 0);
        let body = match sample {
            Ok(sample) => Bytes::from(sample.body),
            Err(_) => return Some("lacks a part that verify signs: give it as the partner sends it".to_owned()),
        };
        let (connection, settings) = (ConnectionId::from("example"), Settings::default());
        let origin = Origin { connection: &connection, partner, settings: &settings };
        let arrival = admission::read(&configured::action(suffix), origin, &body, None);
        if let Some(reason) = arrival.malformed {
            return Some(format!("is not read: {reason}"));
        }
        let other = arrival.drafts.iter().find(|draft| draft.kind.as_str() != row.event_type);
        if let Some(other) = other {
            let kind = &other.kind;
            return Some(format!(
                "is read as {kind} at .../{suffix}: its when is not met, or that of an action before is"
            ));
        }
        if arrival.drafts.is_empty() {
            return Some("gives no event".to_owned());
        }
        let without = arrival.drafts.iter().any(|draft| draft.subject.is_digest());
        without.then(|| "has none of the keys: compare the pointers of keys with it".to_owned())
    })
}
