//! An endpoint that gets the events of one subject in order: what fails holds up its own subject and nothing else.

use std::sync::Arc;
use std::time::Duration;

use config::Config;
use deliveries::change::{Change, Order, Selection, apply};
use hub::delivery::State;
use hub::{EventKey, Utc};
use store::Store as _;
use tokio::time::sleep;

use super::erp::{Erp, Mood};
use super::family::endpoint;
use super::hub::Hub;
use super::partner::play;
use super::pushes::{SILENCE, document, ordered, receipt, status};
use super::random::Random;
use super::world::{Dead, SHOWN, Weather, World};

const MINUTE: Duration = Duration::from_mins(1);

/// How soon an event is delivered in fair weather.
const SOON: Duration = Duration::from_secs(4);

struct Scene {
    world: Arc<World>,
    erp: Arc<Erp>,
    hub: Arc<Hub>,
}

/// A hub whose endpoint `erp` gets the events of one subject in order.
fn scene(retry: &str, queue_dead: Option<Dead>, mood: Option<(Duration, Mood)>) -> Scene {
    scene_of(1, retry, queue_dead, mood)
}

/// The same by another seed, so that what happens at the same time comes in another order.
fn scene_of(seed: u64, retry: &str, queue_dead: Option<Dead>, mood: Option<(Duration, Mood)>) -> Scene {
    // Its subjects have no events but those that a test pushes: no silence is reported.
    let patient = document(retry, 4).replace(&format!("silence = \"{}s\"", SILENCE.as_secs()), "silence = \"90d\"");
    let config = Config::parse(&ordered(&patient, &["erp"])).unwrap();
    let world = World::new(seed, config, Weather { queue_dead, ..Weather::default() }, SHOWN);
    let began = world.now();
    let moods = mood.map(|(until, mood)| (endpoint("erp"), began, began.after(until), mood));
    let erp = Erp::new(&world, moods.into_iter().collect(), 0);
    let hub = Hub::new(&world, &erp);
    hub.start();
    Scene { world, erp, hub }
}

/// A delivery to `erp`.
#[derive(Debug)]
struct One {
    key: EventKey,
    received: Utc,
    state: State,
    /// When it ended, where it has.
    due: Utc,
    /// Number of its writes.
    version: u64,
}

impl One {
    fn took(&self) -> Duration {
        self.due.since(self.received)
    }
}

impl Scene {
    /// A status of an order, each with a code of its own; a second later.
    async fn status(&self, order: u64, code: u64) {
        play(Arc::clone(&self.hub), status(&mut Random::new(code), order, code), false).await;
        sleep(Duration::from_secs(1)).await;
    }

    /// The deliveries of an order's events to `erp`, in the order of reception.
    fn line(&self, order: u64) -> Vec<One> {
        let (erp, subject) = (endpoint("erp"), format!("order:SO-{order}"));
        let model = self.hub.store.model();
        let items = model.items().filter(|item| item.event.key.subject.as_str() == subject);
        let one = items.map(|item| {
            let delivery = item.work.delivery(&erp).unwrap();
            let (key, received) = (item.event.key.clone(), item.event.meta.received);
            One { key, received, state: delivery.state, due: delivery.progress.due, version: item.work.version }
        });
        let mut line: Vec<_> = one.collect();
        line.sort_by_key(|one| one.received);
        line
    }

    fn states(&self, order: u64) -> Vec<State> {
        self.line(order).into_iter().map(|one| one.state).collect()
    }

    /// The ids of an order's events, in the order of reception.
    fn ids(&self, order: u64) -> Vec<String> {
        self.line(order).into_iter().map(|one| one.key.id.to_string()).collect()
    }

    /// A claim of a function that has died is swept when its claim is over.
    async fn comes_to_its_end(&self, what: &str) {
        sleep(3 * self.world.config.sweep_every).await;
        assert_eq!(self.states(1), [State::Delivered; 4], "{what}: {:?}", self.line(1));
        self.balances().await;
    }

    async fn balances(&self) {
        let ledger = self.hub.store.ledger(self.world.now()).await.unwrap();
        assert!(ledger.values().all(hub::ledger::Tally::balanced), "{ledger:?}");
        assert_eq!(self.world.first_broken(), None);
    }

