//! Calls to partners: what the hub adds to a query, and how many commands it takes and ends.
//!
//! A query is asked of the same simulated partner, directly and through the hub, over connections that are kept. Commands
//! go to a partner that says yes and does nothing, so that the hub is what is measured.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OpenFlags};
use simulators::api::TrackingEyes;

use crate::http::{self, Wire};
use crate::latency::{Percentiles, median, now};
use crate::load::{API_KEY, Load, Loaded, What};
use crate::measure::{Bench, ask, count};
use crate::process::{self, Running, SECRET};
use crate::report;
use crate::sink::{RESET, STATS, Sunk};

/// The load before each measured one: connections, caches, threads, and the partner's token are there.
const WARM_UP: f64 = 1.0;

/// Nothing settled for that long: the rest will not be in this run.
const STALLED: Duration = Duration::from_mins(1);

/// Calls under way at once: what a measurement is to find out is not how long a connection's queue gets.
const CONCURRENCY: usize = 128;

/// How the partner that does nothing says yes, in XHQ's words and in 1datatech's, whose token is within.
const YES: &str = r#"{"success":true,"code":200,"msg":"成功","message":"请求成功","data":{"accessToken":"t","expiresIn":7200,"resultCode":1}}"#;

#[derive(clap::Args)]
pub(crate) struct Calls {
    /// The hub's binary, a release build
    #[arg(long, default_value = "target/release/tongguan")]
    hub: PathBuf,
    /// Where the data goes while measuring: a disk, not memory
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// How long each load lasts
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Runs of each point; the report has the medians
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Connections of the load of commands
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Only what has this in its name: query, upload, subscribe
    #[arg(long)]
    only: Option<String>,
}

/// Plays TrackingEyes, and prints its address first.
pub(crate) async fn eyes() -> anyhow::Result<()> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let eyes = TrackingEyes::start(any, Arc::new(|| hub::Utc(now())), "BENCH", "bench").await?;
    eyes.remember(false);
    println!("{}", eyes.address());
    std::future::pending().await
}

/// Measures, and prints the report as Markdown.
pub(crate) fn run(options: &Calls) -> anyhow::Result<()> {
    ensure!(options.hub.is_file(), "there is no {}: build it, or give --hub", options.hub.display());
    let binary = std::path::absolute(&options.hub)?;
    let bench = Bench::new(options.dir.clone(), options.seconds);
    println!("{}; a sync of 4 KB takes {:.2} ms\n", report::machine(), bench.sync()?);
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    if wanted("query") {
        println!("{}", queries(options, &bench, &binary)?);
    }
    let mut rows = vec![];
    for (name, what) in [("upload", What::Upload), ("subscribe", What::Subscribe)] {
        for told in [false, true].into_iter().filter(|_| wanted(name)) {
            let mut runs = vec![];
            for run in 1..=options.runs {
                let figures = commands(options, &bench, &binary, what, told)?;
                eprintln!("run {run}: {name}, told {told}: {figures:?}");
                runs.push(figures);
            }
            rows.push(row(what, told, &runs));
        }
    }
    if !rows.is_empty() {
        let title = format!("Commands, {} connections", options.connections);
        let head =
            ["command", "accepted/s", "ack p50 ms", "p99", "completed/s", "CPU s per 10,000", "RSS MB", "refused"];
        println!("{}", report::markdown(&title, &head, &rows));
    }
    Ok(())
}

/// One load.
fn load(
    what: What,
    at: SocketAddr,
    path: &str,
    (connections, seconds, first): (usize, f64, u64),
) -> anyhow::Result<Loaded> {
    let (address, path) = (at.to_string(), path.to_owned());
    let loaded =
        process::load(&Load { what, address, path, connections, seconds, rate: None, count: u64::MAX, first })?;
    ensure!(loaded.accepted > 0, "nothing is taken: {}", loaded.refusal.unwrap_or_default());
    if let Some(refusal) = &loaded.refusal {
        eprintln!("  {} refused, the first: {refusal}", loaded.refused);
    }
    Ok(loaded)
}

