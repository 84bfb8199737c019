//! One version at work on a store, with a clock of its own and an ERP with set answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use config::Config;
use config::Context;
use courier::{Courier, DeliveryResult, Parcel};
use futures::FutureExt as _;
use hub::delivery::Outcome;
use hub::ledger::Tally;
use hub::{ConnectionId, EndpointId, Utc};
use inbound::receive::{self, IncomingPush};
use queue::{Hint, Job};
use store::Store;
use tokio::time::Instant;

use crate::support::{RecordedQueue, delivering, verified};

/// Time of the fixtures.
pub(super) const NOW: Utc = Utc(1_795_334_400_000_000);

/// Deliveries to the ERP: endpoint and request.
type Sendings = Arc<Mutex<Vec<(EndpointId, Parcel)>>>;

pub(super) struct Version<S> {
    pub(super) context: Context<S, RecordedQueue>,
    now: Arc<AtomicI64>,
    sent: Sendings,
}

impl<S: Store> Version<S> {
    /// By the configuration that the last version had, and at its time.
    pub(super) fn new(store: S) -> Self {
        Self::by(&super::fixture("last_version/tongguan.toml"), store)
    }

    /// By that configuration, at the time when the fixtures were written.
    pub(super) fn by(configuration: &str, store: S) -> Self {
        let config = Arc::new(Config::parse(configuration).unwrap());
        let now = Arc::new(AtomicI64::new(NOW.0));
        let clock = Arc::clone(&now);
        let clock = Arc::new(move || Utc(clock.load(Ordering::SeqCst)));
        Self { context: Context::new(config, store, RecordedQueue::default(), clock), now, sent: Arc::default() }
    }

    pub(super) fn pass(&self, span: Duration) {
        self.now.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// A process whose ERP answers like this.
    pub(super) fn courier(&self, outcome: Outcome) -> Courier<S, RecordedQueue> {
        let sent = Arc::clone(&self.sent);
        let answer: courier::Send = Arc::new(move |endpoint, parcel| {
            sent.lock().unwrap().push((endpoint.id.clone(), parcel));
            async move { DeliveryResult { outcome, status: None, detail: "as told".to_owned() } }.boxed()
        });
        delivering(self.context.clone(), answer)
    }

    /// Has a push accepted. The hints that it gives; a known one gives none.
    pub(super) async fn push(&self, connection: &str, function: &str, body: &str) -> Vec<Hint> {
        // Hints of earlier attempts do not belong to this push.
        self.context.queue.take();
        let action = callback::ACTIONS.iter().find(|action| action.name == function).unwrap();
        let partner = self.context.config.connections[&ConnectionId::from(connection)].partner;
        let key = format!("{connection}-0123456789abcdefghijklmnopqrstuvwxyz");
        let path = simulators::pushes::path(partner, connection, &key, action.suffix);
        let verified = verified(&self.context.config, &path, *action);
        let push = IncomingPush { body: Bytes::from(body.to_owned()), ..IncomingPush::default() };
        let answer = receive::receive(&self.context, verified, push, Instant::now()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.context.queue.take()
    }

    /// Deliveries to the ERP since the last call: endpoint and event.
    pub(super) fn sent(&self) -> BTreeSet<(String, String)> {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        let all = sent.len();
        let told: BTreeSet<_> = sent.into_iter().map(|(to, parcel)| (to.to_string(), parcel.id)).collect();
        assert_eq!(told.len(), all, "something was sent twice");
        told
    }

    /// The largest body on its way to the ERP.
    pub(super) fn largest(&self) -> usize {
        self.sent.lock().unwrap().iter().map(|(_, parcel)| parcel.body.len()).max().unwrap_or_default()
    }

    pub(super) async fn ledger(&self) -> BTreeMap<String, Tally> {
        let ledger = self.context.store.ledger(self.context.now()).await.unwrap();
        assert!(ledger.values().all(Tally::balanced), "{ledger:?}");
        ledger.into_iter().map(|(connection, tally)| (connection.to_string(), tally)).collect()
    }
}

/// The hint for a delivery to that endpoint.
pub(super) fn to(hints: &[Hint], endpoint: &str) -> Hint {
    let is = |hint: &&Hint| matches!(&hint.job, Job::Deliver { endpoint: to, .. } if to.as_str() == endpoint);
    hints.iter().find(is).unwrap().clone()
}

pub(super) fn receipt(order: &str) -> String {
    format!(
        r#"{{"action":"single_receipt","orderOutNo":"{order}","billNo":"OOLU-{order}","paramJson":{{"channel":"P","note":"海关已放行","noticeDate":"2026-11-20 16:47:56","customMaster":"2248","entryId":"2233-{order}"}}}}"#
    )
}

pub(super) fn status(order: &str, code: u32) -> String {
    format!(r#"{{"action":"syn_status","orderOutNo":"{order}","code":{code},"msg":"预录完成"}}"#)
}

pub(super) fn notice(order: &str) -> String {
    format!(r#"{{"action":"msg_notice","orderOutNo":"{order}","code":1,"msg":"m"}}"#)
}
