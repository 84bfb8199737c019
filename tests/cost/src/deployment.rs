//! The hub as it is deployed, one function's invocation at a time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api::Router;
use archive::Folder;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use config::Config;
use config::Context;
use courier::{Courier, DeliveryResult, Lines};
use futures::FutureExt as _;
use http::{Method, Request};
use hub::Utc;
use hub::delivery::Outcome;
use hub::statistics::{KEPT, STEP};
use lambda_http::RequestExt as _;
use outbound::Sent;
use queue::{Hint, Job};
use queue_sqs::SqsQueue;
use serde_json::json;
use store::Store as _;
use store_dynamodb::DynamoStore;
use telemetry::metrics::{Dimension, Metric, Sample};
use tempfile::TempDir;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use crate::aws::{Asked, Aws};
use crate::configuration::{API_KEY, CONFIGURATION, KEY, SECOND_ENDPOINT, WATCH};
use crate::log::{Log, REQUEST_ID};
use crate::usage::{Invocation, Outside, Usage};

const TABLE: &str = "tongguan";

/// Requests of a worker's poller for each batch: to receive it, and to delete it.
const POLLS: f64 = 2.0;

/// Time between two invocations: a function's knowledge of its destinations' health is stale by then.
const PAUSE: Duration = Duration::from_secs(2);

/// Context of the functions.
type Hub = Context<DynamoStore, SqsQueue>;

pub(crate) struct Deployment {
    pub(crate) aws: Aws,
    context: Hub,
    log: Log,
    lines: Arc<Lines>,
    now: Arc<AtomicI64>,
    waiting: Mutex<Vec<Hint>>,
    _files: TempDir,
}