/// The same query, directly and through the hub, by turns.
fn queries(options: &Calls, bench: &Bench, binary: &Path) -> anyhow::Result<String> {
    let (_eyes, partner) = process::listener(&["eyes"])?;
    // It holds characters that a query must escape.
    let token = token(partner)?.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let direct = format!("/api/customsStatus/download?companyCode=BENCH&token={token}&billId=1906651379888427008");
    let dir = bench.fresh()?;
    let hub = process::hub(binary, dir.path(), |listen| configuration(dir.path(), listen, partner, None))?;
    let ways = [
        ("direct", What::Direct, partner, direct.as_str()),
        ("through the hub", What::Query, hub.address, "/calls/eyes/customs_status_download"),
    ];
    let mut rows = vec![];
    for connections in [1, 16] {
        let mut runs: [Vec<(f64, Percentiles)>; 2] = Default::default();
        for _ in 0..options.runs {
            for ((name, what, at, path), runs) in ways.iter().zip(&mut runs) {
                load(*what, *at, path, (connections, WARM_UP, 0))?;
                let loaded = load(*what, *at, path, (connections, options.seconds, 0))?;
                eprintln!("query {name}, {connections} connections: {:.0}/s, {:?} us", loaded.per_second(), loaded.ack);
                runs.push((loaded.per_second(), loaded.ack));
            }
        }
        let of = |runs: &Vec<(f64, Percentiles)>, figure: fn(&(f64, Percentiles)) -> f64| {
            median(runs.iter().map(figure).collect())
        };
        let figures = |runs| [of(runs, |run| run.1.p50), of(runs, |run| run.1.p99)];
        let [asked, through] = [figures(&runs[0]), figures(&runs[1])];
        let millis = |micros: f64| format!("{:.2}", micros / 1000.0);
        for ((name, ..), runs) in ways.iter().zip(&runs) {
            let [p50, p99] = figures(runs);
            let rate = format!("{:.0}", of(runs, |run| run.0));
            rows.push(vec![(*name).to_owned(), connections.to_string(), rate, millis(p50), millis(p99)]);
        }
        let added = through.iter().zip(asked).map(|(through, asked)| millis(through - asked));
        let added: Vec<_> =
            ["**added**".to_owned(), connections.to_string(), String::new()].into_iter().chain(added).collect();
        rows.push(added);
    }
    let title = "A query with a warm token, TrackingEyes customs_status_download";
    Ok(report::markdown(title, &["way", "connections", "answers/s", "p50 ms", "p99 ms"], &rows))
}

/// A token from the partner itself.
fn token(partner: SocketAddr) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut wire = Wire::connect(&partner.to_string()).await?;
        let body = br#"{"companyCode":"BENCH","secret":"bench"}"#;
        let answer = wire.exchange(&http::request("POST", "/api/auth/authorization", "", body)).await?;
        let answer: serde_json::Value = serde_json::from_slice(answer.body)?;
        Ok(answer.get("result").and_then(serde_json::Value::as_str).context("no token")?.to_owned())
    })
}

/// What one run of commands gave.
#[derive(Debug)]
struct Figures {
    accepted: f64,
    ack: Percentiles,
    /// From the first request to the last call's end being stored, and delivered where there is an endpoint.
    completed: f64,
    cpu: f64,
    resident: f64,
    refused: u64,
}

fn commands(options: &Calls, bench: &Bench, binary: &Path, what: What, told: bool) -> anyhow::Result<Figures> {
    let (_partner, partner) = process::listener(&["sink", "--answer", YES])?;
    let (_erp, erp) = process::sink()?;
    let dir = bench.fresh()?;
    let erp_of_hub = told.then_some(erp);
    let hub = process::hub(binary, dir.path(), |listen| configuration(dir.path(), listen, partner, erp_of_hub))?;
    let path = if what == What::Subscribe { "/calls/onedata/port_query_v2" } else { "/calls/xhq/upload" };
    let warm = load(what, hub.address, path, (options.connections, WARM_UP, 0))?;
    settled(dir.path())?;
    for sink in [partner, erp] {
        ask(sink, RESET)?;
    }
    let before = hub.process.cpu()?;
    let first = warm.accepted + warm.refused;
    let loaded = load(what, hub.address, path, (options.connections, options.seconds, first))?;
    let ended = settled(dir.path())?;
    let spent = hub.process.cpu()? - before;
    let (resident, _) = hub.process.memory()?;
    let sinks = if told { vec![("partner", partner), ("ERP", erp)] } else { vec![("partner", partner)] };
    for (name, sink) in sinks {
        let sunk: Sunk = serde_json::from_str(&ask(sink, STATS)?)?;
        if sunk.distinct != loaded.accepted || sunk.repeats > 0 {
            eprintln!("  {} accepted, {} at the {name}, {} twice", loaded.accepted, sunk.distinct, sunk.repeats);
        }
    }
    end(hub)?;
    Ok(Figures {
        accepted: loaded.per_second(),
        ack: loaded.ack,
        completed: count(loaded.accepted) * 1e6 / micros(ended - loaded.began),
        cpu: spent * 10_000.0 / count(loaded.accepted),
        resident,
        refused: loaded.refused,
    })
}

