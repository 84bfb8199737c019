//! Changes of a stored event's work, made again over those of other processes.

use std::time::Duration;

use config::Context;
use hub::{EventKey, Work};
use store::{LONGEST_LEASE, Settled, Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::Courier;
use crate::gathering::{Known, Seat, changed};

/// For how long a store that does not answer is asked again, whatever is left of the lease, and at the most.
const LEAST: Duration = Duration::from_secs(5);
const MOST: Duration = Duration::from_secs(20);

/// The first pause before it is, doubled each time, and the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The pause before a change is repeated that another process's has been in the way of twice, doubled each time, and the
/// longest.
const CONFLICT_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_CONFLICT_PAUSE: Duration = Duration::from_millis(500);

/// Stores a change of an event's work. After a conflicting change, `next` is applied again to the new version, as long as it
/// returns a change; none where it does not. A write without an answer is repeated until the lease ends, because an attempt
/// without a stored result is made again, or is ambiguous. A change that could not be stored is an error and is logged.
pub(crate) async fn change<S: Store, Q>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    work: Work,
    next: impl Fn(Work) -> Option<Work>,
) -> Result<Option<Work>, StoreError> {
    let limits = Limits::new(courier, &work);
    let seat = courier.lines.gathering.seat(key);
    let mut known = seat.turn().await;
    let writer = Writer { courier, key, seat: &seat, limits };
    let changed = Box::pin(writer.write(&mut known, &work, Some(&next))).await;
    changed.inspect_err(|error| lost(key, &work, next(work.clone()), error))
}

/// The same for a change that others of the same event may come with at the same time: it is stored in one write with those
/// that wait.
pub(crate) async fn change_together<S: Store, Q>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    work: Work,
    next: impl Fn(Work) -> Option<Work> + Send + Sync + 'static,
) -> Result<Option<Work>, StoreError> {
    let limits = Limits::new(courier, &work);
    let mut seat = courier.lines.gathering.seat(key);
    seat.hand_over(next, limits.conflicts);
    let mut known = seat.turn().await;
    let changed = if let Some(changed) = seat.outcome() {
        changed
    } else {
        let writer = Writer { courier, key, seat: &seat, limits };
        let written = Box::pin(writer.write(&mut known, &work, None::<&fn(Work) -> Option<Work>>)).await;
        seat.outcome().unwrap_or(written)
    };
    changed.inspect_err(|error| lost(key, &work, seat.preview(work.clone()), error))
}

/// Time until which a change is worth storing.
#[derive(Clone, Copy)]
struct Limits {
    /// For a store that does not answer.
    answers: Instant,
    /// For other processes that change the same item: the end of the lease, or of this process.
    conflicts: Instant,
}

impl Limits {
    fn new<S, Q>(courier: &Courier<S, Q>, work: &Work) -> Self {
        let (now, begun) = (courier.now(), Instant::now());
        let claimed = work.pending().filter(|progress| progress.is_claimed);
        let lease = claimed.map(|progress| progress.due).max().unwrap_or(now).since(now);
        let left = courier.patience(Duration::ZERO).unwrap_or_default();
        let conflicts = lease.clamp(LEAST, LONGEST_LEASE).min(left);
        Self { answers: begun + lease.clamp(LEAST, MOST), conflicts: begun + conflicts }
    }
}

/// The one task of this process that at present stores the changes of an event.
struct Writer<'a, S, Q> {
    courier: &'a Courier<S, Q>,
    key: &'a EventKey,
    seat: &'a Seat<'a>,
    limits: Limits,
}

