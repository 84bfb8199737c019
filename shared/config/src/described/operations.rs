//! `[[partners.operations]]` and `[partners.token]`: what a partner can be asked.

use hub::shipment::KINDS;
use partners::Partner;
use partners::configured::PushTable;
use partners::operation::table::{Around, OperationTable};
use partners::operation::{self, Fault};
use partners::recipe::TokenRequest;

use super::super::reader::{Item, Table};

const WRITTEN: &str = "a table: write [[partners.operations]]";

/// Reads the operations of a partner with those credentials and pushes; `is_read` where the pushes have no mistake.
pub(super) fn read(
    table: &mut Table<'_>,
    credentials: &[String],
    pushes: Option<&PushTable>,
    is_read: bool,
    has_token: bool,
) -> Option<Vec<OperationTable>> {
    let actions: Vec<&str> = pushes.into_iter().flat_map(|table| &table.actions).map(|row| row.name.as_str()).collect();
    let kinds = KINDS.map(|(kind, _)| kind);
    let around = Around { credentials, actions: is_read.then_some(&actions), kinds: &kinds, has_token };
    let mut names: Vec<String> = Vec::new();
    table.or("operations", Vec::new(), |item| {
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
pub(super) fn token(item: &Item<'_>, credentials: &[String]) -> Option<TokenRequest> {
    let own = item.table("a table: write [partners.token]")?;
    let read: TokenRequest = item.deserialize()?;
    let mut faults = read.validate("");
    for name in read.credentials().filter(|name| !credentials.iter().any(|known| known == name)) {
        let remedy = format!("{name:?} is none of the partner's credentials ({})", credentials.join(", "));
        faults.push(Fault { field: "body".to_owned(), remedy });
    }
    noted(&own, faults).then_some(read)
}

/// Sends each operation's example through the steps of a call, and notes where one of them objects; whether none does.
pub(super) fn tried(table: &mut Table<'_>, partner: Partner) -> bool {
    let items = table.get("operations").and_then(|item| item.list()).unwrap_or_default();
    let rows = items.iter().zip(operation::of(partner));
    rows.fold(true, |sound, (item, row)| item.table(WRITTEN).is_some_and(|own| noted(&own, row.trial())) && sound)
}

/// Notes faults by their keys within a table; whether there is none.
fn noted(table: &Table<'_>, faults: Vec<Fault>) -> bool {
    let is_sound = faults.is_empty();
    for fault in faults {
        table.mistake(fault.field.trim_start_matches('.'), fault.remedy);
    }
    is_sound
}
