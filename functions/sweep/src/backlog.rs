//! The backlog, for metrics and alerts. The sweep reads the store, so that it includes work without an attempt, for lack of a
//! queue, of a permit or of a closed circuit.

use std::collections::BTreeMap;
use std::time::Duration;

use config::Context;
use courier::line_name;
use futures::stream::{self, StreamExt as _};
use hub::breaker::{self, Health};
use hub::call::Standing;
use hub::delivery::State;
use hub::{ConnectionId, EventKey, Utc};
use store::{Failed, Listed, Store, StoreError};
use telemetry::metrics::{self, Dimension, Metric, Sample};
use tokio::time::{Instant, timeout_at};

use crate::NAME;

/// Time ahead of the present within which due work counts: postponed and claimed work comes due again within it.
const AHEAD: Duration = Duration::from_mins(8);

/// Most work that is counted.
const COUNTED: usize = 10_000;

/// Most events that are read, half of them those that are due first. The others are counted as waiting, unread.
const LOOKED_AT: usize = 256;

/// Number of events that are read at once.
const PARALLEL: usize = 16;

/// Most events that are read of those that need a decision, and most pages of them.
const FAILURES: usize = 1_000;
const PAGES: usize = 8;

/// Due work of one connection.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    count: u32,
    oldest: Duration,
}

/// Work of one connection that needs a decision or a confirmation.
#[derive(Clone, Copy, Debug, Default)]
struct Stuck {
    failed: u32,
    ambiguous: u32,
}

/// The backlog as far as it could be read.
pub struct Backlog {
    due: Part<Option<PerConnection<Due>>>,
    stuck: Part<Option<Waiting>>,
    circuits: Part<Vec<Destination>>,
}

/// Work that needs a decision or a confirmation.
pub(crate) struct Waiting {
    /// The part of it that was read.
    pub(crate) listed: Vec<Listed>,
    /// Whether that is all of it.
    pub(crate) is_whole: bool,
}

/// A destination that has circuits.
pub(crate) struct Destination {
    /// Dimension of its metrics, and the id that they are of.
    of: (Dimension, String),
    /// Name of its line.
    pub(crate) line: String,
    /// Its health; nothing where that could not be read.
    pub(crate) health: Option<Health>,
}

/// The backlog, read in that time. Parts that the store does not answer in time, or that cannot be read, are left out.
pub async fn read<S: Store, Q>(context: &Context<S, Q>, within: Duration) -> Backlog {
    let measuring = Measuring { context, now: context.now(), end: Instant::now() + within };
    let (due, stuck) = (Box::pin(measuring.due()), Box::pin(measuring.stuck()));
    let (due, stuck, circuits) = tokio::join!(due, stuck, Box::pin(measuring.circuits()));
    Backlog { due, stuck, circuits }
}

/// The same without the work that is due, and only the parts that are wanted.
pub(crate) async fn troubles<S: Store, Q>(
    context: &Context<S, Q>,
    (stuck, circuits): (bool, bool),
    within: Duration,
) -> Backlog {
    let measuring = Measuring { context, now: context.now(), end: Instant::now() + within };
    let stuck = async { if stuck { measuring.stuck().await } else { Part { known: None, unknown: 0 } } };
    let circuits = async { if circuits { measuring.circuits().await } else { Part { known: vec![], unknown: 0 } } };
    let (stuck, circuits) = tokio::join!(Box::pin(stuck), Box::pin(circuits));
    Backlog { due: Part { known: None, unknown: 0 }, stuck, circuits }
}

/// Samples of the backlog, per connection, and of the circuits, per endpoint and connection. What could not be read is counted as
/// an error of the function.
pub async fn samples<S: Store, Q>(context: &Context<S, Q>, within: Duration) -> Vec<Sample> {
    read(context, within).await.samples(context)
}

impl Backlog {
    /// Its metrics.
    pub(crate) fn samples<S, Q>(&self, context: &Context<S, Q>) -> Vec<Sample> {
        let unknown = self.due.unknown + self.stuck.unknown + self.circuits.unknown;
        let stuck = self.stuck.known.as_ref().map(|waiting| counted(context, waiting));
        let mut samples = waiting(self.due.known.as_ref(), stuck.as_ref());
        samples.extend(self.circuits.known.iter().filter_map(|destination| {
            let (dimension, of) = &destination.of;
            let open = f64::from(u8::from(destination.health.as_ref()?.is_open()));
            Some(Sample::of(*dimension, of, vec![(Metric::CircuitsOpen, open)]))
        }));
        if unknown > 0 {
            tracing::error!(function = NAME, unknown, "the backlog could not be measured completely");
            samples.push(metrics::errors(unknown));
        }
        samples
    }

