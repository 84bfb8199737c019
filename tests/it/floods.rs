//! Strangers who exhaust a hub's resources, in a process of its own: partners are answered all the same.
//!
//! The hub has few places, so that little effort takes them all. Nothing is measured: a push that is answered too late is
//! made again, and a hub that is never in time never ends.

use std::net::SocketAddr;

use partners::Partner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::http::{api, exchange, request};
use crate::support::process::Process;
use crate::support::pushing::every;
use crate::support::{API_KEY, Plan, answered, erp, hook, ledger, pushing, until, within};

/// Most connections of the hub.
const PLACES: usize = 64;

/// Number of connections that a flood holds open, or tries to.
const FLOOD: usize = 200;

/// Abuse of a connection by a stranger.
#[derive(Clone, Copy, Debug)]
enum Stranger {
    /// Says nothing.
    Idle,
    /// Sends half of a head.
    HalfSent,
    /// Sends the head of a push with a wrong key, and half of its body.
    WrongKey,
    /// Asks for one large answer after another and reads none.
    ReadsNothing,
}

const STRANGERS: [Stranger; 4] = [Stranger::Idle, Stranger::HalfSent, Stranger::WrongKey, Stranger::ReadsNothing];

impl Stranger {
    fn sends(self) -> Vec<u8> {
        match self {
            Self::Idle => Vec::new(),
            Self::HalfSent => b"POST /hooks/xhq/xhq-sh/".to_vec(),
            Self::WrongKey => {
                request("POST", "/hooks/xhq/xhq-sh/wrong", "content-length: 100000\r\n", &b"x".repeat(50_000))
            }
            Self::ReadsNothing => b"GET /openapi.json HTTP/1.1\r\nhost: hub\r\n\r\n".repeat(50),
        }
    }

    /// Connects and sends as much as is taken at once. The connection is held.
    async fn come(self, address: SocketAddr) -> Option<TcpStream> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.writable().await.ok()?;
        let _ = stream.try_write(&self.sends());
        Some(stream)
    }
}

/// Regression: connections that were idle, half sent or unread took every place, and pushes waited for seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partners_are_answered_whatever_strangers_hold() {
    let receiver = erp().await;
    let server = format!("[server]\nconnections = {PLACES}\nconnections_per_address = {PLACES}");
    let plan = Plan::described().endpoint("erp", &receiver, "").table(&server);
    let mut process = Process::start(&plan, &[]).await.unwrap();
    let address = process.address();
    let mut pushed = 0;
    for stranger in STRANGERS {
        let mut flood = Vec::new();
        for _ in 0..FLOOD {
            flood.extend(stranger.come(address).await);
        }
        for _ in 0..3 {
            for partner in every() {
                pushed += 1;
                // Each from a connection of its own, as a partner without keep-alive.
                let mut sender = simulators::Sender::new(partner, &format!("http://{address}")).unwrap();
                let body = pushing::push(partner, &format!("F{pushed}"));
                let answer = answered(
                    &mut sender,
                    &hook(partner, pushing::suffix(partner)),
                    "application/json",
                    body.as_bytes(),
                )
                .await;
                assert_eq!(answer.status, 200, "{stranger:?}: {answer:?}");
            }
            flood.extend(stranger.come(address).await);
        }
        let list = within(api(address, "GET", "/deliveries/failed", API_KEY, "")).await;
        assert_eq!(list.status, 200, "{stranger:?}");
    }
    until(async || receiver.count() == pushed).await;
    process.terminate();
    assert!(process.ended().await.success(), "{}", process.log());
    assert!(!process.log().contains("panicked"), "{}", process.log());
    assert_eq!(ledger(&plan.store()).await.delivered, pushed as u64);
}

/// A connection that has shown its key is not displaced, however many strangers come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_connection_is_kept_through_a_flood() {
    let server = format!("[server]\nconnections = {PLACES}\nconnections_per_address = {PLACES}");
    let plan = Plan::new().table(&server);
    let process = Process::start(&plan, &[]).await.unwrap();
    let address = process.address();
    let mut known = TcpStream::connect(address).await.unwrap();
    for n in 0..3 {
        let push = String::from_utf8(request(
            "POST",
            &hook(Partner::Xhq, ""),
            "",
            pushing::push(Partner::Xhq, &format!("F{n}")).as_bytes(),
        ))
        .unwrap();
        let push = push.replace("connection: close\r\n", "");
        known.write_all(push.as_bytes()).await.unwrap();
        let answer = within(answer(&mut known)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let mut flood = Vec::new();
        for _ in 0..FLOOD {
            flood.extend(Stranger::HalfSent.come(address).await);
        }
    }
    process.kill();
}

/// Reads an answer up to the end of its JSON.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the connection was closed");
    }
    String::from_utf8(answer).unwrap()
}

/// Regression: twenty pushes of 6 MB at once were refused by half, and small ones of others with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_pushes_take_turns_and_small_ones_are_not_held_up() {
    let plan = Plan::new().table("[server]\nbody_budget_mb = 8");
    let process = Process::start(&plan, &[]).await.unwrap();
    let address = process.address();
    let large = |n: usize| {
        let pad = "x".repeat(3_000_000);
        let body = format!(r#"{{"action":"single_receipt","orderOutNo":"L{n}","pad":"{pad}"}}"#);
        let push = request("POST", &hook(Partner::Xhq, ""), "", body.as_bytes());
        // A refusal is one that asks for a repetition, and that is taken.
        tokio::spawn(async move {
            loop {
                match exchange(address, push.clone()).await.map(|reply| reply.status) {
                    Some(200) => return,
                    Some(503) | None => {}
                    Some(status) => panic!("{status}"),
                }
            }
        })
    };
    let large_pushes: Vec<_> = (0..12).map(large).collect();
    for n in 0..10 {
        let mut sender = simulators::Sender::new(Partner::OneData, &format!("http://{address}")).unwrap();
        let body = pushing::push(Partner::OneData, &format!("F{n}"));
        let answer = answered(&mut sender, &hook(Partner::OneData, ""), "application/json", body.as_bytes()).await;
        assert_eq!(answer.status, 200);
    }
    for large in large_pushes {
        within(large).await.unwrap();
    }
    process.kill();
    assert_eq!(crate::support::events(&plan.store()).await.len(), 22);
}
