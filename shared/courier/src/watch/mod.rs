//! Watches: begun after the first event of a shipment, looked at when they are due.
//!
//! A look reads the shipment's timeline and follows `hub::watch`: it waits, asks the partner, or reports the silence. What is
//! reported is stored before the watch says so, and under an id of its own, so that a look that is repeated after a crash reports
//! nothing twice. A watch that is being asked about is stored with a later due time first: no other process asks then.

mod ask;
mod timeline;

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use config::{Connection, Context, Watching};
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use hub::alert::{Cause, Finding};
use hub::watch::{self, Next, Watch};
use hub::{ConnectionId, Event, EventKey, Subject, Work, admission};
use inbound::receive;
use queue::Queue;
use store::{Admitted, Aside, Listed, Settled, Store, StoreError};
use tokio::time::{Instant, timeout};

use self::timeline::Timeline;
use crate::Courier;
use crate::aside::{Stuck, each_due};
use crate::call::LONGEST;
use crate::times::MARGIN;

/// Number of watches of a connection that are looked at at once.
const LOOKERS: usize = 4;

/// For how long watches are looked at in one sweep. The next goes on.
const LOOKING: Duration = Duration::from_secs(20);

/// Interval of the search for watches that the configuration lacks.
const LEFT_OVER: Duration = Duration::from_hours(1);

/// Time for which a watch that is asked about is left alone by others.
const LEASE: Duration = Duration::from_mins(1);

/// Result of a run over the due watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Watches that were looked at.
    pub looked: usize,
    /// Of these, those whose partner was asked.
    pub asked: usize,
    /// Of these, those whose silence was reported.
    pub reported: usize,
}

impl AddAssign for Watched {
    fn add_assign(&mut self, other: Self) {
        self.looked += other.looked;
        self.asked += other.asked;
        self.reported += other.reported;
    }
}

/// Begins the watch of each shipment that an event is about and that the configuration watches. One that has begun stays as it
/// is.
pub(crate) async fn begin<S: Store, Q>(context: &Context<S, Q>, event: &Event) -> Result<(), StoreError> {
    let (connection, kind) = (&event.key.connection, &event.meta.kind);
    let Some(watching) = context.config.watching(connection, kind) else { return Ok(()) };
    let retention = event.meta.expires.since(event.meta.received);
    for shipment in watching.shipments(event) {
        let watch = Watch::new(kind.clone(), event.meta.received, &watching.rules());
        let record = watch::begun(connection, &shipment, watch, retention);
        context.store.admit(&record.event, &record.work, None).await?;
    }
    Ok(())
}

/// Looks at the watches that are due, a few of each connection at once and for a limited time, so that a partner that hangs
/// holds up no other's. Those that fail for good stay due, and the search goes on behind them.
///
/// Without any in the configuration, those that an earlier one left are looked for now and then: they end.
pub async fn watch<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<Watched, StoreError> {
    if courier.context.config.watches.is_empty() && !courier.lines.is_time_for(LEFT_OVER, courier.now()) {
        return Ok(Watched::default());
    }
    let until = Instant::now() + LOOKING;
    each_due(courier, Aside::Watches, until, |due| async move {
        let mut lanes: BTreeMap<ConnectionId, Vec<EventKey>> = BTreeMap::new();
        for key in due {
            lanes.entry(key.connection.clone()).or_default().push(key);
        }
        let looks = join_all(lanes.into_values().map(|keys| looks(courier, keys, until))).await;
        looks.into_iter().flatten().collect()
    })
    .await
}

/// Looks at watches of one connection, until then.
async fn looks<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    keys: Vec<EventKey>,
    until: Instant,
) -> Vec<Result<Watched, Stuck>> {
    let looks: Vec<_> = keys.into_iter().map(|key| Box::pin(look_in_time(courier, key, until))).collect();
    stream::iter(looks).buffer_unordered(LOOKERS).collect().await
}

/// One look, where there is time for it.
async fn look_in_time<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: EventKey,
    until: Instant,
) -> Result<Watched, Stuck> {
    if !has_time(courier, until) {
        return Ok(Watched::default());
    }
    match look(courier, &key, until).await {
        Ok(Some(Seen { asked, reported })) => Ok(Watched { looked: 1, asked: asked.into(), reported: reported.into() }),
        Ok(None) => Ok(Watched::default()),
        Err(error) => {
            let (connection, text) = (&key.connection, telemetry::logs::chain(&error));
            tracing::error!(watch = %key.id, %connection, error = text, "a watch could not be looked at; the next sweep repeats it");
            if error.retryable() { Ok(Watched::default()) } else { Err(Stuck(key)) }
        }
    }
}

/// Whether there is time for a look, which may wait for its question.
fn has_time<S, Q>(courier: &Courier<S, Q>, until: Instant) -> bool {
    Instant::now() <= until && courier.patience(LONGEST + MARGIN * 2).is_some()
}

