//! `[[partners.operations]]` and `[partners.token]`: what a partner can be asked.

use hub::action::Reading;
use hub::configured;
use hub::shipment::KINDS;
use partners::configured::PushTable;
use partners::operation::table::{Around, OperationTable};
use partners::operation::{self, Fault, Operation, Settings};
use partners::pulled::Answered;
use partners::recipe::TokenRequest;
use partners::{Json, Partner};

use super::super::reader::{Item, Table};

const WRITTEN: &str = "a table: write [[partners.operations]]";

/// Reads the operations of a partner with those credentials and pushes; `is_read` where the pushes have no mistake.
pub(super) fn read(
    table: &mut Table<'_>,
    credentials: Option<&[String]>,
    pushes: Option<&PushTable>,
    is_read: bool,
    has_token: bool,
) -> Option<Vec<OperationTable>> {
    let actions: Vec<&str> = pushes.into_iter().flat_map(|table| &table.actions).map(|row| row.name.as_str()).collect();
    let kinds = KINDS.map(|(kind, _)| kind);
    let around = Around { credentials, actions: is_read.then_some(&actions), kinds: &kinds, has_token };
    let mut names: Vec<String> = Vec::new();
    table.or("operations", Vec::new(), |item| {
        item.items()?;
        item.each(|item| {
            let own = item.table(WRITTEN)?;
            let read: OperationTable = item.deserialize()?;
            let mut faults = read.validate(around);
            if names.contains(&read.name) {
                let remedy = "is given twice: every operation must have its own name".to_owned();
                faults.push(Fault { field: "name".to_owned(), remedy });
            }
            names.push(read.name.clone());
            noted(&own, faults).then_some(read)
        })
    })
}

/// Reads how tokens of a partner with those credentials are asked for.
pub(super) fn token(item: &Item<'_>, credentials: Option<&[String]>) -> Option<TokenRequest> {
    let own = item.table("a table: write [partners.token]")?;
    let read: TokenRequest = item.deserialize()?;
    let mut faults = read.validate("");
    for (key, part) in read.parts() {
        let (Some(name), Some(known)) = (part.credential(), credentials) else { continue };
        if !known.iter().any(|known| known == name) {
            let remedy = format!("{name:?} is none of the partner's credentials ({})", known.join(", "));
            faults.push(Fault { field: key, remedy });
        }
    }
    noted(&own, faults).then_some(read)
}

/// Sends each operation's example through the steps of a call, and notes where one of them objects; whether none does.
pub(super) fn tried(table: &mut Table<'_>, partner: Partner) -> bool {
    let items = table.get("operations").and_then(|item| item.list()).unwrap_or_default();
    let rows = items.iter().zip(operation::of(partner));
    rows.fold(true, |sound, (item, row)| {
        let Some(own) = item.table(WRITTEN) else { return false };
        for fault in row.doubts() {
            own.warn(&fault.field, fault.remedy);
        }
        let (tried, brought) = (noted(&own, row.trial()), noted(&own, brought(partner, row)));
        tried && brought && sound
    })
}

/// Mistakes of the push that the answer of a row stands for.
fn brought(partner: Partner, row: &Operation<'static>) -> Vec<Fault> {
    let told = row.told.and_then(|told| Some((told.brings.as_ref()?, told.answer.as_ref()?)));
    let (Some((bringing, (_, answer))), Some(pushes)) = (told, partner.push_table()) else { return Vec::new() };
    let Some(action) = pushes.actions.iter().find(|action| action.name == bringing.action) else { return Vec::new() };
    let (asked, answer) = (Json::parse(row.example.as_bytes()), operation::as_json(answer.as_bytes()));
    let (Ok(asked), Ok(answer)) = (asked, Json::parse(&answer)) else { return Vec::new() };
    let settings = Settings::default();
    let found = row.brought(&Answered { asked: &asked, answer: &answer, settings: &settings });
    let fault = |remedy: String| Fault { field: "brings".to_owned(), remedy };
    let name = &bringing.action;
    found
        .iter()
        .filter_map(|finding| match configured::events(action, &Json::parse(finding.body.as_bytes()).ok()?) {
            Reading::Malformed(reason) => Some(fault(format!("makes of answer what is no push of {name}: {reason}"))),
            Reading::Facts(facts) => facts.iter().any(|fact| fact.subject.is_digest()).then(|| {
                fault(format!(
                    "makes of answer a push of {name} without its keys: compare at and in with the examples of {name}"
                ))
            }),
        })
        .collect()
}

/// Notes faults by their keys within a table; whether there is none.
fn noted(table: &Table<'_>, faults: Vec<Fault>) -> bool {
    let is_sound = faults.is_empty();
    for fault in faults {
        table.mistake(fault.field.trim_start_matches('.'), fault.remedy);
    }
    is_sound
}
