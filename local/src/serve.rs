//! A running hub: the port, the deliveries and the sweep, from start to graceful end.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use archive::Folder;
use config::Config;
use config::Context;
use courier::{Courier, Lines};
use futures::stream::{self, StreamExt as _};
use hub::Clock;
use hub::alert::Cause;
use hub::statistics::FLUSHED;
use outbound::KeepAlive;
use queue::{Destination, InProcess, Job, Lane};
use store::StoreError;
use store_sqlite::{Due, SqliteStore};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::{Steady, Watch, steady_clock};
use crate::{exposure, inbox, server, signals};

/// Capacity of each lane of the queue: about two seconds of pushes at the most that a machine accepts. Memory is used only where
/// messages wait, some 150 bytes each. Those beyond it are left to the sweep.
const LANE: usize = 16_384;

/// Number of jobs of a lane for each permitted attempt at its endpoint: the others read their event, or store their result.
const JOBS: usize = 4;

/// The same for jobs that go to no endpoint: they wait for the store alone.
const INDEXERS: usize = 32;

/// Time for which the end of the process waits for jobs in progress.
const GRACE: Duration = Duration::from_secs(15);

/// Number of expired events that are removed in one commit.
const PURGE: usize = 500;

/// Longest claim: a sweep's period, or the timeouts of a call with its file and its token.
const LONGEST_LEASE: Duration = Duration::from_hours(1);

/// Interval at which the ledger is read for alerts.
const LEDGER_EVERY: Duration = Duration::from_hours(1);

/// Number of events of an earlier run that are read at once, and that are changed at once.
const PAGE: usize = 512;
const RESUMERS: usize = 64;

/// Reason why a hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] store_sqlite::OpenError),
    /// The folder of files cannot be read.
    #[error("the folder of files cannot be read: make the folder \"files\" of the data folder readable and writable")]
    Files(#[source] std::io::Error),
    /// The port cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[from] outbound::NoClient),
}

/// A hub that runs until it is stopped.
pub struct Hub {
    address: SocketAddr,
    context: Context<SqliteStore, InProcess>,
    stop: watch::Sender<bool>,
    swept: watch::Receiver<bool>,
    tasks: JoinSet<()>,
    _lock: std::fs::File,
}

impl Hub {
    /// Starts a hub with the machine's clock.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_watched(config, telemetry::system_clock(), steady_clock()).await
    }

    /// Starts a hub with a clock of one's own, which never jumps: it moves as time passes.
    pub async fn start_at(config: Config, clock: Clock) -> Result<Self, StartError> {
        let (began, steady) = (clock(), Arc::clone(&clock));
        Self::start_watched(config, clock, Arc::new(move || steady().since(began))).await
    }

    /// Starts a hub with a clock, and one that only runs to hold it against.
    pub async fn start_watched(config: Config, clock: Clock, steady: Steady) -> Result<Self, StartError> {
        let lock = SqliteStore::lock(&config.data_dir)?;
        let store = SqliteStore::open(&config.data_dir)?;
        let watched = Watch::begin(clock, steady, store.clone()).await;
        let clock = watched.clock();
        let listener = TcpListener::bind(config.listen).await.map_err(|e| StartError::Listen(config.listen, e))?;
        let address = listener.local_addr().map_err(|e| StartError::Listen(config.listen, e))?;
        let endpoints = config.endpoints.keys().cloned().map(Destination::Endpoint);
        let connections = config.connections.keys().cloned().map(Destination::Connection);
        let (queue, lanes) = queue::in_process(endpoints.chain(connections), LANE);
        let archive = Folder::open(&config.data_dir).map_err(StartError::Files)?;
        let context = Context::new(Arc::new(config), store, queue, clock).with_archive(Arc::new(archive.clone()));
        let (stop, stopped) = watch::channel(false);

        let mut tasks = JoinSet::new();
        // It holds the lock of the store's folder.
        let courier = Courier::new(context.clone(), KeepAlive::Brief, callback::ACTION)?;
        let courier = Arc::new(Courier { lines: Arc::new(Lines::alone()), ..courier });
        // Before this process has claimed anything. Who connects meanwhile waits in the listener's queue.
        take_over(&courier).await;
        inbound::configured::tell_or_log(&context).await;
        tasks.spawn(server::serve(listener, Arc::clone(&courier), archive.clone(), stopped.clone()));
        for lane in lanes {
            let config = &context.config;
            let attempts = match &lane.destination {
                Destination::Endpoint(id) => config.endpoints.get(id).map(|endpoint| endpoint.concurrency),
                Destination::Connection(id) => config.connections.get(id).map(|connection| connection.concurrency),
                Destination::Store => None,
            };
            let places = JOBS * attempts.unwrap_or(INDEXERS);
            tasks.spawn(run_lane(Arc::clone(&courier), lane, places, stopped.clone()));
        }
        tasks.spawn(run_flushes(context.clone(), stopped.clone()));
        tasks.spawn(Arc::clone(&watched).run(Arc::clone(&courier), stopped.clone()));
        let (first, swept) = watch::channel(false);
        tasks.spawn(run_sweeps(courier, watched, archive, stopped, first));
        Ok(Self { address, context, stop, swept, tasks, _lock: lock })
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its store, queue, configuration and clock.
    #[must_use]
    pub const fn context(&self) -> &Context<SqliteStore, InProcess> {
        &self.context
    }

    /// Waits until the sweep at the start is over.
    pub async fn first_sweep(&self) {
        // The sender goes when the hub stops, and so does the sweep.
        let _ = self.swept.clone().wait_for(|swept| *swept).await;
    }

    /// Stops accepting, lets what is under way finish, and ends.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        self.context.store.end_waits();
        if timeout(GRACE, async { while self.tasks.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!("unfinished attempts were aborted at shutdown; the next run or the sweep repeats them");
        }
        flush(&self.context).await;
        inbound::refusal::tell_all();
        if let Err(error) = self.context.store.tidy().await {
            tracing::info!(
                error = telemetry::logs::chain(&error),
                "the store's write-ahead log was not moved into the database file; nothing is lost"
            );
        }
    }
}

