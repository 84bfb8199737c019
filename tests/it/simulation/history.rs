//! One history: a seed's worth of pushes and mishaps, then everything heals, and then the promises are held to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use config::Config;
use deliveries::change::{Change, Order, Selection, apply};
use hub::EventKey;
use hub::delivery::State;
use store::{Failed, Store as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::caller::{self, Asked};
use super::erp::Erp;
use super::family::{ENDPOINTS, Family, Plan, endpoint, wrong};
use super::hub::Hub;
use super::killable::Killable;
use super::partner;
use super::pushes::{self, SILENCE, ordered, push, recovering};
use super::random::Random;
use super::shipments;
use super::stampede::no_stampede;
use super::world::{Weather, World};

/// Number of shipments that are asked for while the history goes on.
const SHIPMENTS: usize = 2;

/// The longest time until failed pushes are recovered: a dead process holds the lease, a circuit is open, and a cycle is due.
const RECOVERED_WITHIN: Duration = Duration::from_mins(15);

/// Result of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HistoryResult {
    /// The digest of everything that happened.
    pub(super) digest: u64,
    /// The first promise that was broken, and what came before it.
    pub(super) broken: Option<String>,
    /// Number of stored events.
    pub(super) events: usize,
    /// Of these, how many no fault befell that allows a second attempt.
    pub(super) unblemished: usize,
    /// Number of calls by their end.
    pub(super) ends: BTreeMap<&'static str, usize>,
}

/// Plays a history, in virtual time. Where a promise is broken, the last `shown` lines up to there are printed.
pub(super) fn play(family: Family, seed: u64, shown: usize) -> HistoryResult {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(history(family, seed, shown))
}

async fn history(family: Family, seed: u64, shown: usize) -> HistoryResult {
    let mut random = Random::new(seed.rotate_left(32) ^ 0x5EED);
    let plan = family.plan(&mut random);
    let document = ordered(&pushes::document(plan.retry, plan.concurrency), &plan.ordered);
    // Where no push is refused nothing is to be recovered.
    let document = if plan.never_refused { document } else { recovering(&document) };
    let config = Config::parse(&document).unwrap();
    let world = World::new(seed, config, plan.weather, shown);
    let began = world.now();
    let moods =
        plan.moods.iter().map(|(id, from, until, mood)| (endpoint(id), began.after(*from), began.after(*until), *mood));
    let erp = Erp::new(&world, moods.collect(), plan.poison);
    if let Some((at, kind, hangs)) = plan.refused {
        erp.refuse(endpoint(at), kind, hangs);
    }
    let hub = Hub::new(&world, &erp);
    world.checker().clocks_lie = plan.jumps > 0;
    hub.start();

    trouble(&plan, &mut random, &hub, &erp).await;
    let healed = world.now();
    if world.first_broken().is_none() && !plan.never_refused {
        recovered(&hub).await;
    }
    if world.first_broken().is_none() {
        silent(&hub).await;
    }
    if world.first_broken().is_none() {
        quiet(&hub, healed).await;
    }
    if world.first_broken().is_none() {
        judge(&plan, &hub, &erp).await;
    }
    if world.first_broken().is_none() {
        shipments::judge(&hub, &mut random).await;
    }
    if family == Family::ErpDownForADay && world.first_broken().is_none() {
        no_stampede(&plan, &hub, &erp, began);
    }
    if plan.operations > 0 && world.first_broken().is_none() {
        everything_again(&hub, &erp).await;
    }
    let checker = world.checker();
    let (events, unblemished, ends) = (checker.events(), checker.unblemished(), checker.calls.ends().clone());
    drop(checker);
    HistoryResult { digest: world.digest(), broken: world.first_broken(), events, unblemished, ends }
}

