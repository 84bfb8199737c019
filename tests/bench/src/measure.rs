//! The measurements, one run of each at a time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::http::{self, Wire};
use crate::latency::Percentiles;
use crate::load::{Load, Loaded, What};
use crate::process::{self, Running, System};
use crate::sink::{COUNT, RESET, STATS, Sunk};

/// One load: its size, and whether it goes on to the ERP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub connections: usize,
    /// Pushes a second; as fast as answers come where there is none.
    pub rate: Option<u32>,
    pub deliver: bool,
    /// Orders that the pushes are about, in turn; each has one of its own where there is none.
    pub subjects: Option<u64>,
    /// The ERP gets the events of one order one after another.
    pub ordered: bool,
}

impl Point {
    /// So many connections that push as fast as they are answered, each push about an order of its own.
    pub(crate) const fn closed(connections: usize, deliver: bool) -> Self {
        Self { connections, rate: None, deliver, subjects: None, ordered: false }
    }
}

/// Results of one run of a point.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub accepted_per_second: f64,
    pub refused: u64,
    pub ack: Percentiles,
    /// From the first push to the last delivery, over all of them.
    pub delivered_per_second: Option<f64>,
    pub on_the_way: Option<Percentiles>,
    /// CPU seconds of the system's process for 10,000 pushes, deliveries included.
    pub cpu: f64,
    /// Megabytes after the run, and at the highest.
    pub resident: f64,
    pub highest: f64,
}

/// Settings of the measurements: the folder of their data, and the duration of each load.
pub(crate) struct Bench {
    pub dir: PathBuf,
    pub seconds: f64,
    /// The number of the next order: none is pushed twice.
    next: u64,
}

/// The load before each measured one, so that connections, caches and threads are there.
pub(crate) const WARM_UP: f64 = 1.0;

/// No delivery for that long: the rest will not come in this run.
const STALLED: Duration = Duration::from_secs(30);

impl Bench {
    pub(crate) const fn new(dir: PathBuf, seconds: f64) -> Self {
        Self { dir, seconds, next: 0 }
    }

    /// An empty directory that goes with the value.
    pub(crate) fn fresh(&self) -> anyhow::Result<tempfile::TempDir> {
        std::fs::create_dir_all(&self.dir)?;
        // A relative path would be another one for a process that changes its own.
        tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(std::path::absolute(&self.dir)?)
            .with_context(|| format!("creating a directory in {}", self.dir.display()))
    }

    /// One load.
    pub(crate) fn push(&mut self, at: SocketAddr, point: Point, seconds: f64, count: u64) -> anyhow::Result<Loaded> {
        let load = Load {
            what: What::Push,
            address: at.to_string(),
            path: System::path(),
            connections: point.connections,
            seconds,
            rate: point.rate,
            count,
            first: self.next,
            subjects: point.subjects,
        };
        let loaded = process::load(&load)?;
        self.next += loaded.accepted + loaded.refused;
        if let Some(refusal) = &loaded.refusal {
            eprintln!("  {} refused, the first: {refusal}", loaded.refused);
        }
        Ok(loaded)
    }

    /// One run on an empty store.
    pub(crate) fn run(&mut self, system: &System, point: Point) -> anyhow::Result<Figures> {
        let dir = self.fresh()?;
        if !point.deliver {
            let running = system.start(dir.path(), None, false)?;
            return self.measure(&running, point, None);
        }
        let (_sink, erp) = process::sink()?;
        let running = system.start(dir.path(), Some(erp), point.ordered)?;
        self.measure(&running, point, Some(erp))
    }

