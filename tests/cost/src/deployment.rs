//! The hub as it is deployed, one function's invocation at a time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use courier::{Courier, Lines, Returned};
use futures::FutureExt as _;
use http::{Method, Request};
use hub::Utc;
use hub::delivery::Outcome;
use outbound::Sent;
use queue::{Errand, Hint};
use queue_sqs::SqsQueue;
use runtime::Context;
use runtime::config::Config;
use runtime::receive::{self, Address, Delivered};
use store_dynamodb::DynamoStore;
use tokio::time::Instant;

use crate::aws::{Asked, Aws};
use crate::usage::{Invocation, Outside, Usage};

const TABLE: &str = "tongguan";

const KEY: &str = "a-key-of-the-partner-0123456789-abcdef";

const API_KEY: &str = "a-key-of-the-erp-0123456789-abcdefghij";

/// What a worker's poller asks for each batch: to receive it, and to delete it.
const POLLS: f64 = 2.0;

/// How long after one another the invocations are: what a function knows of its destinations' health is old by then.
const PAUSE: Duration = Duration::from_secs(2);

const CONFIGURATION: &str = r#"
sweep_every = "1m"
[[connections]]
id = "xhq"
partner = "xhq"
keys = ["a-key-of-the-partner-0123456789-abcdef"]
app_id = "app"
bgh_id = "bgh"
base_url = "https://xhq.example.com/"
[[connections]]
id = "onedata"
partner = "onedata"
keys = ["a-key-of-the-partner-0123456789-abcdef"]
base_url = "https://onedata.example.com/"
app_secret = "secret"
[connections.signature]
parts = [{ credential = "app_secret" }, "nonce", "timestamp", "token", "body"]
hash = "md5"
[connections.token]
path = "/token"
token = "/token"
life = "/life"
[[endpoints]]
id = "erp"
url = "https://erp.example.com/events"
secrets = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
[[api_keys]]
id = "erp"
key = "a-key-of-the-erp-0123456789-abcdefghij"
"#;

const SECOND_ENDPOINT: &str = r#"
[[endpoints]]
id = "warehouse"
url = "https://warehouse.example.com/events"
secrets = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
"#;

/// What the functions work with.
type Hub = Context<DynamoStore, SqsQueue>;

pub(crate) struct Deployment {
    pub(crate) aws: Aws,
    context: Hub,
    lines: Arc<Lines>,
    now: Arc<AtomicI64>,
    waiting: Mutex<Vec<Hint>>,
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

    async fn with(more: &str) -> anyhow::Result<Self> {
        let aws = Aws::new()?;
        let client = store_dynamodb::client(&aws.config());
        store_dynamodb::create_table(&client, TABLE).await?;
        let store = DynamoStore::new(client, TABLE.to_owned());
        let url = |name| format!("https://sqs.us-east-1.amazonaws.com/123456789012/{name}");
        let queue = SqsQueue::new(queue_sqs::client(&aws.config()), url("hints"), Some(url("calls")));
        let config =
            Config::parse(&format!("{CONFIGURATION}{more}")).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        let now = Arc::new(AtomicI64::new(1_795_334_400_000_000));
        let time = Arc::clone(&now);
        let clock = Arc::new(move || Utc(time.load(Ordering::SeqCst)));
        let context = Context { config: Arc::new(config), store, queue, clock };
        aws.take();
        Ok(Self { aws, context, lines: Arc::default(), now, waiting: Mutex::default() })
    }

    pub(crate) fn pass(&self, span: Duration) {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.now.fetch_add(span, Ordering::SeqCst);
    }

    /// How many items are stored, and their bytes.
    pub(crate) fn stored(&self) -> anyhow::Result<(usize, usize)> {
        self.aws.stored(TABLE)
    }

    fn courier(&self, outcome: Outcome, answer: &'static str) -> Courier<DynamoStore, SqsQueue> {
        let (status, detail) = match outcome {
            Outcome::Delivered => (200, ""),
            Outcome::Refused { .. } | Outcome::NoAnswer | Outcome::Impossible => (503, "Service Unavailable"),
        };
        Courier {
            context: self.context.clone(),
            lines: Arc::clone(&self.lines),
            random: Arc::new(|| 0.5),
            send: Arc::new(move |_, _| {
                async move { Returned { outcome, status: Some(status), detail: detail.to_owned() } }.boxed()
            }),
            wire: Arc::new(move |_| {
                let body = Bytes::from_static(answer.as_bytes());
                async move { Sent::answer(200, body) }.boxed()
            }),
            ports: port_push::ACTION,
            ends: None,
        }
    }

    /// What one invocation took. What it put on the queue waits there.
    fn invoked(&self, outside: Outside, gateway: f64, polls: f64) -> Usage {
        self.pass(PAUSE);
        let Asked { writes, reads, queue, requests, hints } = self.aws.take();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(hints);
        Usage { writes, reads, queue: queue + polls, gateway, invocations: vec![Invocation { requests, outside }] }
    }

    /// A push of XHQ through the gateway.
    pub(crate) async fn push(&self, function: &str, body: &str) -> anyhow::Result<Usage> {
        let action = callback::ACTIONS.iter().find(|action| action.name == function);
        let action = action.context("no such webhook")?;
        let address = Address { partner: "xhq", connection: "xhq", key: KEY };
        let verified = receive::verify(&self.context, action, address, None);
        let verified = verified.map_err(|answer| anyhow::anyhow!("{answer:?}"))?;
        let delivered = Delivered {
            body: Bytes::from(body.to_owned()),
            content_type: "application/json".to_owned(),
            ..Delivered::default()
        };
        let answer = receive::receive(&self.context, action, verified, delivered, Instant::now()).await;
        ensure!(answer.status == 200, "{answer:?}");
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
        let response = call::handle(&self.courier(Outcome::Delivered, answer), request).await;
        ensure!(response.status().is_success(), "{response:?}");
        let outside = if response.status() == 200 { Outside::Partner } else { Outside::Nobody };
        Ok(self.invoked(outside, 1.0, 0.0))
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
        let outside = match hint.errand {
            Errand::Deliver { .. } => {
                deliver::handle(&courier, hint).await?;
                Outside::Erp
            }
            Errand::Call { .. } => {
                dispatch::handle(&courier, hint).await?;
                Outside::Partner
            }
            Errand::Index => {
                deliver::handle(&courier, hint).await?;
                Outside::Nobody
            }
        };
        Ok(self.invoked(outside, 0.0, POLLS))
    }

    /// The sweep by the clock, with its measuring.
    pub(crate) async fn sweep(&self) -> anyhow::Result<Usage> {
        sweep::backlog::samples(&self.context, sweep::MEASURING).await;
        sweep::handle(&self.courier(Outcome::Delivered, "")).await?;
        Ok(self.invoked(Outside::Nobody, 0.0, 0.0))
    }

    /// The ledger by the clock.
    pub(crate) async fn ledger(&self) -> anyhow::Result<Usage> {
        ledger::handle(&self.context).await?;
        Ok(self.invoked(Outside::Nobody, 0.0, 0.0))
    }
}
