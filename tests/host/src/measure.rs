//! Measurement of a function: its start, its answers, its memory and its size. The store is reached over HTTP on this
//! machine.

mod scene;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use host::{Bootstraps, Deployed, Function, Quota, Template};
use tokio::task::JoinSet;

use self::scene::{Events, Scene, invoke};

#[derive(Args)]
pub(crate) struct Options {
    /// Folder of the binaries: $TONGGUAN_BOOTSTRAPS, .aws-sam/build or target/release unless given
    #[arg(long)]
    bootstraps: Option<PathBuf>,
    /// The functions; all unless given
    #[arg(long, value_delimiter = ',')]
    function: Vec<String>,
    /// Cold starts of each function
    #[arg(long, default_value_t = 100)]
    cold: usize,
    /// Warm invocations of each function
    #[arg(long, default_value_t = 500)]
    warm: usize,
    /// Number of instances that are started at once
    #[arg(long, default_value_t = 10)]
    instances: usize,
    /// Fails where a function is larger than it may be, or a webhook slower; one that is, is measured once more
    #[arg(long)]
    check: bool,
    /// Measures nothing on a quarter of a core, where none can be had
    #[arg(long)]
    without_quota: bool,
}

/// Largest zipped binary of a function, in megabytes.
const ZIPPED: f64 = 4.8;

/// As Lambda counts its own limits: its 50 MB are 52,428,800 bytes.
const MEGABYTE: f64 = 1_048_576.0;

/// Longest time of the second-slowest of a hundred starts of a webhook, from the start of its process to its first answer.
const COLD: Duration = Duration::from_millis(150);

/// The same with a quarter of a core.
const QUARTER: Duration = Duration::from_millis(300);

/// Target of half of the starts, and of half of the answers of a webhook that runs. A slower machine may miss it.
const AIM: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(3));

const HEAD: [&str; 11] = [
    "function",
    "zipped MB",
    "highest RSS MB",
    "cold p50 ms",
    "p99",
    "warm p50 ms",
    "p99",
    "all at once p50 ms",
    "slowest",
    "quarter core cold p50 ms",
    "p99",
];

/// Measures and prints.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bootstraps = options.bootstraps.clone().map_or_else(Bootstraps::release, Bootstraps::at);
    let quota = match Quota::quarter() {
        _ if options.without_quota => None,
        Ok(quota) => Some(Arc::new(quota)),
        Err(error) if options.check => {
            return Err(error.context("no quarter of a core can be had; go on with --without-quota"));
        }
        Err(error) => {
            println!("Not measured with a quarter of a core: {error:#}.\n");
            None
        }
    };
    let functions = Template::deployed()?.functions()?;
    let unknown = options.function.iter().find(|name| functions.iter().all(|function| function.name != **name));
    ensure!(unknown.is_none(), "there is no function {}", unknown.map_or("", String::as_str));
    println!("| {} |\n| {} |", HEAD.join(" | "), HEAD.map(|_| "---").join(" | "));
    let mut faults = Vec::new();
    for function in functions {
        if !options.function.is_empty() && !options.function.contains(&function.name) {
            continue;
        }
        let bench = Bench { options, function: &function, bootstraps: &bootstraps };
        match bench.better_figures(quota.as_ref()).await {
            Ok(figures) => {
                let work = scene::work(&function.name).map(|work| format!(" ({work})")).unwrap_or_default();
                println!("| {}{work} | {} |", function.name, figures.cells().join(" | "));
                let of = |what: String| format!("{}: {what}", function.name);
                if options.check {
                    faults.extend(figures.excess().into_iter().map(of));
                }
                figures.short_of_aim().into_iter().map(of).for_each(|what| eprintln!("{what}"));
            }
            Err(error) => faults.push(format!("{}: {error:#}", function.name)),
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

struct Figures {
    /// A partner waits for its answer, so its times are limited.
    webhook: bool,
    zipped: f64,
    resident: f64,
    cold: Vec<Duration>,
    warm: Vec<Duration>,
    together: Vec<Duration>,
    quarter: Option<Vec<Duration>>,
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Figures {
    fn cells(&self) -> Vec<String> {
        let of = |times: &[Duration], rank| format!("{:.1}", millis(percentile(times, rank)));
        let quarter = |rank| self.quarter.as_ref().map_or("-".to_owned(), |times| of(times, rank));
        vec![
            format!("{:.2}", self.zipped),
            format!("{:.1}", self.resident),
            of(&self.cold, 50),
            of(&self.cold, 99),
            of(&self.warm, 50),
            of(&self.warm, 99),
            of(&self.together, 50),
            of(&self.together, 100),
            quarter(50),
            quarter(99),
        ]
    }

    /// Figures over their limits.
    fn excess(&self) -> Vec<String> {
        let large = (self.zipped > ZIPPED).then(|| format!("{:.2} MB zipped are more than {ZIPPED}", self.zipped));
        let times = [
            ("cold p99", Some(&self.cold), 99, COLD),
            ("cold p99 on a quarter of a core", self.quarter.as_ref(), 99, QUARTER),
        ];
        large.into_iter().chain(self.slow(times)).collect()
    }

    /// Figures over their targets.
    fn short_of_aim(&self) -> Vec<String> {
        self.slow([("cold p50", Some(&self.cold), 50, AIM.0), ("warm p50", Some(&self.warm), 50, AIM.1)]).collect()
    }

    /// The times of a webhook that are longer than that: what they are, the times, the rank, the limit.
    fn slow<'a>(
        &self,
        times: [(&'a str, Option<&'a Vec<Duration>>, usize, Duration); 2],
    ) -> impl Iterator<Item = String> + use<'a> {
        let webhook = self.webhook;
        times.into_iter().filter(move |_| webhook).filter_map(|(what, times, rank, limit)| {
            let time = percentile(times?, rank);
            (time > limit).then(|| format!("{what} is {:.1} ms, more than {:.0}", millis(time), millis(limit)))
        })
    }
}

struct Bench<'a> {
    options: &'a Options,
    function: &'a Deployed,
    bootstraps: &'a Bootstraps,
}

