//! What a function takes to start, to answer, to keep and to ship. The store is reached over HTTP on this machine.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use clap::Args;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use host::{Answer, Bootstraps, Deployed, Function, Plan, Quota, Stack, Template};
use serde_json::{Value, json};
use tokio::task::JoinSet;

#[derive(Args)]
pub(crate) struct Options {
    /// Where the binaries are: $TONGGUAN_BOOTSTRAPS, .aws-sam/build or target/release unless given
    #[arg(long)]
    bootstraps: Option<PathBuf>,
    /// The functions; all that there are binaries of unless given
    #[arg(long, value_delimiter = ',')]
    function: Vec<String>,
    /// Cold starts of each function
    #[arg(long, default_value_t = 20)]
    cold: usize,
    /// Warm invocations of each function
    #[arg(long, default_value_t = 500)]
    warm: usize,
    /// How many instances are started at once
    #[arg(long, default_value_t = 10)]
    instances: usize,
    /// Fails where a function is larger or starts more slowly than it may
    #[arg(long)]
    check: bool,
}

/// What the zipped binary of a function may have, in megabytes.
const ZIPPED: f64 = 4.5;

/// As Lambda counts its own limits: its 50 MB are 52,428,800 bytes.
const MEGABYTE: f64 = 1_048_576.0;

/// How long of a hundred starts the second-slowest may take, and with a quarter of a core.
const COLD: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(300)];

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
        Ok(quota) => Some(Arc::new(quota)),
        Err(error) => {
            println!("Not measured with a quarter of a core: {error:#}.\n");
            None
        }
    };
    println!("| {} |\n| {} |", HEAD.join(" | "), HEAD.map(|_| "---").join(" | "));
    let (mut measured, mut excess) = (0, Vec::new());
    for function in Template::deployed()?.functions()? {
        let named = options.function.is_empty() || options.function.contains(&function.name);
        if !named {
            continue;
        }
        let Ok(binary) = bootstraps.of(&function) else {
            eprintln!("{}: no binary", function.name);
            continue;
        };
        eprintln!("{}: {}", function.name, binary.display());
        let bench = Bench { options, function: &function, bootstraps: &bootstraps };
        let figures = bench.figures(&binary, quota.as_ref()).await;
        let figures = figures.with_context(|| format!("measuring {}", function.name))?;
        println!("| {} | {} |", function.name, figures.cells().join(" | "));
        excess.extend(figures.excess().map(|what| format!("{} {what}", function.name)));
        measured += 1;
    }
    ensure!(excess.is_empty() || !options.check, "{}", excess.join("; "));
    ensure!(measured > 0, "there are no binaries: build them with `sam build` or `cargo build --release --workspace`");
    Ok(())
}

struct Figures {
    zipped: f64,
    resident: f64,
    cold: Vec<Duration>,
    warm: Vec<Duration>,
    together: Vec<Duration>,
    quarter: Option<Vec<Duration>>,
}

impl Figures {
    fn cells(&self) -> Vec<String> {
        let of = |times: &[Duration], rank| format!("{:.1}", percentile(times, rank).as_secs_f64() * 1000.0);
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

    /// What is more than it may be.
    fn excess(&self) -> impl Iterator<Item = &'static str> {
        let [whole, quarter] = COLD;
        let slow = |times: &[Duration], limit| percentile(times, 99) > limit;
        [
            (self.zipped > ZIPPED, "is too large"),
            (slow(&self.cold, whole), "starts too slowly"),
            (slow(self.quarter.as_deref().unwrap_or_default(), quarter), "starts too slowly on a quarter of a core"),
        ]
        .into_iter()
        .filter_map(|(exceeds, what)| exceeds.then_some(what))
    }
}

struct Bench<'a> {
    options: &'a Options,
    function: &'a Deployed,
    bootstraps: &'a Bootstraps,
}

