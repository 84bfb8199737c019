//! The console's pages: how long the hub takes to answer what each of them asks for, with many events and many failures stored.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use hub::Utc;
use hub::time::Rfc3339;

use crate::calls::settled;
use crate::http::{self, Wire};
use crate::latency::{median, now};
use crate::load::{API_KEY, Load, What};
use crate::measure::Bench;
use crate::process::{self, Running, System};
use crate::report;

/// Asks for the console's pages, and prints the report as Markdown.
#[derive(clap::Args)]
pub(crate) struct Pages {
    /// The hub's binary, a release build
    #[arg(long, default_value = "target/release/tongguan")]
    hub: PathBuf,
    /// Folder of the data while measuring: a disk, not memory
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Events in the store
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Each of so many deliveries fails
    #[arg(long, default_value_t = 10)]
    fails: u64,
    /// Times that each request is made
    #[arg(long, default_value_t = 20)]
    times: usize,
}

/// Microseconds of a day.
const DAY: i64 = 24 * 3600 * 1_000_000;

/// A page and what it asks for, where DAY stands for the time a day ago, and SHIPMENT and EVENT for one of each.
const REQUESTS: [(&str, &str); 22] = [
    ("Today", "/endpoints"),
    ("Today", "/connections"),
    ("Today", "/deliveries?state=failed&limit=5"),
    ("Today", "/calls?state=ambiguous&limit=5"),
    ("Today", "/shipments?state=quiet&limit=5"),
    ("Today", "/stats?since=DAY"),
    ("Shipments", "/events?limit=100"),
    ("Shipments", "/events?type=xhq.syn_status&limit=100"),
    ("Shipments", "/events?number=SHIPMENT&limit=100"),
    ("Shipments", "/shipments?state=failed&limit=100"),
    ("Shipments", "/shipments?state=open&limit=100"),
    ("Shipment", "/shipments/SHIPMENT?limit=200"),
    ("Event", "/events/EVENT"),
    ("Deliveries", "/deliveries?state=failed&limit=100"),
    ("Deliveries", "/deliveries?state=failed&number=SHIPMENT&limit=100"),
    ("Deliveries", "/deliveries?state=pending&limit=100"),
    ("Deliveries", "/deliveries?state=delivered&limit=100"),
    ("Deliveries", "/deliveries?state=confirmed&limit=100"),
    ("Calls", "/calls?limit=100"),
    ("Ledger", "/ledger"),
    ("Audit", "/audit?limit=100"),
    ("Configuration", "/configuration"),
];

/// Measures.
pub(crate) fn run(options: &Pages) -> anyhow::Result<()> {
    ensure!(options.hub.is_file(), "there is no {}: build it, or give --hub", options.hub.display());
    let dir = Bench::new(options.dir.clone(), 0.0).fresh()?;
    let (_sink, erp) = process::listener(&["sink", "--fails", &options.fails.to_string()])?;
    let configuration = |listen| process::configuration(dir.path(), listen, Some(erp), false) + "retry = []\n";
    let running = process::hub(&options.hub, dir.path(), configuration)?;
    eprintln!("filling a store with {} events", options.events);
    let load = Load {
        what: What::Push,
        address: running.address.to_string(),
        path: System::path(),
        connections: 64,
        seconds: 3600.0,
        rate: None,
        count: options.events,
        first: 0,
        subjects: None,
    };
    let loaded = process::load(&load)?;
    settled(dir.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (rows, failed) = runtime.block_on(asked(&running, options.times))?;
    running.process.stop()?;
    let title = format!("The console's requests, {} events and {failed} failed deliveries stored", loaded.accepted);
    let head = ["page", "request", "median ms", "longest ms", "KB"];
    println!("{}\n\n{}", report::machine(), report::markdown(&title, &head, &rows));
    Ok(())
}

/// A row for each request, and the number of failed deliveries.
async fn asked(running: &Running, times: usize) -> anyhow::Result<(Vec<Vec<String>>, u64)> {
    let mut wire = Wire::connect(&running.address.to_string()).await?;
    let newest = json(&mut wire, "/deliveries?state=failed&limit=1").await?;
    let event = newest.pointer("/deliveries/0/event").context("no delivery has failed")?;
    let text = |name: &str| event.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let subject = text("subject");
    let day = serde_json::to_value(Rfc3339(Utc(now() - DAY)))?;
    let event = format!("{}/{subject}/{}", text("connection"), text("id"));
    let mut rows = Vec::new();
    for (page, request) in REQUESTS {
        let path = request.replace("DAY", day.as_str().unwrap_or_default());
        let path = path.replace("SHIPMENT", &subject).replace("EVENT", &event);
        let (mut took, mut size) = (Vec::new(), 0);
        for _ in 0..times.max(1) {
            let begun = now();
            size = body(&mut wire, &path).await?.len();
            took.push(millis(now() - begun));
        }
        let longest = took.iter().copied().fold(0.0, f64::max);
        let figures = [format!("{:.1}", median(took)), format!("{longest:.1}"), (size / 1024).to_string()];
        rows.push([page.to_owned(), format!("`{request}`")].into_iter().chain(figures).collect());
    }
    let endpoints = json(&mut wire, "/endpoints").await?;
    let failed = endpoints.pointer("/endpoints/0/failed").and_then(serde_json::Value::as_u64);
    Ok((rows, failed.context("the endpoint has no count of its failed deliveries")?))
}

#[allow(clippy::cast_precision_loss, reason = "the microseconds of a request stay far below 2^52")]
const fn millis(micros: i64) -> f64 {
    micros as f64 / 1000.0
}

async fn json(wire: &mut Wire, path: &str) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::from_slice(&body(wire, path).await?)?)
}

/// The body of a positive answer.
async fn body(wire: &mut Wire, path: &str) -> anyhow::Result<Vec<u8>> {
    let headers = format!("authorization: Bearer {API_KEY}\r\n");
    let answer = wire.exchange(&http::request("GET", path, &headers, b"")).await?;
    ensure!(answer.second() == "200", "{path}: {} {}", answer.second(), String::from_utf8_lossy(answer.body));
    Ok(answer.body.to_vec())
}
