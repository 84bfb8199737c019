//! Helpers of the flows: a hub in this process with an ERP, a clock that tests set, and plain HTTP.

pub(crate) mod canned;
mod chinese;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod pushing;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{Method, Request};
use bytes::Bytes;
use config::{Config, Context};
use courier::{Courier, SweepResult};
use hub::Clock;
use hub::action::Action;
use hub::delivery::Delivery;
use hub::ledger::Tally;
use hub::signature::SigningKey;
use hub::{EventKey, Utc};
use inbound::entrance::{PushPath, Unverified, Verified};
use outbound::KeepAlive;
use partners::Partner;
use queue::{Hint, InProcess, Queue, QueueError};
use simulators::partner::{Answer, Next};
use simulators::{Erp, Sender, pushes};
use store::{Listed, Store};
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use tongguan::Hub;

pub(crate) use pushing::PUSHING;

/// A credential that stands in every configuration and may stand nowhere else.
pub(crate) const APP_ID: &str = "app-id-that-nobody-may-see";

/// A key of the ERP's own requests, for every connection.
pub(crate) const API_KEY: &str = "api-key-that-nobody-may-see-0123456789";

/// Nothing here takes this long unless it never ends.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(5), future).await.expect("it never ends")
}

/// Waits until something is so.
pub(crate) async fn until(mut so: impl AsyncFnMut() -> bool) {
    within(async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    })
    .await;
}

/// The connection of a partner that every plan has.
pub(crate) fn connection(partner: Partner) -> &'static str {
    pushing::row(partner).connection
}

/// The inbound key of a connection.
pub(crate) fn key(connection: &str) -> String {
    format!("inbound-key-that-nobody-may-see-{connection}")
}

/// The path of a partner's push through the connection that every plan has.
pub(crate) fn hook(partner: Partner, suffix: &str) -> String {
    let connection = connection(partner);
    pushes::path(partner, connection, &key(connection), suffix)
}

/// The sender of a push on that path, checked as on both hosts, for one action.
pub(crate) fn verified<'c>(config: &'c Config, path: &str, action: Action) -> Verified<'c> {
    let segments = hub::path::segments(path);
    let push = Unverified::of(PushPath::of(&segments), config, &Method::POST, None, &[action]).unwrap();
    push.verify(config).unwrap()
}

/// The `n`th signing secret.
pub(crate) fn secret(n: u8) -> String {
    SigningKey::secret(&[n; 32])
}

/// An ERP that checks signatures by the first secret.
pub(crate) async fn erp() -> Erp {
    erp_with(1).await
}

/// An ERP that checks signatures by the `n`th secret.
pub(crate) async fn erp_with(n: u8) -> Erp {
    Erp::start(([127, 0, 0, 1], 0).into(), vec![SigningKey::new(&secret(n)).unwrap()]).await.unwrap()
}

/// A queue that keeps what it is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordedQueue(pub(crate) Arc<Mutex<Vec<Hint>>>);

impl RecordedQueue {
    pub(crate) fn take(&self) -> Vec<Hint> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Queue for RecordedQueue {
    const HOLDS_UP: Duration = Duration::from_secs(1);

    async fn send(&self, hints: Vec<Hint>, _: Duration) -> Result<(), QueueError> {
        self.0.lock().unwrap().extend(hints);
        Ok(())
    }
}

/// The machine's time, and how far it is moved.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    /// The present, standing still.
    pub(crate) fn now() -> Self {
        Self(Arc::new(AtomicI64::new(telemetry::system_clock()().0)))
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || Utc(time.load(Ordering::SeqCst)))
    }
}

thread_local! {
    /// The folders of the hubs that a test's thread has started; they go with the thread.
    static KEPT: RefCell<Vec<Arc<TempDir>>> = const { RefCell::new(Vec::new()) };
}

/// A configuration in the making, and the folder its hubs use one after the other.
pub(crate) struct Plan {
    folder: Arc<TempDir>,
    head: String,
    tables: String,
}

impl Plan {
    /// A key of the ERP's requests, no connection and no endpoint.
    pub(crate) fn bare() -> Self {
        let tables = format!("[[api_keys]]\nid = \"all\"\nkey = \"{API_KEY}\"\n");
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let head = format!("listen = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n", folder.path().join("data").display());
        Self { folder, head, tables }
    }

