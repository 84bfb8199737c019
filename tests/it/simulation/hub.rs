//! The hub as one process: it receives, carries what the queue hints at, and sweeps; any of it may die at any await, and
//! all of it at once.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Context;
use courier::{Courier, Lines};
use http::Method;
use hub::{EndpointId, EventKey};
use inbound::entrance::{PushPath, Unverified};
use inbound::receive::{IncomingPush, receive};
use inbound::refusal::refuse;
use partners::answer::{Answer, Verdict};
use queue::{Hint, Job, Queue as _};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::called_partner;
use super::caller::DEADLINE;
use super::erp::Erp;
use super::files::Filing;
use super::killable::Killable;
use super::pushes::Push;
use super::queue::{SimQueue, describe};
use super::store::{Model, SimStore};
use super::world::World;

/// Time that an answer may take beyond the partner's budget, for the clock's grain.
const GRAIN: Duration = Duration::from_millis(5);

pub(super) type SimCourier = Arc<Courier<SimStore, SimQueue>>;

/// The hub of a history.
pub(super) struct Hub {
    pub(super) world: Arc<World>,
    pub(super) store: SimStore,
    queue: SimQueue,
    erp: Arc<Erp>,
    /// The archive and the servers of a history with files.
    filing: Option<Filing>,
    process: Mutex<Option<Process>>,
    /// The turns that are being carried, to see where one is carried twice at once.
    carried: Mutex<BTreeMap<(EventKey, EndpointId, u32), u32>>,
}

struct Process {
    courier: SimCourier,
    tasks: JoinSet<()>,
}

/// A claim whose attempt is under way.
struct Carried<'a>(&'a Hub, Option<(EventKey, EndpointId, u32)>);

impl<'a> Carried<'a> {
    fn begin(hub: &'a Hub, hint: &Hint) -> Self {
        let Job::Deliver { endpoint, claim } = &hint.job else { return Self(hub, None) };
        let claim = (hint.key.clone(), endpoint.clone(), *claim);
        let mut carried = hub.carried.lock().unwrap();
        let count = carried.entry(claim.clone()).or_default();
        *count += 1;
        if *count > 1 {
            hub.world.checker().blemish([hint.key.clone()]);
        }
        drop(carried);
        Self(hub, Some(claim))
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        let mut carried = self.0.carried.lock().unwrap();
        if let Some(count) = self.1.as_ref().and_then(|claim| carried.get_mut(claim)) {
            *count -= 1;
        }
    }
}

impl Hub {
    pub(super) fn new(world: &Arc<World>, erp: &Arc<Erp>) -> Arc<Self> {
        Self::with(world, erp, SimStore::new(world), None)
    }