    /// Work that needs a decision or a confirmation, where it could be read.
    pub(crate) const fn waiting(&self) -> Option<&Waiting> {
        self.stuck.known.as_ref()
    }

    /// The destinations.
    pub(crate) fn destinations(&self) -> &[Destination] {
        &self.circuits.known
    }
}

/// Numbers of failed deliveries' and ambiguous calls' events, with a zero for each other connection.
fn counted<S, Q>(context: &Context<S, Q>, waiting: &Waiting) -> PerConnection<Stuck> {
    let mut known: PerConnection<Stuck> = all(context);
    for listed in &waiting.listed {
        let entry = known.entry(listed.key.connection.clone()).or_default();
        let failed = listed.work.deliveries.iter().any(|delivery| delivery.state == State::Failed);
        let ambiguous = listed.work.call.as_ref().is_some_and(|call| call.standing == Standing::Ambiguous);
        entry.failed = entry.failed.saturating_add(failed.into());
        entry.ambiguous = entry.ambiguous.saturating_add(ambiguous.into());
    }
    known
}

/// A zero for each connection: without it the last backlog of an idle connection would seem to stay.
fn all<S, Q, T: Default>(context: &Context<S, Q>) -> PerConnection<T> {
    context.config.connections.keys().map(|connection| (connection.clone(), T::default())).collect()
}

/// A part of what is measured.
struct Part<T> {
    known: T,
    /// Number of reads that failed.
    unknown: usize,
}

type PerConnection<T> = BTreeMap<ConnectionId, T>;

fn waiting(due: Option<&PerConnection<Due>>, stuck: Option<&PerConnection<Stuck>>) -> Vec<Sample> {
    let connections = due.iter().flat_map(|due| due.keys()).chain(stuck.iter().flat_map(|stuck| stuck.keys()));
    let mut values: BTreeMap<&ConnectionId, Vec<_>> = connections.map(|connection| (connection, Vec::new())).collect();
    for (connection, values) in &mut values {
        if let Some(due) = due {
            let Due { count, oldest } = due.get(connection).copied().unwrap_or_default();
            values.extend([(Metric::Due, count.into()), (Metric::OldestDue, oldest.as_secs_f64())]);
        }
        if let Some(stuck) = stuck {
            let Stuck { failed, ambiguous } = stuck.get(connection).copied().unwrap_or_default();
            values.extend([(Metric::Failed, failed.into()), (Metric::Ambiguous, ambiguous.into())]);
        }
    }
    values.into_iter().map(|(connection, values)| Sample::of(Dimension::Connection, connection, values)).collect()
}

struct Measuring<'a, S, Q> {
    context: &'a Context<S, Q>,
    now: Utc,
    end: Instant,
}