    /// One connection for each partner that pushes, no endpoint.
    pub(crate) fn new() -> Self {
        let mut plan = Self::bare();
        let tables = &mut plan.tables;
        for partner in PUSHING {
            let id = connection(partner);
            write!(tables, "[[connections]]\nid = \"{id}\"\npartner = \"{partner}\"\nkeys = [\"{}\"]\n", key(id))
                .unwrap();
            if partner == Partner::Xhq {
                write!(tables, "app_id = \"{APP_ID}\"\nfee_actions = [\"order_fee\"]\n").unwrap();
            }
        }
        plan
    }

    /// The same, and a partner that it describes with a connection.
    pub(crate) fn described() -> Self {
        Self::new().table(pushing::DESCRIBED)
    }

    /// With a setting at the top.
    pub(crate) fn top(mut self, setting: &str) -> Self {
        self.head.extend([setting, "\n"]);
        self
    }

    /// With another table.
    pub(crate) fn table(mut self, table: &str) -> Self {
        self.tables.extend([table, "\n"]);
        self
    }

    /// With an endpoint that signs with the first secret, unless `more` says otherwise.
    pub(crate) fn endpoint(self, id: &str, erp: &Erp, more: &str) -> Self {
        let secrets = if more.contains("secrets") { String::new() } else { format!("secrets = [\"{}\"]", secret(1)) };
        let url = erp.url();
        self.table(&format!("[[endpoints]]\nid = \"{id}\"\nurl = \"{url}\"\nallow_private = true\n{secrets}\n{more}"))
    }

    /// With another text in the place of one, wherever it stands.
    pub(crate) fn changed(mut self, from: &str, to: &str) -> Self {
        self.tables = self.tables.replace(from, to);
        self
    }

    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.head, self.tables)
    }

    pub(crate) fn config(&self) -> Config {
        Config::parse(&self.text()).unwrap()
    }

    /// A folder of its own, beside the data.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A hub notices that its files are removed, so they stay for as long as the test, whatever becomes of its plan.
    fn keep(&self) {
        KEPT.with_borrow_mut(|kept| kept.push(Arc::clone(&self.folder)));
    }

    pub(crate) async fn start(&self) -> Hub {
        self.keep();
        Hub::start(self.config()).await.unwrap()
    }

    /// A hub whose time is moved by hand. Its own sweep is over when this returns and then runs hardly ever, so that it
    /// comes between no two steps of a test.
    pub(crate) async fn start_at(&self, time: &Time) -> Hub {
        self.keep();
        let config = Config { sweep_every: Duration::from_mins(15), ..self.config() };
        let hub = Hub::start_at(config, time.clock()).await.unwrap();
        within(hub.first_sweep()).await;
        hub
    }

    /// The store as the hub has left it.
    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::existing(&self.config().data_dir).unwrap()
    }
}

/// A partner with a connection to the hub.
pub(crate) fn sender(hub: &Hub, partner: Partner) -> Sender {
    Sender::new(partner, &format!("http://{}", hub.address())).unwrap()
}

/// Pushes until there is an answer in time that is not "later". 1datatech waits half a second, which a busy machine may
/// need for itself; whatever always takes longer never ends here.
pub(crate) async fn answered(sender: &mut Sender, path: &str, content_type: &str, body: &[u8]) -> Answer {
    within(async {
        loop {
            match sender.push(path, content_type, body.to_vec()).await.answered {
                Ok(answer) if answer.status != 503 => return answer,
                Ok(_) | Err(_) => {}
            }
        }
    })
    .await
}

/// Pushes until there is an answer within the partner's deadline, whatever it says. A hub that always answers too late
/// never gets here.
pub(crate) async fn in_time(sender: &mut Sender, path: &str, body: &str) -> Answer {
    within(async {
        loop {
            if let Ok(answer) = sender.push(path, "application/json", body.to_owned()).await.answered {
                return answer;
            }
        }
    })
    .await
}

