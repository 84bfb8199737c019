//! The port's connections: how many there are, how long each may be idle, arriving or unread, and how all of it ends.
//!
//! Routing is the task of `http`.

pub(crate) mod body;
pub(crate) mod descriptors;
mod keys;
mod places;
mod tasks;
mod visit;
mod watch;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use archive::Folder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use queue::Queue;
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch as signal;
use tokio::time::{Instant, timeout};

use crate::current::Current;
use crate::http::Services;
use crate::ready::Vitals;

use body::Budget;
pub(crate) use keys::Keys;
use places::{Limits, Places};
use tasks::Tasks;
pub(crate) use visit::Visit;
use watch::{Answering, Ended, Watch, Watched};

/// Largest buffer of a connection for a request's head, pipelined requests and unread answers, in bytes.
const BUFFER: usize = 64 * 1024;

/// Time for which the end of the server waits for requests in progress.
const GRACE: Duration = Duration::from_secs(10);

/// Limits of a server, and what is used of them. Clones share it.
#[derive(Clone)]
pub(crate) struct Use {
    pub(crate) places: Places,
    pub(crate) budget: Budget,
    pub(crate) keys: Keys,
}

impl Use {
    /// The limits of a server of which nothing is used.
    pub(crate) fn new(server: &config::Server) -> Self {
        let most = server.connections.min(descriptors::for_connections());
        Self {
            places: Places::new(Limits::new(most, server.connections_per_address)),
            budget: Budget::new(server.body_budget),
            keys: Keys::new(server.requests_per_key),
        }
    }
}

/// Serves until it is stopped, then lets the requests in progress finish.
pub(crate) async fn serve<S: Store, Q: Queue>(
    listener: TcpListener,
    current: Current<S, Q>,
    (vitals, limits, folder): (Vitals, Use, Folder),
    mut stop: signal::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let (tasks, finished) = Tasks::new();
    let server = current.get().context.config.server;
    let Use { places, budget, keys } = limits;
    let services = Arc::new(Services::new(current, vitals, keys, folder));
    let mut refusals = Refusals::default();
    let mut stopped = pin!(async move { stop.wait_for(|stop| *stop).await.is_ok() });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: those in use end, and then there are some again.
                refusals.note(&error);
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let watch = Watch::new(server.idle_timeout);
        let place = tokio::select! {
            place = places.take(address.ip(), &watch) => place,
            _ = &mut stopped => break,
        };
        let visit = Visit::new(address, place, tasks.clone(), budget.clone());
        tokio::spawn(connection(stream, visit, watch, Arc::clone(&services), &graceful));
    }
    drop(tasks);
    let ended = async {
        graceful.shutdown().await;
        finished.await;
    };
    if timeout(GRACE, ended).await.is_err() {
        tracing::warn!("unfinished requests were aborted at shutdown");
    }
}

/// One connection, to its end.
fn connection<S: Store, Q: Queue>(
    stream: TcpStream,
    visit: Visit,
    watch: Watch,
    services: Arc<Services<S, Q>>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<S, Q> {
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(Watched::new(stream, watch.clone()));
    let (answers, visitor) = (watch.clone(), visit.clone());
    let service = service_fn(move |request| {
        let answering = Answering::new(&answers);
        let answer = Arc::clone(&services).answer(visitor.clone(), request);
        async move { Ok::<_, Infallible>(answer.await.map(|body| answering.carry(body))) }
    });
    // A client that closes its half, or both, has sent its request all the same: a request in progress is not aborted.
    // The watch has the time limits, because it distinguishes an idle connection from a head that is arriving.
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(stream, service);
    let connection = graceful.watch(connection);
    async move {
        let peer = visit.address();
        tokio::select! {
            ended = watch.over(connection) => match ended {
                Ended::ByItself(Ok(())) => {}
                Ended::ByItself(Err(error)) => tracing::debug!(%peer, %error, "a client connection failed"),
                Ended::OutOfTime(what) => tracing::debug!(%peer, what, "a connection was closed"),
            },
            () = visit.displaced() => tracing::debug!(%peer, "a client connection was closed in favour of a newer one"),
        }
    }
}

/// Connections that could not be accepted, logged once a second at the most.
#[derive(Default)]
struct Refusals {
    told: Option<Instant>,
    since: u64,
}

impl Refusals {
    fn note(&mut self, error: &std::io::Error) {
        self.since += 1;
        if self.told.is_some_and(|told| told.elapsed() < Duration::from_secs(1)) {
            return;
        }
        tracing::error!(%error, times = self.since, "client connections could not be accepted");
        *self = Self { told: Some(Instant::now()), since: 0 };
    }
}