impl Bench<'_> {
    async fn figures(&self, binary: &Path, quota: Option<&Arc<Quota>>) -> anyhow::Result<Figures> {
        let mut event = Events::of(&self.function.name)?;
        let stack = self.start(None).await?;
        let function = stack.function(&self.function.name)?;
        let (cold, resident) = self.cold(function, &mut event).await?;
        let warm = self.warm(function, &mut event).await?;
        let together = self.together(function, &mut event).await?;
        let quarter = match quota {
            Some(quota) => {
                let stack = self.start(Some(Arc::clone(quota))).await?;
                Some(self.cold(stack.function(&self.function.name)?, &mut event).await?.0)
            }
            None => None,
        };
        Ok(Figures { zipped: zipped(binary)?, resident, cold, warm, together, quarter })
    }

    async fn start(&self, quota: Option<Arc<Quota>>) -> anyhow::Result<Stack> {
        let configuration = std::fs::read_to_string(root().join("examples/tongguan.toml"))?;
        let mut plan = Plan::new(configuration, self.bootstraps.clone(), &[&self.function.name]);
        plan.instances = self.options.instances;
        plan.quota = quota;
        plan.start().await
    }

    /// From the start of a process to its first answer, one after the other; and its memory then, at the highest.
    async fn cold(&self, function: &Function, events: &mut Events) -> anyhow::Result<(Vec<Duration>, f64)> {
        let (mut times, mut resident) = (Vec::new(), 0.0_f64);
        for _ in 0..self.options.cold {
            function.cool();
            let answer = invoke(function, events.next()).await?;
            ensure!(answer.cold, "the start was not cold");
            resident = resident.max(host::resident(answer.pid)?);
            times.push(answer.took);
        }
        Ok((times, resident))
    }

    async fn warm(&self, function: &Function, events: &mut Events) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..self.options.warm {
            let answer = invoke(function, events.next()).await?;
            ensure!(!answer.cold, "the instance is gone");
            times.push(answer.took);
        }
        Ok(times)
    }

    /// As many cold starts at once as there may be instances.
    async fn together(&self, function: &Function, events: &mut Events) -> anyhow::Result<Vec<Duration>> {
        function.cool();
        let mut starts = JoinSet::new();
        for _ in 0..self.options.instances {
            let (function, event) = (function.clone(), events.next());
            starts.spawn(async move { invoke(&function, event).await });
        }
        let answers = starts.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        Ok(answers.into_iter().map(|answer| answer.took).collect())
    }
}

/// Invokes and insists on a good answer: a refusal may be faster than the work.
async fn invoke(function: &Function, event: Value) -> anyhow::Result<Answer> {
    let name = &function.spec().name;
    let answer = function.invoke(event.to_string()).await;
    let answer = answer.with_context(|| format!("invoking {name}; it said: {}", function.log()))?;
    let said: Value = serde_json::from_slice(&answer.body)?;
    let body = said["body"].as_str().unwrap_or_default();
    let refused = said.get("statusCode").is_some_and(|status| *status != 200 && *status != 202)
        || ["\"state\":false", "\"success\":false", "\"code\":5"].iter().any(|negative| body.contains(negative))
        || said["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty());
    ensure!(!refused, "{name} answers {said}; it said: {}", function.log());
    Ok(answer)
}

/// A function's sample event, each time another push.
struct Events {
    sample: Value,
    number: u64,
}

impl Events {
    fn of(name: &str) -> anyhow::Result<Self> {
        let path = root().join("infra/events").join(format!("{name}.json"));
        let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self { sample: serde_json::from_slice(&text)?, number: 0 })
    }

    fn next(&mut self) -> Value {
        self.number += 1;
        let mut event = self.sample.clone();
        if let Some(context) = event.get_mut("requestContext") {
            let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            context["requestTimeEpoch"] = json!(u64::try_from(since_1970.as_millis()).unwrap_or_default());
        }
        let push = event["body"].as_str().filter(|_| event["httpMethod"] == "POST");
        if let Some(push) = push.and_then(|push| BASE64_STANDARD.decode(push).ok()) {
            // A field that nobody knows makes it another event.
            let push = String::from_utf8_lossy(&push).replacen('{', &format!("{{\"measured\":{},", self.number), 1);
            event["body"] = json!(BASE64_STANDARD.encode(push));
        }
        event
    }
}

/// The nearest rank; nothing of nothing.
fn percentile(times: &[Duration], rank: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() * rank).div_ceil(100).max(1) - 1;
    times.get(place).copied().unwrap_or_default()
}

/// What a binary is in a zip file, in megabytes; the few hundred bytes of the file's own do not count.
#[allow(clippy::cast_precision_loss, reason = "binaries stay far below 2^52 bytes")]
fn zipped(binary: &Path) -> anyhow::Result<f64> {
    let mut file = File::open(binary)?;
    let mut encoder = DeflateEncoder::new(std::io::sink(), Compression::default());
    std::io::copy(&mut file, &mut encoder)?;
    encoder.try_finish()?;
    Ok(encoder.total_out() as f64 / MEGABYTE)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