fn end(hub: Running) -> anyhow::Result<()> {
    hub.process.stop()
}

#[allow(clippy::cast_precision_loss, reason = "a run's microseconds stay far below 2^52")]
const fn micros(n: i64) -> f64 {
    n as f64
}

/// Waits until the hub has nothing left to do; when that was, in microseconds since 1970.
pub(crate) fn settled(dir: &Path) -> anyhow::Result<i64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(dir.join("data/tongguan.db"), flags)?;
    database.busy_timeout(Duration::from_secs(5))?;
    let begun = Instant::now();
    let due = || database.query_row("SELECT EXISTS (SELECT 1 FROM work WHERE due IS NOT NULL)", [], |row| row.get(0));
    while due()? {
        ensure!(begun.elapsed() < STALLED, "calls or deliveries do not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(now())
}

fn row(what: What, told: bool, runs: &[Figures]) -> Vec<String> {
    let of = |figure: fn(&Figures) -> f64| median(runs.iter().map(figure).collect());
    let name = match what {
        What::Subscribe => "`onedata` port_query_v2, safe to repeat",
        What::Upload | What::Push | What::Query | What::Direct | What::Part | What::Shipment => {
            "`xhq` upload, not safe to repeat"
        }
    };
    let name = if told { format!("{name}, its end told") } else { name.to_owned() };
    vec![
        name,
        format!("{:.0}", of(|run| run.accepted)),
        format!("{:.2}", of(|run| run.ack.p50 / 1000.0)),
        format!("{:.2}", of(|run| run.ack.p99 / 1000.0)),
        format!("{:.0}", of(|run| run.completed)),
        format!("{:.2}", of(|run| run.cpu)),
        format!("{:.0}", of(|run| run.resident)),
        runs.iter().map(|run| run.refused).sum::<u64>().to_string(),
    ]
}

/// An account at three partners, all at one address, and the ERP on loopback.
fn configuration(dir: &Path, listen: SocketAddr, partner: SocketAddr, erp: Option<SocketAddr>) -> String {
    let data = dir.join("data");
    let every = format!(
        "keys = [\"0123456789abcdef0123456789abcdef\"]\nallow_private = true\nconcurrency = {CONCURRENCY}\n\
         base_url = \"http://{partner}\"\n"
    );
    let endpoint = erp.map(|erp| {
        format!(
            "\n[[endpoints]]\nid = \"erp\"\nurl = \"http://{erp}/events\"\nsecrets = [\"{SECRET}\"]\n\
             allow_private = true\n"
        )
    });
    format!(
        "listen = \"{listen}\"\ndata_dir = \"{}\"\n\n[[api_keys]]\nid = \"erp\"\nkey = \"{API_KEY}\"\n\n\
         [[connections]]\nid = \"xhq\"\npartner = \"xhq\"\napp_id = \"bench\"\nbgh_id = \"bench\"\n{every}\n\
         [[connections]]\nid = \"eyes\"\npartner = \"trackingeyes\"\ncompany_code = \"BENCH\"\nsecret = \"bench\"\n{every}\n\
         [[connections]]\nid = \"onedata\"\npartner = \"onedata\"\napp_secret = \"bench\"\n{every}\
         token = {{ path = \"/auth/token\", body = {{}}, token = \"/data/accessToken\", life = \"/data/expiresIn\" }}\n\
         signature = {{ parts = [{{ credential = \"app_secret\" }}, \"nonce\", \"timestamp\", \"token\", \"body\"], \
         hash = \"md5\" }}\n{}",
        data.display(),
        endpoint.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_the_hub_takes() {
        let address = "127.0.0.1:1".parse().unwrap();
        for (erp, endpoints) in [(None, 0), (Some(address), 1)] {
            let text = configuration(Path::new("/d"), address, address, erp);
            let config = config::Config::parse(&text).unwrap();
            assert_eq!((config.connections.len(), config.endpoints.len()), (3, endpoints));
        }
    }
}