/// From the beginning until everything is well and every partner has come to an end.
async fn trouble(plan: &Plan, random: &mut Random, hub: &Arc<Hub>, erp: &Arc<Erp>) {
    let (world, began, mut partners) = (&hub.world, Instant::now(), JoinSet::new());
    let at = |random: &mut Random, within: Duration| {
        began + random.ms(0..=u64::try_from(within.as_millis()).unwrap_or(u64::MAX))
    };
    for _ in 0..plan.pushes {
        let (push, first) = (push(random, plan.breadth), at(random, plan.over));
        // Equal pushes come at once, or a while later, or both.
        let copies = if random.chance(300) { random.within(2..=6) } else { 1 };
        for _ in 0..copies {
            let begins = first + if random.chance(500) { Duration::ZERO } else { random.ms(0..=20_000) };
            let (hub, push, by_hand) = (Arc::clone(hub), push.clone(), random.chance(500));
            partners.spawn(async move {
                sleep_until(begins).await;
                partner::play(hub, push, by_hand).await;
            });
        }
    }
    let mut mishaps = JoinSet::new();
    for _ in 0..plan.restarts {
        let (hub, when, down) = (Arc::clone(hub), at(random, plan.heals), random.ms(0..=40_000));
        mishaps.spawn(async move {
            sleep_until(when).await;
            hub.restart(down).await;
        });
    }
    for _ in 0..plan.jumps {
        let (hub, when, by, lasts) = (Arc::clone(hub), at(random, plan.heals), wrong(random), random.ms(500..=30_000));
        let stays = random.chance(300);
        mishaps.spawn(async move {
            sleep_until(when).await;
            jump(&hub, by);
            sleep(lasts).await;
            if !stays {
                jump(&hub, 0);
            }
        });
    }
    for _ in 0..plan.operations {
        let (hub, when) = (Arc::clone(hub), at(random, plan.heals));
        mishaps.spawn(async move {
            sleep_until(when).await;
            operate(&hub).await;
        });
    }
    let at_once = if random.chance(300) { Duration::from_secs(1) } else { plan.heals };
    for number in 0..plan.calls {
        let asked = Asked { number, order: number % 2, safe: random.chance(400) };
        let first = at(random, at_once);
        // Some ask twice at once, without knowing of each other.
        for _ in 0..random.within(1..=2) {
            let hub = Arc::clone(hub);
            partners.spawn(async move {
                sleep_until(first).await;
                caller::ask(hub, asked).await;
            });
        }
    }
    for _ in 0..plan.decisions {
        let (hub, when) = (Arc::clone(hub), at(random, plan.heals));
        mishaps.spawn(async move {
            sleep_until(when).await;
            caller::decide(&hub).await;
        });
    }
    for _ in 0..plan.cancels {
        let (hub, when) = (Arc::clone(hub), at(random, plan.heals));
        mishaps.spawn(async move {
            sleep_until(when).await;
            caller::cancel(&hub).await;
        });
    }
    for _ in 0..SHIPMENTS {
        let (hub, when) = (Arc::clone(hub), at(random, plan.heals));
        mishaps.spawn(async move {
            sleep_until(when).await;
            shipments::ask(&hub).await;
        });
    }
    let step = (plan.heals / 300).max(Duration::from_secs(1));
    let mut ill = true;
    while world.first_broken().is_none() && (ill || !partners.is_empty() || !mishaps.is_empty()) {
        sleep(step).await;
        while let Some(ended) = partners.try_join_next().or_else(|| mishaps.try_join_next()) {
            ended.unwrap();
        }
        if ill && began.elapsed() >= plan.heals {
            ill = false;
            world.tell("everything heals");
            world.draw(|_, weather| {
                *weather = Weather { queue_dead: weather.queue_dead, ..Weather::default() };
            });
            erp.heal(false);
        }
    }
    if plan.jumps > 0 {
        jump(hub, 0);
    }
    if plan.never_refused && world.checker().refusals() > 0 {
        world.broken("a push was refused, with nothing wrong with the store");
    }
}

/// The clock jumps. What is under way has another time from here on, and may be attempted twice.
fn jump(hub: &Hub, wrong: i64) {
    hub.world.jump(wrong);
    hub.world.checker().blemish(hub.store.pending());
}

