//! `tongguan shipments`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use hub::printable::Word;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::events::{Delivery, states};
use crate::list::{self, Form};
use crate::out;
use crate::place::Place;
use crate::progress::Progress;
use crate::source::{Access, Asked, Members, Pages, Source, print_object};
use crate::times::Zone;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, arg_required_else_help = true)]
pub(crate) struct Shipments {
    #[command(subcommand)]
    one: Option<One>,
    #[command(flatten)]
    show: Show,
}

#[derive(Debug, Subcommand)]
enum One {
    /// List shipments with failed or unfinished work, or without news
    List(List),
    /// Show a shipment: its numbers and milestones, its events and calls
    Show(Show),
}

#[derive(Debug, Args)]
struct List {
    /// List shipments in this state: with failed work, with work that is under way, or without news
    #[arg(long, default_value = "failed", value_parser = ["failed", "open", "quiet"])]
    state: String,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
struct Show {
    /// An order, bill, declaration, container or other number, with its kind (order:S1, bl:...) or without
    #[arg(required = true)]
    number: Option<String>,
    /// Show at most this many of its events and calls, the earliest
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    /// Print one JSON object in one line
    #[arg(long)]
    json: bool,
}

/// A shipment of the list.
#[derive(Deserialize)]
struct Row {
    connection: String,
    key: String,
    deliveries: u64,
    calls: u64,
    #[serde(default)]
    due: Option<String>,
    #[serde(default)]
    since: Option<String>,
}

impl Row {
    fn line(&self, zone: Zone) -> String {
        let Self { connection, key, deliveries, calls, due, since } = self;
        let time = due.as_ref().or(since.as_ref()).map_or_else(|| "-".to_owned(), |time| zone.reprint(time));
        format!("{time} {} {} deliveries:{deliveries} calls:{calls}", Word(connection), Word(key))
    }
}

/// A milestone of a shipment.
#[derive(Deserialize)]
struct Reached {
    milestone: String,
    #[serde(default)]
    occurred: Option<String>,
    received: String,
    connection: String,
    id: String,
}

/// An event or call of a shipment.
#[derive(Deserialize)]
struct Item {
    connection: String,
    subject: String,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    received: String,
    #[serde(default)]
    occurred: Option<String>,
    #[serde(default)]
    milestone: Option<String>,
    #[serde(default)]
    call: Option<String>,
    deliveries: Vec<Delivery>,
}

/// Lists shipments, or shows one.
pub(crate) async fn run(place: &Place, shipments: Shipments) -> anyhow::Result<ExitCode> {
    let (source, zone) = (place.source(Access::Read).await?, place.times());
    match shipments.one.unwrap_or(One::Show(shipments.show)) {
        One::List(List { state, form }) => {
            let asked = Asked::get(&["shipments"]).with("state", Some(state));
            list::print(&source, asked, form, |row: &Row| row.line(zone), "no shipment matches").await?;
        }
        One::Show(show) => self::show(&source, &show, zone).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(source: &Source, show: &Show, zone: Zone) -> anyhow::Result<()> {
    let number = show.number.as_deref().unwrap_or_default();
    let first = Asked::get(&["shipments", number]).with("limit", Some(show.limit.clamp(1, 1_000)));
    let answer = match source.answer(&first).await? {
        Err(problem) if problem.is_missing() => anyhow::bail!("nothing is known about {number}"),
        answer => answer?,
    };
    let mut shipment: Members = serde_json::from_slice(&answer)?;
    let mut items: Vec<Box<RawValue>> = shipment.get("items").unwrap_or_default();
    let next: Option<String> = shipment.get("next").unwrap_or_default();
    if next.is_some() && items.len() < show.limit {
        let progress = Progress::of("events and calls read", None);
        progress.add(items.len());
        let rest = Pages::from(source, Asked::get(&["shipments", number]), next, show.limit - items.len());
        items.extend(rest.rest(&progress).await?);
        shipment.put("next", RawValue::NULL.to_owned());
    }
    shipment.put("items", to_raw_value(&items)?);
    if show.json {
        return Ok(print_object(shipment.to_string().as_bytes(), true)?);
    }
    print(&shipment, &items, zone)
}

fn print(shipment: &Members, items: &[Box<RawValue>], zone: Zone) -> anyhow::Result<()> {
    let words = |name: &str| {
        let words: Vec<String> = shipment.get(name).unwrap_or_default();
        words.iter().map(|word| Word(word).to_string()).collect::<Vec<_>>().join(" ")
    };
    let word = |name: &str| shipment.get::<Option<String>>(name).flatten().unwrap_or_default();
    for (name, words) in [
        ("keys", words("keys")),
        ("related", words("related")),
        ("direction", word("direction")),
        ("milestone", word("milestone")),
        ("missing", words("missing")),
    ] {
        if !words.is_empty() {
            say!("{name}: {words}")?;
        }
    }
    for one in shipment.get::<Vec<Reached>>("milestones").unwrap_or_default() {
        let Reached { milestone, occurred, received, connection, id } = one;
        let time = zone.reprint(occurred.as_ref().unwrap_or(&received));
        say!("reached: {time} {} {} {}", Word(milestone), Word(connection), Word(id))?;
    }
    for item in items {
        let Item { connection, subject, id, kind, received, occurred, milestone, call, deliveries } =
            serde_json::from_str(item.get())?;
        let time = zone.reprint(occurred.as_ref().unwrap_or(&received));
        let milestone = milestone.unwrap_or_else(|| "-".to_owned());
        let (states, kind) = (states(call.as_deref(), &deliveries), Word(kind));
        let (connection, subject, milestone) = (Word(connection), Word(subject), Word(milestone));
        out::line(format_args!("{time} {connection} {kind} {subject} {milestone} {states} {}", Word(id)))?;
    }
    if shipment.get::<Option<String>>("next").flatten().is_some() {
        tell!("there are more events and calls: show more of them with --limit");
    }
    if shipment.get("complete") == Some(false) {
        tell!("the shipment has more keys or events than the hub looks through: this is not all of it");
    }
    Ok(())
}