impl Deployment {
    /// One endpoint that wants everything, on an empty table.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        Self::with("").await
    }

    /// The same with another endpoint that wants everything.
    pub(crate) async fn with_two_endpoints() -> anyhow::Result<Self> {
        Self::with(SECOND_ENDPOINT).await
    }

    /// One endpoint that wants everything, the events of one subject in order.
    pub(crate) async fn ordered() -> anyhow::Result<Self> {
        let secrets = "secrets = [\"whsec_";
        Self::of(&CONFIGURATION.replacen(secrets, &format!("order = \"subject\"\n{secrets}"), 1)).await
    }

    /// One endpoint whose consumers lease everything, in that order.
    pub(crate) async fn pulled(order: &str) -> anyhow::Result<Self> {
        let (before, keys) = CONFIGURATION.split_once("url = \"https://erp").context("no endpoint")?;
        let (_, keys) = keys.split_once("[[api_keys]]").context("no key")?;
        Self::of(&format!("{before}pull = true\norder = \"{order}\"\n[[api_keys]]{keys}")).await
    }

    /// With orders that are watched.
    pub(crate) async fn with_a_watch() -> anyhow::Result<Self> {
        Self::with(WATCH).await
    }

    /// With files that are fetched.
    pub(crate) async fn with_files() -> anyhow::Result<Self> {
        Self::of(&CONFIGURATION.replacen("partner = \"xhq\"", "partner = \"xhq\"\nfiles = true", 1)).await
    }

    /// The same without a list of recent events.
    pub(crate) async fn without_recent() -> anyhow::Result<Self> {
        Self::of(&format!("recent_events = false\n{CONFIGURATION}")).await
    }

    /// The same with a connection that keeps headers and answers.
    pub(crate) async fn with_evidence() -> anyhow::Result<Self> {
        Self::of(&CONFIGURATION.replacen("partner = \"xhq\"\n", "partner = \"xhq\"\nevidence = true\n", 1)).await
    }

    async fn with(more: &str) -> anyhow::Result<Self> {
        Self::of(&format!("{CONFIGURATION}{more}")).await
    }

    async fn of(configuration: &str) -> anyhow::Result<Self> {
        let aws = Aws::new()?;
        let client = store_dynamodb::client(&aws.config());
        store_dynamodb::create_table(&client, TABLE).await?;
        let url = |name| format!("https://sqs.us-east-1.amazonaws.com/123456789012/{name}");
        let queue = SqsQueue::new(queue_sqs::client(&aws.config()), url("hints"), Some(url("calls")));
        let config = Config::parse(configuration).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        let store = DynamoStore::new(client, TABLE.to_owned()).listing_recent(config.recent_events);
        let now = Arc::new(AtomicI64::new(1_795_334_400_000_000));
        let time = Arc::clone(&now);
        let clock = Arc::new(move || Utc(time.load(Ordering::SeqCst)));
        let files = tempfile::tempdir()?;
        let archive = Arc::new(Folder::open(files.path())?);
        let context = Context::new(Arc::new(config), store, queue, clock).with_archive(archive);
        aws.take();
        let (log, lines, waiting) = (Log::default(), Arc::default(), Mutex::default());
        Ok(Self { aws, context, log, lines, now, waiting, _files: files })
    }

    pub(crate) fn pass(&self, span: Duration) {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.now.fetch_add(span, Ordering::SeqCst);
    }

    /// Number of stored items, and their bytes.
    pub(crate) fn stored(&self) -> anyhow::Result<(usize, usize)> {
        self.aws.stored(TABLE)
    }

    fn courier(&self, outcome: Outcome, answer: &'static str) -> Courier<DynamoStore, SqsQueue> {
        let (status, detail) = match outcome {
            Outcome::Delivered => (200, ""),
            Outcome::Refused { .. } | Outcome::NoAnswer | Outcome::Impossible | Outcome::Unsent => {
                (503, "Service Unavailable")
            }
        };
        Courier {
            context: self.context.clone(),
            lines: Arc::clone(&self.lines),
            random: Arc::new(|| 0.5),
            entropy: courier::system_entropy(),
            send: Arc::new(move |_, _| {
                async move { DeliveryResult { outcome, status: Some(status), detail: detail.to_owned() } }.boxed()
            }),
            wire: Arc::new(move |_| {
                let body = Bytes::from_static(answer.as_bytes());
                async move { Sent::answer(200, body) }.boxed()
            }),
            reader: callback::ACTION,
            ends: None,
        }
    }

    /// Usage of one invocation. The hints that it put on the queue wait there.
    fn invoked(&self, outside: Outside, gateway: f64, polls: f64) -> Usage {
        self.pass(PAUSE);
        let logged = self.log.take(gateway);
        let Asked { writes, reads, queue, requests, hints } = self.aws.take();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(hints);
        let invocations = vec![Invocation { requests, outside }];
        Usage { writes, reads, queue: queue + polls, gateway, logged, invocations }
    }

    /// A push of XHQ through the gateway.
    pub(crate) async fn push(&self, function: &str, body: &str) -> anyhow::Result<Usage> {
        let action = callback::ACTIONS.iter().find(|action| action.name == function);
        let action = action.context("no such webhook")?;
        let path = format!("/hooks/xhq/xhq/{KEY}/{}", action.suffix);
        let event = json!({
            "resource": path, "path": path, "httpMethod": "POST", "body": body, "isBase64Encoded": false,
            "headers": {"content-type": "application/json"},
            // As the gateway passes them on from a Java client.
            "multiValueHeaders": {
                "content-type": ["application/json;charset=UTF-8"], "accept": ["text/plain, application/json, */*"],
                "accept-encoding": ["gzip,deflate"], "host": ["a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn"],
                "user-agent": ["Apache-HttpClient/4.5.13 (Java/1.8.0_292)"],
                "x-amzn-trace-id": ["Root=1-69f1c3a2-5f84b7a16c3d2e9f4a1b8c7d"], "x-forwarded-for": ["203.0.113.127"],
                "x-forwarded-port": ["443"], "x-forwarded-proto": ["https"],
            },
            "requestContext": {"stage": "local", "httpMethod": "POST", "path": path, "resourcePath": path,
                "identity": {"sourceIp": "203.0.113.127"}},
        });
        let mut invocation = lambda_http::Context::default();
        (invocation.request_id, invocation.deadline) = (REQUEST_ID.to_owned(), u64::MAX);
        let request = lambda_http::request::from_str(&event.to_string())?.with_lambda_context(invocation);
        let answered = lambda::measured(&self.context, None, action, request).with_subscriber(self.log.dispatch());
        let (answer, sample) = answered.await;
        ensure!(answer.status() == 200, "{answer:?}");
        self.log.count(self.context.now(), &sample);
        Ok(self.invoked(Outside::Nobody, 1.0, 0.0))
    }

    /// A request of the ERP through the gateway.
    pub(crate) async fn call(&self, path: &str, key: &str, body: &str, answer: &'static str) -> anyhow::Result<Usage> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/calls/{path}"))
            .header("authorization", format!("Bearer {API_KEY}"))
            .header("idempotency-key", key)
            .body(Bytes::from(body.to_owned()))?;
        let courier = self.courier(Outcome::Delivered, answer);
        let answered = async {
            let span = tracing::error_span!("request", request_id = REQUEST_ID, method = "POST", path);
            let handled = async { call::router().handle(&courier, request).await };
            lambda::answer_api(Duration::MAX, lambda::Accepts::default(), handled).instrument(span).await
        };
        let response = Box::pin(answered.with_subscriber(self.log.dispatch())).await;
        ensure!(response.status().is_success(), "{response:?}");
        let outside = if response.status() == 200 { Outside::Partner } else { Outside::Nobody };
        Ok(self.invoked(outside, 1.0, 0.0))
    }

    /// A shipment that the ERP reads through the gateway.
    pub(crate) async fn shipment(&self, key: &str) -> anyhow::Result<Usage> {
        self.read(&shipments::router(), &format!("/shipments/{key}")).await
    }

    /// The evidence of a shipment that the ERP reads through the gateway.
    pub(crate) async fn evidence(&self, key: &str) -> anyhow::Result<Usage> {
        self.read(&shipments::router(), &format!("/shipments/{key}/evidence")).await
    }

    /// A list of events that the ERP reads through the gateway.
    pub(crate) async fn events(&self, query: &str) -> anyhow::Result<Usage> {
        self.read(&deliveries::router(), &format!("/events?{query}")).await
    }

    /// A consumer's request for events through the gateway, and their acknowledgement by another where there are some.
    pub(crate) async fn pull(&self, limit: usize) -> anyhow::Result<Usage> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let router = pull::router();
        let (usage, batch) =
            self.ask(&router, Method::GET, &format!("/endpoints/erp/events?limit={limit}"), "").await?;
        let events: Vec<serde_json::Value> = serde_json::from_slice(&batch)?;
        if events.is_empty() {
            return Ok(usage);
        }
        let receipts: Vec<_> = events.iter().map(|event| &event["receipt"]).collect();
        let body = json!({"receipts": receipts}).to_string();
        let (acknowledged, _) = self.ask(&router, Method::POST, "/endpoints/erp/acknowledge", &body).await?;
        Ok(usage + acknowledged)
    }

    async fn read(&self, router: &Router<Hub>, path: &str) -> anyhow::Result<Usage> {
        Ok(self.ask(router, Method::GET, path, "").await?.0)
    }

    /// A request of the ERP through the gateway, and the body of the answer.
    async fn ask(
        &self,
        router: &Router<Hub>,
        method: Method,
        path: &str,
        body: &str,
    ) -> anyhow::Result<(Usage, Bytes)> {
        let request = Request::builder().method(&method).uri(path).header("authorization", format!("Bearer {API_KEY}"));
        let request = request.body(Bytes::copy_from_slice(body.as_bytes()))?;
        let answered = async {
            let span = tracing::error_span!("request", request_id = REQUEST_ID, %method, path);
            let handled = async { router.handle(&self.context, request).await };
            lambda::answer_api(Duration::MAX, lambda::Accepts::default(), handled).instrument(span).await
        };
        let response = Box::pin(answered.with_subscriber(self.log.dispatch())).await;
        ensure!(response.status().is_success(), "{response:?}");
        let body = Bytes::copy_from_slice(response.body());
        Ok((self.invoked(Outside::Nobody, 1.0, 0.0), body))
    }

    /// Works on every hint that waits, a batch and an invocation for each, until none does.
    pub(crate) async fn work(&self, outcome: Outcome, answer: &'static str) -> anyhow::Result<Usage> {
        let mut usage = Usage::default();
        loop {
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if waiting.is_empty() {
                return Ok(usage);
            }
            for hint in waiting {
                usage = usage + self.one(hint, outcome, answer).await?;
            }
        }
    }

    /// Has the last hint that waits come first.
    pub(crate) fn reverse(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).reverse();
    }

    /// Works on the hints that wait, and leaves what comes of them.
    pub(crate) async fn work_once(&self, outcome: Outcome) -> anyhow::Result<Usage> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut usage = Usage::default();
        for hint in waiting {
            usage = usage + self.one(hint, outcome, "").await?;
        }
        Ok(usage)
    }

    async fn one(&self, hint: Hint, outcome: Outcome, answer: &'static str) -> anyhow::Result<Usage> {
        let courier = self.courier(outcome, answer);
        let outside = match hint.job {
            Job::Deliver { .. } => Outside::Erp,
            Job::Call { .. } => Outside::Partner,
            Job::Index => Outside::Nobody,
        };
        let call = outside == Outside::Partner;
        let mut message = SqsMessage::default();
        (message.message_id, message.body) = (Some(REQUEST_ID.to_owned()), Some(hint.encode()));
        let mut event = SqsEvent::default();
        event.records = vec![message];
        let invocation = lambda::Invocation { request_id: REQUEST_ID.to_owned(), ..Default::default() };
        let worked = lambda::batch(event, &invocation, |hint| async {
            if call { dispatch::handle(&courier, hint).await } else { deliver::handle(&courier, hint).await }
        });
        let worked = worked.with_subscriber(self.log.dispatch()).await;
        ensure!(worked.batch_item_failures.is_empty(), "a hint failed");
        if outside == Outside::Erp && outcome == Outcome::Delivered {
            // As the courier counts it, where metrics are printed.
            let values = vec![(Metric::Delivered, 1.0), (Metric::Attempts, 1.0), (Metric::DeliveryLag, 1.0)];
            self.log.count(self.context.now(), &Sample::of(Dimension::Endpoint, &"erp", values));
        }
        Ok(self.invoked(outside, 0.0, POLLS))
    }

    /// Usage of an addition of what was counted, which is part of an invocation, and of reading a day of as much in each step.
    pub(crate) async fn statistics(&self) -> anyhow::Result<(Usage, Usage)> {
        let (store, now) = (&self.context.store, self.context.now());
        let used = || {
            let Asked { writes, reads, .. } = self.aws.take();
            Usage { writes, reads, ..Usage::default() }
        };
        let counted = self.context.counters.unstored();
        let (last, connection, figures) = counted.first().context("nothing was counted")?;
        store::flush(store, &self.context.counters, now).await?;
        let one = used();
        let day = 24 * 3_600_000_000;
        let step = i64::try_from(STEP.as_micros())?;
        for before in (step..day).step_by(usize::try_from(step)?) {
            store.add_counts(connection, Utc(last.0 - before), &figures.counts(), now.after(KEPT)).await?;
        }
        self.aws.take();
        store.counts(connection, Utc(last.0 - day), now, now).await?;
        Ok((one, used()))
    }

    /// The sweep by the clock, with its measuring.
    pub(crate) async fn sweep(&self) -> anyhow::Result<Usage> {
        self.sweep_of("").await
    }

    /// A sweep, with that content at each link.
    pub(crate) async fn sweep_of(&self, content: &'static str) -> anyhow::Result<Usage> {
        for sample in sweep::backlog::samples(&self.context, sweep::MEASURING).await {
            self.log.count(self.context.now(), &sample);
        }
        sweep::handle(&self.courier(Outcome::Delivered, content)).with_subscriber(self.log.dispatch()).await?;
        Ok(self.invoked(Outside::Nobody, 0.0, 0.0))
    }

    /// The ledger by the clock, with the reads of its scan alone: they grow with the table, and its note is one item.
    pub(crate) async fn ledger(&self) -> anyhow::Result<Usage> {
        let now = self.context.now();
        let lines = ledger::handle(&self.context.store, now).with_subscriber(self.log.dispatch()).await?;
        let tallies = lines.into_iter().map(|line| (line.connection, line.tally)).collect();
        for sample in ledger::samples(&tallies) {
            self.log.count(now, &sample);
        }
        let usage = self.invoked(Outside::Nobody, 0.0, 0.0);
        self.context.store.ledger(now).await?;
        let Asked { reads, .. } = self.aws.take();
        Ok(Usage { reads, ..usage })
    }
}
