//! The limit: a receiver that makes each push durable before it answers, and if told so hands it on, and does nothing
//! else. No keys, no duplicates, no envelope, no retries. What the hub costs is the distance from here.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::http::{self, Wire};

/// A durable receiver and nothing else.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Bare {
    #[arg(long)]
    pub listen: SocketAddr,
    /// Folder of its database.
    #[arg(long)]
    pub dir: PathBuf,
    /// Hands every push on to host:port.
    #[arg(long)]
    pub deliver: Option<String>,
}

/// Connections to the ERP.
const COURIERS: usize = 64;

/// The most pushes that share one sync.
const GROUP: usize = 4096;

enum Job {
    Keep(Bytes, oneshot::Sender<i64>),
    Delivered(i64),
}

#[derive(Clone)]
struct Desk {
    writer: mpsc::Sender<Job>,
    couriers: Vec<UnboundedSender<(i64, Bytes)>>,
}

pub(crate) async fn run(bare: Bare) -> anyhow::Result<()> {
    let database = open(&bare.dir.join("bare.db"))?;
    let (writer, jobs) = mpsc::channel();
    std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
        if let Err(error) = write(&database, &jobs) {
            eprintln!("bare: {error:#}");
            std::process::exit(1);
        }
    })?;
    let mut couriers = Vec::new();
    if let Some(erp) = bare.deliver {
        for _ in 0..COURIERS {
            let (courier, parcels) = unbounded_channel();
            couriers.push(courier);
            tokio::spawn(deliver(erp.clone(), parcels, writer.clone()));
        }
    }
    let desk = Desk { writer, couriers };
    let listener = TcpListener::bind(bare.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let desk = desk.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| receive(request, desk.clone()));
            // A connection that breaks is its client's loss.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn open(path: &std::path::Path) -> anyhow::Result<Connection> {
    let database = Connection::open(path).with_context(|| format!("opening {}", path.display()))?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, body BLOB NOT NULL, delivered INTEGER NOT NULL)",
    )?;
    Ok(database)
}

/// Writes whatever waits in one transaction: one sync for all of it.
fn write(database: &Connection, jobs: &mpsc::Receiver<Job>) -> anyhow::Result<()> {
    let mut keep = database.prepare("INSERT INTO event (body, delivered) VALUES (?, 0)")?;
    let mut delivered = database.prepare("UPDATE event SET delivered = 1 WHERE id = ?")?;
    let mut kept = Vec::with_capacity(GROUP);
    while let Ok(first) = jobs.recv() {
        database.execute_batch("BEGIN IMMEDIATE")?;
        for job in std::iter::once(first).chain(jobs.try_iter().take(GROUP)) {
            match job {
                Job::Keep(body, answer) => kept.push((keep.insert([&body[..]])?, answer)),
                Job::Delivered(id) => {
                    delivered.execute([id])?;
                }
            }
        }
        database.execute_batch("COMMIT")?;
        for (id, answer) in kept.drain(..) {
            // The caller may have gone; the push is kept all the same.
            let _ = answer.send(id);
        }
    }
    Ok(())
}

async fn receive(request: Request<Incoming>, desk: Desk) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = if request.method() != Method::POST {
        (StatusCode::NOT_FOUND, "{}")
    } else if keep(request, &desk).await.is_some() {
        (StatusCode::OK, r#"{"state":true,"msg":""}"#)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"state":false,"msg":"not kept"}"#)
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    Ok(response)
}

async fn keep(request: Request<Incoming>, desk: &Desk) -> Option<()> {
    let body = request.into_body().collect().await.ok()?.to_bytes();
    let (answer, kept) = oneshot::channel();
    desk.writer.send(Job::Keep(body.clone(), answer)).ok()?;
    let id = kept.await.ok()?;
    if !desk.couriers.is_empty() {
        let index = usize::try_from(id).unwrap_or_default() % desk.couriers.len();
        desk.couriers.get(index)?.send((id, body)).ok()?;
    }
    Some(())
}

async fn deliver(erp: String, mut parcels: UnboundedReceiver<(i64, Bytes)>, writer: mpsc::Sender<Job>) {
    let mut wire = None;
    while let Some((id, body)) = parcels.recv().await {
        let request = http::request("POST", "/events", &format!("webhook-id: {id}\r\n"), &body);
        while let Err(error) = hand_over(&mut wire, &erp, &request).await {
            eprintln!("bare: {error:#}");
            wire = None;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // The writer's end is the process's.
        let _ = writer.send(Job::Delivered(id));
    }
}

async fn hand_over(wire: &mut Option<Wire>, erp: &str, request: &[u8]) -> anyhow::Result<()> {
    let open = match wire {
        Some(open) => open,
        None => wire.insert(Wire::connect(erp).await?),
    };
    let answer = open.exchange(request).await?;
    anyhow::ensure!(answer.second() == "200", "the ERP answers {}", answer.second());
    Ok(())
}