impl<S: Store, Q> Measuring<'_, S, Q> {
    /// Work that is due or overdue.
    async fn due(&self) -> Part<Option<PerConnection<Due>>> {
        let until = self.now.after(AHEAD.max(self.context.config.sweep_every));
        let Some(keys) = self.told(self.context.store.due(until, COUNTED)).await else {
            return Part { known: None, unknown: 1 };
        };
        let mut known = all(self.context);
        let (mut unknown, chosen) = (0, chosen(keys.len(), self.now));
        let (looked_at, others): (Vec<_>, Vec<_>) = keys.into_iter().zip(chosen).partition(|(_, chosen)| *chosen);
        let inspect = |key: EventKey| async {
            let found = self.told(self.context.store.inspect(&key, self.now)).await;
            (key, found)
        };
        let mut found = stream::iter(looked_at).map(|(key, _)| inspect(key)).buffer_unordered(PARALLEL);
        while let Some((key, found)) = found.next().await {
            let entry: &mut Due = known.entry(key.connection).or_default();
            match found {
                Some(Some(listed)) => {
                    for since in listed.work.overdue(self.now) {
                        entry.count = entry.count.saturating_add(1);
                        entry.oldest = entry.oldest.max(self.now.since(since));
                    }
                }
                Some(None) => {}
                None => {
                    // It is due, whatever it is.
                    entry.count = entry.count.saturating_add(1);
                    unknown += 1;
                }
            }
        }
        for (key, _) in others {
            let entry = known.entry(key.connection).or_default();
            entry.count = entry.count.saturating_add(1);
        }
        Part { known: Some(known), unknown }
    }

    /// Work that needs a decision or a confirmation; incomplete where the store does not answer all of it.
    async fn stuck(&self) -> Part<Option<Waiting>> {
        let mut waiting: Option<Waiting> = None;
        let (mut unknown, mut from, mut count) = (0, None, 0);
        for _ in 0..PAGES {
            let page = self.context.store.failed(&Failed::Waiting, from.as_deref(), FAILURES - count, self.now);
            let Some(page) = self.told(page).await else {
                unknown += 1;
                break;
            };
            unknown += page.unreadable;
            count += page.items.len();
            from = page.next;
            let known = waiting.get_or_insert_with(|| Waiting { listed: Vec::new(), is_whole: false });
            known.listed.extend(page.items);
            known.is_whole = from.is_none();
            if from.is_none() || count >= FAILURES {
                break;
            }
        }
        Part { known: waiting, unknown }
    }

    /// The destinations and their health.
    async fn circuits(&self) -> Part<Vec<Destination>> {
        let config = &self.context.config;
        let endpoints = config.endpoints.keys().map(|id| (Dimension::Endpoint, id.to_string(), id.to_string()));
        let connections = config.connections.values();
        let partners = connections.map(|to| (Dimension::Connection, to.id.to_string(), line_name(to)));
        let lines: Vec<_> = endpoints.chain(partners).collect();
        let asked = stream::iter(lines).map(|(dimension, of, line)| async move {
            let health = self.health(&line).await;
            Destination { of: (dimension, of), line, health }
        });
        let known: Vec<_> = asked.buffered(PARALLEL).collect().await;
        let unknown = known.iter().filter(|destination| destination.health.is_none()).count();
        Part { known, unknown }
    }

    /// Health of a destination.
    async fn health(&self, line: &str) -> Option<Health> {
        let note = self.told(self.context.store.note(&breaker::note(line))).await?;
        let Some(note) = note else { return Some(Health::default()) };
        let health = serde_json::from_str(&note.value);
        let health = health.inspect_err(|error| {
            tracing::error!(function = NAME, line, %error, "the health of a destination could not be read");
        });
        health.ok()
    }

    /// The store's answer, where it is in time.
    async fn told<T>(&self, asked: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        let told = timeout_at(self.end, asked).await.ok()?;
        told.inspect_err(|error| {
            tracing::error!(
                function = NAME,
                error = telemetry::logs::chain(error),
                "a part of the backlog could not be measured"
            );
        })
        .ok()
    }
}

/// Choice of the events that are read, of so many in the order of their due times. The first ones hold the work that no
/// process has claimed for longest. Work that is postponed again and again is anywhere, so of the others every n-th is read,
/// and other ones each minute.
fn chosen(count: usize, now: Utc) -> impl Iterator<Item = bool> {
    let first = if count <= LOOKED_AT { count } else { LOOKED_AT / 2 };
    let step = (count - first).div_ceil(LOOKED_AT / 2).max(1);
    let turn = usize::try_from(now.seconds() / 60).unwrap_or_default() % step;
    (0..count).map(move |place| place < first || (place - first) % step == turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only those that were due first were looked at: one that had been postponed for hours was hidden by as many retries.
    #[test]
    fn each_of_many_is_looked_at_in_its_turn() {
        for (count, most) in [(0, 0), (1, 1), (256, 256), (257, 256), (10_000, 256)] {
            let step = count / (LOOKED_AT / 2) + 1;
            let mut seen = vec![false; count];
            for minute in 0..i64::try_from(step).unwrap() {
                let chosen: Vec<_> = chosen(count, Utc(minute * 60_000_000)).collect();
                assert!(chosen.iter().filter(|chosen| **chosen).count() <= most, "{count}");
                assert!(chosen.iter().take(LOOKED_AT / 2).all(|chosen| *chosen), "{count}");
                seen.iter_mut().zip(chosen).for_each(|(seen, chosen)| *seen |= chosen);
            }
            assert!(seen.into_iter().all(|seen| seen), "{count}");
        }
    }
}
