//! The hub's own code in simulated worlds: a store, a queue, an ERP and partners that do what theirs may do at their
//! worst, functions that die at any await, and time that passes at once. Every history comes from a seed and is the same
//! each time; the promises are held to every step of it.
//!
//! `TONGGUAN_SIM_HISTORIES` says how many histories are played over all families, a thousand where it is not set.
//! `TONGGUAN_SIM_SEED` says which seed is the first; then one history of each family is played where no number is given.

mod called_partner;
mod caller;
mod calls;
mod checker;
mod erp;
mod family;
mod files;
mod history;
mod hub;
mod in_order;
mod killable;
mod kinds;
mod partner;
mod pulls;
mod pushes;
mod queue;
pub(crate) mod random;
mod regressions;
mod shipments;
mod stampede;
mod store;
mod world;

use std::collections::BTreeMap;

use family::Family;

/// Number of histories over all families.
const HISTORIES: u64 = 1000;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Plays the histories of a family; a broken promise is printed with its seed.
fn explore(family: Family) {
    let first = variable("TONGGUAN_SIM_SEED");
    let all = variable("TONGGUAN_SIM_HISTORIES").unwrap_or(if first.is_some() { 1 } else { HISTORIES });
    let count = (all * family.share()).div_ceil(1000);
    let (mut events, mut unblemished, mut ends) = (0, 0, BTreeMap::new());
    for seed in (0..count).map(|n| first.unwrap_or(0) + n) {
        let came = history::play(family, seed, if all == 1 { usize::MAX } else { world::SHOWN });
        if let Some(broken) = came.broken {
            let test = family.test();
            panic!(
                "history {seed} of {family:?}: {broken}\n\nplay it again:\n\
                 TONGGUAN_SIM_SEED={seed} cargo test -p tests --test it simulation::{test}\n"
            );
        }
        events += came.events;
        unblemished += came.unblemished;
        for (end, times) in came.ends {
            *ends.entry(end).or_insert(0) += times;
        }
    }
    println!(
        "{family:?}: {count} histories, {events} events, {unblemished} of them befallen by nothing; calls: {ends:?}"
    );
    assert!(events > 0, "histories without events show nothing");
    if first.is_none() && family == Family::PartnersInTrouble {
        assert_eq!(ends.len(), ::hub::call::EVENT_TYPES.len(), "calls come to every end in some history");
    }
}

macro_rules! families {
    ($($test:ident $family:ident)*) => {
        $(
            #[test]
            fn $test() {
                assert_eq!(Family::$family.test(), stringify!($test));
                explore(Family::$family);
            }
        )*

        /// A seed is the whole of a history, so that it can be played again.
        #[test]
        fn the_same_seed_is_the_same_history() {
            for family in [$(Family::$family),*] {
                let (first, again) = (history::play(family, 3, 1), history::play(family, 3, 1));
                assert_eq!(first, again, "{family:?}");
                assert_ne!(first.digest, history::play(family, 4, 1).digest, "{family:?}");
            }
        }
    };
}

families! {
    nothing_wrong NothingWrong
    store_in_trouble StoreInTrouble
    deaths_at_every_await Deaths
    queue_in_trouble QueueInTrouble
    queue_dead_for_good QueueDead
    partners_in_trouble PartnersInTrouble
    erp_in_trouble ErpInTrouble
    erp_down_for_a_day ErpDownForADay
    clocks_lie ClocksLie
    operators_at_work OperatorsAtWork
    everything_at_once EverythingAtOnce
}
