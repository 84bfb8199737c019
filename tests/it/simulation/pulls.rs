//! Consumers at two pull endpoints, one of them in order: they lease, die, acknowledge late, release, and ask again, while the store
//! and the functions fail and the other endpoint of the same events is sent to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::contract::pull::ReceiptState;
use config::Config;
use hub::delivery::State;
use hub::ledger::Tally;
use hub::order::{Order, Place};
use hub::progress::Outgoing as _;
use hub::{ConnectionId, EndpointId, EventKey, Subject, Utc};
use pull::batch::{Leased, lease};
use pull::receipt::{How, Receipt, redeem};
use store::Store as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::erp::Erp;
use super::family::endpoint;
use super::hub::Hub;
use super::killable::Killable;
use super::partner;
use super::pushes::{document, push, recovering};
use super::random::Random;
use super::world::{SHOWN, Weather, World};

/// Endpoints that consumers read; the second gets the events of a subject in order.
const PULLED: [&str; 2] = ["tms", "wms"];

const LEASE: Duration = Duration::from_secs(20);

/// Time until everything is well.
const HEALS: Duration = Duration::from_mins(3);

/// Longest time from then until all is delivered.
const DONE: Duration = Duration::from_mins(20);

/// How old a look at a subject may be when its event is leased: a store in trouble takes its time.
const LOOK: Duration = Duration::from_secs(90);

/// The document of every history, with these endpoints pulled.
fn pulled(document: &str) -> String {
    let mut tables: Vec<_> = document.split("[[endpoints]]\n").map(ToOwned::to_owned).collect();
    for table in &mut tables {
        let Some(id) = PULLED.into_iter().find(|id| table.starts_with(&format!("id = \"{id}\""))) else { continue };
        let kept = |line: &&str| ["id =", "types =", "connections ="].iter().any(|key| line.starts_with(key));
        let lines: Vec<_> = table.lines().filter(kept).collect();
        let order = if id == "wms" { "subject" } else { "none" };
        *table = format!("{}\npull = true\nlease = \"20s\"\norder = \"{order}\"\n", lines.join("\n"));
    }
    tables.join("[[endpoints]]\n")
}

/// A lease as its consumer knows it.
#[derive(Clone, Debug)]
struct Held {
    claim: u32,
    until: Utc,
    key: EventKey,
}

/// Checks of what consumers get, by endpoint and event.
#[derive(Default)]
struct Desk {
    /// The latest lease that any consumer has got and nobody has given back.
    held: BTreeMap<(EndpointId, EventKey), Held>,
    claims: BTreeMap<(EndpointId, EventKey), u32>,
    acknowledged: BTreeSet<(EndpointId, EventKey)>,
    handled: BTreeMap<(EndpointId, EventKey), u32>,
}

impl Desk {
    /// A consumer gets an event.
    fn gets(&mut self, at: &EndpointId, is_ordered: bool, leased: &Leased, now: Utc) -> Result<u32, String> {
        let Leased { key, claim, until, .. } = leased;
        let own = (at.clone(), key.clone());
        if self.acknowledged.contains(&own) {
            return Err(format!("{} came again to {at} after its acknowledgement was answered", key.id));
        }
        if self.claims.get(&own).is_some_and(|before| claim <= before) {
            return Err(format!("{} has the claim {claim} at {at} twice", key.id));
        }
        let overlaps = |held: &Held| now < held.until;
        if let Some(held) = self.held.get(&own).filter(|held| overlaps(held)) {
            return Err(format!("{} is leased to two consumers of {at}: {held:?}", key.id));
        }
        let subject = |key: &EventKey| -> (ConnectionId, Subject) { (key.connection.clone(), key.subject.clone()) };
        let same = self.held.iter().filter(|((other, _), held)| other == at && overlaps(held));
        if let Some((_, held)) = same.filter(|_| is_ordered).find(|(_, held)| subject(&held.key) == subject(key)) {
            return Err(format!("{} is leased at {at} while {} of its subject is", key.id, held.key.id));
        }
        self.claims.insert(own.clone(), *claim);
        self.held.insert(own.clone(), Held { claim: *claim, until: *until, key: key.clone() });
        let handled = self.handled.entry(own).or_default();
        *handled += 1;
        Ok(*handled)
    }

    /// A lease may be over.
    fn forget(&mut self, at: &EndpointId, receipt: &Receipt) {
        let own = (at.clone(), receipt.key.clone());
        if self.held.get(&own).is_some_and(|held| held.claim == receipt.claim) {
            self.held.remove(&own);
        }
    }

    /// A receipt is answered.
    fn redeemed(&mut self, at: &EndpointId, receipt: &Receipt, state: ReceiptState) -> Result<(), String> {
        let own = (at.clone(), receipt.key.clone());
        let is_latest = self.claims.get(&own) == Some(&receipt.claim);
        match state {
            ReceiptState::Acknowledged | ReceiptState::Released if !is_latest => {
                return Err(format!("{receipt:?} of an earlier consumer is {state:?} at {at}"));
            }
            ReceiptState::Acknowledged => _ = self.acknowledged.insert(own.clone()),
            ReceiptState::Released => {}
            ReceiptState::Outdated => return Ok(()),
            ReceiptState::Unknown => return Err(format!("{receipt:?} is unknown at {at}")),
        }
        self.forget(at, receipt);
        Ok(())
    }
}

