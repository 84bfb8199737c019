//! Changing a stored event's work, and telling the queue of what comes of it.

use std::time::Duration;

use hub::{EventKey, Utc, Work};
use queue::{Errand, Hint, LONGEST_DELAY, Queue};
use store::{Settled, Store, StoreError};
use tokio::time::{Instant, sleep, timeout};

use crate::Courier;
use crate::attempt::Done;

/// How often a change is made again over somebody else's.
const CHANGES: usize = 16;

/// How soon another process takes up what this one has left.
const LEFT: Duration = Duration::from_secs(5);

/// How long the queue may take to learn of something.
const TELLING: Duration = Duration::from_secs(1);

/// For how long a store that does not answer is asked again, whatever is left of the turn, and at the most.
const LEAST: Duration = Duration::from_secs(5);
const MOST: Duration = Duration::from_secs(20);

/// The first pause before it is, doubled each time, and the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Stores what becomes of an event's work. Others change the same item: then the change is made again on what they left,
/// as long as `next` still makes one; nothing where it does not. A store that does not answer is asked again until the turn
/// is over, for a result that is not stored is an attempt to be repeated, or one that nobody may repeat.
pub(crate) async fn change<S: Store, Q>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    mut work: Work,
    next: impl Fn(Work) -> Option<Work>,
) -> Result<Option<Work>, StoreError> {
    let store = &courier.context.store;
    let until = Instant::now() + patience(&work, courier.context.now());
    for _ in 0..CHANGES {
        let version = work.version + 1;
        let Some(next) = next(work) else { return Ok(None) };
        let next = Work { version, ..next };
        let mut doubt = false;
        if persistently(courier, until, &mut doubt, || store.settle(key, &next)).await? == Settled::Done {
            return Ok(Some(next));
        }
        let mut read = false;
        let found = persistently(courier, until, &mut read, || store.inspect(key, courier.context.now())).await?;
        match found {
            // What is in the way of a change that may have happened is the change itself.
            Some(found) if doubt && found.work == next => return Ok(Some(next)),
            Some(found) => work = found.work,
            None => return Ok(None),
        }
    }
    // So many changes in between: the turn's time runs out and the sweeper takes it up.
    Ok(None)
}

/// For how long it is worth to store what becomes of work: as long as it is in hand.
fn patience(work: &Work, now: Utc) -> Duration {
    let deliveries = work.deliveries.iter().filter(|delivery| delivery.in_hand).map(|delivery| delivery.due);
    let call = work.call.iter().filter(|call| call.in_hand).map(|call| call.due);
    let turn = deliveries.chain(call).max().unwrap_or(now);
    turn.since(now).clamp(LEAST, MOST)
}

/// Asks the store until it answers or the time is over. `doubt` says that it has failed to: what was asked may be done.
async fn persistently<S, Q, T, A>(
    courier: &Courier<S, Q>,
    until: Instant,
    doubt: &mut bool,
    ask: impl Fn() -> A,
) -> Result<T, StoreError>
where
    A: Future<Output = Result<T, StoreError>>,
{
    let mut pause = PAUSE;
    loop {
        let error = match ask().await {
            Err(error) if error.retryable() => error,
            answer => return answer,
        };
        *doubt = true;
        let wait = pause.mul_f64((courier.random)() + 0.5);
        if Instant::now() + wait >= until {
            return Err(error);
        }
        sleep(wait).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
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
