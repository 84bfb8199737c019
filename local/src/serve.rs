//! A running hub: the port, the deliveries and the sweep, from start to graceful end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use archive::Folder;
use clap::Args;
use config::Config;
use config::Context;
use courier::{Courier, Lines};
use hub::Clock;
use outbound::KeepAlive;
use queue::{Destination, InProcess};
use store_sqlite::SqliteStore;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::backup::unfinished;
use crate::clock::{Steady, Watch, steady_clock};
use crate::current::Current;
use crate::hold::{self, Hold};
use crate::metrics::{self, Figures};
use crate::place::Place;
use crate::ready::Vitals;
use crate::traces::{self, Exporter};
use crate::work::{self, LocalCurrent};
use crate::{compact, disk, exposure, inbox, reload, server, service, signals};

/// Capacity of each lane of the queue: about two seconds of pushes at the most that a machine accepts. Memory is used only where
/// messages wait, some 150 bytes each. Those beyond it are left to the sweep.
const LANE: usize = 16_384;

/// Time for which the end of the process waits for jobs in progress.
const GRACE: Duration = Duration::from_secs(15);

/// Reason why a hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] store_sqlite::OpenError),
    /// The folder of files cannot be read.
    #[error("the folder of files cannot be read: make the folder \"files\" of the data folder readable and writable")]
    Files(#[source] std::io::Error),
    /// A restoration or an import was begun and not finished.
    #[error("{} is of a restoration or an import that was not finished: run `tongguan restore` or `import` again, or remove it", .0.display())]
    Unrestored(PathBuf),
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
    current: LocalCurrent,
    hold: Hold,
    /// Number of configurations that it was given since.
    reloads: u64,
    stop: watch::Sender<bool>,
    swept: watch::Receiver<bool>,
    exporter: Arc<Mutex<Exporter>>,
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
        unfinished::left(&config.data_dir).map_or(Ok(()), |left| Err(StartError::Unrestored(left)))?;
        let hold = Hold::of(&config.data_dir);
        compact::at_start(&config.data_dir).await;
        let store = SqliteStore::open(&config.data_dir)?;
        if let Ok(space) = store.space().await {
            compact::advise(space);
        }
        let watched = Watch::begin(clock, steady, store.clone()).await;
        let clock = watched.clock();
        let listener = TcpListener::bind(config.listen).await.map_err(|e| StartError::Listen(config.listen, e))?;
        let address = listener.local_addr().map_err(|e| StartError::Listen(config.listen, e))?;
        let (queue, lanes) = queue::in_process(destinations(&config), LANE);
        let figures = match config.metrics_listen {
            Some(address) => Some(TcpListener::bind(address).await.map_err(|e| StartError::Listen(address, e))?),
            None => None,
        };
        let archive = Folder::open(&config.data_dir).map_err(StartError::Files)?;
        let context = Context::new(Arc::new(config), store, queue, clock).with_archive(Arc::new(archive.clone()));
        let context = context.with_spans();
        let (stop, stopped) = watch::channel(false);

        let mut tasks = JoinSet::new();
        // It holds the lock of the store's folder.
        let courier = Courier::new(context.clone(), KeepAlive::Brief, callback::ACTION)?;
        let courier = Arc::new(hold.guard(Courier { lines: Arc::new(Lines::alone()), ..courier }));
        let current = Current::new(Arc::clone(&courier));
        // Before this process has claimed anything. Who connects meanwhile waits in the listener's queue.
        if hold.is_on() {
            tracing::warn!("the hub is on hold: it receives, but sends nothing until `tongguan release`");
            tasks.spawn(work::run_hold(hold.clone(), current.clone(), stopped.clone()));
        } else {
            work::take_over(&courier).await;
        }
        inbound::configured::tell_or_log(&context).await;
        let vitals = Vitals::new(context.config.sweep_every, hold.clone());
        disk::look(&vitals.disk, &courier).await;
        let limits = server::Use::new(&context.config.server);
        context.store.limit_waiting(context.config.server.writes_waiting);
        if let Some(listener) = figures {
            let (store, spans) = (context.store.clone(), context.spans.clone());
            let (vitals, limits) = (vitals.clone(), limits.clone());
            let figures = Figures { store, spans, vitals, limits, kept: telemetry::metrics::keep() };
            metrics::begin(&context.config);
            tasks.spawn(metrics::serve(listener, figures, stopped.clone()));
        }
        tasks.spawn(disk::run(vitals.disk.clone(), current.clone(), stopped.clone()));
        tasks.spawn(server::serve(
            listener,
            current.clone(),
            (vitals.clone(), limits, archive.clone()),
            stopped.clone(),
        ));
        for lane in lanes {
            tasks.spawn(work::run_lane(current.clone(), hold.clone(), lane, stopped.clone()));
        }
        let exporter = Exporter::new(current.clone());
        tasks.spawn(traces::run(Arc::clone(&exporter), stopped.clone()));
        tasks.spawn(work::run_flushes(context.clone(), stopped.clone()));
        tasks.spawn(Arc::clone(&watched).run(current.clone(), stopped.clone()));
        let (first, swept) = watch::channel(false);
        tasks.spawn(work::run_sweeps(current.clone(), (watched, vitals, archive), stopped.clone(), first));
        Ok(Self { address, context, current, hold, reloads: 0, stop, swept, exporter, tasks, _lock: lock })
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

    /// Takes a checked configuration in place of the one it has: whatever begins from now on goes by it. Nothing that is under way is
    /// broken off. Returns the names of the keys whose change counts from the next start.
    pub async fn take(&mut self, mut config: Config) -> Vec<String> {
        let old = self.current.get();
        let at_next_start = reload::keep(&old.context.config, &mut config);
        let added: Vec<_> =
            destinations(&config).filter_map(|destination| self.context.queue.add(destination)).collect();
        let context = Context { config: Arc::new(config), ..old.context.clone() };
        metrics::begin(&context.config);
        self.current.set(Arc::new(Courier { context: context.clone(), ..(*old).clone() }));
        for lane in added {
            let (current, hold, stopped) = (self.current.clone(), self.hold.clone(), self.stop.subscribe());
            self.tasks.spawn(work::run_lane(current, hold, lane, stopped));
        }
        inbound::configured::tell_or_log(&context).await;
        at_next_start
    }

    /// Reads the configuration again and takes it, or refuses it as a whole.
    async fn reload(&mut self, place: &Place) {
        self.reloads += 1;
        let folder = self.context.config.data_dir.clone();
        let refused = |why| reload::Outcome { number: self.reloads, why, ..reload::Outcome::default() };
        let outcome = match place.read() {
            Err(error) => refused(format!("{error:#}").replace('\n', ";")),
            Ok(config) if config.connections.is_empty() && config.routes.is_empty() => {
                refused("it has neither connections nor endpoints".to_owned())
            }
            Ok(config) => {
                for warning in config.warnings() {
                    tracing::warn!("{warning}");
                }
                let at_next_start = self.take(config).await;
                reload::Outcome { number: self.reloads, taken: true, at_next_start, ..reload::Outcome::default() }
            }
        };
        reload::tell(&folder, &outcome);
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
        work::flush(&self.context).await;
        traces::flush(&self.exporter).await;
        inbound::refusal::tell_all();
        if let Err(error) = self.context.store.tidy().await {
            tracing::info!(
                error = telemetry::logs::chain(&error),
                "the store's write-ahead log was not moved into the database file; nothing is lost"
            );
        }
    }
}

