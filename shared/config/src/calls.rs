//! The keys of a connection that say how its partner is called.

use std::collections::BTreeMap;
use std::time::Duration;

use hub::schedule::Schedule;
use partners::Partner;
use partners::operation::{Answers, Encoding, Settings};
use partners::profile::Setting;
use serde::de::DeserializeOwned;

use super::reader::{Item, Table};
use super::{Rate, attempts};

/// Default timeout of an attempt at a call, if half of `sweep_every` is not less: partners work on a call before they
/// answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Default of the most calls under way at once.
const CONCURRENCY: u32 = 8;

/// Values of the keys that are common to all partners.
pub(super) struct Calls {
    pub(super) timeout: Duration,
    pub(super) concurrency: usize,
    pub(super) schedule: Schedule,
    pub(super) rate: Option<Rate>,
    pub(super) allow_private: bool,
    pub(super) allow_private_files: bool,
}

pub(super) fn read(table: &mut Table<'_>, sweep_every: Duration) -> Option<Calls> {
    let timeout = attempts::timeout(table, TIMEOUT, sweep_every);
    let concurrency = attempts::concurrency(table, CONCURRENCY);
    let schedule = attempts::retry(table);
    let rate = table.or("rate", None, |item| rate(item).map(Some));
    let allow_private = table.or("allow_private", false, Item::flag);
    let allow_private_files = table.or("allow_private_files", false, Item::flag);
    Some(Calls {
        timeout: timeout?,
        concurrency: concurrency?,
        schedule: schedule?,
        rate: rate?,
        allow_private: allow_private?,
        allow_private_files: allow_private_files?,
    })
}

/// Notes each credential that a recipe names and the connection lacks. `given` are those of the connection.
pub(super) fn check_credentials<'g>(table: &Table<'_>, settings: &Settings, given: impl Iterator<Item = &'g str>) {
    let given: Vec<_> = given.collect();
    for name in settings.credentials() {
        if given.contains(&name) {
            continue;
        }
        let what = if table.is_asked(name) {
            "is no credential, but a recipe names it as one: give the credential another name"
        } else {
            "is missing: a recipe names this credential"
        };
        table.mistake(name, what.to_owned());
    }
}

fn rate(item: &Item<'_>) -> Option<Rate> {
    let mut table = item.table("a table such as { calls = 10, per = \"1s\" }")?;
    let calls = table.need("calls", "10").and_then(|item| item.integer());
    let per = table.need("per", "\"1s\"").and_then(|item| item.duration());
    table.close(&[]);
    Some(Rate { calls: calls?, per: per? })
}

/// Reads what the partner's documents lost. Where the partner is not known, only its form is checked.
pub(super) fn settings(table: &mut Table<'_>, partner: Option<Partner>) -> Option<Settings> {
    let usual = Settings::default();
    let paths = table.or("paths", usual.paths, |item| each(item, |item| item.text().map(str::to_owned)));
    let encodings = table.or("encodings", usual.encodings, |item| each(item, encoding));
    let file_part = table.or("file_part", usual.file_part, |item| item.text().map(str::to_owned));
    let base64_field = table.or("base64_field", None, |item| item.text().map(|text| Some(text.to_owned())));
    let required = table
        .or("required", usual.required, |item| each(item, |item| item.each(|item| item.text().map(str::to_owned))));
    let has_fees = partner.is_none_or(|partner| partner.profile().has(Setting::FeeActions));
    let fee_actions =
        if has_fees { table.or("fee_actions", usual.fee_actions, |item| item.each(action)) } else { Some(vec![]) };
    let has_answers = partner.is_none_or(|partner| partner.profile().has(Setting::Answers));
    let answers = if has_answers {
        table.or("answers", usual.answers, |item| each(item, answers_of))
    } else {
        Some(usual.answers)
    };
    let token = table.or("token", None, |item| recipe(item).map(Some));
    let signature = table.or("signature", None, |item| recipe(item).map(Some));
    // A token's recipe that could not be read is not missing besides.
    let follows = token.is_none().then_some("token");
    let read = token.is_some()
        && signature.is_some()
        && paths.is_some()
        && encodings.is_some()
        && file_part.is_some()
        && base64_field.is_some()
        && required.is_some()
        && fee_actions.is_some()
        && answers.is_some();
    let settings = Settings {
        paths: paths.unwrap_or_default(),
        encodings: encodings.unwrap_or_default(),
        file_part: file_part.unwrap_or_else(|| Settings::default().file_part),
        base64_field: base64_field.flatten(),
        required: required.unwrap_or_default(),
        fee_actions: fee_actions.unwrap_or_default(),
        answers: answers.unwrap_or_default(),
        token: token.flatten(),
        signature: signature.flatten(),
    };
    let faults = partner.map(|partner| settings.validate(partner)).unwrap_or_default();
    let sound = read && faults.is_empty();
    for fault in faults.into_iter().filter(|fault| follows != Some(fault.field.as_str())) {
        table.mistake(&fault.field, fault.remedy);
    }
    sound.then_some(settings)
}

/// A table of names that the configuration chooses.
pub(super) fn each<T>(item: &Item<'_>, read: impl Fn(&Item<'_>) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let entries = item.table("a table")?.rest();
    let entries: Vec<_> = entries.into_iter().map(|(name, item)| Some((name, read(&item)?))).collect();
    entries.into_iter().collect()
}

fn answers_of(item: &Item<'_>) -> Option<Answers> {
    let mut table = item.table("a table such as { rows = \"/data/list\", action = \"single_receipt\" }")?;
    let rows = table.or("rows", Answers::default().rows, |item| item.text().map(str::to_owned));
    let named = table.or("action", None, |item| action(item).map(Some));
    table.close(&[]);
    Some(Answers { rows: rows?, action: named? })
}

fn encoding(item: &Item<'_>) -> Option<Encoding> {
    match item.text()? {
        "json" => Some(Encoding::Json),
        "form" => Some(Encoding::Form),
        "multipart" => Some(Encoding::Multipart),
        _ => item.wrong("must be \"json\", \"form\" or \"multipart\""),
    }
}

fn action(item: &Item<'_>) -> Option<String> {
    match item.text()? {
        "" => item.wrong("must not be empty"),
        action => Some(action.to_owned()),
    }
}

fn recipe<T: DeserializeOwned>(item: &Item<'_>) -> Option<T> {
    item.table("a table that is a recipe (a credential needs another name)")?;
    item.deserialize()
}
