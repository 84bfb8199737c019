//! Which business keys a call is about, in the vocabulary of the events, so that both lie on one timeline.

use std::collections::HashSet;

use super::{Operation, onedata};
use crate::json::Kind;
use crate::{Json, Partner};

/// The business keys of a call, kind and value, the most telling first: `order` (orderOutNo), `bl` (bill of lading),
/// `entry`, `ciq`, `serial` (XHQ's), `mawb` (Yanwen's master waybill), `waybill` (TrackingEyes' id), `batch`, `port`
/// (`<carrierCd>:<subType>:<subNo>[:<I|E>]`), `container`.
#[must_use]
pub fn subject(operation: &Operation<'_>, body: &Json<'_>) -> Vec<(&'static str, String)> {
    let mut keys: Vec<(&'static str, String)> = Vec::new();
    let mut known = HashSet::new();
    let mut take = |kind, value: &str| {
        // TrackingEyes takes several ids as one comma list.
        let several = value.split(|char| operation.partner == Partner::TrackingEyes && char == ',');
        for value in several.map(str::trim).filter(|value| !value.is_empty()) {
            let key = (kind, value.to_owned());
            if known.insert(key.clone()) {
                keys.push(key);
            }
        }
    };
    for (kind, path) in operation.keys {
        each(body, path, &mut |value| take(kind, value));
    }
    for (kind, value) in onedata::subscriptions(operation, body) {
        take(kind, &value);
    }
    // Before customs accepts a declaration, its number can be the 统一编号 printed in its place.
    let ciq = keys.iter().find(|(kind, _)| *kind == "ciq").map(|(_, value)| value.clone());
    keys.retain(|(kind, value)| *kind != "entry" || Some(value) != ciq.as_ref());
    keys
}

/// What the partner's answer adds to the keys of its subject: the serial (`serial`) that XHQ's upload gives an order, in
/// whose terms chapter 六 and 二.5 speak of it.
#[must_use]
pub fn learned(operation: &Operation<'_>, answer: &Json<'_>) -> Vec<(&'static str, String)> {
    if !operation.gives_serial {
        return Vec::new();
    }
    let data = answer.get("data");
    let alone = match data.map(Json::kind) {
        Some(Kind::String(text)) => Some(text.trim()).filter(|text| can_be_serial(text)),
        Some(Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_)) | None => None,
    };
    let serial = alone.map(str::to_owned).or_else(|| {
        // Whether `data` is the serial or holds it is not documented.
        let mut found = Vec::new();
        data.and_then(|data| data.inside(|data| serials(data, &mut found)))?;
        found.sort_unstable();
        found.dedup();
        if found.len() == 1 { found.pop() } else { None }
    });
    serial.map(|serial| ("serial", serial)).into_iter().collect()
}

/// Whether a text that stands alone can be a serial: one word with a number in it. No form is documented, and a word of
/// praise in its place would be everybody's key.
fn can_be_serial(text: &str) -> bool {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    word && text.len() <= 64 && text.bytes().filter(u8::is_ascii_digit).count() >= 6
}

/// `A` and 17 digits, as in every sample of XHQ's serials.
fn is_serial(text: &str) -> bool {
    text.strip_prefix('A').is_some_and(|digits| digits.len() == 17 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn serials(json: &Json<'_>, found: &mut Vec<String>) {
    match json.kind() {
        Kind::String(text) if is_serial(text.trim()) => found.push(text.trim().to_owned()),
        Kind::Array(elements) => elements.iter().for_each(|element| serials(element, found)),
        Kind::Object(members) => members.iter().for_each(|(_, member)| serials(member, found)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {}
    }
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