/// Whatever has a lane of its own.
fn destinations(config: &Config) -> impl Iterator<Item = Destination> {
    let endpoints = config.endpoints.keys().cloned().map(Destination::Endpoint);
    endpoints.chain(config.connections.keys().cloned().map(Destination::Connection))
}

/// Options of `tongguan serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    /// Receive, but send nothing: no delivery, no call, no question, no alert, until `tongguan release`; over restarts too
    #[arg(long)]
    hold: bool,
}

/// Runs a hub by the configuration of a place until the process is asked to end; asked again, it ends at once.
pub(crate) async fn until_signal(config: Config, place: &Place, serve: &Serve) -> anyhow::Result<ExitCode> {
    let folder = config.data_dir.clone();
    if serve.hold {
        // The folder is made, and no other hub uses it.
        let _lock = SqliteStore::lock(&folder)?;
        hold::put(&folder).with_context(|| format!("the hold could not be noted in {}", folder.display()))?;
    }
    for warning in config.warnings().into_iter().chain(exposure::warnings(&config, &place.file())) {
        tracing::warn!("{warning}");
    }
    server::descriptors::raise();
    // From before the first push: one that is under way is never cut off.
    let mut asked = signals::listen()?;
    let inbox = match config.inbox {
        Some(address) => Some(inbox::start(address, &config).await?),
        None => None,
    };
    let mut hub = tokio::select! {
        hub = Hub::start(config) => hub?,
        end = &mut asked.end => {
            let end = end?;
            tracing::info!(why = end.name(), "the hub ended while starting: nothing was in progress");
            end.exit();
        }
    };
    reload::begin(&folder);
    tracing::info!(address = %hub.address(), "the hub is listening");
    service::ready(hub.address());
    let watchdog = tokio::spawn(service::watchdog());
    if inbox.is_some() {
        inbox::tell(hub.address(), &hub.context().config);
    }
    let end = loop {
        tokio::select! {
            end = &mut asked.end => break end?,
            Some(()) = asked.reload.recv() => hub.reload(place).await,
        }
    };
    tracing::info!(
        why = end.name(),
        "stopping: requests and attempts in progress may finish; a second signal ends the hub at once"
    );
    service::stopping();
    reload::end(&folder);
    hub.stop().await;
    watchdog.abort();
    drop(inbox);
    Ok(ExitCode::SUCCESS)
}