/// An operator confirms or replays, and may be cut off at any await.
async fn operate(hub: &Hub) {
    let world = &hub.world;
    let now = world.now();
    let (to, confirms, sends, some, dry, death) = world.draw(|random, weather| {
        let death = random.chance(weather.deaths).then(|| random.within(0..=20));
        let (confirms, sends) = (random.chance(400), random.chance(500));
        (ENDPOINTS[random.place(3)], confirms, sends, random.chance(500), random.chance(200), death)
    });
    let change = if confirms {
        let cutoff = if some { now } else { hub::Utc(now.0 - 30_000_000) };
        let checker = &mut *world.checker();
        checker.confirmed_until = cutoff.max(checker.confirmed_until);
        Change::Confirm { cutoff }
    } else if sends {
        Change::SendNow
    } else {
        world.checker().replays |= !dry;
        Change::Replay
    };
    let selection = if some {
        let keys = world.draw(|random, _| random.next());
        let one = |n: u64| world.checker().some(|len| usize::try_from((keys >> n) % len as u64).unwrap_or_default());
        Selection::These([0, 8, 16].into_iter().filter_map(one).collect::<BTreeSet<_>>().into_iter().collect())
    } else if sends && !confirms {
        Selection::Pending
    } else {
        Selection::Failed
    };
    world.tell(&format!("operator: {change:?} {to} {selection:?}, dry {dry}"));
    let context = hub.context();
    let id = endpoint(to);
    let order = Order { change, endpoint: &id, selection, from: None, dry_run: dry };
    let applied = Killable::new(apply(&context, &order, |_| true, |hints| hub.hint(hints)), death).await;
    world.tell(&format!("operator: {applied:?}"));
}

/// Time passes until nothing is pending: the schedule's length, and what the circuit and the sweeps add.
async fn quiet(hub: &Hub, from: hub::Utc) {
    let world = &hub.world;
    let schedules = world.config.endpoints.values().map(|endpoint| endpoint.schedule.length());
    // A call's schedule comes before that of its telling, and is no longer than a quarter of an hour.
    let schedule = schedules.max().unwrap_or_default();
    // Where events of one subject wait for one another, each may have a schedule of its own after that of the one before it.
    let longest = schedule * hub.store.longest_line() + Duration::from_mins(50);
    while world.first_broken().is_none() {
        let pending = hub.store.pending();
        if pending.is_empty() {
            return;
        }
        if world.now().since(from) > longest {
            world.broken(&format!("still pending long after everything healed: {pending:?}"));
        }
        sleep(world.config.sweep_every).await;
    }
}

/// Time passes until XHQ's list of failed pushes is empty.
async fn recovered(hub: &Hub) {
    let (world, from) = (&hub.world, Instant::now());
    while world.first_broken().is_none() && world.checker().lost.open() > 0 {
        if from.elapsed() > RECOVERED_WITHIN {
            world.broken("failed pushes were not recovered long after everything healed");
        }
        sleep(world.config.sweep_every).await;
    }
}

/// Every silence comes to its end: what is watched and not ended has been told, once, since the latest news.
async fn silent(hub: &Hub) {
    let world = &hub.world;
    // News that came last, its silence, and the sweeps that find it.
    sleep(SILENCE + world.config.sweep_every * 4).await;
    if world.checker().clocks_lie {
        return;
    }
    let works: Vec<_> = hub.store.model().items().map(|item| (item.event.clone(), item.work.clone())).collect();
    for (event, work) in &works {
        let Some((watch, shipment)) = work.watch.as_ref().zip(hub::watch::shipment(&event.meta)) else { continue };
        let connection = &event.key.connection;
        let key = hub::watch::silence(connection, &shipment, watch, None, Duration::ZERO).key;
        let is_told = works.iter().any(|(event, _)| event.key == key);
        if watch.ended.is_none() && !(watch.is_silent() && is_told) {
            world.broken(&format!("{shipment} is silent, and its watch is {watch:?}"));
        }
    }
}

