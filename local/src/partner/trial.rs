//! `tongguan partner try`: the examples of a partner's file, pushed and called in memory.
//!
//! Nothing is stored, sent or listened to: the pushes are made and signed as the partner would, with invented credentials, and
//! read as a hub reads them; the calls are prepared, and the partner's answers read. A mistake is found while the file is read,
//! as `check-config` finds it: here is what comes of a file without one.

mod calls;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use config::{Config, Connection};
use hub::admission::{self, Arrival, Draft};
use hub::printable::Line;
use hub::{Event, EventId, configured};
use partners::answer::{Answer, Verdict, answer};
use partners::configured::{ALL_ACTIONS, PushExample, PushTable, SamplePush};

use crate::place::{Mistakes, count};

/// Longest body that is shown, in characters.
const SHOWN: usize = 300;

/// Shows what becomes of every partner of a file.
pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let config = read(path)?;
    for connection in config.connections.values() {
        partner(connection)?;
    }
    say!("")?;
    for note in &config.noted {
        say!("note: {note}")?;
    }
    let notes =
        if config.noted.is_empty() { String::new() } else { format!(", {}", count(config.noted.len(), "note")) };
    say!("no mistakes{notes}")?;
    Ok(ExitCode::SUCCESS)
}

/// The configuration of that file alone, with a connection of each of its partners.
fn read(path: &Path) -> anyhow::Result<Config> {
    let name = path.to_string_lossy();
    let files = format!("partner_files = [{}]\n", serde_json::Value::from(name.as_ref()));
    let parse = |text: &str| Config::parse(text).map_err(|mistakes| Mistakes::of(path.to_path_buf(), mistakes));
    let mut text = files.clone();
    for partner in &parse(&files)?.partners {
        let id = partner.id();
        text.extend([format!("[[connections]]\nid = \"{id}\"\npartner = \"{id}\"\n")]);
        if partner.profile().pushes.is_some() {
            text.extend(["keys = [\"", &"try-".repeat(8), "\"]\n"]);
        }
        for credential in partner.profile().calls.credentials {
            text.extend([format!("{credential} = \"try-{credential}\"\n")]);
        }
    }
    Ok(parse(&text)?)
}

fn partner(connection: &Connection) -> anyhow::Result<()> {
    let partner = connection.partner;
    let operations = partners::operation::of(partner).count();
    let table = partner.push_table();
    let actions = table.map_or(0, |table| table.actions.len());
    say!("{partner}: {}, {}", count(actions, "action"), count(operations, "operation"))?;
    if let Some(table) = table {
        for (_, example) in table.examples() {
            push(connection, table, example)?;
        }
        refusals(connection)?;
    }
    for operation in partners::operation::of(partner) {
        calls::one(connection, operation)?;
    }
    Ok(())
}

/// Pushes one example to the URL of all actions.
fn push(connection: &Connection, table: &PushTable, example: &PushExample) -> anyhow::Result<()> {
    let credentials = secrets(connection);
    let outgoing = table.sample(example.body.trim(), &|name| credentials.get(name).copied(), NOW_MS);
    let outgoing = outgoing.map_err(|_| anyhow::anyhow!("{} cannot be signed: look at verify", example.name))?;
    let is_signed = if table.verify.is_some() { "signed" } else { "not signed" };
    say!("")?;
    say!("push {} ({} bytes, {is_signed})", example.name, outgoing.body.len())?;
    for draft in arrival(connection, &outgoing).drafts {
        for line in shown(&event(connection, draft)) {
            say!("{line}")?;
        }
    }
    said("answer", &answer(connection.partner, Verdict::Accepted, ""))
}

/// Shows the answers to pushes that are not kept.
fn refusals(connection: &Connection) -> anyhow::Result<()> {
    say!("")?;
    say!("answers to what is not kept")?;
    for (name, verdict, text) in [
        ("refused", Verdict::Unauthorized, "the signature is another"),
        ("malformed", Verdict::Malformed, "the body is not as documented"),
        ("repeat it", Verdict::Unavailable, "the hub could not store it; push it again"),
    ] {
        said(name, &answer(connection.partner, verdict, text))?;
    }
    Ok(())
}

/// Time of the trial, in milliseconds since 1970: none of the example's parts depends on it but a timestamp.
const NOW_MS: i64 = 1_700_000_000_000;

/// The credentials of the connection.
fn secrets(connection: &Connection) -> BTreeMap<&str, &str> {
    connection.credentials.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect()
}

fn arrival(connection: &Connection, outgoing: &SamplePush) -> Arrival {
    let body = Bytes::copy_from_slice(&outgoing.body);
    admission::read(&configured::action(ALL_ACTIONS), connection.origin(), &body, None)
}

fn event(connection: &Connection, draft: Draft) -> Event {
    let id = hub::identity::by_content(&connection.id, &draft.subject, draft.content);
    kept(connection, draft, id)
}

fn kept(connection: &Connection, draft: Draft, id: EventId) -> Event {
    draft.event(&connection.id, id, hub::Utc(NOW_MS * 1000), false, "", Duration::from_hours(24))
}

/// The lines of an event.
fn shown(event: &Event) -> Vec<String> {
    let meta = &event.meta;
    let mut lines = vec![format!("  event      {}", meta.kind), format!("  subject    {}", event.key.subject)];
    if event.key.subject.is_digest() {
        lines.push("             no key has a value in it: no shipment has this event".to_owned());
    }
    for alias in meta.aliases.iter().filter(|alias| alias.as_str() != event.key.subject.as_str()) {
        lines.push(format!("  alias      {}", alias.as_str()));
    }
    lines.extend(meta.milestone.map(|milestone| format!("  milestone  {milestone}")));
    lines.extend(meta.occurred.map(|time| format!("  occurred   {time}")));
    lines
}

fn said(name: &str, answer: &Answer) -> anyhow::Result<()> {
    say!("  {name:<10} {} {}", answer.status, body(&answer.body))?;
    Ok(())
}

/// A body in one line, cut.
fn body(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("{}{more}", Line(cut.trim()))
}
