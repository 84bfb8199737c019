//! Changes of one event's work that this process makes at the same time. One writer at a time stores its own change and
//! those that wait, so that the deliveries of an event do not conflict with one another.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

use hub::delivery::Delivery;
use hub::{EventKey, Work};
use store::StoreError;
use tokio::sync;
use tokio::time::Instant;

use crate::lock;

/// The events whose work this process changes at present. An event is held for as long as it has a [`Seat`].
#[derive(Default)]
pub(crate) struct Gathering(Mutex<HashMap<EventKey, Arc<Group>>>);

impl fmt::Debug for Gathering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gathering({})", lock(&self.0).len())
    }
}

/// The changes of one event.
#[derive(Default)]
struct Group {
    /// Held by the writer.
    known: sync::Mutex<Known>,
    waiting: Mutex<Vec<Arc<Change>>>,
}

/// State that a writer leaves to the next one.
#[derive(Default)]
pub(crate) struct Known {
    /// The latest version that this process has stored or read.
    pub(crate) work: Option<Work>,
    /// A write without a known result, because its writer was dropped or the store did not answer.
    pub(crate) doubtful: Option<Staged>,
}

/// Work with changes in it, and the changes.
#[derive(Clone)]
pub(crate) struct Staged {
    pub(crate) work: Work,
    /// Each with whether it has changed anything.
    changes: Vec<(Arc<Change>, bool)>,
}

/// A change that any writer can make. It is repeated on what other processes have stored.
pub(crate) struct Change {
    next: Box<dyn Fn(Work) -> Option<Work> + Send + Sync>,
    /// Time until which another writer's failure does not count as its own.
    until: Instant,
    /// The deliveries as it has made them for the latest write.
    made: Mutex<Vec<Delivery>>,
    outcome: Mutex<Option<Outcome>>,
}

/// Result of a change.
enum Outcome {
    Stored(Option<Box<Work>>),
    Failed(StoreError),
    Panicked(Box<dyn Any + Send>),
}

/// A place among those who change an event's work.
pub(crate) struct Seat<'a> {
    gathering: &'a Gathering,
    key: &'a EventKey,
    group: Arc<Group>,
    change: Option<Arc<Change>>,
}

impl Gathering {
    /// A place from which one change is made.
    pub(crate) fn seat<'a>(&'a self, key: &'a EventKey) -> Seat<'a> {
        let group = Arc::clone(lock(&self.0).entry(key.clone()).or_default());
        Seat { gathering: self, key, group, change: None }
    }
}

impl Seat<'_> {
    /// Hands a change over to the next writer, until `until` at least.
    pub(crate) fn hand_over(&mut self, next: impl Fn(Work) -> Option<Work> + Send + Sync + 'static, until: Instant) {
        let change =
            Arc::new(Change { next: Box::new(next), until, made: Mutex::default(), outcome: Mutex::default() });
        lock(&self.group.waiting).push(Arc::clone(&change));
        self.change = Some(change);
    }

    /// Waits to be the writer, in the order of asking.
    pub(crate) async fn turn(&self) -> sync::MutexGuard<'_, Known> {
        self.group.known.lock().await
    }

    /// Result of the change that was handed over; none while it waits. Panics where the change did.
    pub(crate) fn outcome(&self) -> Option<Result<Option<Work>, StoreError>> {
        match lock(&self.change.as_ref()?.outcome).take()? {
            Outcome::Stored(work) => Some(Ok(work.map(|work| *work))),
            Outcome::Failed(error) => Some(Err(error)),
            Outcome::Panicked(panic) => resume_unwind(panic),
        }
    }

    /// The work after the change that was handed over.
    pub(crate) fn preview(&self, work: Work) -> Option<Work> {
        (self.change.as_ref()?.next)(work)
    }

    /// Applies all waiting changes to the work, one after the other. One that panics is left out, and its owner notified. So is
    /// one that the work already has: it was written, the answer was lost, and the work was changed again.
    pub(crate) fn stage(&self, mut work: Work) -> Staged {
        let waiting = lock(&self.group.waiting).clone();
        let mut changes = Vec::with_capacity(waiting.len());
        for change in waiting {
            match catch_unwind(AssertUnwindSafe(|| (change.next)(work.clone()))) {
                Ok(Some(next)) => {
                    *lock(&change.made) = changed(&work, &next);
                    changes.push((change, true));
                    work = next;
                }
                Ok(None) if change.is_made(&work) => {
                    self.finish(&change, Outcome::Stored(Some(Box::new(work.clone()))));
                }
                Ok(None) => changes.push((change, false)),
                Err(panic) => self.finish(&change, Outcome::Panicked(panic)),
            }
        }
        Staged { work, changes }
    }

    /// Notifies the owners of changes that the work is stored with them; those without effect have changed nothing.
    pub(crate) fn stored(&self, staged: &Staged) {
        for (change, effective) in &staged.changes {
            self.finish(change, Outcome::Stored(effective.then(|| Box::new(staged.work.clone()))));
        }
    }

    /// Notifies the owners of changes that the item is gone.
    pub(crate) fn gone(&self, staged: &Staged) {
        for (change, _) in &staged.changes {
            self.finish(change, Outcome::Stored(None));
        }
    }

    /// Passes a failure on to those whose time is over as well. The others try for themselves.
    pub(crate) fn failed(&self, staged: &Staged, error: &StoreError) {
        let now = Instant::now();
        for (change, _) in staged.changes.iter().filter(|(change, _)| change.until <= now && error.retryable()) {
            let source = telemetry::logs::chain(error).into();
            self.finish(change, Outcome::Failed(StoreError::Unavailable { verb: "settle", source }));
        }
    }

    fn finish(&self, change: &Arc<Change>, outcome: Outcome) {
        lock(&self.group.waiting).retain(|waiting| !Arc::ptr_eq(waiting, change));
        lock(&change.outcome).get_or_insert(outcome);
    }
}

