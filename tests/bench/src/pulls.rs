//! One consumer that leases and acknowledges, against an ERP that is sent to, under the same load and by turns.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::http::{self, Wire};
use crate::latency::{median, now};
use crate::load::API_KEY;
use crate::measure::{Bench, Point, WARM_UP, count, per_second};
use crate::process::{self, System};
use crate::{Common, report};

#[derive(Args)]
pub(crate) struct Pulls {
    #[command(flatten)]
    common: Common,
    /// Connections of the load
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Events of one request of the consumer
    #[arg(long, default_value_t = 100)]
    batch: usize,
}

/// Results of one run.
struct Pulled {
    accepted: f64,
    acknowledged: f64,
    /// CPU seconds of the hub for 10,000 events.
    cpu: f64,
}

pub(crate) fn run(options: &Pulls) -> anyhow::Result<()> {
    let Pulls { common, connections, batch } = options;
    let systems = common.systems()?;
    let hub = systems.iter().find_map(|system| if let System::Hub(binary) = system { Some(binary) } else { None });
    let binary = hub.context("a bare receiver has no consumers: give --system hub")?;
    let (mut bench, point) = (common.bench(), Point::closed(*connections, true));
    let (mut sent, mut pulled) = (Vec::new(), Vec::new());
    for run in 1..=common.runs {
        let one = bench.run(&System::Hub(binary.clone()), point)?;
        eprintln!("run {run}: sent {:.0}/s", one.delivered_per_second.unwrap_or_default());
        sent.push(Pulled {
            accepted: one.accepted_per_second,
            acknowledged: one.delivered_per_second.unwrap_or_default(),
            cpu: one.cpu,
        });
        let one = consumed(&mut bench, binary, point, *batch)?;
        eprintln!("run {run}: pulled {:.0}/s", one.acknowledged);
        pulled.push(one);
    }
    let of = |runs: &[Pulled], figure: fn(&Pulled) -> f64| median(runs.iter().map(figure).collect());
    let row = |name: &str, runs: &[Pulled]| {
        let figures: [fn(&Pulled) -> f64; 2] = [|run| run.accepted, |run| run.acknowledged];
        let figures = figures.map(|figure| format!("{:.0}", of(runs, figure)));
        [vec![name.to_owned()], figures.into(), vec![format!("{:.2}", of(runs, |run| run.cpu))]].concat()
    };
    let rows = [row("sent to", &sent), row(&format!("one consumer, batches of {batch}"), &pulled)];
    let head = ["endpoint", "accepted/s", "delivered/s", "CPU s per 10,000"];
    println!("{}\n\n{}", report::machine(), report::markdown("Pulling", &head, &rows));
    let ratio = of(&pulled, |run| run.acknowledged) / of(&sent, |run| run.acknowledged);
    println!("one consumer has {ratio:.2} times what is delivered by sending");
    Ok(())
}

/// Progress of a consumer.
#[derive(Default)]
struct Consumer {
    acknowledged: AtomicU64,
    last: AtomicI64,
    is_over: AtomicBool,
}

/// One run on an empty store: the same load, and a consumer in place of the ERP.
fn consumed(bench: &mut Bench, binary: &Path, point: Point, batch: usize) -> anyhow::Result<Pulled> {
    let dir = bench.fresh()?;
    let running = process::hub(binary, dir.path(), |address| process::pulled(dir.path(), address))?;
    let consumer = Arc::new(Consumer::default());
    let (address, own) = (running.address, Arc::clone(&consumer));
    let thread = spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(consume(address, batch, &own))
    });
    let warm = bench.push(address, point, WARM_UP, u64::MAX)?;
    ensure!(warm.accepted > 0, "nothing is accepted: {}", warm.refusal.unwrap_or_default());
    drained(&consumer, warm.accepted)?;
    let before = running.process.cpu()?;
    let loaded = bench.push(address, point, bench.seconds, u64::MAX)?;
    drained(&consumer, warm.accepted + loaded.accepted)?;
    let cpu = (running.process.cpu()? - before) * 10_000.0 / count(loaded.accepted);
    consumer.is_over.store(true, Ordering::SeqCst);
    match thread.join() {
        Ok(ended) => ended?,
        Err(_) => bail!("the consumer panicked"),
    }
    running.process.stop()?;
    let acknowledged = per_second(loaded.accepted, consumer.last.load(Ordering::SeqCst) - loaded.began);
    Ok(Pulled { accepted: loaded.per_second(), acknowledged, cpu })
}

/// Waits until so many events are acknowledged.
fn drained(consumer: &Consumer, expected: u64) -> anyhow::Result<()> {
    let (mut had, mut idle) = (0, 0);
    while had < expected {
        sleep(Duration::from_millis(5));
        let has = consumer.acknowledged.load(Ordering::SeqCst);
        idle = if has > had { 0 } else { idle + 1 };
        had = has;
        ensure!(idle < 6_000, "{} of {expected} events are not pulled", expected - had);
    }
    Ok(())
}

#[derive(Deserialize)]
struct Event {
    receipt: String,
}

/// Leases and acknowledges, one request after another.
async fn consume(hub: SocketAddr, batch: usize, consumer: &Consumer) -> anyhow::Result<()> {
    let mut wire = Wire::connect(&hub.to_string()).await?;
    let key = format!("authorization: Bearer {API_KEY}\r\n");
    let lease = http::request("GET", &format!("/endpoints/erp/events?limit={batch}&wait=1"), &key, b"");
    while !consumer.is_over.load(Ordering::SeqCst) {
        let answer = wire.exchange(&lease).await?;
        ensure!(answer.second() == "200", "{}", String::from_utf8_lossy(answer.body));
        let events: Vec<Event> = serde_json::from_slice(answer.body)?;
        if events.is_empty() {
            continue;
        }
        let receipts: Vec<_> = events.iter().map(|event| event.receipt.as_str()).collect();
        let body = serde_json::json!({"receipts": receipts}).to_string();
        let answer = wire.exchange(&http::request("POST", "/endpoints/erp/acknowledge", &key, body.as_bytes())).await?;
        ensure!(answer.second() == "200", "{}", String::from_utf8_lossy(answer.body));
        consumer.last.store(now(), Ordering::SeqCst);
        consumer.acknowledged.fetch_add(u64::try_from(events.len())?, Ordering::SeqCst);
    }
    Ok(())
}
