//! An ERP that was down for a day: it is left alone while it is down, and gets what waited when it is back.

use std::time::Duration;

use super::erp::Erp;
use super::family::{ENDPOINTS, Plan};
use super::hub::Hub;

/// Most attempts at a dead endpoint in a day for each kind of event once its circuit is open: those that opened it, and a
/// probe every 45 seconds.
const KNOCKS: usize = 1_960;

/// Most kinds of events that an endpoint gets.
const KINDS: usize = 6;

/// Longest time until an endpoint that is back has all that waited for it.
const BACK: Duration = Duration::from_mins(15);

/// While the ERP is down it is left alone; when it is back, what waited comes at once.
pub(super) fn no_stampede(plan: &Plan, hub: &Hub, erp: &Erp, began: hub::Utc) {
    let Some((_, from, until, _)) = plan.moods.first() else { return };
    let (from, until) = (began.after(*from), began.after(*until));
    for id in ENDPOINTS {
        let attempts = erp.attempts(id);
        let knocks = attempts.iter().filter(|at| from <= **at && **at < until).count();
        // Pushes that trickle in one by one open no circuit, and follow their own schedules.
        if plan.over < Duration::from_mins(2) && knocks > KNOCKS * KINDS {
            hub.world.broken(&format!("{id} was knocked on {knocks} times in the day it was down"));
        }
        // One that was still pushed to when the ERP came back, or has not failed often enough to open a circuit, follows its
        // own schedule.
        if plan.over < Duration::from_mins(2) && knocks > KINDS * 20 {
            let last = attempts.into_iter().max().unwrap_or_default();
            if last.since(until) > BACK {
                hub.world.broken(&format!("{id} was back at {until}, and had all it was owed at {last}"));
            }
        }
    }
}