/// Checks at the end of every history.
async fn judge(plan: &Plan, hub: &Hub, erp: &Erp) {
    let world = &hub.world;
    let works: Vec<_> = hub.store.model().items().map(|item| (item.event.clone(), item.work.clone())).collect();
    let held = world.checker().closed(works.iter().map(|(event, work)| (&event.key, work)));
    world.hold(held);

    let now = world.now();
    let ledger = hub.store.ledger(now).await.unwrap();
    let mut total = hub::ledger::Tally::default();
    for tally in ledger.into_values() {
        total += tally;
    }
    let counted = world.checker().tally();
    if total != counted || !total.balanced() || total.pending > 0 {
        world.broken(&format!("the ledger is {total:?}, and by the changes it must be {counted:?}"));
    }
    for id in ENDPOINTS.map(endpoint) {
        let failed = |(event, work): &(hub::Event, hub::Work)| {
            let failed = work.delivery(&id).is_some_and(|delivery| delivery.state == State::Failed);
            failed.then(|| event.key.clone())
        };
        let expected: BTreeSet<EventKey> = works.iter().filter_map(failed).collect();
        let page = hub.store.failed(&Failed::At(id.clone()), None, 1000, now).await.unwrap();
        let listed: BTreeSet<_> = page.items.into_iter().map(|item| item.key).collect();
        if listed != expected {
            world.broken(&format!("listed as failed at {id}: {listed:?}, and these did: {expected:?}"));
        }
    }
    for (event, _) in works.iter().filter(|(_, work)| work.watch.is_none()) {
        for alias in &event.meta.aliases {
            let place = (event.key.connection.clone(), event.key.subject.clone());
            if !hub.store.resolve(alias, now).await.unwrap().contains(&place) {
                world.broken(&format!("{} is not known as {alias}", event.key.subject));
            }
        }
    }
    if let Some((endpoints, within)) = &plan.prompt {
        let fails = |event: &hub::Event, endpoint: &hub::EndpointId| {
            erp.refuses(endpoint, event.meta.kind.as_str())
                || erp.is_poison(endpoint, &world.checker().calls.told(&event.key))
        };
        // One that fails holds up what comes after it, where the endpoint asks for that.
        let held_up = |event: &hub::Event, endpoint: &hub::EndpointId| {
            let same = |(other, _): &&(hub::Event, hub::Work)| {
                (&other.key.connection, &other.key.subject) == (&event.key.connection, &event.key.subject)
            };
            plan.ordered.contains(&endpoint.as_str())
                && works.iter().filter(same).any(|(other, _)| fails(other, endpoint))
        };
        let late: Vec<_> = (works.iter())
            .flat_map(|(event, work)| work.deliveries.iter().map(move |delivery| (event, delivery)))
            .filter(|(event, delivery)| {
                // The time of a wait for an earlier event counts too.
                let is_call = hub::call::is_subject(&event.key.subject);
                let since = if is_call { delivery.progress.since } else { event.meta.received };
                let timely = delivery.state == State::Delivered && delivery.progress.due.since(since) <= *within;
                endpoints.contains(&delivery.endpoint.as_str())
                    && !timely
                    && !fails(event, &delivery.endpoint)
                    && !held_up(event, &delivery.endpoint)
            })
            .map(|(event, delivery)| {
                format!("{} at {} {:?} {}", event.key.id, delivery.endpoint, delivery.state, delivery.progress.due)
            })
            .collect();
        if !late.is_empty() {
            world.broken(&format!("not delivered within {within:?}: {late:?}"));
        }
    }
}

/// Nothing is poison any more; everything that failed is replayed, and arrives.
async fn everything_again(hub: &Hub, erp: &Erp) {
    let world = &hub.world;
    erp.heal(true);
    world.checker().replays = true;
    let context = hub.context();
    for id in ENDPOINTS.map(endpoint) {
        let (change, selection) = (Change::Replay, Selection::Failed);
        let mut order = Order { change, endpoint: &id, selection, from: None, dry_run: false };
        loop {
            order.from = apply(&context, &order, |_| true, |hints| hub.hint(hints)).await.unwrap().next;
            if order.from.is_none() {
                break;
            }
        }
    }
    quiet(hub, world.now()).await;
    let tally = world.checker().tally();
    if tally.failed > 0 || tally.pending > 0 {
        world.broken(&format!("replayed, and not delivered: {tally:?}"));
    }
    let model = hub.store.model();
    let held = world.checker().closed(model.items().map(|item| (&item.event.key, &item.work)));
    drop(model);
    world.hold(held);
}
