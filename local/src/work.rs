//! The work of a running hub beside its port: the lanes of its queue, its sweeps, and what is done from time to time.

use std::sync::Arc;
use std::time::Duration;

use archive::Folder;
use config::{Config, Context};
use courier::Courier;
use futures::stream::{self, StreamExt as _};
use hub::alert::Cause;
use hub::statistics::FLUSHED;
use queue::{Destination, InProcess, Job, Lane};
use store::StoreError;
use store_sqlite::{Due, SqliteStore};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::clock::Watch;
use crate::current::Current;
use crate::hold::Hold;
use crate::ready::Vitals;
use crate::retention;
use crate::ticks::Ticks;

/// Number of jobs of a lane for each permitted attempt at its endpoint: the others read their event, or store their result.
const JOBS: usize = 4;

/// The same for jobs that go to no endpoint: they wait for the store alone.
const INDEXERS: usize = 32;

/// Longest claim: a sweep's period, or the timeouts of a call with its file and its token.
const LONGEST_LEASE: Duration = Duration::from_hours(1);

/// Interval at which the ledger is read for alerts.
const LEDGER_EVERY: Duration = Duration::from_hours(1);

/// Number of events of an earlier run that are read at once, and that are changed at once.
const PAGE: usize = 512;
const RESUMERS: usize = 64;

type LocalCourier = Arc<Courier<SqliteStore, InProcess>>;

/// The present one.
pub(crate) type LocalCurrent = Current<SqliteStore, InProcess>;

/// Takes up what an earlier run has left once the hold is over, and then has everything go out.
pub(crate) async fn run_hold(hold: Hold, current: LocalCurrent, stop: watch::Receiver<bool>) {
    if hold.over(stop).await {
        take_over(&current.get()).await;
        hold.end();
    }
}

/// Runs the jobs that one lane of the queue hints at, as many at once as its destination is configured for now.
pub(crate) async fn run_lane(current: LocalCurrent, hold: Hold, mut lane: Lane, mut stop: watch::Receiver<bool>) {
    let places = places(&current.get().context.config, &lane.destination);
    let places = Arc::new(Semaphore::new(places));
    let mut jobs = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let hint = tokio::select! {
            hint = lane.next() => hint,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let Some(hint) = hint else { break };
        if hold.is_on() && hint.job != Job::Index {
            // It falls due by itself, and the sweep takes it when the hold is over.
            continue;
        }
        let courier = current.get();
        jobs.spawn(async move {
            let done = match &hint.job {
                Job::Call { .. } => dispatch::handle(&courier, hint).await,
                Job::Deliver { .. } | Job::Index => deliver::handle(&courier, hint).await,
            };
            if let Err(error) = done {
                let error = telemetry::logs::chain(&error);
                tracing::error!(error, "a job failed; the sweep claims it again");
            }
            drop(place);
        });
        while jobs.try_join_next().is_some() {}
    }
    while jobs.join_next().await.is_some() {}
}

/// Number of jobs of a lane at once.
fn places(config: &Config, destination: &Destination) -> usize {
    let attempts = match destination {
        Destination::Endpoint(id) => config.endpoints.get(id).map(|endpoint| endpoint.concurrency),
        Destination::Connection(id) => config.connections.get(id).map(|connection| connection.concurrency),
        Destination::Store => None,
    };
    JOBS * attempts.unwrap_or(INDEXERS)
}

/// Takes over what the hub before this one has left: it has ended, for this one holds the lock. What it had claimed is
/// due for the first sweep, and the retries whose hints went with it are hinted at again.
pub(crate) async fn take_over(courier: &LocalCourier) {
    let store = &courier.context.store;
    let (until, mut behind, mut left) = (courier.context.now().after(LONGEST_LEASE), Due::default(), 0);
    loop {
        let page = match store.due_by(until, behind, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                let error = telemetry::logs::chain(&error);
                tracing::error!(
                    error,
                    "the work of an earlier run is not known yet; the sweep claims it at its due time"
                );
                return;
            }
        };
        let Some((last, _)) = page.last() else { break };
        behind = *last;
        let found = page.into_iter().filter_map(|(_, listed)| listed);
        let resumed = stream::iter(found).map(|listed| async move { courier::resume(courier, &listed).await });
        let resumed: Vec<_> = resumed.buffer_unordered(RESUMERS).collect().await;
        for resumed in resumed {
            match resumed {
                Ok(resumed) => left += usize::from(resumed),
                Err(error) => {
                    let error = telemetry::logs::chain(&error);
                    tracing::error!(error, "work of an earlier run waits until its lease ends");
                }
            }
        }
    }
    if left > 0 {
        tracing::info!(events = left, "work that an earlier run had claimed is due now");
    }
}

