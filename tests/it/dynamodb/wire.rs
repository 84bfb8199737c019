//! The engine over the wire: the HTTP client that the functions have, real connections, and what becomes of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use store::{Admitted, Store as _, contract};
use store_dynamodb::DynamoStore;
use tokio::net::TcpListener;

use super::faults::{event, work};
use super::{Emulator, TABLE, emulated};
use crate::support::within;

/// Fault of the server's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It keeps them open.
    Patient,
    /// It says nothing, and closes each after the second answer, as happens to what was frozen.
    Forgetful,
    /// It takes every second request and never answers it.
    Mute,
}

/// A server, how many connections were opened to it, and how many requests came.
struct Server {
    address: SocketAddr,
    opened: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

async fn serve(manner: Manner) -> Server {
    let (_, emulator) = emulated().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { address: listener.local_addr().unwrap(), opened: Arc::default(), asked: Arc::default() };
    let (opened, asked) = (Arc::clone(&server.opened), Arc::clone(&server.asked));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            opened.fetch_add(1, Ordering::Relaxed);
            let (emulator, asked) = (emulator.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let here = AtomicUsize::new(0);
                let service = service_fn(|request: Request<Incoming>| {
                    let number = asked.fetch_add(1, Ordering::Relaxed);
                    let here = here.fetch_add(1, Ordering::Relaxed);
                    let emulator = &emulator;
                    async move {
                        if manner == Manner::Mute && number % 2 == 1 {
                            std::future::pending::<()>().await;
                        }
                        if manner == Manner::Forgetful && here == 2 {
                            return Err(std::io::Error::other("gone"));
                        }
                        Ok(forward(emulator, request).await)
                    }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    server
}

async fn forward(emulator: &Emulator, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let (status, body) = emulator.answer(&target, &body).await;
    Response::builder().status(status).body(Full::new(body.into())).unwrap()
}

async fn store_on(manner: Manner) -> (DynamoStore, Server) {
    let server = serve(manner).await;
    let config = host::sdk_config(lambda::http_client()).into_builder();
    let client = store_dynamodb::client(&config.endpoint_url(format!("http://{}", server.address)).build());
    (DynamoStore::new(client, TABLE.to_owned()), server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_over_the_wire() {
    let store = async || store_on(Manner::Patient).await.0;
    contract::of_many_concurrent_equals_one_is_new(store().await).await;
    contract::large_bodies_come_back_byte_for_byte(store().await).await;
    contract::any_text_is_a_key(store().await).await;
    contract::of_many_concurrent_equals_in_a_chain_one_is_new(store().await).await;
    contract::failed_deliveries_are_listed_once_across_pages(store().await).await;
}

/// A push of many events waits for a few connections, and does not open one for each.
#[tokio::test]
async fn connections_are_shared() {
    let (store, server) = store_on(Manner::Patient).await;
    let (work, events) = (work(), (0..64_u8).map(numbered).collect::<Vec<_>>());
    // An event that a busy machine does not store in the partner's time is pushed again.
    let admit = async |event| while store.admit(event, &work, None).await.is_err() {};
    within(join_all(events.iter().map(admit))).await;
    // A request that a busy machine does not answer soon is repeated on another connection.
    let repeated = server.asked.load(Ordering::Relaxed).saturating_sub(64);
    assert!(server.opened.load(Ordering::Relaxed) <= 20 + repeated, "{:?} of {repeated}", server.opened);
}

fn numbered(number: u8) -> hub::Event {
    let mut event = event(Bytes::from_static(b"{}"));
    event.key.id.0[23] = number;
    event
}

/// A connection that died while idle costs a repetition, not the push.
#[tokio::test]
async fn a_dead_connection_is_replaced() {
    let (store, server) = store_on(Manner::Forgetful).await;
    let work = work();
    for number in 0..12 {
        assert_eq!(store.admit(&numbered(number), &work, None).await.unwrap(), Admitted::New);
    }
    assert!(server.opened.load(Ordering::Relaxed) > 4);
}

/// An answer that does not come is not waited for as long as there is time.
#[tokio::test]
async fn a_mute_server_is_asked_again() {
    let (store, _server) = store_on(Manner::Mute).await;
    for number in 0..3 {
        // Every second request has no answer, and an admission waits for one no longer than its patience lasts.
        assert_eq!(store.admit(&numbered(number), &work(), None).await.unwrap(), Admitted::New);
    }
}
