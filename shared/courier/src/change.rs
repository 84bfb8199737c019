//! Changing a stored event's work, and telling the queue of what comes of it.

use std::time::Duration;

use hub::{EventKey, Utc, Work};
use queue::{Errand, Hint, LONGEST_DELAY, Queue};
use store::{Listed, Settled, Store, StoreError};
use tokio::time::timeout;

use crate::Courier;
use crate::attempt::Done;

/// How often a change is made again over somebody else's.
const CHANGES: usize = 16;

/// How soon another process takes up what this one has left.
const LEFT: Duration = Duration::from_secs(5);

/// How long the queue may take to learn of something.
const TELLING: Duration = Duration::from_secs(1);

/// Stores what becomes of an event's work. Others change the same item: then the change is made again on what they left,
/// as long as `next` still makes one; nothing where it does not.
pub(crate) async fn change<S: Store, Q>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    mut work: Work,
    next: impl Fn(Work) -> Option<Work>,
) -> Result<Option<Work>, StoreError> {
    let store = &courier.context.store;
    for _ in 0..CHANGES {
        let version = work.version + 1;
        let Some(next) = next(work) else { return Ok(None) };
        let next = Work { version, ..next };
        if settled(store, key, &next).await? {
            return Ok(Some(next));
        }
        match found(store, key, courier.context.now()).await? {
            Some(found) => work = found.work,
            None => return Ok(None),
        }
    }
    // So many changes in between: the turn's time runs out and the sweeper takes it up.
    Ok(None)
}

/// Hints at work that is due at that time, so that it need not wait for the sweep. What the queue does not take is swept.
pub(crate) async fn tell<S, Q: Queue>(courier: &Courier<S, Q>, key: &EventKey, errands: Vec<Errand>, due: Utc) {
    let delay = due.since(courier.context.now());
    if errands.is_empty() || delay > LONGEST_DELAY {
        return;
    }
    let hints = errands.into_iter().map(|errand| Hint { key: key.clone(), errand }).collect();
    if let Ok(Err(error)) = timeout(TELLING, courier.context.queue.send(hints, delay)).await {
        tracing::debug!(error = runtime::logs::chain(&error), "work is left to the sweep");
    }
}

/// Leaves an errand that would not have ended in this process's time to one that has more. It stays stored as it is.
pub(crate) async fn leave<S, Q: Queue>(courier: &Courier<S, Q>, key: &EventKey, errand: Errand) -> Done {
    tell(courier, key, vec![errand], courier.context.now().after(LEFT)).await;
    Done::Left
}

/// Stores work; once more where the store did not answer, for a result that is not stored is an attempt to be repeated.
async fn settled<S: Store>(store: &S, key: &EventKey, work: &Work) -> Result<bool, StoreError> {
    match store.settle(key, work).await {
        Err(error) if error.retryable() => store.settle(key, work).await.map(|settled| settled == Settled::Done),
        other => other.map(|settled| settled == Settled::Done),
    }
}

/// Reads an item; once more where the store did not answer, for the same reason.
async fn found<S: Store>(store: &S, key: &EventKey, now: Utc) -> Result<Option<Listed>, StoreError> {
    match store.inspect(key, now).await {
        Err(error) if error.retryable() => store.inspect(key, now).await,
        other => other,
    }
}
