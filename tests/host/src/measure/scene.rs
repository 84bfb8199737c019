//! Work of a function while it is measured: a deployment with an ERP and a partner behind it, and events that each have work
//! to be done. A hint at finished work would be answered at once, and measure nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use host::{Answer, Bootstraps, Function, Plan, Quota, Stack};
use hub::Utc;
use serde_json::{Value, json};
use simulators::Erp;
use simulators::api::Xhq;
use simulators::erp::{Behaviour, Reply};

/// Number of events in the table of a function that reads events.
const EVENTS: usize = 300;

/// One of so many of them has failed for good.
const FAILED: usize = 10;

/// Number of calls about the order whose calls are listed.
const CALLS: usize = 10;

/// Number of hints that are worked on at once while the scene is prepared.
const BATCH: usize = 10;

/// The order of the samples.
const ORDER: &str = "SO2024042200017";

/// Bytes of a function's log that are printed with its failure.
const TOLD: usize = 2_000;

/// A deployment of one function and of those that make its work.
pub(super) struct Scene {
    stack: Stack,
    name: String,
    erp: Erp,
    xhq: Xhq,
}

/// The functions that make the work of another.
fn makers(name: &str) -> &'static [&'static str] {
    match name {
        "deliver" => &["send_data"],
        "dispatch" => &["call"],
        "call_status" => &["call", "dispatch"],
        "deliveries" | "ledger" | "shipments" | "stats" | "sweep" => &["send_data", "single_receipt", "deliver"],
        _ => &[],
    }
}

/// Description of one invocation's work, unless it is one push.
pub(super) fn work(name: &str) -> Option<String> {
    let work = match name {
        "call" => "a command is accepted".to_owned(),
        "call_status" => format!("{CALLS} calls are listed"),
        "deliver" => "one delivery".to_owned(),
        "deliveries" => format!("{} failed ones of {EVENTS} events are listed", EVENTS / FAILED),
        "dispatch" => "one call".to_owned(),
        "ledger" => format!("{EVENTS} events"),
        "shipments" => format!("a bill with {} orders is read", EVENTS / FAILED),
        "stats" => "the connections are listed".to_owned(),
        "sweep" => format!("{EVENTS} events, of which nothing is due"),
        _ => return None,
    };
    Some(work)
}

impl Scene {
    pub(super) async fn start(
        name: &str,
        bootstraps: &Bootstraps,
        instances: usize,
        quota: Option<Arc<Quota>>,
    ) -> anyhow::Result<Self> {
        let erp = Erp::start(([127, 0, 0, 1], 0).into(), vec![]).await?;
        let clock = Arc::new(|| {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Utc(i64::try_from(since_1970.as_micros()).unwrap_or_default())
        });
        let xhq = Xhq::start(([127, 0, 0, 1], 0).into(), clock, "example-app-id", "example-bgh-id").await?;
        xhq.remember(false);
        let functions = [&[name], makers(name)].concat();
        let mut plan = Plan::new(configuration(&erp, &xhq)?, bootstraps.clone(), &functions);
        plan.instances = instances;
        plan.quota = quota;
        Ok(Self { stack: plan.start().await?, name: name.to_owned(), erp, xhq })
    }

    /// The function that is measured.
    pub(super) fn function(&self) -> anyhow::Result<&Function> {
        self.stack.function(&self.name)
    }

    /// Its events, so many of them.
    pub(super) async fn events(&self, count: usize) -> anyhow::Result<Events> {
        match self.name.as_str() {
            "deliver" => self.hints("send_data", "deliver", count).await.map(Events::Hints),
            "dispatch" => self.hints("call", "dispatch", count).await.map(Events::Hints),
            "call_status" => {
                let hints = self.hints("call", "dispatch", CALLS).await?;
                self.worked("dispatch", &hints).await?;
                Ok(Events::Sample(Sample::of(&self.name)?))
            }
            "deliveries" | "ledger" | "shipments" | "stats" | "sweep" => {
                self.erp.behave(Behaviour::FailsWhere("\"action\":\"single_receipt\"", Reply::of(400)));
                let failed = self.hints("single_receipt", "deliver", EVENTS / FAILED).await?;
                let others = self.hints("send_data", "deliver", EVENTS - EVENTS / FAILED).await?;
                self.worked("deliver", &[failed, others].concat()).await?;
                Ok(Events::Sample(Sample::of(&self.name)?))
            }
            name => Ok(Events::Sample(Sample::of(name)?)),
        }
    }

    /// That what so many events asked for was really done.
    pub(super) fn was_done(&self, count: usize) -> anyhow::Result<()> {
        let done = match self.name.as_str() {
            "deliver" => self.erp.count(),
            "dispatch" => self.xhq.processed_count(),
            _ => return Ok(()),
        };
        ensure!(done == count, "{count} events have come to {done} requests");
        Ok(())
    }

