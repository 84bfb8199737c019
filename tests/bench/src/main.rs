//! Measures the hub: how much it accepts and delivers, how fast it answers, what it costs, and how far it is from a
//! receiver that only makes pushes durable.
//!
//! The load, the ERP and what is measured are processes of their own on one machine, over 127.0.0.1. `bench all` prints
//! the whole report as Markdown; `bench point` one line of it; `bench calls` the calls to partners; `bench files` large files;
//! `bench shipments` the reading of shipments; `bench pages` what the console asks for; `bench pull` consumers. Progress goes to
//! standard error.

mod bare;
mod calls;
mod described;
mod files;
mod http;
mod latency;
mod load;
mod measure;
mod pages;
mod process;
mod pulls;
mod report;
mod shipments;
mod sink;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::measure::{Bench, Figures, Point};
use crate::process::System;
use crate::report::Row;

#[derive(Parser)]
#[command(about = "Measures the hub on this machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The whole report: accepting, delivering, starting, and a store with many events
    All(All),
    /// One point
    Point(OnePoint),
    /// Deliveries in the order of each subject against those in no order, by turns
    Order(InOrder),
    /// One consumer of a pull endpoint against an ERP that is sent to, by turns
    Pull(pulls::Pulls),
    /// Calls to partners: the cost of a query compared with asking the partner directly, and how many commands go through
    Calls(calls::Calls),
    /// Files of 100 MB through the hub, at once: its highest memory
    Files(files::Files),
    /// Shipments of fifty events, read by any of their keys from a store with many events
    Shipments(shipments::Shipments),
    /// The requests of the console's pages, with many events and failed deliveries stored
    Pages(pages::Pages),
    /// Reading a push by a described partner and by the built-in one that it describes, by turns
    Partners(described::Partners),
    /// A simulated TrackingEyes alone, in this process
    Eyes,
    /// The load alone, in this process
    Load(load::Load),
    /// The ERP alone, in this process
    Sink(sink::Sink),
    /// The receiver the hub is held against, in this process
    Bare(bare::Bare),
}

#[derive(Args)]
struct Common {
    /// The hub's binary, a release build
    #[arg(long, default_value = "target/release/tongguan")]
    hub: PathBuf,
    /// Systems to measure
    #[arg(long, value_delimiter = ',', default_values = ["hub", "bare"])]
    system: Vec<Which>,
    /// Folder of the data while measuring: a disk, not memory
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Duration of each load, in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Runs of each point; the report has the medians
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

#[derive(Args)]
struct All {
    #[command(flatten)]
    common: Common,
    /// Events in the store that is held against an empty one; 0 leaves that out
    #[arg(long, default_value_t = 1_000_000)]
    preload: u64,
}

#[derive(Args)]
struct OnePoint {
    #[command(flatten)]
    common: Common,
    /// Connections of the load
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Pushes a second; as fast as answers come where it is left out
    #[arg(long)]
    rate: Option<u32>,
    /// Delivers to an ERP too
    #[arg(long)]
    deliver: bool,
    /// Orders that the pushes are about, in turn; each has one of its own where it is left out
    #[arg(long)]
    subjects: Option<u64>,
    /// Delivers the events of one order one after another
    #[arg(long, requires = "deliver")]
    ordered: bool,
}

#[derive(Args)]
struct InOrder {
    #[command(flatten)]
    common: Common,
    /// Connections of the load
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Orders that the pushes are about, in turn
    #[arg(long, default_value_t = 1_000)]
    subjects: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Hub,
    Bare,
}

impl Common {
    fn systems(&self) -> anyhow::Result<Vec<System>> {
        let system = |which: &Which| match which {
            Which::Hub => {
                let hint = "build it with `cargo build --release`, or give --hub";
                ensure!(self.hub.is_file(), "there is no {}: {hint}", self.hub.display());
                Ok(System::Hub(std::path::absolute(&self.hub)?))
            }
            Which::Bare => Ok(System::Bare),
        };
        self.system.iter().map(system).collect()
    }

