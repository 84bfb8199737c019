//! `tongguan partner try`: the examples of a partner's file, pushed and called in memory.
//!
//! Nothing is stored, sent or listened to: the pushes are made and signed as the partner would, with invented credentials, and
//! go through the check of their signature and the reading of a hub; the calls are prepared, and the partner's answers read.

mod calls;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use config::{Config, Connection};
use hub::action::Action;
use hub::admission::{self, Draft};
use hub::printable::Line;
use hub::{Event, EventId};
use partners::answer::{Answer, Verdict, answer};
use partners::configured::{ALL_ACTIONS, ActionRow, PushExample, PushTable, SamplePush, Signed, Unsigned};

use crate::place::{Mistakes, count};

/// Longest body that is shown, in characters.
const SHOWN: usize = 300;

/// Number of mistakes that were found.
#[derive(Default)]
struct Found(usize);

impl Found {
    fn mistake(&mut self, what: &str) -> std::io::Result<()> {
        self.0 += 1;
        say!("  MISTAKE    {what}")
    }
}

/// Tries every partner of a file; 1 where there is a mistake.
pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let config = configured(path)?;
    let mut found = Found::default();
    for connection in config.connections.values() {
        partner(connection, &mut found)?;
    }
    let summary = count(found.0, "mistake");
    say!("{}", if found.0 == 0 { "no mistakes".to_owned() } else { summary })?;
    Ok(if found.0 == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The configuration of that file alone, with a connection of each of its partners.
fn configured(path: &Path) -> anyhow::Result<Config> {
    let name = path.to_string_lossy();
    let files = format!("partner_files = [{}]\n", serde_json::Value::from(name.as_ref()));
    let read = |text: &str| Config::parse(text).map_err(|mistakes| Mistakes::of(path.to_path_buf(), mistakes));
    let mut text = files.clone();
    for partner in &read(&files)?.partners {
        let id = partner.id();
        text.extend([format!("[[connections]]\nid = \"{id}\"\npartner = \"{id}\"\n")]);
        if partner.profile().pushes.is_some() {
            text.extend(["keys = [\"", &"try-".repeat(8), "\"]\n"]);
        }
        for credential in partner.profile().calls.credentials {
            text.extend([format!("{credential} = \"try-{credential}\"\n")]);
        }
    }
    Ok(read(&text)?)
}

fn partner(connection: &Connection, found: &mut Found) -> anyhow::Result<()> {
    let partner = connection.partner;
    let operations = partners::operation::of(partner).count();
    let table = partner.push_table();
    let actions = table.map_or(0, |table| table.actions.len());
    say!("{partner}: {}, {}", count(actions, "action"), count(operations, "operation"))?;
    if let Some(table) = table {
        for row in &table.actions {
            for example in &row.examples {
                push(connection, table, row, example, found)?;
            }
        }
        refusals(connection, table, found)?;
    }
    for operation in partners::operation::of(partner) {
        calls::one(connection, operation, found)?;
    }
    Ok(())
}

/// Pushes one example to the URL of all actions, and to its own.
fn push(
    connection: &Connection,
    table: &'static PushTable,
    row: &'static ActionRow,
    example: &PushExample,
    found: &mut Found,
) -> anyhow::Result<()> {
    let document = example.body.trim();
    let credentials = secrets(connection);
    let outgoing = table.sample(document, &|name| credentials.get(name).copied(), NOW_MS);
    let outgoing = match outgoing {
        Ok(outgoing) => outgoing,
        Err(why) => return Ok(found.mistake(&format!("the example cannot be signed: {}", reason(why)))?),
    };
    let is_signed = if table.verify.is_some() { "signed" } else { "not signed" };
    say!("")?;
    say!("push {} ({} bytes, {is_signed})", example.name, outgoing.body.len())?;
    if let Err(why) = checked(table, &outgoing, &credentials) {
        found.mistake(&format!("its own signature is refused: {}", reason(why)))?;
    }
    let suffixes = [Some(ALL_ACTIONS), row.suffix.as_deref()].into_iter().flatten();
    let mut first: Option<Vec<Vec<String>>> = None;
    for suffix in suffixes {
        let arrival = read(connection, suffix, &outgoing);
        let wrong = arrival.malformed.as_deref().map(|why| format!("at …/{suffix} it is malformed: {why}"));
        if let Some(wrong) = wrong {
            found.mistake(&wrong)?;
            continue;
        }
        let events: Vec<_> = arrival.drafts.into_iter().map(|draft| event(connection, draft)).collect();
        for event in events.iter().filter(|event| event.meta.kind.as_str() != row.event_type) {
            let what = format!("at …/{suffix} it is {} and not {}: look at `when`", event.meta.kind, row.event_type);
            found.mistake(&what)?;
        }
        let told: Vec<Vec<String>> = events.iter().map(shown).collect();
        match &first {
            None => {
                for line in told.iter().flatten() {
                    say!("{line}")?;
                }
                first = Some(told);
            }
            Some(first) if *first != told => found.mistake(&format!("at …/{suffix} it is read otherwise"))?,
            Some(_) => {}
        }
    }
    said("answer", &answer(connection.partner, Verdict::Accepted, ""))
}

/// Shows the answers to pushes that are not kept, and that a wrong signature is found.
fn refusals(connection: &Connection, table: &PushTable, found: &mut Found) -> anyhow::Result<()> {
    say!("")?;
    say!("answers to what is not kept")?;
    let example = table.actions.first().and_then(|row| row.examples.first());
    if let (Some(_), Some(example)) = (&table.verify, example) {
        let credentials = secrets(connection);
        let other = |name: &str| credentials.get(name).map(|_| "another");
        let outgoing = table.sample(example.body.trim(), &other, NOW_MS);
        if let Ok(outgoing) = outgoing
            && checked(table, &outgoing, &credentials).is_ok()
        {
            found.mistake("a push that is signed with another secret is taken: no credential is in the signature")?;
        }
    }
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

fn checked(table: &PushTable, outgoing: &SamplePush, credentials: &BTreeMap<&str, &str>) -> Result<(), Unsigned> {
    let Some(verify) = &table.verify else { return Ok(()) };
    let header = |name: &str| {
        let found = outgoing.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let credential = |name: &str| credentials.get(name).copied();
    let push = Signed {
        body: &outgoing.body,
        query: &outgoing.query,
        header: &header,
        credential: &credential,
        now_ms: NOW_MS,
    };
    verify.check(&table.body, &push)
}

const fn reason(why: Unsigned) -> &'static str {
    match why {
        Unsigned::Missing => "a part of it is missing: look at the places in `verify`",
        Unsigned::Wrong => "it is another",
        Unsigned::Late => "its time is too far off",
        Unsigned::NoCredential => "the connection lacks a credential of `verify`",
    }
}

fn read(connection: &Connection, suffix: &'static str, outgoing: &SamplePush) -> admission::Arrival {
    let usual = callback::SERVED.into_iter().find(Action::is_of_configured).unwrap_or(callback::ACTION);
    let action = Action { suffix, ..usual };
    admission::read(&action, connection.origin(), &Bytes::copy_from_slice(&outgoing.body), None)
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
