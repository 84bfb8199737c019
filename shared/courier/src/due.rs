//! Claims of what is due of an event, for the sweep.

use std::time::Duration;

use config::Config;
use hub::call::Call;
use hub::progress::Outgoing as _;
use hub::{EventKey, Utc, Work};
use queue::{Hint, Job};

use crate::target::{Target, ToEndpoint, ToPartner};
use crate::{ahead, redirect};

/// Wait until aliases that are being written are due again.
const INDEXING: Duration = Duration::from_mins(1);

/// The work with all of it claimed that is due at `now`, and the hints for it; nothing where nothing is due. `read` is the time at
/// which it was read: what was claimed between the two is no claim of a false time.
pub(crate) fn claim(config: &Config, key: &EventKey, work: Work, now: Utc, read: Utc) -> Option<(Work, Vec<Hint>)> {
    let version = work.version + 1;
    // Other due times of the item are checked here too: the index shows its earliest one only.
    let work = ahead::brought_back(config, key, &work, now.max(read)).unwrap_or(work);
    let (work, is_redirected) = match work.redirected(|delivery| redirect::is_pull(config, delivery), now) {
        Some(work) => (work, true),
        None => (work, false),
    };
    let partner = ToPartner { connection: &key.connection, config };
    let cut_off = due(partner, &work, now).filter(|call| call.sending);
    let is_cut_off = cut_off.is_some();
    let (mut next, mut jobs) = match cut_off {
        Some(call) => interrupted(partner, key, work, call, now),
        None => claimed(partner, work, now),
    };
    let endpoints: Vec<_> = next.deliveries.iter().map(|delivery| delivery.endpoint.clone()).collect();
    for endpoint in &endpoints {
        let job;
        (next, job) = claimed(ToEndpoint { endpoint, config }, next, now);
        jobs.extend(job);
    }
    if next.index_by.is_some_and(|due| due <= now) {
        next.index_by = Some(now.after(INDEXING));
        if jobs.is_empty() {
            jobs.push(Job::Index);
        }
    }
    let changed = is_cut_off || is_redirected || !jobs.is_empty();
    next.version = version;
    let hints = jobs.into_iter().map(|job| Hint { key: key.clone(), job }).collect();
    changed.then_some((next, hints))
}

/// The delivery or call, where its due time or the end of its lease has come.
fn due<T: Target>(target: T, work: &Work, now: Utc) -> Option<T::Item> {
    target.find(work).filter(|item| item.pending().is_some_and(|progress| progress.due <= now)).cloned()
}

/// The work with a delivery or call claimed where that is due, and the job of its attempt.
fn claimed<T: Target>(target: T, work: Work, now: Utc) -> (Work, Vec<Job>) {
    let Some(item) = due(target, &work, now) else { return (work, Vec::new()) };
    let item = item.claimed(now.after(target.waits().lease));
    let job = target.job(item.progress().claim);
    (target.put(work, item), vec![job])
}

/// The work with a call ended whose process ended while it was being sent: it is never sent again by itself.
fn interrupted(target: ToPartner<'_>, key: &EventKey, work: Work, call: Call, now: Utc) -> (Work, Vec<Job>) {
    tracing::warn!(
        call = %key.id, connection = %key.connection, operation = call.operation, why = "cut off while it was sent",
        "a call is ambiguous: the partner may have done it; resolve it"
    );
    let work = target.put(work, call.interrupted(now));
    let jobs = target.followed_by(&work);
    (work, jobs)
}

#[cfg(test)]
mod tests {
    use hub::delivery::Delivery;
    use hub::{EventId, Subject};

    use super::*;

    /// Regression: a sweep whose store took seconds to answer shortened the claim that another process had made meanwhile.
    #[test]
    fn claim_made_since_the_sweep_began_is_left_alone() {
        let (config, now) = (Config::parse("retention_days = 90").unwrap(), Utc(1_790_000_000_000_000));
        let read = now.after(Duration::from_secs(7));
        let key = EventKey { connection: "c".into(), subject: Subject::new("order", "1"), id: EventId([1; 24]) };
        let mine = Delivery::new("mine".into(), now, now);
        let other = Delivery::new("other".into(), now, now).claimed(read.after(config.sweep_every));
        let work = Work { accepted: 2, deliveries: vec![mine, other.clone()], ..Work::default() };
        let (next, hints) = claim(&config, &key, work, now, read).unwrap();
        assert_eq!((&next.deliveries[1], hints.len()), (&other, 1));
    }
}