impl<S: Store, Q> Writer<'_, S, Q> {
    /// Stores its own change with those that wait, on the latest version that is known. Nothing where its own has none to
    /// make.
    async fn write<F: Fn(Work) -> Option<Work>>(
        &self,
        known: &mut Known,
        work: &Work,
        own: Option<&F>,
    ) -> Result<Option<Work>, StoreError> {
        let newer = known.work.take().filter(|known| known.version > work.version);
        let mut latest = newer.unwrap_or_else(|| work.clone());
        if known.doubtful.is_some() {
            let found = self.read().await?;
            if let (Some(staged), Some(found)) = (known.doubtful.take(), found) {
                if found == staged.work {
                    self.seat.stored(&staged);
                }
                latest = found;
            }
        }
        let mut conflicts = 0;
        loop {
            let version = latest.version + 1;
            let changed = own.and_then(|own| own(latest.clone()));
            let effective = changed.is_some();
            let mut staged = self.seat.stage(changed.unwrap_or_else(|| latest.clone()));
            if !effective && !staged.is_effective() {
                known.work = Some(latest);
                self.seat.gone(&staged);
                return Ok(None);
            }
            staged.work.version = version;
            known.doubtful = Some(staged.clone());
            let mut doubt = false;
            let came = self.settle(&staged.work, &mut doubt).await;
            if came.is_ok() || !doubt {
                known.doubtful = None;
            }
            let failure = match came {
                Ok(WriteResult::Stored) => {
                    known.work = Some(staged.work.clone());
                    self.seat.stored(&staged);
                    return Ok(effective.then_some(staged.work));
                }
                Ok(WriteResult::Gone) => {
                    self.seat.gone(&staged);
                    return Ok(None);
                }
                Ok(WriteResult::Changed(found)) => {
                    latest = *found;
                    conflicts += 1;
                    self.pause(conflicts).await.err()
                }
                Err(error) => Some(error),
            };
            if let Some(error) = failure {
                self.seat.failed(&staged, &error);
                return Err(error);
            }
        }
    }

    /// Writes work over the version before it. What is in the way of a write that may have happened is the write itself.
    async fn settle(&self, work: &Work, doubt: &mut bool) -> Result<WriteResult, StoreError> {
        let store = &self.courier.context.store;
        let settled = persistently(self.courier, self.limits.answers, doubt, || store.settle(self.key, work)).await?;
        if settled == Settled::Done {
            return Ok(WriteResult::Stored);
        }
        Ok(match self.read().await? {
            Some(found) if *doubt && found == *work => WriteResult::Stored,
            Some(found) => WriteResult::Changed(Box::new(found)),
            None => WriteResult::Gone,
        })
    }

    async fn read(&self) -> Result<Option<Work>, StoreError> {
        let Context { store, .. } = &self.courier.context;
        let inspect = || store.inspect(self.key, self.courier.now());
        let found = persistently(self.courier, self.limits.answers, &mut false, inspect).await?;
        Ok(found.map(|found| found.work))
    }

    /// Waits before a change is repeated for the `conflicts`th time: the first time not at all, then for a random time, so
    /// that of many processes each gets through.
    async fn pause(&self, conflicts: u32) -> Result<(), StoreError> {
        let doubled = 1_u32.checked_shl(conflicts.saturating_sub(2)).unwrap_or(u32::MAX);
        let pause = CONFLICT_PAUSE.saturating_mul(doubled).min(LONGEST_CONFLICT_PAUSE);
        let pause = if conflicts < 2 { Duration::ZERO } else { pause.mul_f64(self.courier.jitter() + 0.5) };
        if Instant::now() + pause >= self.limits.conflicts {
            let source = format!("other processes have changed the event {conflicts} times in between").into();
            return Err(StoreError::Unavailable { verb: "settle", source });
        }
        sleep(pause).await;
        Ok(())
    }
}

/// Result of a write.
enum WriteResult {
    /// It is stored.
    Stored,
    /// Another process has changed the work to this.
    Changed(Box<Work>),
    /// The event is not there any more.
    Gone,
}

/// Logs a change that is given up, by what it would have made of each delivery or of the call.
fn lost(key: &EventKey, before: &Work, after: Option<Work>, error: &StoreError) {
    let Some(after) = after else { return };
    let error = telemetry::logs::chain(error);
    for delivery in changed(before, &after) {
        let (event, subject, endpoint, state) = (&key.id, &key.subject, &delivery.endpoint, delivery.state);
        let message = "the new state of a delivery is lost: it is attempted again when its lease is over";
        tracing::warn!(%event, %subject, %endpoint, lost = ?state, error, message);
    }
    if let Some(call) = after.call.as_ref().filter(|call| before.call.as_ref() != Some(call)) {
        let (id, connection, lost) = (&key.id, &key.connection, call.standing);
        let message = "the new state of a call is lost: it is looked at again when its lease is over";
        tracing::warn!(call = %id, %connection, ?lost, error, message);
    }
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
        let wait = pause.mul_f64(courier.jitter() + 0.5);
        if Instant::now() + wait >= until {
            return Err(error);
        }
        sleep(wait).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