    /// A hub over a store, with files where there is an archive. Its sweeps are the history's to begin then.
    pub(super) fn with(world: &Arc<World>, erp: &Arc<Erp>, store: SimStore, filing: Option<Filing>) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            store,
            queue: SimQueue::new(world),
            erp: Arc::clone(erp),
            filing,
            process: Mutex::default(),
            carried: Mutex::default(),
        })
    }

    pub(super) fn context(&self) -> Context<SimStore, SimQueue> {
        let world = Arc::clone(&self.world);
        let (config, clock) = (Arc::clone(&self.world.config), Arc::new(move || world.now()));
        let context = Context::new(config, self.store.clone(), self.queue.clone(), clock);
        match &self.filing {
            Some(filing) => context.with_archive(Arc::new(filing.archive.clone())),
            None => context,
        }
    }

    /// The process starts.
    pub(super) fn start(self: &Arc<Self>) {
        self.world.tell("the hub starts");
        let (world, seeded) = (Arc::clone(&self.world), Arc::clone(&self.world));
        let courier = Arc::new(Courier {
            context: self.context(),
            // It is alone, and may not know.
            lines: Arc::new(if self.world.draw(|random, _| random.chance(500)) {
                Lines::alone()
            } else {
                Lines::default()
            }),
            random: Arc::new(move || world.draw(|random, _| random.unit())),
            entropy: Arc::new(move |bytes| {
                seeded.draw(|random, _| {
                    bytes.chunks_mut(8).for_each(|part| {
                        let random = random.next().to_be_bytes();
                        part.iter_mut().zip(random).for_each(|(to, from)| *to = from);
                    });
                });
                Ok(())
            }),
            send: self.erp.send(),
            wire: self.filing.as_ref().map_or_else(|| called_partner::wire(&self.world), Filing::wire),
            reader: callback::ACTION,
            ends: None,
        });
        let mut tasks = JoinSet::new();
        let hub = Arc::clone(self);
        tasks.spawn(async move {
            loop {
                let hint = hub.queue.next().await;
                hub.carry(hint);
            }
        });
        if self.filing.is_some() {
            *self.process.lock().unwrap() = Some(Process { courier, tasks });
            return;
        }
        let hub = Arc::clone(self);
        tasks.spawn(async move {
            let mut clock = interval(hub.world.config.sweep_every);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                clock.tick().await;
                hub.sweep();
                hub.watch();
                hub.recover();
                // A schedule may fire twice.
                if hub.world.draw(|random, _| random.chance(200)) {
                    hub.sweep();
                    hub.watch();
                }
            }
        });
        if self.world.checker().clocks_lie {
            // As after a start: the clock may have been set back before.
            self.world.set_back.store(true, Ordering::SeqCst);
            let (hub, courier) = (Arc::clone(self), Arc::clone(&courier));
            tasks.spawn(async move {
                loop {
                    sleep(Duration::from_secs(1)).await;
                    hub.world.now();
                    if hub.world.set_back.swap(false, Ordering::SeqCst) {
                        let done = courier::bring_back(&courier).await;
                        hub.world.set_back.fetch_or(done.is_err(), Ordering::SeqCst);
                        hub.world.tell(&format!("brought back: {done:?}"));
                    }
                }
            });
        }
        *self.process.lock().unwrap() = Some(Process { courier, tasks });
    }

    /// The process dies with everything it has under way and in memory, and starts again after a while.
    pub(super) async fn restart(self: &Arc<Self>, down: Duration) {
        let Some(mut process) = self.process.lock().unwrap().take() else { return };
        self.world.tell("the hub dies");
        self.world.checker().blemish(self.store.pending());
        process.tasks.shutdown().await;
        drop(process);
        self.queue.forget();
        sleep(down).await;
        self.start();
    }

    /// Runs something in the process; whether there is one.
    pub(super) fn spawn<F>(&self, task: impl FnOnce(SimCourier) -> F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut process = self.process.lock().unwrap();
        let Some(process) = process.as_mut() else { return false };
        process.tasks.spawn(task(Arc::clone(&process.courier)));
        while let Some(ended) = process.tasks.try_join_next() {
            if let Err(error) = ended.map_err(|error| error.to_string()) {
                self.world.broken(&format!("something in the hub panicked: {error}"));
            }
        }
        true
    }

    /// At which poll of the next future it dies, if it does.
    pub(super) fn death(&self, last: u64) -> Option<u64> {
        self.world.draw(|random, weather| random.chance(weather.deaths).then(|| random.within(0..=last)))
    }

    fn carry(self: &Arc<Self>, hint: Hint) {
        let (hub, death) = (Arc::clone(self), self.death(24));
        self.spawn(|courier| async move {
            let carried = Carried::begin(&hub, &hint);
            let done = Killable::new(courier::run(&courier, &hint), death).await;
            drop(carried);
            if done.is_none() {
                // It may have gone on with the next of the same subject.
                let same =
                    |key: &EventKey| (&key.connection, &key.subject) == (&hint.key.connection, &hint.key.subject);
                hub.world.checker().blemish([hint.key.clone()].into_iter().chain(hub.store.pending()).filter(same));
            }
            let what = done.map_or("died".to_owned(), |done| done.map_or_else(|e| e.to_string(), |d| format!("{d:?}")));
            hub.world.tell(&format!("carried {}: {what}", describe(&hint)));
        });
    }

    pub(super) fn sweep(self: &Arc<Self>) {
        if self.world.ends_leases(courier::longest_lease(&self.world.config)) {
            return;
        }
        let stale = self.world.draw(|_, weather| weather.stale_reads > 0);
        let now = self.world.now();
        let is_idle = |model: &Model| model.due(now, None, 1).is_empty() && model.due_pullable(now, 1).is_empty();
        if !stale && is_idle(&self.store.model()) {
            return;
        }
        let (hub, death) = (Arc::clone(self), self.death(80));
        self.spawn(|courier| async move {
            let budget = courier.context.config.sweep_every;
            let done = Killable::new(courier::sweep(&courier, budget), death).await;
            if done.is_none() {
                hub.world.checker().blemish(hub.store.pending());
            }
            let what = done.map_or("died".to_owned(), |done| done.map_or_else(|e| e.to_string(), |s| format!("{s:?}")));
            hub.world.tell(&format!("sweep: {what}"));
        });
    }

    /// Looks at the watches that are due, as the function of the sweep does beside it.
    fn watch(self: &Arc<Self>) {
        if self.store.model().due_aside(store::Aside::Watches, self.world.now(), 1).is_empty() {
            return;
        }
        let (hub, death) = (Arc::clone(self), self.death(60));
        self.spawn(|courier| async move {
            let done = Killable::new(courier::watch(&courier), death).await;
            let what = done.map_or("died".to_owned(), |done| done.map_or_else(|e| e.to_string(), |w| format!("{w:?}")));
            hub.world.tell(&format!("watches: {what}"));
        });
    }

    /// Recovers failed pushes, as the function of the sweep does beside it.
    fn recover(self: &Arc<Self>) {
        if self.world.config.connections.values().all(|connection| connection.recover.is_none()) {
            return;
        }
        let (hub, death) = (Arc::clone(self), self.death(60));
        self.spawn(|courier| async move {
            let done = Killable::new(courier::recover(&courier), death).await;
            hub.world.tell(&format!("failed pushes: {}", done.map_or("died", |()| "asked for")));
        });
    }

    /// Sends hints as the functions that replay do.
    pub(super) async fn hint(&self, hints: Vec<Hint>) {
        // Work whose hint is not sent is left to the sweep.
        let _ = self.queue.send(hints, Duration::ZERO).await;
    }

    /// The ERP calls. Nothing where there is no answer.
    pub(super) async fn call(self: &Arc<Self>, event: String) -> Option<String> {
        let (answered, answer) = oneshot::channel();
        let death = self.death(16);
        self.spawn(|courier| async move {
            if let Some(said) = Killable::new(call::invoke(&courier, event.as_bytes()), death).await {
                // An ERP that no longer waits is told nothing.
                let _ = answered.send(lambda::invoked(&said));
            }
        });
        tokio::time::timeout(DEADLINE, answer).await.ok()?.ok()
    }

    /// A push comes in. Nothing where there is no answer.
    pub(super) async fn receive(self: &Arc<Self>, push: &Push) -> Option<Answer> {
        let (answered, answer) = oneshot::channel();
        let (hub, push, death) = (Arc::clone(self), push.clone(), self.death(16));
        let partner = push.partner;
        let running = self.spawn(|courier| async move {
            let arrived = Instant::now();
            let received = Killable::new(keep(&courier.context, &push, arrived), death).await;
            if let Some(received) = received {
                if arrived.elapsed() > partner.budget() + GRAIN {
                    hub.world.broken(&format!("{partner} waited {:?} for its answer", arrived.elapsed()));
                }
                // A partner that no longer waits is told nothing.
                let _ = answered.send(received);
            }
        });
        if !running {
            return None;
        }
        let answer = tokio::time::timeout(partner.deadline(), answer).await.ok()?.ok()?;
        let positive =
            simulators::partner::after(partner, 1, Some(&as_heard(&answer))) == simulators::partner::Next::Taken;
        if !positive && answer != refuse(Some(partner), Verdict::Unavailable) {
            self.world.broken(&format!("{partner} was refused with {answer:?}"));
        }
        Some(answer)
    }
}

async fn keep(context: &Context<SimStore, SimQueue>, push: &Push, arrived: Instant) -> Answer {
    let path = simulators::pushes::path(push.partner, push.connection, &"k".repeat(32), push.suffix);
    let segments = hub::path::segments(&path);
    let found = Unverified::of(PushPath::of(&segments), &context.config, &Method::POST, None, &callback::SERVED);
    match found.and_then(|found| found.verify(&context.config)) {
        Ok(verified) => {
            let content_type = "application/json;charset=UTF-8".to_owned();
            let push = IncomingPush { body: push.body.clone(), content_type, ..IncomingPush::default() };
            receive(context, verified, push, arrived).await
        }
        Err(refused) => refused.answer(context.now()),
    }
}

/// An answer as the partner hears it.
pub(super) fn as_heard(answer: &Answer) -> simulators::partner::Answer {
    simulators::partner::Answer { status: answer.status, body: answer.body.clone().into() }
}
