//! The operator's commands. They read the store's file and work while the hub runs.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use config::Config;
use config::Context;
use deliveries::change::{self, Change, ChangeError, Changed, Order, Selection};
use hub::audit::{Action, COMMAND_LINE, Ended, Touched};
use hub::delivery::State;
use hub::ledger::Tally;
use hub::printable::Word;
use hub::routes::Pattern;
use hub::{Alias, ConnectionId, EndpointId, EventId, EventKey, Subject, Utc};
use inbound::trail::{self, Actor};
use serde::Serialize;
use serde_json::{Value, json};
use store::{Listed, Store as _};
use store_sqlite::{Recent, SqliteStore};

use crate::{filter, out, times};

/// Interval at which `events follow` reads the store.
const LOOK: Duration = Duration::from_millis(200);

/// Number of events that are read at once.
const PAGE: usize = 200;

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// List events, latest first
    List(Filter),
    /// Show one event: its metadata, its deliveries with every attempt that is kept, its payload
    Show {
        /// Id of the event, 48 hex digits
        id: EventId,
        /// Print only the payload, byte for byte, for a file or another program
        #[arg(long)]
        body: bool,
    },
    /// Print events as they arrive
    Follow(Filter),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Filter {
    /// Only events of this connection
    #[arg(long)]
    connection: Option<ConnectionId>,
    /// Only events about this subject, by any of its keys: order:S1, bl:CULVNAS2507540, entry:..., container:...
    #[arg(long, value_name = "KIND:VALUE")]
    about: Option<String>,
    /// Only events of this type: xhq.single_receipt, xhq.*
    #[arg(long = "type")]
    kind: Option<String>,
    /// Only events with a delivery in this state: pending, delivered, failed, confirmed
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// List at most this many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Endpoint whose deliveries to start over
    #[arg(long)]
    endpoint: EndpointId,
    /// Ids of the events; without any, every failed one of the endpoint, or with --now every pending one
    ids: Vec<EventId>,
    /// Send waiting deliveries now, whether they wait for a retry, an open circuit or the endpoint's Retry-After
    #[arg(long)]
    now: bool,
    /// Change the deliveries; without --go, only print which
    #[arg(long)]
    go: bool,
}

fn state(text: &str) -> Result<State, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "must be pending, delivered, failed or confirmed".to_owned())
}