/// Pushes to a hub's path for an action.
pub(crate) async fn push(hub: &Hub, partner: Partner, suffix: &str, body: impl Into<Vec<u8>>) -> Answer {
    answered(&mut sender(hub, partner), &hook(partner, suffix), "application/json", &body.into()).await
}

/// Pushes once, and the partner takes it as delivered.
pub(crate) async fn taken(hub: &Hub, partner: Partner, suffix: &str, body: impl Into<Vec<u8>>) {
    let answer = push(hub, partner, suffix, body).await;
    assert_eq!(simulators::partner::after(partner, 1, Some(&answer)), Next::Taken, "{answer:?}");
}

/// A status of an order at XHQ.
pub(crate) fn status(order: &str, code: u32) -> String {
    format!(r#"{{"action":"syn_status","orderOutNo":"{order}","code":{code},"msg":"状态"}}"#)
}

/// Every event there is, in the order of admission.
pub(crate) async fn events(store: &SqliteStore) -> Vec<Listed> {
    let now = telemetry::system_clock()();
    store.after(0, 100_000, now).await.unwrap().into_iter().map(|recent| recent.item).collect()
}

/// The sum over all connections, each of which balances.
pub(crate) async fn ledger(store: &impl Store) -> Tally {
    let tallies = store.ledger(telemetry::system_clock()()).await.unwrap();
    let mut sum = Tally::default();
    for (connection, tally) in tallies {
        assert!(tally.balanced(), "{connection}: {tally:?}");
        sum += tally;
    }
    sum
}

/// Waits until nothing is on its way; the ledger then.
pub(crate) async fn settled(hub: &Hub) -> Tally {
    let store = &hub.context().store;
    until(async || ledger(store).await.pending == 0).await;
    ledger(store).await
}

/// Answer of the functions' own routers to a request of the ERP: status and body.
pub(crate) async fn routed(
    context: &Context<impl Store, RecordedQueue>,
    key: &str,
    (method, path): (&str, &str),
    body: impl Into<Bytes>,
) -> (u16, Bytes) {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
    let request = request.body(body.into()).unwrap();
    let response = if path.starts_with("/calls") {
        call_status::router().handle(context, request).await
    } else {
        deliveries::router().handle(context, request).await
    };
    chinese::has_chinese_texts(response.body());
    (response.status().as_u16(), response.into_body())
}

/// The delivery of the only event of that subject of XHQ's connection.
pub(crate) async fn delivery(hub: &Hub, subject: &str, endpoint: &str) -> (EventKey, Delivery) {
    let store = &hub.context().store;
    let items = store.timeline(&"xhq-sh".into(), &subject.into(), hub.context().now()).await.unwrap();
    let [item] = items.as_slice() else { panic!("{} events of {subject}", items.len()) };
    (item.key.clone(), item.work.delivery(&endpoint.into()).unwrap().clone())
}

/// Waits until the delivery of the only event of a subject has so many attempts behind it.
pub(crate) async fn attempted(hub: &Hub, subject: &str, endpoint: &str, attempts: usize) {
    until(async || delivery(hub, subject, endpoint).await.1.progress.attempts.len() >= attempts).await;
}

/// A courier that calls no partner, and whose deliveries end as `send` says.
pub(crate) fn delivering<S, Q>(context: Context<S, Q>, send: courier::Send) -> Courier<S, Q> {
    Courier {
        context,
        lines: Arc::default(),
        random: Arc::new(|| 0.5),
        entropy: courier::system_entropy(),
        send,
        wire: Arc::new(|_| Box::pin(std::future::pending())),
        reader: callback::ACTION,
        ends: None,
    }
}

/// A courier over a hub's store that knows its endpoints only by what they share, as another process does.
pub(crate) fn courier(hub: &Hub) -> Courier<SqliteStore, InProcess> {
    let courier = Courier::new(hub.context().clone(), KeepAlive::Brief, callback::ACTION).unwrap();
    Courier { random: Arc::new(|| 0.5), ..courier }
}

/// Sweeps once.
pub(crate) async fn sweep(courier: &Courier<SqliteStore, InProcess>) -> SweepResult {
    within(courier::sweep(courier, Duration::from_mins(1))).await.unwrap()
}
