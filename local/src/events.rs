//! `tongguan events`.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use hub::printable::Word;
use hub::{EventId, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::find;
use crate::list::{self, Form, Span};
use crate::out;
use crate::place::Place;
use crate::progress::Progress;
use crate::source::{Access, Asked, Pages, Source, print_object};
use crate::times::{Zone, now};

/// Interval at which `events follow` looks: a hub counts each request, the database is at hand.
const LOOK: Duration = Duration::from_secs(2);
const LOOK_AT_DATABASE: Duration = Duration::from_millis(200);

/// Time by which an event may be listed later than others that were received after it.
const LATE: Duration = Duration::from_secs(15);

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// List events, latest first
    List(List),
    /// Show one event: its metadata, its deliveries with every attempt that is kept, its payload
    Show(Show),
    /// Print events as they arrive
    Follow(Follow),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Follow {
    #[command(flatten)]
    filter: Filter,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Args)]
struct Filter {
    /// Only events about this order, bill, declaration, container or other number, with its kind (order:S1, bl:...) or without
    number: Option<String>,
    /// Only events of this connection
    #[arg(long)]
    connection: Option<String>,
    /// Only events of this type: xhq.single_receipt, xhq.*
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only events with a delivery in this state, or without any delivery
    #[arg(long, value_parser = ["pending", "delivered", "failed", "confirmed", "unrouted"])]
    state: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Id of the event, 48 hex digits
    id: EventId,
    /// A number that the event is about: a hub finds it at once with this, and else searches its failed, pending and latest ones
    #[arg(long, value_name = "NUMBER")]
    about: Option<String>,
    /// Print only the payload, byte for byte, for a file or another program
    #[arg(long, conflicts_with = "json")]
    body: bool,
    /// Print one JSON object in one line
    #[arg(long)]
    json: bool,
}

/// An event of a list.
#[derive(Deserialize)]
struct Row {
    connection: String,
    subject: String,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    received: String,
    #[serde(default)]
    milestone: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    deliveries: Vec<Delivery>,
    #[serde(default)]
    call: Option<Call>,
}

/// A delivery of an event of a list.
#[derive(Deserialize)]
pub(crate) struct Delivery {
    pub(crate) endpoint: String,
    pub(crate) state: String,
}

#[derive(Deserialize)]
struct Call {
    state: String,
}

impl Filter {
    fn asked(&self) -> Asked {
        Asked::get(&["events"])
            .with("number", self.number.as_ref())
            .with("connection", self.connection.as_ref())
            .with("type", self.kind.as_ref())
            .with("state", self.state.as_ref())
    }
}

impl Row {
    fn line(&self, zone: Zone) -> String {
        let milestone = self.milestone.as_deref().unwrap_or("-");
        let states = states(self.call.as_ref().map(|call| call.state.as_str()), &self.deliveries);
        // The subject of a call is its own, and its first alias what it is about.
        let about = self.aliases.first().filter(|_| self.call.is_some()).unwrap_or(&self.subject);
        let (received, connection, kind) = (zone.reprint(&self.received), Word(&self.connection), Word(&self.kind));
        format!("{received} {connection} {kind} {} {} {states} {}", Word(about), Word(milestone), Word(&self.id))
    }
}

/// The state of a call, and of each delivery: of a call they are those of its end.
pub(crate) fn states(call: Option<&str>, deliveries: &[Delivery]) -> String {
    let call = call.map(|state| Word(format!("call:{state}")).to_string());
    let deliveries = deliveries.iter().map(|one| Word(format!("{}:{}", one.endpoint, one.state)).to_string());
    let states: Vec<_> = call.into_iter().chain(deliveries).collect();
    if states.is_empty() { "unrouted".to_owned() } else { states.join(" ") }
}

