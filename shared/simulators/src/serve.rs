//! The HTTP servers of the played sides.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Response to a request; an error closes the connection without one.
pub type Answered = Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>>;

/// A server and its connections, which end with this value.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: AbortHandle,
}

impl Server {
    /// Starts a server whose connections are closed at once while `admits` is false. Port 0 lets the system choose.
    pub async fn start<F, A>(
        address: SocketAddr,
        admits: impl Fn() -> bool + Send + Sync + 'static,
        handler: F,
    ) -> io::Result<Self>
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Answered> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, admits, handler)).abort_handle() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves connections until the task ends. They live in its set, so they end with it.
pub(crate) async fn accept<F, A>(listener: TcpListener, admits: impl Fn() -> bool, handler: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answered> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if admits() => drop(connections.spawn(serve(stream, handler.clone()))),
                Ok(_) => {}
                // Out of file descriptors, or a connection that ended before it was taken: the next may fare better.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<F, A>(stream: TcpStream, handler: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Answered>,
{
    // An answer that waits for the client's delayed acknowledgement would look like a slow server.
    let _ = stream.set_nodelay(true);
    // A connection that breaks is its client's loss; there is nobody to tell.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handler)).await;
}