    fn measure(&mut self, system: &Running, point: Point, erp: Option<SocketAddr>) -> anyhow::Result<Figures> {
        let warm = self.push(system.address, point, WARM_UP, u64::MAX)?;
        ensure!(warm.accepted > 0, "nothing is accepted: {}", warm.refusal.unwrap_or_default());
        if let Some(erp) = erp {
            drained(erp, warm.accepted)?;
            ask(erp, RESET)?;
        }
        let before = system.process.cpu()?;
        let loaded = self.push(system.address, point, self.seconds, u64::MAX)?;
        let sunk = match erp {
            Some(erp) => {
                drained(erp, loaded.accepted)?;
                Some(serde_json::from_str::<Sunk>(&ask(erp, STATS)?)?)
            }
            None => None,
        };
        let spent = system.process.cpu()? - before;
        let (resident, highest) = system.process.memory()?;
        if let Some(sunk) = &sunk
            && (sunk.distinct != loaded.accepted || sunk.repeats > 0)
        {
            eprintln!("  {} accepted, {} delivered, {} twice", loaded.accepted, sunk.distinct, sunk.repeats);
        }
        Ok(Figures {
            accepted_per_second: loaded.per_second(),
            refused: loaded.refused,
            ack: loaded.ack,
            delivered_per_second: sunk.as_ref().map(|sunk| per_second(sunk.distinct, sunk.last - loaded.began)),
            on_the_way: sunk.map(|sunk| sunk.on_the_way),
            cpu: spent * 10_000.0 / count(loaded.accepted),
            resident,
            highest,
        })
    }

    /// Fills a store with `events`. Nothing is delivered: it is what is kept that counts here.
    pub(crate) fn fill(&mut self, system: &System, events: u64) -> anyhow::Result<tempfile::TempDir> {
        let dir = self.fresh()?;
        let running = system.start(dir.path(), None, false)?;
        let mut kept = 0;
        while kept < events {
            // Pushes that were refused are made up for.
            let point = Point::closed(64, false);
            let loaded = self.push(running.address, point, 3600.0, events - kept)?;
            ensure!(loaded.accepted > 0, "nothing is accepted: {}", loaded.refusal.unwrap_or_default());
            kept += loaded.accepted;
        }
        running.process.stop()?;
        Ok(dir)
    }

    /// One run on a store that is there already, or on an empty one.
    pub(crate) fn run_on(&mut self, system: &System, store: Option<&Path>, point: Point) -> anyhow::Result<Figures> {
        let empty = self.fresh()?;
        let running = system.start(store.unwrap_or(empty.path()), None, false)?;
        let figures = self.measure(&running, point, None)?;
        running.process.stop()?;
        Ok(figures)
    }

    /// The time from the start to the first answer, in milliseconds, and the memory then, in megabytes.
    pub(crate) fn startup(&self, system: &System, store: Option<&Path>) -> anyhow::Result<(f64, f64)> {
        let empty = self.fresh()?;
        let running = system.start(store.unwrap_or(empty.path()), None, false)?;
        let (resident, _) = running.process.memory()?;
        let startup = running.startup.as_secs_f64() * 1000.0;
        running.process.stop()?;
        Ok((startup, resident))
    }

    /// Time in which the disk makes 4 KB durable, in milliseconds: the floor under every acknowledgement.
    pub(crate) fn sync(&self) -> anyhow::Result<f64> {
        use std::io::Write as _;
        let dir = self.fresh()?;
        let mut file = std::fs::File::create(dir.path().join("sync"))?;
        let mut times = Vec::new();
        for _ in 0..200 {
            file.write_all(&[7; 4096])?;
            let begun = Instant::now();
            file.sync_data()?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(crate::latency::median(times))
    }
}

/// Size of a folder's content, in bytes.
pub(crate) fn size(dir: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { size(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}

/// Waits until the ERP has that many, or no more come.
fn drained(erp: SocketAddr, expected: u64) -> anyhow::Result<()> {
    let mut had = 0;
    let mut moved = Instant::now();
    while had < expected && moved.elapsed() < STALLED {
        std::thread::sleep(Duration::from_millis(5));
        let has = ask(erp, COUNT)?.parse()?;
        if has > had {
            (had, moved) = (has, Instant::now());
        }
    }
    if had < expected {
        eprintln!("  {} of {expected} never reached the ERP", expected - had);
    }
    Ok(())
}

pub(crate) fn ask(erp: SocketAddr, path: &str) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut wire = Wire::connect(&erp.to_string()).await?;
        let answer = wire.exchange(&http::request("GET", path, "", b"")).await?;
        Ok(String::from_utf8(answer.body.to_vec())?)
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) const fn count(n: u64) -> f64 {
    n as f64
}

#[allow(clippy::cast_precision_loss, reason = "a run's microseconds stay far below 2^52")]
pub(crate) fn per_second(n: u64, micros: i64) -> f64 {
    count(n) * 1e6 / micros as f64
}