impl Change {
    /// Whether some work has its deliveries as it has made them.
    fn is_made(&self, work: &Work) -> bool {
        let made = lock(&self.made);
        !made.is_empty() && made.iter().all(|delivery| work.delivery(&delivery.endpoint) == Some(delivery))
    }
}

/// The deliveries that differ in the later of two versions.
pub(crate) fn changed(before: &Work, after: &Work) -> Vec<Delivery> {
    let differs = |delivery: &&Delivery| before.delivery(&delivery.endpoint) != Some(delivery);
    after.deliveries.iter().filter(differs).cloned().collect()
}

impl Staged {
    /// Whether any change has had an effect.
    pub(crate) fn is_effective(&self) -> bool {
        self.changes.iter().any(|(_, effective)| *effective)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(change) = &self.change {
            lock(&self.group.waiting).retain(|waiting| !Arc::ptr_eq(waiting, change));
        }
        let mut groups = lock(&self.gathering.0);
        // The references of the map and of this seat: there is no other, and none is added while the map is locked.
        if Arc::strong_count(&self.group) == 2 {
            groups.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hub::progress::Outgoing as _;
    use hub::{EventId, Utc};

    use super::*;

    fn key() -> EventKey {
        EventKey { connection: "c".into(), subject: "order:1".into(), id: EventId([1; 24]) }
    }

    fn work() -> Work {
        let deliveries = ["a", "b"].map(|id| Delivery::new(id.into(), Utc(0), Utc(9))).to_vec();
        Work { accepted: 2, deliveries, ..Work::default() }
    }

    /// Claims the delivery to an endpoint, after its first claim.
    fn claims(endpoint: &'static str) -> impl Fn(Work) -> Option<Work> + Send + Sync + 'static {
        move |work| {
            let delivery = work.delivery(&endpoint.into()).filter(|delivery| delivery.is_current(0))?.clone();
            Some(work.with(delivery.claimed(Utc(20))))
        }
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[test]
    fn one_writer_makes_all_waiting_changes() {
        let (gathering, key) = (Gathering::default(), key());
        let (mut a, mut b) = (gathering.seat(&key), gathering.seat(&key));
        a.hand_over(claims("a"), later());
        b.hand_over(claims("b"), later());
        let staged = a.stage(work());
        assert!(staged.is_effective());
        a.stored(&staged);
        for seat in [a, b] {
            assert_eq!(seat.outcome().unwrap().unwrap().unwrap(), staged.work);
        }
        assert_eq!(format!("{gathering:?}"), "Gathering(0)", "nothing is held");
    }

    #[test]
    fn panicking_change_leaves_the_others_to_be_made() {
        let (gathering, key) = (Gathering::default(), key());
        let (mut a, mut b) = (gathering.seat(&key), gathering.seat(&key));
        a.hand_over(|_| panic!("a defect"), later());
        b.hand_over(claims("b"), later());
        let staged = b.stage(work());
        assert!(staged.is_effective());
        b.stored(&staged);
        assert!(b.outcome().unwrap().unwrap().is_some());
        assert!(catch_unwind(AssertUnwindSafe(|| a.outcome())).is_err(), "its owner panics");
        assert!(!b.stage(work()).is_effective(), "nobody makes it again");
    }

    #[test]
    fn change_of_a_dropped_owner_is_not_made() {
        let (gathering, key) = (Gathering::default(), key());
        let (mut a, b) = (gathering.seat(&key), gathering.seat(&key));
        a.hand_over(claims("a"), later());
        drop(a);
        assert!(!b.stage(work()).is_effective());
    }

    #[tokio::test]
    async fn dropped_writer_lets_the_next_one_write() {
        let (gathering, key) = (Gathering::default(), key());
        let (a, mut b) = (gathering.seat(&key), gathering.seat(&key));
        b.hand_over(claims("b"), later());
        let mut known = a.turn().await;
        known.doubtful = Some(a.stage(work()));
        drop(known);
        drop(a);
        let mut known = b.turn().await;
        let staged = known.doubtful.take().unwrap();
        b.stored(&staged);
        assert_eq!(b.outcome().unwrap().unwrap().unwrap(), staged.work, "the write was done after all");
    }

    #[test]
    fn change_that_was_stored_without_an_answer_is_made_once() {
        let (gathering, key) = (Gathering::default(), key());
        let mut a = gathering.seat(&key);
        a.hand_over(claims("a"), later());
        let stored = a.stage(work()).work;
        // Another process has gone on from there.
        let found = claims("b")(stored).unwrap();
        assert!(!a.stage(found.clone()).is_effective());
        assert_eq!(a.outcome().unwrap().unwrap(), Some(found));
    }

    #[test]
    fn failure_is_shared_by_those_without_time_left() {
        let (gathering, key) = (Gathering::default(), key());
        let (mut late, mut early) = (gathering.seat(&key), gathering.seat(&key));
        late.hand_over(claims("a"), Instant::now());
        early.hand_over(claims("b"), later());
        let staged = late.stage(work());
        let error = StoreError::Unavailable { verb: "settle", source: "down".into() };
        late.failed(&staged, &error);
        assert!(late.outcome().unwrap().is_err());
        assert!(early.outcome().is_none());
        assert!(early.stage(work()).is_effective(), "it is still made");
    }
}