impl Bench<'_> {
    /// The figures; where they are checked and exceed something, the better ones of two times: the machine may have been
    /// busy with something else.
    async fn better_figures(&self, quota: Option<&Arc<Quota>>) -> anyhow::Result<Figures> {
        let first = self.figures(quota).await?;
        if !self.options.check || first.excess().is_empty() {
            return Ok(first);
        }
        eprintln!("{}: once more, for {}", self.function.name, first.excess().join("; "));
        let second = self.figures(quota).await?;
        Ok(if second.excess().len() < first.excess().len() { second } else { first })
    }

    async fn figures(&self, quota: Option<&Arc<Quota>>) -> anyhow::Result<Figures> {
        let Options { cold, warm, instances, .. } = *self.options;
        let binary = self.bootstraps.of(self.function)?;
        eprintln!("{}: {}", self.function.name, binary.display());
        let scene = self.scene(None).await?;
        let mut events = scene.events(cold + warm + instances).await?;
        let function = scene.function()?;
        let (cold_times, after_cold) = self.cold(function, &mut events).await?;
        let (warm_times, after_warm) = self.warm(function, &mut events).await?;
        let together = self.together(function, &mut events).await?;
        scene.was_done(cold + warm + instances)?;
        let quarter = match quota {
            Some(quota) => {
                let scene = self.scene(Some(Arc::clone(quota))).await?;
                let mut events = scene.events(cold).await?;
                Some(self.cold(scene.function()?, &mut events).await?.0)
            }
            None => None,
        };
        Ok(Figures {
            webhook: self.function.routes.iter().any(|route| route.path.starts_with("/hooks/")),
            zipped: zipped(&binary)?,
            resident: after_cold.max(after_warm),
            cold: cold_times,
            warm: warm_times,
            together,
            quarter,
        })
    }

    async fn scene(&self, quota: Option<Arc<Quota>>) -> anyhow::Result<Scene> {
        Scene::start(&self.function.name, self.bootstraps, self.options.instances, quota).await
    }

    /// From the start of a process to its first answer, one after the other; and its memory then, at the highest.
    async fn cold(&self, function: &Function, events: &mut Events) -> anyhow::Result<(Vec<Duration>, f64)> {
        let (mut times, mut resident) = (Vec::new(), 0.0_f64);
        for _ in 0..self.options.cold {
            function.cool();
            let answer = invoke(function, events.next()?).await?;
            ensure!(answer.cold, "the start was not cold");
            resident = resident.max(host::resident(answer.pid)?);
            times.push(answer.took);
        }
        Ok((times, resident))
    }

    /// Of the instance that is there, one after the other; and its memory at the end, at the highest.
    async fn warm(&self, function: &Function, events: &mut Events) -> anyhow::Result<(Vec<Duration>, f64)> {
        let (mut times, mut resident) = (Vec::new(), 0.0_f64);
        for _ in 0..self.options.warm {
            let answer = invoke(function, events.next()?).await?;
            ensure!(!answer.cold, "the instance is gone");
            resident = host::resident(answer.pid)?;
            times.push(answer.took);
        }
        Ok((times, resident))
    }

    /// As many cold starts at once as there may be instances.
    async fn together(&self, function: &Function, events: &mut Events) -> anyhow::Result<Vec<Duration>> {
        function.cool();
        let mut starts = JoinSet::new();
        for _ in 0..self.options.instances {
            let (function, event) = (function.clone(), events.next()?);
            starts.spawn(async move { invoke(&function, event).await });
        }
        let answers = starts.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        Ok(answers.into_iter().map(|answer| answer.took).collect())
    }
}

/// The nearest rank; nothing of nothing.
fn percentile(times: &[Duration], rank: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() * rank).div_ceil(100).max(1) - 1;
    times.get(place).copied().unwrap_or_default()
}

/// Size of a binary in a zip file, in megabytes, without the few hundred bytes of the file's own.
#[allow(clippy::cast_precision_loss, reason = "binaries stay far below 2^52 bytes")]
fn zipped(binary: &Path) -> anyhow::Result<f64> {
    let mut file = File::open(binary).with_context(|| format!("reading {}", binary.display()))?;
    let mut encoder = DeflateEncoder::new(std::io::sink(), Compression::default());
    std::io::copy(&mut file, &mut encoder)?;
    encoder.try_finish()?;
    Ok(encoder.total_out() as f64 / MEGABYTE)
}
