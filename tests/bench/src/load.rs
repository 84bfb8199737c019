//! The load: pushes unique receipts, or makes unique calls, and records how long each answer took.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use simulators::pushes;

use crate::http::{self, Message, Wire};
use crate::latency::{Latencies, Percentiles, now};
use crate::shipments;

/// Pushes receipts, or makes calls, and prints what came of it as JSON.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// What is sent.
    #[arg(long, value_enum, default_value_t = What::Push)]
    pub what: What,
    /// Where to, host:port.
    #[arg(long)]
    pub address: String,
    /// The path.
    #[arg(long)]
    pub path: String,
    /// Connections, each with one push under way at most.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// How long to push.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Pushes a second over all connections; as fast as answers come where it is left out.
    #[arg(long)]
    pub rate: Option<u32>,
    /// Stops after this many pushes too.
    #[arg(long, default_value_t = u64::MAX)]
    pub count: u64,
    /// The number of the first order.
    #[arg(long, default_value_t = 0)]
    pub first: u64,
}

/// What a load sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum What {
    /// A receipt of XHQ's, to the hub or a receiver like it.
    Push,
    /// A command, to the hub: `upload`.
    Upload,
    /// A command that is safe to repeat, to the hub: `port_query_v2`.
    Subscribe,
    /// A query, to the hub: `customs_status_download`.
    Query,
    /// The same query, to the partner.
    Direct,
    /// A receipt of one of some shipments, to the hub.
    Part,
    /// A shipment is read, from the hub.
    Shipment,
}

/// The ERP's key at a hub that lives for one measurement.
pub(crate) const API_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