    async fn change(&self, change: Change, selection: Selection) {
        let (id, context) = (endpoint("erp"), self.hub.context());
        let order = Order { change, endpoint: &id, selection, from: None, dry_run: false };
        apply(&context, &order, |_| true, |hints| self.hub.hint(hints)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn subject_that_fails_for_a_day_delays_no_other() {
    let scene = scene("", None, None);
    scene.erp.stick(endpoint("erp"), "order:SO-1");
    for code in 0..30 {
        scene.status(1, code).await;
    }
    for order in 2..=24 * 60 {
        play(Arc::clone(&scene.hub), receipt(&mut Random::new(order), order), false).await;
        sleep(MINUTE).await;
    }
    let late: Vec<_> = (2..=24 * 60).flat_map(|order| scene.line(order)).filter(|one| one.took() > SOON).collect();
    assert!(late.is_empty(), "{} late: {late:?}", late.len());
    let stuck = scene.line(1);
    assert!(stuck.len() == 30 && stuck.iter().all(|one| one.state == State::Pending), "{stuck:?}");
    // It looks once an hour, and is written twice for that.
    assert!(stuck[1..].iter().all(|one| one.version < 24 * 3), "{stuck:?}");
    scene.balances().await;

    scene.erp.heal(false);
    let back = scene.world.now();
    let all_taken = || scene.states(1).iter().all(|state| *state == State::Delivered);
    while !all_taken() {
        assert!(scene.world.now().since(back) < Duration::from_hours(13), "{:?}", scene.states(1));
        sleep(MINUTE).await;
    }
    let (ids, taken) = (scene.ids(1), scene.erp.taken("erp"));
    assert_eq!(taken[taken.len() - 30..], ids);
    let ended: Vec<_> = scene.line(1).iter().map(|one| one.due).collect();
    assert!(ended[29].since(ended[0]) < Duration::from_secs(30), "the others follow the first one at once: {ended:?}");
    scene.balances().await;
}

#[tokio::test(start_paused = true)]
async fn later_events_follow_one_that_fails_for_good() {
    let scene = scene(r#"retry = ["5s", "20s"]"#, None, None);
    scene.erp.stick(endpoint("erp"), "order:SO-1");
    scene.status(1, 61).await;
    scene.status(1, 62).await;
    scene.status(2, 61).await;
    assert_eq!((scene.states(1), scene.states(2)), (vec![State::Pending; 2], vec![State::Delivered]));
    sleep(MINUTE / 2).await;
    let states = scene.states(1);
    assert_eq!(states, [State::Failed, State::Pending], "the second has its own schedule");
    sleep(MINUTE).await;
    assert_eq!(scene.states(1), [State::Failed; 2]);
    scene.balances().await;
}

#[tokio::test(start_paused = true)]
async fn burst_of_one_subject_arrives_in_order() {
    let dead = [Dead::Errs, Dead::Hangs, Dead::Forgets].map(|dead| (1, Some(dead)));
    for (seed, dead) in (0..60).map(|seed| (seed, None)).chain(dead) {
        let scene = scene_of(seed, r#"retry = ["5s"]"#, dead, None);
        for code in 0..20 {
            tokio::spawn(play(Arc::clone(&scene.hub), status(&mut Random::new(code), 1, code), false));
            sleep(Duration::from_millis(3)).await;
        }
        // Without a queue within two periods of the sweep.
        let within = if dead.is_some() { 2 * scene.world.config.sweep_every } else { Duration::ZERO };
        sleep(within + Duration::from_secs(6)).await;
        assert_eq!(scene.states(1), [State::Delivered; 20], "{dead:?}, seed {seed}");
        assert_eq!(scene.erp.taken("erp").len(), 20);
        scene.balances().await;
    }
}

/// The end of an event and the wait of the next one are stored at the same time, in any order.
#[tokio::test(start_paused = true)]
async fn end_is_seen_by_what_begins_to_wait() {
    for (seed, apart) in (0..12).flat_map(|seed| (0..40).map(move |apart| (seed, 2 * apart))) {
        let scene = scene_of(seed, r#"retry = ["5s"]"#, None, None);
        for code in 0..2 {
            tokio::spawn(play(Arc::clone(&scene.hub), status(&mut Random::new(code), 1, code), false));
            sleep(Duration::from_millis(apart)).await;
        }
        sleep(SOON).await;
        assert_eq!(scene.states(1), [State::Delivered; 2], "seed {seed}, {apart} ms apart");
        scene.balances().await;
    }
}

/// At any moment: while the first waits for its retry, during that, and while the others follow it.
#[tokio::test(start_paused = true)]
async fn killed_hub_delivers_what_waited_in_order() {
    for moment in 0..40 {
        let scene = scene(r#"retry = ["5s", "30s"]"#, None, Some((Duration::from_secs(4), Mood::Refuses(503, None))));
        for code in 0..4 {
            scene.status(1, code).await;
        }
        sleep(Duration::from_millis(moment * 50)).await;
        scene.hub.restart(Duration::from_secs(3)).await;
        scene.comes_to_its_end(&format!("killed at {moment}")).await;
    }
}

/// A function that dies at any await leaves a claim that ends, however long the others were to wait.
#[tokio::test(start_paused = true)]
async fn function_that_dies_lets_the_next_pass_soon() {
    for seed in 0..120 {
        let mood = Some((Duration::from_secs(4), Mood::Refuses(503, None)));
        let scene = scene_of(seed, r#"retry = ["5s", "30s"]"#, None, mood);
        for code in 0..4 {
            scene.status(1, code).await;
        }
        scene.world.draw(|_, weather| weather.deaths = 1_000);
        sleep(Duration::from_secs(2)).await;
        scene.world.draw(|_, weather| weather.deaths = 0);
        scene.comes_to_its_end(&format!("seed {seed}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn event_sent_now_does_not_overtake() {
    let scene = scene(r#"retry = ["10m"]"#, None, None);
    scene.erp.stick(endpoint("erp"), "order:SO-1");
    scene.status(1, 61).await;
    scene.status(1, 62).await;
    scene.status(1, 63).await;
    let last = scene.line(1).pop().unwrap().key;
    scene.change(Change::SendNow, Selection::These(vec![last])).await;
    sleep(SOON).await;
    assert_eq!(scene.erp.attempts("erp").len(), 1);
    scene.erp.heal(false);
    let first = scene.line(1).remove(0).key;
    scene.change(Change::SendNow, Selection::These(vec![first])).await;
    sleep(SOON).await;
    assert_eq!(scene.states(1), [State::Delivered; 3]);
    assert_eq!(scene.erp.taken("erp"), scene.ids(1));
    scene.balances().await;
}

#[tokio::test(start_paused = true)]
async fn replayed_event_comes_before_what_is_still_pending() {
    let scene = scene(r#"retry = ["20s"]"#, None, None);
    scene.status(1, 61).await;
    scene.status(1, 62).await;
    scene.erp.stick(endpoint("erp"), "order:SO-1");
    scene.status(1, 63).await;
    scene.world.checker().replays = true;
    let first = scene.line(1).remove(0).key;
    scene.change(Change::Replay, Selection::These(vec![first])).await;
    // The third has its retry after twenty seconds, and the first is pending by then; it has the same schedule.
    sleep(Duration::from_secs(19)).await;
    assert_eq!(scene.states(1), [State::Pending, State::Delivered, State::Pending]);
    scene.erp.heal(false);
    sleep(MINUTE).await;
    assert_eq!(scene.states(1), [State::Delivered; 3]);
    let ids = scene.ids(1);
    assert_eq!(scene.erp.taken("erp"), [&ids[0], &ids[1], &ids[0], &ids[2]].map(Clone::clone));
    scene.balances().await;
}

/// A delivery that waits for an earlier event is no probe of a circuit, and takes none from another subject.
#[tokio::test(start_paused = true)]
async fn recovered_endpoint_gets_all_subjects_in_order() {
    for mood in [Mood::Down, Mood::Hangs, Mood::Refuses(503, None)] {
        let back = 10 * MINUTE;
        let scene = scene("", None, Some((back, mood)));
        let began = scene.world.now();
        for code in 0..3 {
            for order in 1..=12 {
                tokio::spawn(play(Arc::clone(&scene.hub), status(&mut Random::new(order), order, code), false));
                sleep(Duration::from_millis(200)).await;
            }
        }
        sleep(back + MINUTE).await;
        for order in 1..=12 {
            assert_eq!(scene.states(order), [State::Delivered; 3], "{mood:?}: {:?}", scene.line(order));
            let last = scene.line(order).into_iter().map(|one| one.due).max().unwrap();
            assert!(last <= began.after(back + MINUTE), "{mood:?}: {last:?}");
        }
        scene.balances().await;
    }
}
