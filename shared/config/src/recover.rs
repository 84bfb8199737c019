//! `recover` of a connection: the partner's list of failed pushes is worked off. The names in its answer are configuration,
//! because the partner's documents lost them.

use std::collections::BTreeMap;
use std::time::Duration;

use partners::operation::{self, Fault, Operation};
use partners::profile::Recovery;
use partners::{Json, Partner};
use serde_json::{Map, Value};

use super::calls::each;
use super::reader::{Item, Table};

/// Interval of the cycle where nothing is said.
const EVERY: Duration = Duration::from_mins(5);

/// A time in the form that partners print, for a trial of the confirmation.
const SOME_TIME: &str = "2022-06-07 14:49:50";

/// How a connection's failed pushes are recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover {
    /// Interval of the cycle: ten seconds to a day.
    pub every: Duration,
    /// JSON pointer to the rows in the answer of the query.
    pub rows: String,
    /// JSON pointer to the partner's serial of the order in a row; empty where the row itself is the serial.
    pub serial: String,
    /// JSON pointer to the customer's own number of the order in a row, where rows have one.
    pub order: Option<String>,
    /// JSON pointer to the time of the list in the answer, which the confirmation repeats.
    pub cutoff: String,
    /// Further fields of the query.
    pub query: BTreeMap<String, String>,
    /// Further fields of the confirmation.
    pub confirm: BTreeMap<String, String>,
}

impl Recover {
    /// The body of the query.
    #[must_use]
    pub fn query_body(&self) -> String {
        object(&self.query).to_string()
    }

    /// The body of a confirmation of these serials, with the time of the list that they are from.
    #[must_use]
    pub fn confirm_body(&self, recovery: &Recovery, serials: &[&str], cutoff: &str) -> String {
        let Recovery { serials: field, cutoff: time, .. } = *recovery;
        let own = [(field.to_owned(), Value::from(serials)), (time.to_owned(), cutoff.into())];
        let fields: Map<String, Value> = object_of(&self.confirm).into_iter().chain(own).collect();
        Value::Object(fields).to_string()
    }
}

fn object_of(fields: &BTreeMap<String, String>) -> Map<String, Value> {
    fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
}

fn object(fields: &BTreeMap<String, String>) -> Value {
    Value::Object(object_of(fields))
}

/// Whether a connection of that partner has the key; one whose partner is not known may have it.
pub(super) fn has_key(partner: Option<Partner>) -> bool {
    partner.is_none_or(|partner| partner.profile().calls.recovery.is_some())
}

/// Notes each credential that the cycle needs and the connection lacks.
pub(super) fn check_credentials(table: &Table<'_>, partner: Partner, has: impl Fn(&str) -> bool) {
    let Some(recovery) = partner.profile().calls.recovery else { return };
    let rows = [recovery.query, recovery.confirm].into_iter().filter_map(|name| operation::find(partner, name));
    let mut needed: Vec<_> = rows.flat_map(|row| row.credentials).map(|credential| credential.name).collect();
    needed.dedup();
    for name in needed.into_iter().filter(|name| !has(name)) {
        table.mistake("recover", format!("needs {name}, which the connection lacks: add {name} = \"...\""));
    }
}

/// Reads the key. Where the partner is not known, its form alone.
pub(super) fn read(item: &Item<'_>, partner: Option<Partner>) -> Option<Recover> {
    let mut table =
        item.table("a table such as { rows = \"/data\", serial = \"/orderNo\", cutoff = \"/foot/operationTime\" }")?;
    let every = table.or("every", EVERY, Item::duration);
    let rows = table.need("rows", "\"/data\"").and_then(|item| pointer(&item));
    let serial = table.need("serial", "\"/orderNo\"").and_then(|item| pointer(&item));
    let order = table.or("order", None, |item| pointer(item).map(Some));
    let cutoff = table.need("cutoff", "\"/foot/operationTime\"").and_then(|item| pointer(&item));
    let fields = |item: &Item<'_>| each(item, |item| item.text().map(str::to_owned));
    let query = table.or("query", BTreeMap::new(), fields);
    let confirm = table.or("confirm", BTreeMap::new(), fields);
    let recovery = partner.and_then(|partner| Some((partner, partner.profile().calls.recovery?)));
    let sound = recovery.is_none_or(|(partner, recovery)| {
        let fits = |key, name, fields: &Option<_>, own: &[&str]| {
            operation::find(partner, name)
                .zip(fields.as_ref())
                .is_none_or(|(row, fields)| fits(&table, key, &row, fields, own))
        };
        let sound = fits("query", recovery.query, &query, &[]);
        fits("confirm", recovery.confirm, &confirm, &[recovery.serials, recovery.cutoff]) && sound
    });
    table.close(&[]);
    let recover = Recover {
        every: every?,
        rows: rows?,
        serial: serial?,
        order: order?,
        cutoff: cutoff?,
        query: query?,
        confirm: confirm?,
    };
    sound.then_some(recover)
}

/// Whether the further fields of a request are as the partner's table wants them. `own` are those that the hub puts in.
fn fits(
    table: &Table<'_>,
    key: &str,
    operation: &Operation<'_>,
    fields: &BTreeMap<String, String>,
    own: &[&str],
) -> bool {
    let given: Vec<_> = own.iter().filter(|name| fields.contains_key(**name)).collect();
    for name in &given {
        table.mistake(&format!("{key}.{name}"), "must be left out: its value comes from the list".to_owned());
    }
    let faults = if given.is_empty() { trial(operation, fields, own) } else { Vec::new() };
    for Fault { field, remedy } in &faults {
        table.mistake(&format!("{key}.{field}"), remedy.clone());
    }
    given.is_empty() && faults.is_empty()
}

/// Faults of a request with these fields, and with values in the place of those that the hub puts in.
fn trial(operation: &Operation<'_>, fields: &BTreeMap<String, String>, own: &[&str]) -> Vec<Fault> {
    let mut body = object_of(fields);
    for (name, value) in own.iter().zip([Value::from(["A"].as_slice()), SOME_TIME.into()]) {
        body.insert((*name).to_owned(), value);
    }
    let body = Value::Object(body).to_string();
    Json::parse(body.as_bytes()).map(|body| operation::check(operation, &body)).unwrap_or_default()
}

fn pointer(item: &Item<'_>) -> Option<String> {
    match item.text()? {
        text if text.is_empty() || text.starts_with('/') => Some(text.to_owned()),
        _ => item.wrong("must be a JSON pointer such as \"/data\""),
    }
}
