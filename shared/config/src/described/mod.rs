//! `[[partners]]`: partners that the configuration describes, and files that hold such descriptions.

mod actions;
mod answers;
mod examples;
mod known;
mod operations;
mod push;
mod verify;

use std::path::Path;

use hub::event_types;
use hub::printable::Word;
use partners::Partner;
use partners::configured::{Definition, Pointer};
use toml::de::DeTable;

pub(super) use answers::replies;
pub(super) use known::Described;

use super::connections::http_url;
use super::encoding::{self, BOM};
use super::keys::of_connections;
use super::reader::{Item, Reading, Table};
use super::secrets::unreadable;
use super::{Mistake, Shown, values};

/// Reads the partners of a document and of its files, and makes them known to the reading.
pub(super) fn read(root: &mut Table<'_>) -> Option<Vec<Partner>> {
    let mut described = Described::default();
    let own: Vec<_> = root.tables("partners").into_iter().map(|table| partner(table, &mut described)).collect();
    let files = root.or("partner_files", Vec::new(), |item| {
        let read: Vec<_> = item.each(|item| Some(file(item, &mut described)))?;
        read.into_iter().collect::<Option<Vec<_>>>().map(|files| files.concat())
    });
    root.reading().describe(described);
    let own = own.into_iter().collect::<Option<Vec<_>>>()?;
    Some([own, files?].concat())
}

/// Reads a file of partners. Its mistakes are named with it.
fn file(item: &Item<'_>, described: &mut Described) -> Option<Vec<Partner>> {
    let path = item.text()?;
    let place = format!("the file {}", Word(path));
    let bytes = (item.reading().sources().file)(Path::new(path)).map_err(|error| unreadable(&error));
    let text = bytes.as_ref().map_err(ToString::to_string);
    let text = text.and_then(|bytes| encoding::decode(bytes).map_err(|error| error.to_string()));
    let text = match text {
        Ok(text) => text.strip_prefix(BOM).unwrap_or(text),
        Err(why) => {
            described.is_partial = true;
            return item.wrong(format!("{place} {why}"));
        }
    };
    let reading = Reading::new(text, item.reading().sources());
    let (table, errors) = DeTable::parse_recoverable(text);
    reading.note_syntax(&errors);
    let read: Vec<_> = if errors.is_empty() {
        let mut root = Table::root(&reading, table.get_ref());
        let partners = root.tables("partners");
        if partners.is_empty() && !root.has("partners") {
            root.missing("partners", "is missing: a file of partners holds [[partners]]".to_owned());
        }
        let read = partners.into_iter().map(|table| partner(table, described)).collect();
        root.close(&[]);
        read
    } else {
        described.is_partial = true;
        vec![None]
    };
    item.reading().note_file(path, Shown::of(table.get_ref(), &reading.hidden()).digest());
    let (mistakes, warnings) = reading.into_notes();
    let is_sound = mistakes.is_empty();
    let named = |mistake: Mistake| Mistake { key: format!("{path}: {}", mistake.key), ..mistake };
    mistakes.into_iter().map(named).for_each(|mistake| item.reading().note_elsewhere(mistake));
    warnings.into_iter().map(named).for_each(|warning| item.reading().warn_elsewhere(warning));
    read.into_iter().collect::<Option<Vec<_>>>().filter(|_| is_sound)
}

/// Reads one partner.
fn partner(mut table: Table<'_>, described: &mut Described) -> Option<Partner> {
    let id = table.need("id", "\"kuaidi100\"").and_then(|item| id(&item, described));
    described.is_partial |= id.is_none();
    let own = id.clone().unwrap_or_default();
    let names = table.or("names", Vec::new(), |item| item.each(|item| item.text().map(str::to_owned)));
    let about = table.or("about", String::new(), |item| item.text().map(str::to_owned));
    let source = table.or("source", String::new(), |item| item.text().map(str::to_owned));
    let credentials = table.or("credentials", Vec::new(), credentials);
    let mut base = |name| table.or(name, None, |item| http_url(item).map(|_| item.text().map(str::to_owned)));
    let (production, test) = (base("production"), base("test"));
    let account = credentials.clone();
    let account = account.as_deref();
    let push = table.or("push", None, |item| push::read(item, &own, account).map(Some));
    let token = table.or("token", None, |item| operations::token(item, account).map(Some));
    let has_token = !matches!(token, Some(None)) || table.has_slip("token");
    let pushes = push.as_ref().and_then(Option::as_ref).map(|push| &push.table);
    let operations = operations::read(&mut table, account, pushes, push.is_some(), has_token);
    let definition = (|| {
        let mut definition = Definition {
            id: id?,
            names: names?,
            about: about?,
            source: source?,
            credentials: credentials?,
            production: production?,
            test: test?,
            operations: operations?,
            token: token?,
            ..Definition::default()
        };
        if let Some(push) = push? {
            (definition.deadline, definition.budget) = (push.deadline, push.budget);
            definition.push = Some(push.table);
        }
        Some(definition)
    })();
    let mut tried = |partner: &Partner| {
        let (pushes, calls) = (examples::check(&table, *partner), operations::tried(&mut table, *partner));
        pushes && calls
    };
    let partner = definition.map(Partner::configured).filter(|partner| tried(partner));
    table.close(&[]);
    described.sound.extend(partner);
    partner
}

fn id(item: &Item<'_>, described: &mut Described) -> Option<String> {
    let id = item.text()?;
    let is_taken = described.ids.iter().any(|known| known == id);
    described.ids.push(id.to_owned());
    let is_plain = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let mut own = event_types::own().filter_map(|kind| kind.split_once('.'));
    match () {
        () if !is_plain || !(2..=24).contains(&id.len()) => item.wrong("must be 2 to 24 of the characters a-z and 0-9"),
        () if Partner::from_id(id).is_some() => item.wrong("is a built-in partner: give it another id"),
        () if own.any(|(begin, _)| begin == id) => item.wrong("is the beginning of the hub's own events: give another"),
        () if is_taken => item.wrong("is given twice: every partner must have its own id"),
        () => Some(id.to_owned()),
    }
}

/// The names of credentials, which are keys of the partner's connections.
fn credentials(item: &Item<'_>) -> Option<Vec<String>> {
    let mut seen: Vec<&str> = Vec::new();
    item.each(|item| {
        let name = item.text()?;
        let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let is_known = seen.contains(&name);
        seen.push(name);
        match () {
            () if name.is_empty() || !is_plain => item.wrong("must be of the characters a-z, 0-9 and _"),
            () if of_connections().any(|key| key == name) => {
                item.wrong("is a key of every connection: give the credential another name")
            }
            () if is_known => item.wrong("stands in the list already: remove it"),
            () => Some(name.to_owned()),
        }
    })
}

/// A pointer into a push.
fn pointer(item: &Item<'_>) -> Option<Pointer> {
    Pointer::parse(item.text()?).map_or_else(|what| item.wrong(what), Some)
}

/// A text of at least one character.
fn text(item: &Item<'_>) -> Option<String> {
    match item.text()? {
        "" => item.wrong("must not be empty"),
        text => Some(text.to_owned()),
    }
}

/// A name that can stand in a URL and in an event's type.
fn name(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if (1..=64).contains(&text.len()) && values::is_url_safe(text) {
        return Some(text.to_owned());
    }
    item.wrong("must be 1 to 64 of the characters A-Z, a-z, 0-9, - and _")
}