/// Prints the ledger of each connection.
pub(crate) async fn ledger(config: &Config) -> anyhow::Result<ExitCode> {
    let store = SqliteStore::reading(&config.data_dir)?;
    let mut tallies: BTreeMap<ConnectionId, Tally> = store.ledger(now()).await?;
    for connection in config.connections.keys() {
        tallies.entry(connection.clone()).or_default();
    }
    let lines = ledger::lines(tallies);
    let balanced = lines.iter().all(|line| line.balanced);
    for line in lines {
        out::unless_closed(out::json(&serde_json::to_string(&line)?))?;
    }
    Ok(if balanced { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lists, shows or follows events.
pub(crate) async fn events(config: &Config, events: Events, times: times::Print) -> anyhow::Result<ExitCode> {
    let store = SqliteStore::reading(&config.data_dir)?;
    if let Events::List(filter) | Events::Follow(filter) = &events {
        filter::check_type(filter.kind.as_deref())?;
        filter::check_connection(config, &store, filter.connection.as_ref()).await?;
    }
    match events {
        Events::List(filter) => list(&store, &filter, times).await,
        Events::Show { id, body } => {
            let record = store.find(id, now()).await?;
            let record = record.ok_or_else(|| anyhow::anyhow!("event {id} does not exist, or has expired"))?;
            // The payload of a call is the ERP's request; `calls show` prints its result.
            let request = record.work.call.as_ref().map(|_| record.event.data());
            let payload = request.as_deref().unwrap_or(&record.event.body);
            if body {
                out::bytes(payload)?;
            } else {
                out::json(&serde_json::to_string_pretty(&deliveries::known(&record))?)?;
                let text = String::from_utf8_lossy(payload);
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                if is_json { out::json(&text)? } else { out::block(&text)? }
            }
            Ok(ExitCode::SUCCESS)
        }
        Events::Follow(filter) => follow(&store, &filter, times).await,
    }
}

async fn list(store: &SqliteStore, filter: &Filter, times: times::Print) -> anyhow::Result<ExitCode> {
    let mut left = filter.limit;
    if let Some(about) = &filter.about {
        let mut items = Vec::new();
        for (connection, subject) in subjects(store, filter.connection.as_ref(), about).await? {
            items.extend(store.timeline(&connection, &subject, now()).await?);
        }
        if items.is_empty() {
            let (text, might) = filter::unknown_key(about);
            tell!("{text}");
            return Ok(if might { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        items.sort_by_key(|item| std::cmp::Reverse((item.meta.received, item.key.id)));
        for item in items.iter().filter(|item| wanted(filter, item)).take(filter.limit) {
            print(filter, item, times)?;
            left -= 1;
        }
    } else {
        let mut position = i64::MAX;
        while left > 0 {
            let page = store.before(position, PAGE, now()).await?;
            let Some(last) = page.last() else { break };
            position = last.position;
            for Recent { item, .. } in page.iter().filter(|recent| wanted(filter, &recent.item)).take(left) {
                print(filter, item, times)?;
                left -= 1;
            }
        }
    }
    if left == filter.limit {
        tell!("no event matches");
    }
    Ok(ExitCode::SUCCESS)
}

/// The subjects a key leads to: the one of that name at each connection, those that have it as an alias, and those that
/// have one of these as theirs: a key from a partner's answer leads to the shipment, and the shipment to its calls.
pub(crate) async fn subjects(
    store: &SqliteStore,
    connection: Option<&ConnectionId>,
    about: &str,
) -> anyhow::Result<Vec<(ConnectionId, Subject)>> {
    let mut found = store.resolve(&Alias::named(about), now()).await?;
    for (_, shipment) in found.clone() {
        found.extend(store.resolve(&Alias::from(shipment.as_str()), now()).await?);
    }
    found.extend(store.connections().await?.into_iter().map(|connection| (connection, Subject::named(about))));
    found.retain(|(other, _)| connection.is_none_or(|wanted| wanted == other));
    found.sort();
    found.dedup();
    Ok(found)
}

async fn follow(store: &SqliteStore, filter: &Filter, times: times::Print) -> anyhow::Result<ExitCode> {
    let latest = store.before(i64::MAX, 1, now()).await?;
    let mut position = latest.first().map_or(0, |recent| recent.position);
    loop {
        let page = store.after(position, PAGE, now()).await?;
        for Recent { position: at, item } in &page {
            position = *at;
            if wanted(filter, item) {
                print(filter, item, times)?;
            }
        }
        if page.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn wanted(filter: &Filter, item: &Listed) -> bool {
    // A watch or files are a record of the hub's own and no event.
    !item.work.is_aside()
        && filter.connection.as_ref().is_none_or(|connection| item.key.connection == *connection)
        && filter.kind.as_ref().is_none_or(|kind| Pattern::new(kind.clone()).matches(item.meta.kind.as_str()))
        && filter.state.is_none_or(|state| item.work.deliveries.iter().any(|delivery| delivery.state == state))
}

fn print(filter: &Filter, item: &Listed, times: times::Print) -> std::io::Result<()> {
    let Listed { key, meta, work } = item;
    let state = work.call.as_ref().map(|call| word(call.standing));
    if filter.json {
        let deliveries = work.deliveries.iter().map(|d| (d.endpoint.to_string(), json!(d.state)));
        let mut line = json!({
            "received": meta.received.to_string(), "connection": key.connection,
            "type": meta.kind, "subject": key.subject, "id": key.id,
            "milestone": meta.milestone, "deliveries": deliveries.collect::<serde_json::Map<_, _>>(),
        });
        if let (Some(state), Some(line)) = (&state, line.as_object_mut()) {
            line.insert("call".to_owned(), json!(state));
        }
        out::json(&line.to_string())
    } else {
        let milestone = meta.milestone.map_or("-", hub::Milestone::name);
        // A call has its own state, and its deliveries are those of its end. Its subject is its first alias.
        let call = state.as_ref().map(|state| format!("call:{state}"));
        let deliveries = work.deliveries.iter().map(|d| format!("{}:{}", d.endpoint, word(d.state)));
        let states: Vec<_> = call.into_iter().chain(deliveries).collect();
        let states = if states.is_empty() { "unrouted".to_owned() } else { states.join(" ") };
        let about = meta.aliases.first().filter(|_| state.is_some()).map_or(key.subject.as_str(), Alias::as_str);
        let (received, connection, kind) = (times(meta.received), Word(&key.connection), Word(&meta.kind));
        say!("{received} {connection} {kind} {} {milestone} {states} {}", Word(about), key.id)
    }
}

/// Starts deliveries over.
pub(crate) async fn replay(config: Config, replay: Replay, times: times::Print) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        config.endpoints.contains_key(&replay.endpoint),
        "--endpoint: {} is no endpoint of the configuration",
        replay.endpoint
    );
    let store = SqliteStore::existing(&config.data_dir)?;
    let selection = if replay.ids.is_empty() {
        if replay.now { Selection::Pending } else { Selection::Failed }
    } else {
        let mut keys: Vec<EventKey> = Vec::new();
        for id in replay.ids {
            let record = store.find(id, now()).await?;
            keys.push(record.ok_or_else(|| anyhow::anyhow!("event {id} does not exist, or has expired"))?.event.key);
        }
        Selection::These(keys)
    };
    let context = Context::new(Arc::new(config), store, (), telemetry::system_clock());
    let change = if replay.now { Change::SendNow } else { Change::Replay };
    let (endpoint, dry_run) = (&replay.endpoint, !replay.go);
    let mut order = Order { change, endpoint, selection, from: None, dry_run };
    let (mut count, mut started, mut refused) = (0, Vec::new(), Vec::new());
    loop {
        let Changed { events, unwanted, next } = changed(&context, &order).await?;
        for key in &events {
            out::unless_closed(say!("{} {} {}", Word(&key.connection), Word(&key.subject), key.id))?;
        }
        count += events.len();
        started.extend(events);
        refused.extend(unwanted);
        order.from = next;
        if order.from.is_none() {
            break;
        }
    }
    if let Selection::These(keys) = &order.selection {
        for key in keys.iter().filter(|key| !started.contains(key)) {
            out::unless_closed(say!(
                "{} {} {}",
                Word(&key.connection),
                Word(&key.subject),
                if refused.contains(key) {
                    format!("{}: {endpoint} does not want it by its connections and types, and never had it", key.id)
                } else {
                    why_not(&context, key, endpoint, (replay.now, times)).await?
                }
            ))?;
        }
    }
    let every = context.config.sweep_every;
    let told = match (replay.go, count) {
        (_, 0) if replay.now => say!("no delivery to {endpoint} waits"),
        (true, n) if replay.now => say!("{n} deliveries are sent now; the hub takes them up within {every:?}"),
        (false, n) if replay.now => say!("{n} deliveries would be sent now; add --go to do it"),
        (_, 0) => say!(
            "no delivery to {endpoint} starts over: replay is for those that have ended; --now sends at once those that wait"
        ),
        (true, n) => say!("{n} deliveries start over; the hub takes them up within {every:?}"),
        (false, n) => say!("{n} deliveries would start over; add --go to do it"),
    };
    out::unless_closed(told)?;
    Ok(ExitCode::SUCCESS)
}

/// Changes deliveries, which the audit trail tells. The running hub finds due work at its next sweep; this process cannot send
/// it a hint.
async fn changed(context: &Context<SqliteStore, ()>, order: &Order<'_>) -> anyhow::Result<Changed> {
    let apply = async || change::apply(context, order, |_| true, async |_| {}).await;
    if order.dry_run {
        return Ok(apply().await?);
    }
    let count = if let Selection::These(keys) = &order.selection { Some(keys.len()) } else { None };
    let is_now = matches!(order.change, Change::SendNow);
    let request = json!({"endpoint": order.endpoint, "now": is_now, "events": count});
    let actor = Actor { key: COMMAND_LINE, role: None };
    let begun = trail::begin(context, actor, Action::Replay, request).await?;
    let changed = apply().await;
    let (status, done) = match &changed {
        Ok(Changed { events, .. }) => (200, events.clone()),
        Err(ChangeError::Store { done, .. }) => (503, done.clone()),
        Err(ChangeError::Place) => (400, Vec::new()),
    };
    let ended = Ended { changed: Some(done.len()), ..Ended::with(status) };
    begun.end(context, ended, Touched::deliveries(&done, order.endpoint)).await;
    Ok(changed?)
}

/// Reason why a delivery is not restarted.
async fn why_not(
    context: &Context<SqliteStore, ()>,
    key: &EventKey,
    endpoint: &EndpointId,
    (sends, times): (bool, times::Print),
) -> anyhow::Result<String> {
    let Some(found) = context.store.inspect(key, context.now()).await? else {
        return Ok(format!("{}: it has expired", key.id));
    };
    let pending = found.work.delivery(endpoint).filter(|delivery| delivery.state == State::Pending);
    Ok(match pending {
        Some(_) if sends => format!("{}: it is being sent, or is about to be", key.id),
        None if sends => format!("{}: no delivery waits; without --now what has ended starts over", key.id),
        Some(delivery) => {
            let due = times(delivery.progress.due);
            format!("{}: it is on its way already, its next attempt due at {due}; --now sends it now", key.id)
        }
        None if found.work.call.is_some() => format!("{}: the call has not ended, so there is nothing to tell", key.id),
        None => format!("{}: another change was faster; try again", key.id),
    })
}

/// A state in the word that it is stored and shown by.
pub(crate) fn word(state: impl Serialize) -> String {
    serde_json::to_value(state).ok().as_ref().and_then(Value::as_str).unwrap_or("?").to_owned()
}

pub(crate) fn now() -> Utc {
    telemetry::system_clock()()
}
