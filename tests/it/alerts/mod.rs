//! Alerts: what needs an operator is told once, to robots that hold the hub to their vendors' documents.

mod causes;
mod receivers;
mod rounds;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::partners::Partner;
use bytes::Bytes;
use config::{Config, Context};
use courier::{Courier, DeliveryResult};
use futures::FutureExt as _;
use hub::delivery::Outcome;
use hub::{Clock, Utc};
use inbound::receive::{self, IncomingPush};
use outbound::KeepAlive;
use simulators::robots::{Receiver, Robot};
use store::Store;
use tokio::time::Instant;

use crate::support::{RecordedQueue, key as hook_key, secret, status, verified, within};

const NOW: Utc = Utc(1_790_000_000_000_000);
const MINUTE: Duration = Duration::from_mins(1);

/// The failure of a delivery that no retry follows.
const REFUSED: Outcome = Outcome::Refused { retry_after: None, trouble: false };

/// Time that is moved by hand.
#[derive(Clone)]
pub(super) struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW.0)))
    }

    fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || Utc(time.load(Ordering::SeqCst)))
    }

    fn pass(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

/// A robot of the simulators.
async fn robot(time: &Hand, robot: Robot) -> Receiver {
    Receiver::start(([127, 0, 0, 1], 0).into(), time.clock(), robot).await.unwrap()
}

/// The robot of most tests.
async fn wecom(time: &Hand) -> Receiver {
    robot(time, Robot::Wecom("key-that-nobody-may-see")).await
}

/// An alert to a receiver.
fn alert(id: &str, kind: &str, to: &Receiver, more: &str) -> String {
    let url = to.url();
    format!("[[alerts]]\nid = \"{id}\"\nkind = \"{kind}\"\nurl = \"{url}\"\nallow_private = true\n{more}\n")
}

/// A process with a sweep. Deliveries end as the test says; alerts really go out.
struct Side<S> {
    courier: Courier<S, RecordedQueue>,
    time: Hand,
    outcome: Arc<Mutex<Outcome>>,
}

impl<S: Store> Side<S> {
    /// One connection, one endpoint that is tried once, and these tables.
    fn new(store: S, time: &Hand, tables: &str) -> Self {
        Self::ending(store, time, tables, Arc::new(Mutex::new(Outcome::Delivered)))
    }

    /// The same, with deliveries that end like another's.
    fn ending(store: S, time: &Hand, tables: &str, outcome: Arc<Mutex<Outcome>>) -> Self {
        let text = format!(
            "sweep_every = \"1m\"\n[[connections]]\nid = \"xhq-sh\"\npartner = \"xhq\"\nkeys = [\"{}\"]\napp_id = \"a\"\n\
             [[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example\"\nsecrets = [\"{}\"]\nretry = []\n{tables}",
            hook_key("xhq-sh"),
            secret(1)
        );
        let config = Arc::new(Config::parse(&text).unwrap());
        let context = Context::new(config, store, RecordedQueue::default(), time.clock());
        let next = Arc::clone(&outcome);
        let courier = Courier::new(context, KeepAlive::Never, callback::ACTION).unwrap();
        let courier = Courier {
            random: Arc::new(|| 0.5),
            send: Arc::new(move |_, _| {
                let outcome = *next.lock().unwrap();
                async move { DeliveryResult { outcome, status: Some(200), detail: String::new() } }.boxed()
            }),
            ..courier
        };
        Self { courier, time: time.clone(), outcome }
    }

    /// Another process over the same store, with a configuration of its own.
    fn another(&self, tables: &str) -> Self {
        Self::ending(self.courier.context.store.clone(), &self.time, tables, Arc::clone(&self.outcome))
    }

    /// Pushes an order's status and attempts its delivery, with that outcome.
    async fn push(&self, order: &str, outcome: Outcome) {
        *self.outcome.lock().unwrap() = outcome;
        let (context, action) = (&self.courier.context, syn_status::ACTION);
        let path = simulators::pushes::path(Partner::Xhq, "xhq-sh", &hook_key("xhq-sh"), action.suffix);
        let push = IncomingPush { body: Bytes::from(status(order, 61)), ..IncomingPush::default() };
        let answer = receive::receive(context, verified(&context.config, &path, action), push, Instant::now()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        for hint in self.courier.context.queue.take() {
            deliver::handle(&self.courier, hint).await.unwrap();
        }
    }

    async fn sweep(&self) {
        within(Box::pin(sweep::handle(&self.courier))).await.unwrap();
    }
}

/// Runs a case on both engines.
macro_rules! on_both_engines {
    ($($case:ident;)*) => {
        $(
            mod $case {
                #[tokio::test]
                async fn on_dynamodb() {
                    Box::pin(super::$case(crate::dynamodb::emulated().await.0)).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = store_sqlite::SqliteStore::open(folder.path()).unwrap();
                    Box::pin(super::$case(store)).await;
                }
            }
        )*
    };
}

use on_both_engines;
