//! `kill -9` under load, at many moments.

use std::collections::HashMap;
use std::time::Duration;

use hub::EventId;
use hub::delivery::State;

use crate::support::load::{Load, Seeded, bodies};
use crate::support::process::Process;
use crate::support::{Plan, Time, erp, events, ledger, settled};

const KILLS: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_a_hub_loses_nothing_it_acknowledged() {
    let erp = erp().await;
    let plan = Plan::described().endpoint("erp", &erp, "");
    let folder = plan.config().data_dir;
    let (load, mut moments) = (Load::described(), Seeded(0x5eed));
    // How often an event may come again: once for each kill that found it unsettled.
    let mut excused: HashMap<EventId, usize> = HashMap::new();
    for kill in 0..KILLS {
        let process = Process::start(&plan, &[]).await.unwrap();
        let mut senders = load.begin(process.address());
        load.promised(load.count() + moments.below(60)).await;
        process.kill();
        while senders.join_next().await.is_some() {}

        assert_eq!(load.lost(&folder), 0, "acknowledged and lost, at kill {kill}");
        let store = plan.store();
        ledger(&store).await;
        for item in events(&store).await {
            if item.work.deliveries[0].state == State::Pending {
                *excused.entry(item.key.id).or_default() += 1;
            }
        }
    }
    assert!(load.count() > KILLS, "{} pushes were acknowledged", load.count());

    // A minute later what is left is due, and a hub that starts then takes it up.
    let time = Time::now();
    time.pass(Duration::from_mins(2));
    let hub = plan.start_at(&time).await;
    let tally = settled(&hub).await;
    let stored = bodies(&folder).len();
    assert_eq!((tally.accepted, tally.delivered), (stored as u64, stored as u64));
    hub.stop().await;
    let mut came: HashMap<EventId, usize> = HashMap::new();
    for got in erp.deliveries() {
        assert!(got.signed);
        *came.entry(got.id.parse().unwrap()).or_default() += 1;
    }
    assert_eq!(came.len(), stored, "each event came");
    for (id, count) in came {
        let excuse = excused.get(&id).copied().unwrap_or_default();
        assert!(count <= 1 + excuse, "{id} came {count} times, and {excuse} kills found it on its way");
    }
}
