//! `[[partners.push.actions]]`: what the pushes are, and where their parts stand.

use hub::Milestone;
use hub::event_types;
use hub::shipment::KINDS;
use hub::slip::nearest;
use partners::Partner;
use partners::configured::{ALL_ACTIONS, ActionRow, KeyAt, Milestones, PushExample, RowIdentity, When};

use super::super::calls::each as named;
use super::super::reader::{Item, Table};
use super::{name, pointer, text};

/// Reads the actions of a partner of that id.
pub(super) fn read(table: &mut Table<'_>, id: &str) -> Option<Vec<ActionRow>> {
    let tables = table.tables("actions");
    if tables.is_empty() {
        table.missing("actions", "must hold at least one: write [[partners.push.actions]]".to_owned());
        return None;
    }
    let mut taken = Taken::default();
    let rows: Vec<_> = tables.into_iter().map(|table| action(table, id, &mut taken)).collect();
    rows.into_iter().collect()
}

/// Names and suffixes of the actions before.
#[derive(Default)]
struct Taken {
    names: Vec<String>,
    suffixes: Vec<String>,
    examples: Vec<String>,
}

fn action(mut table: Table<'_>, id: &str, taken: &mut Taken) -> Option<ActionRow> {
    let own = table.need("name", "\"status\"").and_then(|item| own_name(&item, taken));
    let about = table.or("about", String::new(), |item| item.text().map(str::to_owned));
    let suffix = table.or("suffix", None, |item| suffix(item, taken).map(Some));
    let when = table.or("when", None, |item| when(item).map(Some));
    let each = table.or("each", None, |item| pointer(item).map(Some));
    let keys = table.or("keys", Vec::new(), |item| item.each(key));
    let occurred = table.or("occurred", Vec::new(), |item| item.each(pointer));
    let identity = table.or("identity", RowIdentity::Content { without: Vec::new() }, identity);
    let milestones = table.or("milestones", None, |item| milestones(item).map(Some));
    let examples = examples(&mut table, own.as_deref().unwrap_or_default(), taken);
    if keys.as_ref().is_some_and(Vec::is_empty) {
        let what =
            "must be given: [{ kind = \"waybill\", at = \"/no\" }]; an event without a key belongs to no shipment";
        table.missing("keys", what.to_owned());
    }
    table.close(&[]);
    let own = own?;
    Some(ActionRow {
        event_type: format!("{id}.{own}"),
        about: about?,
        suffix: suffix?,
        when: when?,
        each: each?,
        keys: keys?,
        occurred: occurred?,
        identity: identity?,
        milestones: milestones?,
        examples: examples?,
        name: own,
    })
}

fn own_name(item: &Item<'_>, taken: &mut Taken) -> Option<String> {
    let own = name(item)?;
    if matches!(own.as_str(), "unknown" | "malformed") {
        return item.wrong("is what events are called that are no action: give another name");
    }
    let is_taken = taken.names.contains(&own);
    taken.names.push(own.clone());
    if is_taken { item.wrong("is given twice: every action must have its own name") } else { Some(own) }
}

fn suffix(item: &Item<'_>, taken: &mut Taken) -> Option<String> {
    let suffix = name(item)?;
    if suffix == ALL_ACTIONS {
        return item.wrong("is the URL of all actions: leave it out, and tell the action by when");
    }
    // The ends of their URLs are ends of their events' types, and the gateway gives those to their own functions.
    let mut built_in = Partner::ALL.into_iter().flat_map(event_types::of).filter_map(|kind| kind.split_once('.'));
    if built_in.any(|(_, end)| end == suffix) {
        return item.wrong("is the end of a built-in partner's URLs: give another");
    }
    let is_taken = taken.suffixes.contains(&suffix);
    taken.suffixes.push(suffix.clone());
    if is_taken { item.wrong("is another action's too: give each its own") } else { Some(suffix) }
}

fn when(item: &Item<'_>) -> Option<When> {
    let mut table = item.table("a table such as { at = \"/type\", is = [\"status\"] }")?;
    let at = table.need("at", "\"/type\"").and_then(|item| pointer(&item));
    let is = table.or("is", Vec::new(), |item| item.each(text));
    table.close(&[]);
    Some(When { at: at?, is: is? })
}