impl What {
    /// The request of that number.
    fn request(self, path: &str, number: u64) -> Vec<u8> {
        let head = format!("authorization: Bearer {API_KEY}\r\nidempotency-key: {number}\r\n");
        match self {
            // The ERP reads the stamp, so that it can tell how long the push was on its way.
            Self::Push => http::request("POST", path, "", &pushes::noted_receipt(number, &stamp())),
            Self::Upload => {
                let body = format!(
                    r#"{{"fileUrl":"http://files.example.com/{number}/1564620414.zip","orderOutNo":"SO-{number}","isReload":"","parameter":{{"note":"{}"}}}}"#,
                    stamp()
                );
                http::request("POST", path, &head, body.as_bytes())
            }
            Self::Subscribe => {
                let body = format!(
                    r#"[{{"subType":1,"carrierCd":"CNTAO","subNo":"{number}","importAndExportFlag":"E","extraInfo":"{}"}}]"#,
                    stamp()
                );
                http::request("POST", path, &head, body.as_bytes())
            }
            Self::Query => http::request("POST", path, &head, br#"{"billId":"1906651379888427008"}"#),
            Self::Direct => http::request("GET", path, "", b""),
            Self::Part => http::request("POST", path, "", shipments::receipt(number).as_bytes()),
            Self::Shipment => http::request("GET", &shipments::path(number), &head, b""),
        }
    }

    /// Whether the answer takes what was sent.
    fn taken(self, answer: &Message<'_>) -> bool {
        let says = |text: &[u8]| http::find(answer.body, text).is_some();
        match self {
            Self::Push | Self::Part => answer.second() == "200" && says(br#""state":true"#),
            Self::Upload | Self::Subscribe => answer.second() == "202",
            Self::Query | Self::Direct => answer.second() == "200" && says(br#""code":200"#),
            Self::Shipment => answer.second() == "200" && says(br#""complete":true"#),
        }
    }
}

/// What came of a load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// When the first push was sent, in microseconds since 1970.
    pub began: i64,
    /// From the first push to the last answer.
    pub seconds: f64,
    pub accepted: u64,
    /// Answers that do not take the push, and connections that broke.
    pub refused: u64,
    /// The first of them.
    pub refusal: Option<String>,
    pub ack: Percentiles,
}

impl Loaded {
    #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(crate) fn per_second(&self) -> f64 {
        self.accepted as f64 / self.seconds
    }
}

/// What the connections share; they are tasks of one thread.
struct Run {
    load: Load,
    begun: Instant,
    taken: Cell<u64>,
    latencies: RefCell<Latencies>,
    loaded: RefCell<Loaded>,
}

/// Runs the load on this thread.
pub(crate) async fn run(load: Load) -> anyhow::Result<Loaded> {
    let connections = load.connections;
    // Opened before the clock starts: a partner's connection is there already.
    let mut wires = Vec::with_capacity(connections);
    for _ in 0..connections {
        wires.push(Wire::connect(&load.address).await?);
    }
    let run = Rc::new(Run {
        load,
        begun: Instant::now(),
        taken: Cell::new(0),
        latencies: RefCell::default(),
        loaded: RefCell::new(Loaded { began: now(), ..Loaded::default() }),
    });
    let set = tokio::task::LocalSet::new();
    for wire in wires {
        set.spawn_local(connection(Rc::clone(&run), wire));
    }
    set.await;
    let mut loaded = run.loaded.take();
    loaded.seconds = run.begun.elapsed().as_secs_f64();
    loaded.ack = run.latencies.borrow_mut().percentiles();
    Ok(loaded)
}

async fn connection(run: Rc<Run>, mut wire: Wire) {
    while let Some((number, sent)) = next(&run).await {
        let request = run.load.what.request(&run.load.path, run.load.first.saturating_add(number));
        let answered = wire.exchange(&request).await.map(|answer| {
            run.load
                .what
                .taken(&answer)
                .then_some(())
                .ok_or_else(|| format!("{} {}", answer.second(), String::from_utf8_lossy(answer.body)))
        });
        let (refusal, broken) = match answered {
            Ok(Ok(())) => (None, false),
            Ok(Err(refusal)) => (Some(refusal), false),
            Err(error) => (Some(error.to_string()), true),
        };
        {
            let mut loaded = run.loaded.borrow_mut();
            if refusal.is_none() {
                loaded.accepted += 1;
                let micros = i64::try_from(sent.elapsed().as_micros()).unwrap_or(i64::MAX);
                run.latencies.borrow_mut().add(micros);
            } else {
                loaded.refused += 1;
                loaded.refusal = loaded.refusal.take().or(refusal);
            }
        }
        if broken {
            tokio::time::sleep(Duration::from_millis(10)).await;
            match Wire::connect(&run.load.address).await {
                Ok(new) => wire = new,
                Err(_) => return,
            }
        }
    }
}

/// The number of the next push and the moment from which its answer is timed; nothing when the load is over.
///
/// At a fixed rate a push that had to wait for a free connection is timed from when it was due, or the slowest answers
/// would hide how many pushes they held up. One that was ready in time is timed from when it is sent: a timer that
/// wakes a fraction of a millisecond late is the load's fault.
async fn next(run: &Run) -> Option<(u64, Instant)> {
    let number = run.taken.get();
    let due = match run.load.rate {
        Some(rate) => run.begun + Duration::from_secs(number) / rate.max(1),
        None => Instant::now(),
    };
    if number >= run.load.count || due.duration_since(run.begun).as_secs_f64() >= run.load.seconds {
        return None;
    }
    run.taken.set(number + 1);
    if due <= Instant::now() {
        return Some((number, due));
    }
    tokio::time::sleep_until(due.into()).await;
    Some((number, Instant::now()))
}

const MARK: &str = "sent at ";

/// The note of a receipt that is sent now.
fn stamp() -> String {
    format!("{MARK}{:016}", now())
}

/// When the receipt in a body was sent.
pub(crate) fn stamped(body: &[u8]) -> Option<i64> {
    let digits = http::find(body, MARK.as_bytes())? + MARK.len();
    std::str::from_utf8(body.get(digits..digits + 16)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_in_the_receipt() {
        let before = now();
        let receipt = pushes::noted_receipt(7, &stamp());
        assert!((before..=now()).contains(&stamped(&receipt).unwrap()));
        assert_eq!(stamped(b"{}"), None);
    }
}
