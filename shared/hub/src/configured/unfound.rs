//! Places of an action that lead nowhere in its examples.

use partners::Json;
use partners::configured::{ActionRow, Milestones, Pointer, RowIdentity};

use super::{base, time};

/// A place at which no example of its action has what is looked for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfound {
    /// The key within the action: `occurred[0]`.
    pub key: String,
    /// The rest of a sentence that begins with the key.
    pub what: String,
    /// Whether nothing else in the action stands for it, so that the examples show nothing of the kind.
    pub is_alone: bool,
}

/// An example: the push, and an element of it that is an event.
type Part<'j, 'a> = (&'j Json<'a>, &'j Json<'a>);

/// The places of an action at which none of these pushes of it has anything.
#[must_use]
pub fn unfound(row: &ActionRow, examples: &[Json<'_>]) -> Vec<Unfound> {
    let parts: Vec<Part<'_, '_>> = examples.iter().flat_map(|whole| parts(row, whole)).collect();
    let mut found = Vec::new();
    if let Some(each) = row.each.as_ref().filter(|each| !each.is_everything()) {
        let leads = |whole| each.place(whole).is_some_and(|place| place.is_object() || place.elements().is_some());
        if !examples.iter().any(leads) {
            let what = nothing("an array or an object", each);
            found.push(Unfound { key: "each".to_owned(), what, is_alone: true });
        }
    }
    let keys: Vec<_> = row.keys.iter().map(|key| &key.at).collect();
    let named = |at| format!("keys[{at}].at");
    let has_text = |at: &Pointer| parts.iter().any(|(whole, element)| at.value(base(at, whole, element)).is_some());
    found.extend(group(&keys, &named, |at| (!has_text(at)).then(|| nothing("a value", at))));
    let times: Vec<_> = row.occurred.iter().collect();
    found.extend(group(&times, &|at| format!("occurred[{at}]"), |at| no_time(at, &parts)));
    if let RowIdentity::Content { without } = &row.identity {
        let places: Vec<_> = without.iter().collect();
        found.extend(group(&places, &|at| format!("identity.without[{at}]"), |at| no_place(at, &parts)));
    }
    if let Some(own) = &row.milestones {
        found.extend(milestones(own, &parts));
    }
    found
}

/// Events of a push, as [`super::events`] parts it.
fn parts<'j, 'a>(row: &ActionRow, whole: &'j Json<'a>) -> Vec<Part<'j, 'a>> {
    let place = row.each.as_ref().and_then(|each| each.place(whole));
    match (place.and_then(Json::elements), place) {
        (Some(elements), _) if !elements.is_empty() => elements.iter().map(|element| (whole, element)).collect(),
        (None, Some(only)) if only.is_object() => vec![(whole, only)],
        _ => vec![(whole, whole)],
    }
}

/// The places of a list that find nothing, each with what `fault` says of it.
fn group<'p>(
    places: &[&'p Pointer],
    named: &dyn Fn(usize) -> String,
    fault: impl Fn(&'p Pointer) -> Option<String>,
) -> Vec<Unfound> {
    let faults: Vec<_> = places.iter().map(|at| fault(at)).collect();
    let is_alone = faults.iter().all(Option::is_some);
    let faults = faults.into_iter().enumerate();
    faults.filter_map(|(at, what)| Some(Unfound { key: named(at), what: what?, is_alone })).collect()
}

fn nothing(what: &str, at: &Pointer) -> String {
    format!(
        "finds nothing: no example of its action has {what} at {:?}; correct it, or give an example that has it",
        at.as_str()
    )
}

/// The reason why no time is read at a place.
fn no_time(at: &Pointer, parts: &[Part<'_, '_>]) -> Option<String> {
    let mut texts = Vec::new();
    for (whole, element) in parts {
        at.values(base(at, whole, element), &mut |text| texts.push(text.to_owned()));
    }
    match texts.first() {
        None => Some(nothing("a time", at)),
        Some(_) if texts.iter().any(|text| time(text).is_some()) => None,
        Some(text) => Some(format!(
            "finds {text:?}, which is no time that is read: write the place of one such as 2026-01-31 08:00:00, \
             2026-01-31T08:00:00Z or 1769817600"
        )),
    }
}

/// The reason why nothing is left out at a place: it is looked for in the document itself.
fn no_place(at: &Pointer, parts: &[Part<'_, '_>]) -> Option<String> {
    let mut places = Vec::new();
    let mut is_in_text = false;
    for (whole, element) in parts {
        at.spans(base(at, whole, element), &mut places);
        at.visit(base(at, whole, element), &mut |_| is_in_text = true);
    }
    match (places.is_empty(), is_in_text) {
        (false, _) => None,
        (true, true) => {
            Some("leads into a text that is JSON, which counts as a whole: name the text itself".to_owned())
        }
        (true, false) => Some(nothing("anything", at)),
    }
}

fn milestones(own: &Milestones, parts: &[Part<'_, '_>]) -> Vec<Unfound> {
    let unfound = |key: &str, what| Unfound { key: format!("milestones.{key}"), what, is_alone: true };
    // Rows are told apart by `each`, and every pointer begins at its row.
    let mut found = Vec::new();
    let mut has_row = own.each.is_none();
    let mut codes: Vec<String> = Vec::new();
    let mut others = [(&own.time, "time", false), (&own.per, "per", false)];
    let mut look = |whole: &Json<'_>, row: &Json<'_>| {
        codes.extend(own.at.value(base(&own.at, whole, row)));
        for (place, _, is_found) in &mut others {
            *is_found |= place.as_ref().is_some_and(|at| at.value(base(at, whole, row)).is_some());
        }
    };
    for (whole, element) in parts {
        match &own.each {
            None => look(whole, element),
            Some(each) => each.visit(base(each, whole, element), &mut |rows| {
                has_row = true;
                match rows.elements() {
                    Some(rows) => rows.iter().for_each(|row| look(whole, row)),
                    None => look(whole, rows),
                }
            }),
        }
    }
    match (&own.each, codes.first()) {
        (Some(each), _) if !has_row => found.push(unfound("each", nothing("a row", each))),
        (_, None) => found.push(unfound("at", nothing("a code", &own.at))),
        (_, Some(code)) if !codes.iter().any(|code| own.of.iter().any(|(known, _)| known == code)) => {
            let what =
                format!("has none of the codes that the examples have, such as {code:?}: compare it with the document");
            found.push(Unfound { is_alone: false, ..unfound("of", what) });
        }
        _ => {}
    }
    if has_row {
        let others = others.into_iter().filter(|(_, _, is_found)| !is_found);
        found.extend(others.filter_map(|(place, key, _)| Some(unfound(key, nothing("a value", place.as_ref()?)))));
    }
    found
}