    fn bench(&self) -> Bench {
        Bench::new(self.dir.clone(), self.seconds)
    }
}

fn main() -> anyhow::Result<()> {
    // Processes that share the cores with the measured one use one thread.
    let alone = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match Cli::parse().command {
        Command::All(options) => all(&options),
        Command::Point(options) => {
            let OnePoint { connections, rate, deliver, subjects, ordered, .. } = options;
            let point = Point { connections, rate, deliver, subjects, ordered };
            let rows = rows(&mut options.common.bench(), &options.common, &[point])?;
            println!("{}\n\n{}\n{}", report::machine(), report::table("Point", &rows), report::ratios("Point", &rows));
            Ok(())
        }
        Command::Order(options) => order(&options),
        Command::Pull(options) => pulls::run(&options),
        Command::Calls(options) => calls::run(&options),
        Command::Files(options) => files::run(&options),
        Command::Shipments(options) => shipments::run(&options),
        Command::Partners(options) => {
            println!("{}", options.measure()?);
            Ok(())
        }
        Command::Pages(options) => pages::run(&options),
        Command::Eyes => alone()?.block_on(calls::eyes()),
        Command::Load(load) => {
            println!("{}", serde_json::to_string(&alone()?.block_on(load::run(load))?)?);
            Ok(())
        }
        Command::Sink(sink) => alone()?.block_on(sink::run(sink)),
        Command::Bare(bare) => tokio::runtime::Runtime::new()?.block_on(bare::run(bare)),
    }
}

/// Every system at every point. The runs of one point are spread over the whole time, so that a slow minute of the
/// machine does not fall on one row.
fn rows(bench: &mut Bench, common: &Common, points: &[Point]) -> anyhow::Result<Vec<Row>> {
    let systems = common.systems()?;
    let row = |point: &Point, system: &System| Row { system: system.name().to_owned(), point: *point, runs: vec![] };
    let mut rows: Vec<(&System, Row)> =
        points.iter().flat_map(|point| systems.iter().map(move |system| (system, row(point, system)))).collect();
    for run in 1..=common.runs {
        for (system, row) in &mut rows {
            let figures = bench.run(system, row.point)?;
            progress(run, system.name(), row.point, &figures);
            row.runs.push(figures);
        }
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn progress(run: usize, name: &str, point: Point, figures: &Figures) {
    let Figures { accepted_per_second, ack, cpu, .. } = figures;
    let delivered = figures.delivered_per_second.map(|rate| format!(", {rate:.0} delivered/s")).unwrap_or_default();
    eprintln!("run {run}: {name}, {point:?}: {accepted_per_second:.0}/s{delivered}, {ack:?} us, {cpu:.2} CPU s");
}

fn all(options: &All) -> anyhow::Result<()> {
    let common = &options.common;
    let mut bench = common.bench();
    println!("{}; a sync of 4 KB takes {:.2} ms\n", report::machine(), bench.sync()?);
    let closed = |deliver| [1, 16, 64].map(|connections| Point::closed(connections, deliver));
    let accepting = rows(&mut bench, common, &closed(false))?;
    println!("{}\n{}", report::table("Accepting", &accepting), report::ratios("Accepting", &accepting));
    let slow = Point { rate: Some(200), ..Point::closed(64, true) };
    let points = closed(true).into_iter().chain([slow]).collect::<Vec<_>>();
    let delivering = rows(&mut bench, common, &points)?;
    let title = "Accepting and delivering";
    println!("{}\n{}", report::table(title, &delivering), report::ratios(title, &delivering));
    let mut starts = vec![];
    for system in common.systems()? {
        let runs = (0..common.runs.max(1)).map(|_| bench.startup(&system, None)).collect::<Result<Vec<_>, _>>()?;
        let (times, memory): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
        let (time, memory) = (latency::median(times), latency::median(memory));
        starts.push(vec![system.name().to_owned(), format!("{time:.1}"), format!("{memory:.1}")]);
    }
    println!("{}", report::markdown("Starting", &["system", "until the first answer, ms", "RSS MB"], &starts));
    if options.preload > 0 {
        for system in common.systems()? {
            println!("{}", stored(&mut bench, common, &system, options.preload)?);
        }
    }
    Ok(())
}

/// The same load on an endpoint without an order and on one with it.
fn order(options: &InOrder) -> anyhow::Result<()> {
    let InOrder { common, connections, subjects } = options;
    let point = |ordered| Point { subjects: Some(*subjects), ordered, ..Point::closed(*connections, true) };
    let rows = rows(&mut common.bench(), common, &[point(false), point(true)])?;
    println!("{}\n\n{}", report::machine(), report::table("In the order of each subject", &rows));
    let delivered = |row: &Row| row.median(|run| run.delivered_per_second.unwrap_or_default());
    let (none, ordered) = rows.split_at(rows.len() / 2);
    for (none, ordered) in none.iter().zip(ordered) {
        println!("{}: delivered {:+.1} % in order", none.system, (delivered(ordered) / delivered(none) - 1.0) * 100.0);
    }
    Ok(())
}

/// The same load on an empty store and on a full one, by turns.
fn stored(bench: &mut Bench, common: &Common, system: &System, events: u64) -> anyhow::Result<String> {
    eprintln!("filling a store with {events} events");
    let full = bench.fill(system, events)?;
    let bytes = measure::size(full.path())?;
    let points = [None, Some(2000)].map(|rate| Point { rate, ..Point::closed(64, false) });
    let mut out = vec![];
    for point in points {
        let mut rows = [("empty", None), ("full", Some(full.path()))].map(|(name, store)| {
            let name = format!("{}, {name} store", system.name());
            (store, Row { system: name, point, runs: vec![] })
        });
        for run in 1..=common.runs {
            for (store, row) in &mut rows {
                let figures = bench.run_on(system, *store, point)?;
                progress(run, &row.system, point, &figures);
                row.runs.push(figures);
            }
        }
        out.extend(rows.map(|(_, row)| row));
    }
    let start = bench.startup(system, Some(full.path()))?;
    let title = format!("{}: a store with {events} events against an empty one", system.name());
    let mut text = report::table(&title, &out);
    for pair in out.chunks_exact(2) {
        if let [empty, full] = pair {
            let p99 = |row: &Row| row.median(|run| run.ack.p99 / 1000.0);
            let spread = |row: &Row| {
                let runs = row.runs.iter().map(|run| format!("{:.2}", run.ack.p99 / 1000.0));
                runs.collect::<Vec<_>>().join(", ")
            };
            let change = (p99(full) / p99(empty) - 1.0) * 100.0;
            writeln!(
                text,
                "\n{}: ack p99 {change:+.1} % (runs: empty {} ms, full {} ms).",
                empty.load(),
                spread(empty),
                spread(full),
            )?;
        }
    }
    let each = bytes / events;
    writeln!(text, "\n{each} bytes an event on disk. Starting on the full store takes {:.1} ms.", start.0)?;
    Ok(text)
}