/// Lists, shows or follows events.
pub(crate) async fn run(place: &Place, events: Events) -> anyhow::Result<ExitCode> {
    let (source, zone) = (place.source(Access::Read).await?, place.times());
    match events {
        Events::List(List { filter, span, form }) => {
            let asked = span.of(filter.asked(), zone);
            list::print(&source, asked, form, |row: &Row| row.line(zone), &no_match(&filter)).await?;
        }
        Events::Show(show) => self::show(&source, &show).await?,
        Events::Follow(Follow { filter, json }) => follow(&source, &filter, json, zone).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn no_match(filter: &Filter) -> String {
    let narrows = filter.connection.is_some() || filter.kind.is_some() || filter.state.is_some();
    match &filter.number {
        Some(number) if !narrows => format!("nothing is known about {number}"),
        Some(_) | None => "no event matches".to_owned(),
    }
}

/// An event with its payload, as it is answered.
#[derive(Deserialize)]
struct Found {
    event: Payload,
}

#[derive(Deserialize)]
struct Payload {
    // It may be `null`.
    #[serde(default, deserialize_with = "api::given")]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    data_base64: Option<String>,
}

async fn show(source: &Source, show: &Show) -> anyhow::Result<()> {
    let progress = Progress::of("events searched", None);
    let key = find::event(source, show.id, show.about.as_deref(), &progress).await?;
    drop(progress);
    let answer = source.answer(&find::asked(&key)).await??;
    if !show.body {
        return Ok(print_object(&answer, show.json)?);
    }
    let Found { event } = serde_json::from_slice(&answer)?;
    match (event.data, event.data_base64) {
        (Some(data), _) => out::bytes(data.get().as_bytes())?,
        (None, Some(text)) => out::bytes(&base64(&text)?)?,
        (None, None) => std::io::stdout().flush()?,
    }
    Ok(())
}

fn base64(text: &str) -> anyhow::Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::prelude::BASE64_STANDARD.decode(text)?)
}

/// The part of an event by which it is followed.
#[derive(Deserialize)]
struct Received {
    id: String,
    received: String,
}

/// Microseconds by which the hub's clock is ahead of this machine's.
async fn ahead(source: &Source) -> anyhow::Result<i64> {
    #[derive(Deserialize)]
    struct Failed {
        as_of: String,
    }
    let Failed { as_of } = source.get(&Asked::get(&["deliveries", "failed"]).with("limit", Some(1))).await?;
    let hub = Utc::parse(&as_of).map_or(now().0, |as_of| as_of.0 + microseconds(deliveries::SETTLING));
    Ok(hub - now().0)
}

fn microseconds(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or_default()
}

/// Prints what is received from now on, until the process is stopped. Each look asks again for what a previous one may have
/// missed, and leaves out what was printed.
async fn follow(source: &Source, filter: &Filter, json: bool, zone: Zone) -> anyhow::Result<()> {
    let every = if let Source::Database(_) = source { LOOK_AT_DATABASE } else { LOOK };
    let mut seen: HashSet<(Utc, String)> = HashSet::new();
    let ahead = ahead(source).await?;
    let begin = Utc(now().0 + ahead);
    let mut is_first = true;
    loop {
        let from = Utc(now().0 + ahead - microseconds(LATE));
        seen.retain(|(received, _)| *received >= from);
        let mut pages = Pages::new(source, filter.asked().with("since", Some(from)), usize::MAX);
        let mut new = Vec::new();
        while let Some(items) = pages.next().await? {
            for item in items {
                let Received { id, received } = serde_json::from_str(item.get())?;
                let received = Utc::parse(&received).unwrap_or(begin);
                if seen.insert((received, id)) && !(is_first && received < begin) {
                    new.push(item);
                }
            }
        }
        is_first = false;
        for item in new.iter().rev() {
            if json {
                out::json(item.get())?;
            } else {
                out::line(serde_json::from_str::<Row>(item.get())?.line(zone))?;
            }
        }
        tokio::time::sleep(every).await;
    }
}
