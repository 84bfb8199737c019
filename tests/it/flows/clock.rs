//! A clock that jumps, in a hub of this process: what is finished is forgotten no sooner.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use courier::SweepResult;
use hub::Clock;
use hub::Utc;
use partners::Partner;
use simulators::erp::{Behaviour, Reply};
use tongguan::{Hub, Steady};

use crate::support::{Plan, Time, attempted, courier, erp, ledger, settled, sweep, taken};

const HOUR: Duration = Duration::from_hours(1);
const AHEAD: Duration = Duration::from_hours(91 * 24);

/// Time, and by how much the clock is ahead of it.
#[derive(Clone, Default)]
struct Times(Arc<(AtomicI64, AtomicI64)>);

impl Times {
    fn pass(&self, span: Duration) {
        self.0.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn is_ahead_by(&self, span: Duration) {
        self.0.1.store(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    async fn start(&self, plan: &Plan) -> Hub {
        let began = telemetry::system_clock()();
        let (clock, steady) = (self.clone(), self.clone());
        let passed = |times: &Self| times.0.0.load(Ordering::SeqCst);
        let clock: Clock = Arc::new(move || Utc(began.0 + passed(&clock) + clock.0.1.load(Ordering::SeqCst)));
        let steady: Steady = Arc::new(move || Duration::from_micros(passed(&steady).unsigned_abs()));
        Hub::start_watched(plan.config(), clock, steady).await.unwrap()
    }
}

fn receipt(order: &str) -> String {
    format!(r#"{{"action":"single_receipt","orderOutNo":"{order}"}}"#)
}

async fn push(hub: &Hub, order: &str) {
    taken(hub, Partner::Xhq, "single_receipt", receipt(order)).await;
}

/// Number of events that are kept once the expired ones are removed.
async fn kept(hub: &Hub) -> usize {
    let (store, now) = (&hub.context().store, hub.context().now());
    while store.purge(now, 100).await.unwrap() > 0 {}
    store.after(0, 1_000, now).await.unwrap().len()
}

/// Regression: each wrong reading forgot every event that had been delivered, and its repetition was another event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finished_events_outlive_a_clock_ahead_for_a_moment() {
    let (plan, times) = (Plan::new(), Times::default());
    let hub = times.start(&plan).await;
    push(&hub, "A").await;
    times.is_ahead_by(AHEAD);
    assert_eq!(kept(&hub).await, 1);
    push(&hub, "A").await;
    assert_eq!(kept(&hub).await, 1, "it is known, and no second event");
    times.is_ahead_by(Duration::ZERO);
    assert_eq!((kept(&hub).await, settled(&hub).await.unrouted), (1, 1));
}

/// A clock without a jump for an hour is trusted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_expire_by_a_clock_that_keeps_its_new_time() {
    let (plan, times) = (Plan::new(), Times::default());
    let hub = times.start(&plan).await;
    push(&hub, "A").await;
    times.is_ahead_by(AHEAD);
    assert_eq!(kept(&hub).await, 1);
    times.pass(HOUR);
    assert_eq!(kept(&hub).await, 0);
}

/// Regression: a hub that started with a wrong clock had nothing to hold it against.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_wrong_from_the_start_is_held_to_the_store() {
    let (plan, times) = (Plan::new(), Times::default());
    let hub = times.start(&plan).await;
    push(&hub, "A").await;
    hub.stop().await;
    times.is_ahead_by(AHEAD);
    let hub = times.start(&plan).await;
    push(&hub, "A").await;
    assert_eq!((kept(&hub).await, ledger(&hub.context().store).await.accepted), (1, 1));
}

/// Regression: a clock that jumped during a sweep had the sweep take up what was under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweep_that_meets_a_jump_takes_nothing_up() {
    let receiver = erp().await;
    let (plan, time) = (Plan::new().endpoint("erp", &receiver, ""), Time::now());
    let hub = plan.start_at(&time).await;
    receiver.behave(Behaviour::Answers(Reply::of(500)));
    push(&hub, "A").await;
    attempted(&hub, "order:A", "erp", 1).await;
    let (mut courier, began) = (courier(&hub), AtomicI64::new(0));
    let clock = time.clock();
    courier.context.clock = Arc::new(move || {
        let jumped = began.fetch_add(1, Ordering::SeqCst) > 0;
        clock().after(if jumped { AHEAD } else { Duration::ZERO })
    });
    assert_eq!(sweep(&courier).await, SweepResult::default());
}