type LocalCourier = Arc<Courier<SqliteStore, InProcess>>;

/// Runs the jobs that one lane of the queue hints at, `places` at once.
async fn run_lane(courier: LocalCourier, mut lane: Lane, places: usize, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(places));
    let mut jobs = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let hint = tokio::select! {
            hint = lane.next() => hint,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let Some(hint) = hint else { break };
        let courier = Arc::clone(&courier);
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

/// Takes over what the hub before this one has left: it has ended, for this one holds the lock. What it had claimed is
/// due for the first sweep, and the retries whose hints went with it are hinted at again.
async fn take_over(courier: &LocalCourier) {
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
async fn run_sweeps(
    courier: LocalCourier,
    watched: Arc<Watch>,
    archive: Folder,
    mut stop: watch::Receiver<bool>,
    first: watch::Sender<bool>,
) {
    let every = courier.context.config.sweep_every;
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeps = JoinSet::new();
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        // An endpoint that hangs holds up its sweep; the next one goes on without it, for claims keep two sweeps from the same work.
        let (courier, watched, first) = (Arc::clone(&courier), Arc::clone(&watched), first.clone());
        let archive = archive.clone();
        sweeps.spawn(async move {
            sweep_once(&courier, &watched, &archive).await;
            first.send_replace(true);
        });
        while sweeps.try_join_next().is_some() {}
    }
    while sweeps.join_next().await.is_some() {}
}

/// Adds the statistics of this process to the store's each minute. Those of the end are added when all has ended.
async fn run_flushes(context: Context<SqliteStore, InProcess>, mut stop: watch::Receiver<bool>) {
    let mut clock = interval(FLUSHED);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        flush(&context).await;
    }
}

/// Adds the statistics of this process to the store's.
async fn flush(context: &Context<SqliteStore, InProcess>) {
    if let Err(error) = store::flush(&context.store, &context.counters, context.now()).await {
        let error = telemetry::logs::chain(&error);
        tracing::warn!(error, "the statistics are not stored yet; they are added later");
    }
}

async fn sweep_once(courier: &Courier<SqliteStore, InProcess>, watch: &Watch, archive: &Folder) {
    inbound::refusal::tell(courier.context.now());
    // After a jump ahead every lease looks over, of attempts that are under way too.
    let has_jumped = || watch.has_jumped_ahead(courier::longest_lease(&courier.context.config));
    if has_jumped() {
        return;
    }
    let looked = courier::bring_back_furthest(courier).await.map(|_| ());
    if has_jumped() {
        return;
    }
    if let Err(error) = looked.and(sweep::handle(courier).await) {
        let error = telemetry::logs::chain(&error);
        tracing::error!(error, "the sweep failed; the next sweep repeats it");
    }
    let mut removed = if watch.may_remove() { PURGE } else { 0 };
    while removed == PURGE {
        removed = courier.context.store.purge(courier.context.now(), PURGE).await.unwrap_or_else(|error| {
            let error = telemetry::logs::chain(&error);
            tracing::error!(error, "expired events could not be removed; the next sweep repeats it");
            0
        });
    }
    if watch.may_remove() {
        sweep::tidy(courier).await;
        if let Err(error) = archive.expire(courier.context.now()).await {
            let error = telemetry::logs::chain(&error);
            tracing::error!(error, "expired uploads could not be removed; the next sweep repeats it");
        }
    }
    read_ledger(courier).await;
}

/// Reads the ledger where an alert tells of it and the last reading is long ago: it is a read of every event's state.
async fn read_ledger(courier: &Courier<SqliteStore, InProcess>) {
    let (config, store, now) = (&courier.context.config, &courier.context.store, courier.context.now());
    let is_told = config.alerts.iter().any(|alert| alert.rule.tells(Cause::LedgerUnbalanced));
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

/// Runs a hub by the configuration of a file until the process is asked to end; asked again, it ends at once.
pub(crate) async fn until_signal(config: Config, file: &Path) -> anyhow::Result<ExitCode> {
    for warning in config.warnings().into_iter().chain(exposure::warnings(&config, file)) {
        tracing::warn!("{warning}");
    }
    server::descriptors::raise();
    // From before the first push: one that is under way is never cut off.
    let mut asked = signals::listen()?;
    let inbox = match config.inbox {
        Some(address) => Some(inbox::start(address, &config).await?),
        None => None,
    };
    let hub = tokio::select! {
        hub = Hub::start(config) => hub?,
        asked = &mut asked => {
            let asked = asked?;
            tracing::info!(why = asked.name(), "the hub ended while starting: nothing was in progress");
            asked.exit();
        }
    };
    tracing::info!(address = %hub.address(), "the hub is listening");
    if inbox.is_some() {
        inbox::tell(hub.address(), &hub.context().config);
    }
    let asked = asked.await?;
    tracing::info!(
        why = asked.name(),
        "stopping: requests and attempts in progress may finish; a second signal ends the hub at once"
    );
    hub.stop().await;
    drop(inbox);
    Ok(ExitCode::SUCCESS)
}
