//! The facts that alerts are about, read from the store. Only what some alert tells of is read.

use std::collections::BTreeSet;
use std::time::Duration;

use config::{Config, Context};
use courier::{Courier, line_name};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::alert::{Cause, Circuit, Count, Facts, Failures, Item, Ledger, Rule};
use hub::call::Standing;
use hub::delivery::State;
use hub::statistics::{ConnectionFigures, Counts, STEP};
use hub::{ConnectionId, Utc};
use queue::Queue;
use store::{Listed, Store, StoreError};
use tokio::time::timeout;

use crate::NAME;
use crate::backlog::{self, Backlog, Destination, Waiting};

/// Number of connections whose counts are read at once.
const PARALLEL: usize = 8;

/// The facts, with counts from then on.
pub(super) async fn read<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    rules: &[Rule],
    since: Utc,
    measured: Option<Backlog>,
    within: Duration,
) -> Facts {
    let context = &courier.context;
    let tells = |causes: [Cause; 2]| causes.into_iter().any(|cause| rules.iter().any(|rule| rule.tells(cause)));
    let stuck = tells([Cause::DeliveryFailed, Cause::CallAmbiguous]);
    let circuits = tells([Cause::CircuitOpened, Cause::CircuitClosed]);
    let backlog = match measured {
        Some(measured) => measured,
        None => backlog::troubles(context, (stuck, circuits), within).await,
    };
    let (circuits, unread) = circuits_of(&context.config, backlog.destinations());
    let is_counted = context.config.statistics && (stuck || tells([Cause::PushLate, Cause::PushNotKept]));
    let counts = if is_counted { counts(context, since, within).await } else { None };
    let ledger = if tells([Cause::LedgerUnbalanced; 2]) { ledger(&context.store, within).await } else { None };
    Facts {
        circuits,
        unread,
        failures: backlog.waiting().filter(|_| stuck).map(failures),
        counts,
        reported: courier.lines.take_findings(),
        ledger,
    }
}

/// The circuits of each line, and the lines that could not be read.
fn circuits_of(config: &Config, destinations: &[Destination]) -> (Vec<Circuit>, Vec<String>) {
    let (mut circuits, mut unread, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for Destination { line, health, .. } in destinations {
        if line.is_empty() || !seen.insert(line) {
            continue;
        }
        let Some(health) = health else {
            unread.push(line.clone());
            continue;
        };
        let (place, connections) = concerned(config, line);
        let kinds =
            health.kinds.iter().filter(|(kind, _)| health.holds_back(kind)).map(|(kind, _)| kind.clone()).collect();
        circuits.push(Circuit { line: line.clone(), place, connections, is_open: health.is_open(), kinds });
    }
    (circuits, unread)
}

/// The name of a destination in messages, and the connections whose events or calls go there.
fn concerned(config: &Config, line: &str) -> (String, Vec<ConnectionId>) {
    let route = config.routes.iter().find(|route| route.endpoint.as_str() == line);
    let connections = config.connections.values().filter(|connection| match route {
        Some(route) => route.connections.iter().any(|pattern| pattern.matches(connection.id.as_str())),
        None => line_name(connection) == line,
    });
    let place = line.strip_prefix("call:").unwrap_or(line).to_owned();
    (place, connections.map(|connection| connection.id.clone()).collect())
}

fn failures(waiting: &Waiting) -> Failures {
    let items = waiting.listed.iter().flat_map(items).collect();
    Failures { items, is_whole: waiting.is_whole }
}

/// The failed deliveries of an event, or its ambiguous call.
fn items(listed: &Listed) -> impl Iterator<Item = Item> {
    let Listed { key, meta, work } = listed;
    let failed = work.deliveries.iter().filter(|delivery| delivery.state == State::Failed);
    let failed =
        failed.map(|delivery| Item::new(Cause::DeliveryFailed, key, delivery.endpoint.as_str(), delivery.progress.due));
    let ambiguous = work.call.iter().filter(|call| call.standing == Standing::Ambiguous);
    let ambiguous = ambiguous.map(|call| {
        let mut item = Item::new(Cause::CallAmbiguous, key, key.connection.as_str(), call.progress.due);
        // The subject of a call is its own; the orders that it is about are its aliases.
        let about = meta.aliases.first().map_or_else(|| key.subject.to_string(), ToString::to_string);
        item.finding.about = Some(format!("{} {about}", call.operation));
        item
    });
    failed.chain(ambiguous)
}

/// The ledger that was read last.
async fn ledger<S: Store>(store: &S, within: Duration) -> Option<Ledger> {
    let note = timeout(within, store.note(Ledger::NOTE)).await.ok()?;
    let note = note.inspect_err(|error| {
        tracing::error!(
            function = NAME,
            error = telemetry::logs::chain(error),
            "the ledger's balance could not be read for alerts"
        );
    });
    serde_json::from_str(&note.ok()??.value).ok()
}

/// The counts of all connections; nothing where some could not be read.
async fn counts<S: Store, Q>(context: &Context<S, Q>, since: Utc, within: Duration) -> Option<Vec<Count>> {
    let now = context.now();
    // Their own ids: the compiler gives up on futures over borrowed ones.
    let connections: Vec<_> = context.config.connections.keys().cloned().collect();
    let asked = stream::iter(connections).map(|connection| async move {
        let steps = context.store.counts(&connection, since, now.after(STEP), now).await?;
        let counts = steps.into_iter().flat_map(|(step, counts)| counted(&connection, step, &counts));
        Ok::<Vec<Count>, StoreError>(counts.collect())
    });
    let read = timeout(within, asked.buffered(PARALLEL).try_concat()).await.ok()?;
    read.inspect_err(|error| {
        tracing::error!(
            function = NAME,
            error = telemetry::logs::chain(error),
            "the statistics could not be read for alerts"
        );
    })
    .ok()
}

/// The counts of a connection in a step that alerts tell of.
fn counted(connection: &ConnectionId, step: Utc, counts: &Counts) -> Vec<Count> {
    let ConnectionFigures { pushes, calls, endpoints } = ConnectionFigures::of(counts);
    let own = [
        (Cause::PushLate, pushes.late),
        (Cause::PushNotKept, pushes.not_kept),
        (Cause::CallAmbiguous, calls.ambiguous),
    ];
    let own = own.map(|(cause, count)| (cause, connection.to_string(), count));
    let failed = endpoints.into_iter().map(|(id, figures)| (Cause::DeliveryFailed, id.to_string(), figures.failed));
    let all = own.into_iter().chain(failed).filter(|(_, _, count)| *count > 0);
    all.map(|(cause, place, count)| Count { bucket: step, cause, place, connections: vec![connection.clone()], count })
        .collect()
}