fn key(item: &Item<'_>) -> Option<KeyAt> {
    let mut table = item.table("a table such as { kind = \"waybill\", at = \"/no\" }")?;
    let kind = table.need("kind", "\"waybill\"").and_then(|item| kind(&item));
    let at = table.need("at", "\"/no\"").and_then(|item| pointer(&item));
    let unless_has = table.or("unless_has", None, |item| text(item).map(Some));
    table.close(&[]);
    Some(KeyAt { kind: kind?, at: at?, unless_has: unless_has? })
}

fn kind(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    let known = KINDS.map(|(kind, _)| kind);
    if known.contains(&text) {
        return Some(text.to_owned());
    }
    match nearest(text, known) {
        Some(meant) => item.wrong(format!("is no kind of business key: did you mean {meant}?")),
        None => item.wrong(format!("must be one of {}", known.join(", "))),
    }
}

fn identity(item: &Item<'_>) -> Option<RowIdentity> {
    const FORMS: &str = "must be \"content\", \"message\" or { without = [\"/sentAt\"] }";
    if let toml::de::DeValue::Table(_) = item.value {
        let mut table = item.table(FORMS)?;
        let without = table.need("without", "[\"/sentAt\"]").and_then(|item| item.each(volatile));
        table.close(&[]);
        return Some(RowIdentity::Content { without: without? });
    }
    match item.value.as_str() {
        Some("content") => Some(RowIdentity::Content { without: Vec::new() }),
        Some("message") => Some(RowIdentity::Message),
        _ => item.wrong(FORMS),
    }
}

/// A value that does not count.
fn volatile(item: &Item<'_>) -> Option<partners::configured::Pointer> {
    let pointer = pointer(item)?;
    if pointer.is_everything() {
        return item.wrong("leads to everything: nothing would be left to tell events apart");
    }
    Some(pointer)
}

fn milestones(item: &Item<'_>) -> Option<Milestones> {
    let mut table = item.table("a table such as { at = \"/state\", of = { \"3\" = \"released\" } }")?;
    let each = table.or("each", None, |item| pointer(item).map(Some));
    let at = table.need("at", "\"/state\"").and_then(|item| pointer(&item));
    let time = table.or("time", None, |item| pointer(item).map(Some));
    let per = table.or("per", None, |item| pointer(item).map(Some));
    let of = table.need("of", "{ \"3\" = \"released\" }").and_then(|item| named(&item, milestone));
    for (name, given) in [("time", &time), ("per", &per)] {
        if matches!((given, &each), (Some(Some(_)), Some(None))) {
            table.mistake(name, "is of a row: add each, the array of the rows, or remove it".to_owned());
        }
    }
    if of.as_ref().is_some_and(std::collections::BTreeMap::is_empty) {
        table.mistake("of", "must hold at least one code".to_owned());
    }
    table.close(&[]);
    Some(Milestones { each: each?, at: at?, time: time?, per: per?, of: of?.into_iter().collect() })
}

fn milestone(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if Milestone::named(text).is_some() {
        return Some(text.to_owned());
    }
    let names = Milestone::ALL.map(Milestone::name);
    match nearest(text, names) {
        Some(meant) => item.wrong(format!("is no milestone: did you mean {meant}?")),
        None => item.wrong(format!("must be one of {}", names.join(", "))),
    }
}

/// The examples of an action: `example`, or several as `examples`.
fn examples(table: &mut Table<'_>, own: &str, taken: &mut Taken) -> Option<Vec<PushExample>> {
    let one = table.get("example").map(|item| text(&item).map(|body| PushExample { name: own.to_owned(), body }));
    let more: Vec<_> = table.tables("examples").into_iter().map(|table| example(table, taken)).collect();
    if one.is_none() && more.is_empty() {
        table.missing("example", "is missing: add example = '...', a push as the document prints it".to_owned());
        return None;
    }
    one.into_iter().chain(more).collect()
}

fn example(mut table: Table<'_>, taken: &mut Taken) -> Option<PushExample> {
    let own = table.need("name", "\"signed\"").and_then(|item| {
        let own = name(&item)?;
        let is_taken = taken.examples.contains(&own);
        taken.examples.push(own.clone());
        if is_taken { item.wrong("is given twice: every example must have its own name") } else { Some(own) }
    });
    let body = table.need("body", "'{...}'").and_then(|item| text(&item));
    table.close(&[]);
    Some(PushExample { name: own?, body: body? })
}
