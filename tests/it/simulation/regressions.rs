//! Regressions that histories found, each by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Config;
use config::Context;
use deliveries::change::{Change, Order, Selection, apply};
use hub::delivery::State;
use queue::{Hint, Job};
use tokio::time::sleep;

use super::erp::Erp;
use super::family::endpoint;
use super::hub::Hub;
use super::partner::play;
use super::pushes::{document, receipt, status};
use super::random::Random;
use super::world::{Dead, SHOWN, Weather, World};

/// A hub in fair weather, but for its queue.
fn hub(queue_dead: Option<Dead>) -> (Arc<World>, Arc<Hub>) {
    let config = Config::parse(&document(r#"retry = ["5s"]"#, 1)).unwrap();
    let world = World::new(1, config, Weather { queue_dead, ..Weather::default() }, SHOWN);
    let hub = Hub::new(&world, &Erp::new(&world, Vec::new(), 0));
    hub.start();
    (world, hub)
}

/// A replay hinted at every pending delivery of the event, so that endpoints nobody had asked about were knocked on
/// before their schedule and their `Retry-After` said so, or a second time at once.
#[tokio::test(start_paused = true)]
async fn a_replay_at_one_endpoint_knocks_at_no_other() {
    let (world, hub) = hub(Some(Dead::Forgets));
    play(Arc::clone(&hub), receipt(&mut Random::new(1), 1), false).await;
    let key = hub.store.pending().remove(0);
    world.checker().replays = true;
    let replay = Selection::These(vec![key.clone()]);
    let (change, tms) = (Change::Replay, endpoint("tms"));
    let order = Order { change, endpoint: &tms, selection: replay, from: None, dry_run: false };
    let sent = Mutex::new(Vec::new());
    let hint = async |hints| sent.lock().unwrap().extend(hints);
    // An endpoint that wants the event since it came.
    let later = document(r#"retry = ["5s"]"#, 1).replace(r#"["te"]"#, r#"["te", "xhq-sh"]"#);
    let context = Context { config: Arc::new(Config::parse(&later).unwrap()), ..hub.context() };
    let changed = apply(&context, &order, |_| true, hint).await.unwrap();
    let to: Vec<_> = sent.into_inner().unwrap().into_iter().map(|hint: Hint| hint.job).collect();
    assert_eq!((changed.events, to), (vec![key], vec![Job::Deliver { endpoint: endpoint("tms"), claim: 0 }]));
}

/// The sweep made two attempts for each place an endpoint has and left the rest to the queue, which was gone, so that a
/// backlog took many sweeps; and one that hung kept it from making its own attempts too.
#[tokio::test(start_paused = true)]
async fn a_burst_that_meets_a_dead_queue_is_swept_within_two_periods() {
    for dead in [Dead::Errs, Dead::Hangs, Dead::Forgets] {
        let (world, hub) = hub(Some(dead));
        for order in 1..=20 {
            tokio::spawn(play(Arc::clone(&hub), status(&mut Random::new(order), order, 61), false));
        }
        sleep(2 * world.config.sweep_every + Duration::from_secs(5)).await;
        let model = hub.store.model();
        let events = model.items().filter(|item| item.work.watch.is_none());
        let states: Vec<_> = events.map(|item| item.work.deliveries[0].state).collect();
        drop(model);
        assert_eq!(states, [State::Delivered; 20], "{dead:?}");
        assert_eq!(world.first_broken(), None);
    }
}