/// Takes up what is due, at the start and then as often as configured, and removes what has expired.
pub(crate) async fn run_sweeps(
    current: LocalCurrent,
    (watched, vitals, archive): (Arc<Watch>, Vitals, Folder),
    stop: watch::Receiver<bool>,
    first: watch::Sender<bool>,
) {
    let mut ticks = Ticks::new(current.get().context.config.sweep_every, stop);
    let mut sweeps = JoinSet::new();
    while ticks.next().await {
        // An endpoint that hangs holds up its sweep; the next one goes on without it, for claims keep two sweeps from the same work.
        let (courier, watched, first) = (current.get(), Arc::clone(&watched), first.clone());
        let (vitals, archive) = (vitals.clone(), archive.clone());
        sweeps.spawn(async move {
            if vitals.hold.is_on() || sweep_once(&courier, &watched, &archive).await {
                vitals.swept();
            }
            first.send_replace(true);
        });
        while sweeps.try_join_next().is_some() {}
    }
    while sweeps.join_next().await.is_some() {}
}

/// Adds the statistics of this process to the store's each minute. Those of the end are added when all has ended.
pub(crate) async fn run_flushes(context: Context<SqliteStore, InProcess>, stop: watch::Receiver<bool>) {
    let mut ticks = Ticks::new(FLUSHED, stop);
    while ticks.next().await {
        flush(&context).await;
    }
}

/// Adds the statistics of this process to the store's.
pub(crate) async fn flush(context: &Context<SqliteStore, InProcess>) {
    if let Err(error) = store::flush(&context.store, &context.counters, context.now()).await {
        let error = telemetry::logs::chain(&error);
        tracing::warn!(error, "the statistics are not stored yet; they are added later");
    }
}

/// One sweep; whether it ended well.
async fn sweep_once(courier: &Courier<SqliteStore, InProcess>, watch: &Watch, archive: &Folder) -> bool {
    inbound::refusal::tell(courier.context.now());
    // After a jump ahead every lease looks over, of attempts that are under way too.
    let has_jumped = || watch.has_jumped_ahead(courier::longest_lease(&courier.context.config));
    if has_jumped() {
        return true;
    }
    let looked = courier::bring_back_furthest(courier).await.map(|_| ());
    if has_jumped() {
        return true;
    }
    let mut is_well = true;
    if let Err(error) = looked.and(sweep::handle(courier).await) {
        let error = telemetry::logs::chain(&error);
        tracing::error!(error, "the sweep failed; the next sweep repeats it");
        is_well = false;
    }
    if watch.may_remove() {
        is_well &= retention::remove(&courier.context).await;
        sweep::tidy(courier).await;
        if let Err(error) = archive.expire(courier.context.now()).await {
            let error = telemetry::logs::chain(&error);
            tracing::error!(error, "expired uploads could not be removed; the next sweep repeats it");
        }
    }
    read_ledger(courier).await;
    is_well
}

/// Reads the ledger where an alert or the metrics tell of it and the last reading is long ago: it is a read of every event's state.
async fn read_ledger(courier: &Courier<SqliteStore, InProcess>) {
    let (config, store, now) = (&courier.context.config, &courier.context.store, courier.context.now());
    let is_told =
        telemetry::metrics::started() || config.alerts.iter().any(|alert| alert.rule.tells(Cause::LedgerUnbalanced));
    if !is_told || !courier.lines.is_time_for_ledger(LEDGER_EVERY, now) {
        return;
    }
    let read = async {
        if ledger::is_due(store, LEDGER_EVERY, now).await? {
            ledger::handle(store, now).await?;
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = read.await {
        let error = telemetry::logs::chain(&error);
        tracing::error!(error, "the ledger could not be read for alerts; it is in an hour");
    }
}
