//! Business keys of a call, in the vocabulary of the events, so that both are on one timeline.

use std::collections::HashSet;

use super::{Kind, Operation};
use crate::Json;
use crate::profile::Key;

/// The business keys of a call, kind and value, the most telling first: `order` (orderOutNo), `bl` (bill of lading),
/// `entry`, `ciq`, `serial` (XHQ's), `mawb` (Yanwen's master waybill), `waybill` (TrackingEyes' id), `batch`, `port`
/// (`<carrierCd>:<subType>:<subNo>[:<I|E>]`), `container`.
#[must_use]
pub fn subject(operation: &Operation<'_>, body: &Json<'_>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    let mut known = HashSet::new();
    let mut take = |kind, value: &str| {
        let key = (kind, value.trim().to_owned());
        if !key.1.is_empty() && known.insert(key.clone()) {
            keys.push(key);
        }
    };
    for (kind, path) in operation.keys {
        let is_list = operation.fields.iter().any(|field| field.name == *path && matches!(field.kind, Kind::Commas));
        each(body, path, &mut |value| value.split(|char| is_list && char == ',').for_each(|one| take(kind, one)));
    }
    let further = operation.partner.profile().calls.keys.map(|keys| keys(operation, body));
    for (kind, value) in further.into_iter().flatten() {
        take(kind, &value);
    }
    // Before customs accepts a declaration, its number can be the 统一编号 printed in its place.
    let ciq = keys.iter().find(|(kind, _)| *kind == "ciq").map(|(_, value)| value.clone());
    keys.retain(|(kind, value)| *kind != "entry" || Some(value) != ciq.as_ref());
    keys
}

/// Business keys that the partner's answer adds to the subject ([`crate::profile::Calls::learned`]).
#[must_use]
pub fn learned(operation: &Operation<'_>, answer: &Json<'_>) -> Vec<Key> {
    let learned = operation.partner.profile().calls.learned.filter(|_| operation.gives_serial);
    learned.and_then(|learned| learned(answer)).into_iter().collect()
}

/// Whether there is a value at such a path.
pub(super) fn has(body: &Json<'_>, path: &str) -> bool {
    let mut is_there = false;
    each(body, path, &mut |value| is_there |= !value.trim().is_empty());
    is_there
}

/// Each value at a path such as `orderOutNo`, `paramJson.entryId`, `orders[].orderOutNo`; the last part may be an array of
/// values.
fn each(json: &Json<'_>, path: &str, found: &mut dyn FnMut(&str)) {
    let Some((head, rest)) = path.split_once('.') else {
        json.field(path).into_iter().chain(json.list(path).iter().filter_map(Json::value)).for_each(found);
        return;
    };
    match head.strip_suffix("[]") {
        Some(name) => json.list(name).iter().for_each(|element| each(element, rest, found)),
        None => json.within(head, |inner| each(inner, rest, found)).unwrap_or_default(),
    }
}
