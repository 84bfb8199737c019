//! `[partners.push]`: how a partner pushes.

use std::time::Duration;

use partners::configured::{Body, PushTable};

use super::super::reader::{Item, Table};
use super::{actions, answers, text, verify};

/// Default time within which a partner must have the answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// Part of the deadline that the network and the gateway need at the least.
const LEFT: Duration = Duration::from_millis(100);

/// Longest default budget.
const BUDGET: Duration = Duration::from_secs(5);

/// A table, with the times of its partner.
pub(super) struct Push {
    pub(super) table: PushTable,
    pub(super) deadline: Duration,
    pub(super) budget: Duration,
}

/// Reads the pushes of a partner of that id, with those credentials.
pub(super) fn read(item: &Item<'_>, id: &str, credentials: Option<&[String]>) -> Option<Push> {
    let mut table = item.table("a table: write [partners.push]")?;
    let body = table.or("body", Body::Json, body);
    let deadline = table.or("deadline", DEADLINE, Item::duration);
    let budget = budget(&mut table, deadline.unwrap_or(DEADLINE));
    let repeats = table.or("repeats", Vec::new(), |item| item.each(Item::duration));
    let verify = table.or("verify", None, |item| verify::read(item, body.as_ref(), credentials).map(Some));
    let answers = table.need("answers", "{ accepted = { ... }, unavailable = { ... } }");
    let answers = answers.and_then(|item| answers::read(&item));
    let actions = actions::read(&mut table, id);
    table.close(&[]);
    Some(Push {
        table: PushTable { body: body?, repeats: repeats?, verify: verify?, answers: answers?, actions: actions? },
        deadline: deadline?,
        budget: budget?,
    })
}

fn body(item: &Item<'_>) -> Option<Body> {
    const FORMS: &str =
        "must be \"json\", \"xml\" or { form = \"the field that holds the JSON\" }, or with holds = \"xml\" beside it";
    if let toml::de::DeValue::Table(_) = item.value {
        let mut table = item.table(FORMS)?;
        let field = table.need("form", "\"param\"").and_then(|item| text(&item));
        let holds: Option<fn(String) -> Body> =
            table.or("holds", Body::Form as fn(String) -> Body, |item| match item.text()? {
                "json" => Some(Body::Form),
                "xml" => Some(Body::FormXml),
                _ => item.wrong("must be \"json\" or \"xml\""),
            });
        table.close(&[]);
        return field.zip(holds).map(|(field, holds)| holds(field));
    }
    match item.value.as_str() {
        Some("json") => Some(Body::Json),
        Some("xml") => Some(Body::Xml),
        _ => item.wrong(FORMS),
    }
}

fn budget(table: &mut Table<'_>, deadline: Duration) -> Option<Duration> {
    let most = deadline.saturating_sub(LEFT);
    let Some(item) = table.get("budget") else { return Some((deadline * 4 / 5).min(most).min(BUDGET)) };
    let budget = item.duration()?;
    if budget > most {
        return item.wrong("must leave 100 ms of the deadline to the network: lower it");
    }
    Some(budget)
}