struct Scene {
    world: Arc<World>,
    hub: Arc<Hub>,
    desk: Mutex<Desk>,
}

impl Scene {
    fn death(&self, last: u64) -> Option<u64> {
        self.world.draw(|random, weather| random.chance(weather.deaths).then(|| random.within(0..=last)))
    }

    /// A consumer, until the history ends.
    async fn consume(self: Arc<Self>, at: EndpointId) {
        let config = Arc::clone(&self.world.config);
        let own = &config.pulled[&at];
        while self.world.first_broken().is_none() {
            let limit = self.world.draw(|random, _| random.place(7) + 1);
            let context = self.hub.context();
            let batch = Killable::new(lease(&context, own, limit, |_| true), self.death(40)).await;
            let Some(Ok(batch)) = batch else {
                // What was leased for an answer that never came is held by nobody.
                sleep(self.world.draw(|random, _| random.ms(100..=3_000))).await;
                continue;
            };
            let is_empty = batch.leased.is_empty();
            for leased in &batch.leased {
                self.world
                    .tell(&format!("{at} leases {} claim {} until {}", leased.key.id, leased.claim, leased.until));
                self.gets(&at, own.order == Order::Subject, leased);
            }
            self.settle(&at, batch.leased).await;
            let pause = if is_empty { 500..=3_000 } else { 0..=400 };
            sleep(self.world.draw(|random, _| random.ms(pause))).await;
        }
    }

    fn gets(&self, at: &EndpointId, is_ordered: bool, leased: &Leased) {
        let now = self.world.now();
        let handled = self.desk.lock().unwrap().gets(at, is_ordered, leased, now);
        if let Ok(handled) = handled {
            let id = leased.key.id.to_string();
            self.world.checker().taken(&id, at);
            if handled > 1 {
                // Its lease had ended, or it was given back.
                self.world.checker().blemish_id(&id);
            }
        }
        if is_ordered {
            self.world.hold(self.comes_first(at, &leased.key, now));
        }
        let told: serde_json::Value = serde_json::from_slice(&leased.event).unwrap();
        let is_own = told["id"] == leased.key.id.to_string().as_str();
        self.world.hold(if is_own { Ok(()) } else { Err(format!("{told} is another event")) });
        self.world.hold(handled.map(|_| ()));
    }

    /// No earlier event of the subject is pending that was there when it was looked for.
    fn comes_first(&self, at: &EndpointId, key: &EventKey, now: Utc) -> Result<(), String> {
        let model = self.hub.store.model();
        let Some(own) = model.item(key) else { return Ok(()) };
        let place = Place::of(key, &own.event.meta);
        let earlier = model.items().find(|item| {
            let other = &item.event.key;
            let same = other.connection == key.connection && other.subject == key.subject;
            let is_pending = item.work.delivery(at).is_some_and(hub::delivery::Delivery::is_pending);
            let is_old = now.since(item.event.meta.received) > LOOK;
            same && is_pending && is_old && Place::of(other, &item.event.meta) < place
        });
        earlier.map_or(Ok(()), |other| Err(format!("{} is leased at {at} before {}", key.id, other.event.key.id)))
    }

    /// A consumer acknowledges at once or late, releases, or dies.
    async fn settle(&self, at: &EndpointId, leased: Vec<Leased>) {
        let trouble =
            self.world.draw(|_, weather| weather.deaths > 0 || weather.store_errors > 0 || weather.erp_errors > 0);
        if trouble && self.world.draw(|random, _| random.chance(100)) {
            self.world.tell(&format!("a consumer of {at} dies"));
            return;
        }
        if trouble && self.world.draw(|random, _| random.chance(100)) {
            let late = self.world.draw(|random, _| random.ms(15_000..=45_000));
            sleep(late).await;
        }
        for Leased { key, claim, .. } in leased {
            let receipt = Receipt { key, claim };
            let how = if trouble && self.world.draw(|random, _| random.chance(150)) {
                How::Release
            } else {
                How::Acknowledge
            };
            // Some ask again after an answer, too.
            for _ in 0..self.world.draw(|random, _| random.within(1..=3)) {
                let context = self.hub.context();
                let answer = Killable::new(redeem(&context, at, Some(&receipt), how, "erp"), self.death(12)).await;
                self.world.tell(&format!("{at} {how:?} {} claim {}: {answer:?}", receipt.key.id, receipt.claim));
                // It may be over, whatever the answer.
                self.desk.lock().unwrap().forget(at, &receipt);
                if let Some(Ok(state)) = answer {
                    let held = self.desk.lock().unwrap().redeemed(at, &receipt, state);
                    self.world.hold(held);
                }
            }
        }
    }
}