/// Result of a look.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    asked: bool,
    reported: bool,
}

/// A watch under a look, at the version that was read or stored last.
struct Look<'a, S, Q> {
    courier: &'a Courier<S, Q>,
    key: &'a EventKey,
    shipment: Subject,
    connection: &'a Connection,
    watching: &'a Watching,
    work: Work,
    /// Time until which the partner may be asked again.
    until: Instant,
}

/// Looks at one watch, by the item itself: the index lags behind. Nothing where another process has done it.
async fn look<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    until: Instant,
) -> Result<Option<Seen>, StoreError> {
    let (context, now) = (&courier.context, courier.now());
    let Some(Listed { meta, work, .. }) = context.store.inspect(key, now).await? else { return Ok(None) };
    let Some(watch) = work.watch.clone().filter(|watch| watch.due.is_some_and(|due| due <= now)) else {
        return Ok(None);
    };
    let config = &context.config;
    let watching = config.watching(&key.connection, &watch.by);
    let known = watch::shipment(&meta).zip(config.connections.get(&key.connection)).zip(watching);
    let Some(((shipment, connection), watching)) = known else {
        let next = watch.unconfigured(now);
        if next.ended.is_some() {
            tracing::info!(connection = %key.connection, watch = %key.id, "a watch has ended: the configuration has none such");
        }
        let work = Work { version: work.version + 1, watch: Some(next), ..work };
        return Ok((context.store.settle(key, &work).await? == Settled::Done).then(Seen::default));
    };
    Look { courier, key, shipment, connection, watching, work, until }.looked(watch).await
}

impl<S: Store, Q: Queue> Look<'_, S, Q> {
    async fn looked(mut self, watch: Watch) -> Result<Option<Seen>, StoreError> {
        let rules = self.watching.rules();
        let timeline = self.timeline(watch.news).await?;
        let next = watch.looked(&timeline.known, &rules, LEASE, self.courier.now());
        let (next, asked) = match next {
            Next::Wait(_) | Next::Report(_) => (next, false),
            Next::Ask(asking) => {
                // Stored before it is asked, so that no other process asks.
                if !self.store(asking.clone()).await? {
                    return Ok(None);
                }
                let result = self.ask(&asking, timeline).await?;
                let sent = result != watch::Asked::Unsent;
                (asking.asked(&result, &rules, self.courier.now()), sent)
            }
        };
        let (watch, reported) = match next {
            Next::Wait(watch) | Next::Ask(watch) => (watch, false),
            Next::Report(watch) => {
                self.report(&watch).await?;
                (watch, true)
            }
        };
        let (connection, subject) = (&self.key.connection, &self.shipment);
        if let Some(ended) = &watch.ended {
            tracing::debug!(%connection, %subject, why = ?ended.why, "a watch has ended");
        }
        Ok(self.store(watch).await?.then_some(Seen { asked, reported }))
    }

    /// The known facts of the shipment; the payload of the latest news where that is no older than what was seen.
    async fn timeline(&self, seen: hub::Utc) -> Result<Timeline, StoreError> {
        timeline::read(&self.courier.context, self.watching, &self.key.connection, &self.shipment, seen).await
    }

    /// Stores the watch, unless another process has changed it since.
    async fn store(&mut self, watch: Watch) -> Result<bool, StoreError> {
        let work = Work { version: self.work.version + 1, watch: Some(watch), ..self.work.clone() };
        let settled = self.courier.context.store.settle(self.key, &work).await?;
        self.work = work;
        Ok(settled == Settled::Done)
    }

    /// Reports the silence, once: its event has the id of this silence.
    async fn report(&self, watch: &Watch) -> Result<(), StoreError> {
        let Self { courier, connection, shipment, watching, .. } = self;
        let context = &courier.context;
        let asked = watching.asks.map(|asks| asks.following.ask);
        let event = watch::silence(&connection.id, shipment, watch, asked, connection.retention);
        let work = admission::work(&event, &context.config.routes, context.config.sweep_every, false);
        if context.store.admit(&event, &work, None).await? == Admitted::New {
            tracing::info!(connection = %connection.id, subject = %shipment, since = %watch.news, "no news of a shipment: its silence is reported");
            if !context.config.alerts.is_empty() {
                courier.lines.keep_finding(Finding {
                    cause: Cause::Silence,
                    place: connection.id.to_string(),
                    connections: vec![connection.id.clone()],
                    about: Some(shipment.to_string()),
                    count: 1,
                    at: courier.now(),
                });
            }
            let hints = receive::hints(&event.key, &work);
            if hints.is_empty() {
                return Ok(());
            }
            let sent = timeout(Q::HOLDS_UP.max(MARGIN), context.queue.send(hints, Duration::ZERO)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::debug!(connection = %connection.id, "queue messages of a silence not sent; the sweep delivers it");
            }
        }
        Ok(())
    }
}