    /// Hints at so much work for `worker`, of which `maker` makes one piece for each of its own events. It may have no
    /// time left to hint at one; then there is another.
    async fn hints(&self, maker: &str, worker: &str, count: usize) -> anyhow::Result<Vec<String>> {
        let (function, mut events) = (self.stack.function(maker)?, Sample::of(maker)?);
        // The sample lists the calls of one order.
        events.has_own_order = self.name != "call_status";
        let mut hints = Vec::new();
        for _ in 0..2 * count {
            if hints.len() >= count {
                break;
            }
            invoke(function, events.next()).await?;
            hints.extend(self.stack.queue(worker)?.take());
        }
        ensure!(hints.len() >= count, "{maker} hardly hints at anything");
        Ok(hints)
    }

    async fn worked(&self, worker: &str, hints: &[String]) -> anyhow::Result<()> {
        for batch in hints.chunks(BATCH) {
            invoke(self.stack.function(worker)?, host::batch(batch)).await?;
        }
        Ok(())
    }
}

/// The example's configuration, as the samples want it, with ERP and partner on this machine; the partner's rate would be
/// measured else, and a hint's lease must not run out before its turn comes.
fn configuration(erp: &Erp, xhq: &Xhq) -> anyhow::Result<String> {
    let mut text = std::fs::read_to_string(root().join("examples/tongguan.toml"))?;
    let base_url = format!("base_url = \"{}\"", xhq.url());
    let schedule = r#"retry = ["5s", "30s", "2m", "10m", "30m", "1h", "2h", "4h", "8h", "12h", "12h", "12h", "12h"]"#;
    for (example, here) in [
        ("environment = \"test\"", base_url.as_str()),
        ("rate = { calls = 10, per = \"1s\" }", ""),
        ("allow_private = false", "allow_private = true"),
        ("https://erp.example.com/tongguan/events", &erp.url()),
        ("https://10.0.0.20/xhq/callback", &erp.url()),
        (schedule, "retry = []"),
        (r#"retry = ["10s", "1m", "10m"]"#, "retry = []"),
        ("sweep_every = \"30s\"", "sweep_every = \"15m\""),
    ] {
        ensure!(text.contains(example), "examples/tongguan.toml has no {example}");
        text = text.replace(example, here);
    }
    Ok(text)
}

/// Invokes and insists on a good answer: a refusal may be faster than the work.
pub(super) async fn invoke(function: &Function, event: Value) -> anyhow::Result<Answer> {
    let name = &function.spec().name;
    let said = || {
        let log = function.log();
        let begin = log.char_indices().rev().nth(TOLD).map_or(0, |(place, _)| place);
        log.get(begin..).unwrap_or_default().to_owned()
    };
    let answer = function.invoke(event.to_string()).await;
    let answer = answer.with_context(|| format!("invoking {name}; it said: {}", said()))?;
    let answered: Value = serde_json::from_slice(&answer.body)?;
    let body = answered["body"].as_str().unwrap_or_default();
    let refused = answered.get("statusCode").is_some_and(|status| *status != 200 && *status != 202)
        || ["\"state\":false", "\"success\":false", "\"code\":5"].iter().any(|negative| body.contains(negative))
        || answered["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty());
    ensure!(!refused, "{name} answers {answered}; it said: {}", said());
    Ok(answer)
}

/// Events that a function is invoked with, one after the other.
pub(super) enum Events {
    /// Its sample, each time as another push.
    Sample(Sample),
    /// Each a batch of one.
    Hints(Vec<String>),
}

impl Events {
    pub(super) fn next(&mut self) -> anyhow::Result<Value> {
        match self {
            Self::Sample(sample) => Ok(sample.next()),
            Self::Hints(hints) => Ok(host::batch(&[hints.pop().context("there is no work left")?])),
        }
    }
}

/// The sample event of a function.
pub(super) struct Sample {
    event: Value,
    number: u64,
    /// Each event is about an order of its own, as most are; commands about one order wait for one another.
    has_own_order: bool,
}

impl Sample {
    fn of(name: &str) -> anyhow::Result<Self> {
        Ok(Self { event: host::sample(name)?, number: 0, has_own_order: true })
    }

    fn next(&mut self) -> Value {
        self.number += 1;
        let number = self.number;
        let mut event = self.event.clone();
        if let Some(context) = event.get_mut("requestContext") {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            context["requestTimeEpoch"] = json!(u64::try_from(since_1970.as_millis()).unwrap_or_default());
        }
        // Under the key of another request it would be refused.
        for (headers, key) in
            [("headers", json!(format!("key-{number}"))), ("multiValueHeaders", json!([format!("key-{number}")]))]
        {
            if let Some(header) = event[headers].get_mut("Idempotency-Key") {
                *header = key;
            }
        }
        let body = event["body"].as_str().filter(|_| event["httpMethod"] == "POST");
        if let Some(body) = body.and_then(|body| BASE64_STANDARD.decode(body).ok()) {
            // An unknown field makes it another event.
            let mut body = String::from_utf8_lossy(&body).replacen('{', &format!("{{\"measured\":{number},"), 1);
            if self.has_own_order {
                body = body.replace(ORDER, &format!("SO{number:013}"));
            }
            event["body"] = json!(BASE64_STANDARD.encode(body));
        }
        event
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