fn weather(random: &mut Random) -> Weather {
    let mut some = |most| if random.chance(600) { random.within(0..=most) } else { 0 };
    Weather {
        store_errors: some(200),
        store_losses: some(200),
        store_throttles: some(10),
        store_delays: some(150),
        queue_drops: some(500),
        deaths: some(300),
        erp_errors: some(400),
        ..Weather::default()
    }
}

/// Plays a history; the number of deliveries that consumers settled, and how many of these were leased more than once.
async fn history(seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed ^ 0x1EA5E);
    let document = recovering(&document(r#"retry = ["2s", "10s", "1m", "2m", "5m"]"#, 4));
    let config = Config::parse(&pulled(&document)).unwrap();
    assert_eq!(config.pulled.len(), PULLED.len());
    let world = World::new(seed, config, weather(&mut random), SHOWN);
    let erp = Erp::new(&world, Vec::new(), 0);
    let hub = Hub::new(&world, &erp);
    hub.start();
    let scene = Arc::new(Scene { world: Arc::clone(&world), hub: Arc::clone(&hub), desk: Mutex::default() });
    let (mut partners, mut consumers) = (JoinSet::new(), JoinSet::new());
    for id in PULLED {
        for _ in 0..random.within(1..=3) {
            consumers.spawn(Arc::clone(&scene).consume(endpoint(id)));
        }
    }
    for _ in 0..random.within(5..=40) {
        let (push, after) = (push(&mut random, 6), random.ms(0..=120_000));
        let hub = Arc::clone(&hub);
        partners.spawn(async move {
            sleep(after).await;
            partner::play(hub, push, true).await;
        });
    }
    let restarts = random.within(0..=2);
    for _ in 0..restarts {
        let (hub, when, down) = (Arc::clone(&hub), random.ms(0..=150_000), random.ms(0..=20_000));
        partners.spawn(async move {
            sleep(when).await;
            hub.restart(down).await;
        });
    }
    sleep(HEALS).await;
    world.tell("everything heals");
    world.draw(|_, weather| *weather = Weather::default());
    erp.heal(true);
    while let Some(ended) = partners.join_next().await {
        ended.unwrap();
    }
    let healed = Instant::now();
    let is_open = || !hub.store.pending().is_empty() || world.checker().lost.open() > 0;
    while world.first_broken().is_none() && is_open() {
        if healed.elapsed() > DONE {
            world.broken(&format!("still pending long after everything healed: {:?}", hub.store.pending()));
        }
        sleep(Duration::from_secs(5)).await;
    }
    let done = judge(&scene).await;
    consumers.shutdown().await;
    if let Some(broken) = world.first_broken() {
        panic!(
            "history {seed}: {broken}\n\nplay it again:\nTONGGUAN_SIM_SEED={seed} cargo test -p tests --test it simulation::pulls\n"
        );
    }
    done
}

/// Each event came, none came again after its acknowledgement was answered, and the ledger tells it.
async fn judge(scene: &Scene) -> (usize, usize) {
    let Scene { world, hub, desk } = scene;
    if world.first_broken().is_some() {
        return (0, 0);
    }
    let works: Vec<_> = hub.store.model().items().map(|item| (item.event.key.clone(), item.work.clone())).collect();
    let held = world.checker().closed(works.iter().map(|(key, work)| (key, work)));
    world.hold(held);
    let mut total = Tally::default();
    for tally in hub.store.ledger(world.now()).await.unwrap().into_values() {
        total += tally;
    }
    if total != world.checker().tally() || !total.balanced() || total.pending > 0 {
        world.broken(&format!("the ledger is {total:?}"));
    }
    let desk = desk.lock().unwrap();
    let ids = PULLED.map(endpoint);
    let pulled = works.iter().flat_map(|(key, work)| {
        ids.iter().filter_map(move |id| Some((id.clone(), key.clone(), work.delivery(id)?.state)))
    });
    let (mut done, mut again) = (0, 0);
    for (id, key, state) in pulled {
        let handled = desk.handled.get(&(id.clone(), key.clone())).copied().unwrap_or_default();
        if state != State::Delivered || handled == 0 {
            world.broken(&format!("{} is {state:?} at {id} and was handled {handled} times", key.id));
        }
        done += 1;
        again += usize::from(handled > 1);
    }
    (done, again)
}

#[test]
fn consumers_lose_nothing_and_share_without_overlap() {
    let first = super::variable("TONGGUAN_SIM_SEED");
    let count = super::variable("TONGGUAN_SIM_HISTORIES").unwrap_or(if first.is_some() { 1 } else { super::HISTORIES });
    let (mut done, mut again) = (0, 0);
    for seed in (0..count).map(|n| first.unwrap_or(0) + n) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let one = runtime.block_on(history(seed));
        (done, again) = (done + one.0, again + one.1);
    }
    println!("{count} histories, {done} deliveries by consumers, {again} of them leased again");
    assert!(done > 0 && (count == 1 || again > 0), "histories without leases that end show nothing");
    assert!(LEASE < HEALS);
}
