//! The port's connections: how many there are, how long each may be idle, arriving or unread, and how all of it ends.
//!
//! What a request means is `http`'s business.

pub(crate) mod body;
mod tasks;
mod watch;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use courier::Courier;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use queue::Queue;
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch as signal};
use tokio::time::timeout;

use crate::health::Health;

pub(crate) use tasks::Tasks;
use watch::{Answering, Ended, Watch, Watched};

/// How many connections are served at once; further ones wait in the listener's queue.
const MOST_CONNECTIONS: usize = 1_024;

/// How much of a request's head, of pipelined requests and of unread answers a connection holds, in bytes.
const BUFFER: usize = 64 * 1024;

/// How long requests under way are waited for at the end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until told to stop, then lets the requests under way finish.
pub(crate) async fn serve<S: Store, Q: Queue>(
    listener: TcpListener,
    courier: Arc<Courier<S, Q>>,
    mut stop: signal::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let (tasks, finished) = Tasks::new();
    let health = Arc::new(Health::default());
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stopped = pin!(async move { stop.wait_for(|stop| *stop).await.is_ok() });
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: those in use end, and then there are some again.
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = &mut stopped => break,
        };
        let connection =
            connection(stream, peer, Arc::clone(&courier), (tasks.clone(), Arc::clone(&health)), &graceful);
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(tasks);
    let ended = async {
        graceful.shutdown().await;
        finished.await;
    };
    if timeout(GRACE, ended).await.is_err() {
        tracing::warn!("requests that would not end were cut off");
    }
}

/// One connection, to its end.
fn connection<S: Store, Q: Queue>(
    stream: TcpStream,
    peer: SocketAddr,
    courier: Arc<Courier<S, Q>>,
    (tasks, health): (Tasks, Arc<Health>),
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<S, Q> {
    let _ = stream.set_nodelay(true);
    let watch = Watch::new(courier.context.config.server.idle_timeout);
    let stream = TokioIo::new(Watched::new(stream, watch.clone()));
    let answers = watch.clone();
    let service = service_fn(move |request| {
        let answering = Answering::new(&answers);
        let answer = crate::http::answer(Arc::clone(&courier), tasks.clone(), Arc::clone(&health), request, peer);
        async move { Ok::<_, Infallible>(answer.await.map(|body: Full<Bytes>| answering.carry(body))) }
    });
    // A sender that closes its half, or both, has sent its request all the same: what is under way is not broken off.
    // The time limits are the watch's, which tells an idle connection from a head that is arriving.
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(stream, service);
    let connection = graceful.watch(connection);
    async move {
        match watch.over(connection).await {
            Ended::ByItself(Ok(())) => {}
            Ended::ByItself(Err(error)) => tracing::debug!(%peer, %error, "a connection broke"),
            Ended::OutOfTime(what) => tracing::debug!(%peer, what, "a connection was closed"),
        }
    }
}
