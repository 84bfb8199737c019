//! Correction of due times that lie too far ahead: a clock that ran ahead stored them, and was set back.

use std::collections::BTreeSet;
use std::time::Duration;

use config::Config;
use futures::stream::{self, StreamExt as _};
use hub::files::LONGEST_WAIT;
use hub::schedule::Schedule;
use hub::set_back::Waits;
use hub::{EndpointId, EventKey, Utc, Work};
use queue::{Job, Queue};
use store::{Aside, Settled, Store, StoreError};

use crate::{Courier, times};

/// Largest number of events with work, of watches and of files, examined at start; the sweep finds the others, because it examines the
/// furthest end.
const MOST: usize = 100_000;

/// Number of them at the furthest end that a sweep examines.
const FEW: usize = 256;

/// Number of events examined concurrently.
const AT_ONCE: usize = 16;

/// For aliases that are to be written, the longest wait.
const INDEXING: Duration = Duration::from_mins(1);

/// Corrects all due times that lie further ahead than any wait explains, and sends their queue messages. It examines all work
/// with a due time: for the start of a process, and after its clock was set back.
pub async fn bring_back<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<usize, StoreError> {
    look(courier, After { work: Utc(0), watches: Utc(0), files: Utc(0) }, MOST).await
}

/// The same for the furthest ends of the due work, watches and files: it costs next to nothing where nothing is due later
/// than the longest wait of each in the configuration.
pub async fn bring_back_furthest<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<usize, StoreError> {
    let (config, now) = (&courier.context.config, courier.now());
    let deliveries = config.endpoints.values().map(|endpoint| times::of_endpoint(config, &endpoint.id).longest());
    let calls = config.connections.keys().map(|id| times::furthest_of_connection(config, id).longest());
    let unknown = Waits { lease: config.sweep_every, schedule: &Schedule::default() }.longest();
    let longest = deliveries.chain(calls).max().unwrap_or_default().max(unknown);
    let after = After {
        work: now.after(longest),
        watches: now.after(times::longest_watch(config)),
        files: now.after(LONGEST_WAIT),
    };
    look(courier, after, FEW).await
}

/// Times after which due times are examined.
#[derive(Clone, Copy, Debug)]
struct After {
    work: Utc,
    watches: Utc,
    files: Utc,
}

/// Examines `most` events with work and as many watches and files: none hides the other.
async fn look<S: Store, Q: Queue>(courier: &Courier<S, Q>, after: After, most: usize) -> Result<usize, StoreError> {
    let store = &courier.context.store;
    let work = examine(courier, most, |limit| store.ahead(after.work, limit)).await;
    let watches = examine(courier, most, |limit| store.ahead_aside(Aside::Watches, after.watches, limit)).await;
    let files = examine(courier, most, |limit| store.ahead_aside(Aside::Files, after.files, limit)).await;
    Ok(work? + watches? + files?)
}

/// Examines the furthest ahead, `most` at once. Those that cannot be read stay where they are, and the search goes on behind
/// them.
async fn examine<S, Q, F>(courier: &Courier<S, Q>, most: usize, ahead: impl Fn(usize) -> F) -> Result<usize, StoreError>
where
    S: Store,
    Q: Queue,
    F: Future<Output = Result<Vec<EventKey>, StoreError>>,
{
    let (mut brought, mut failure) = (0, None);
    let mut unreadable = BTreeSet::new();
    loop {
        let wanted = most + unreadable.len();
        let keys = ahead(wanted).await?;
        let (is_last, before) = (keys.len() < wanted, unreadable.len());
        let keys: Vec<_> = keys.into_iter().filter(|key| !unreadable.contains(key)).collect();
        let ones = keys.into_iter().map(|key| async move { (one(courier, key.clone()).await, key) });
        let mut ones = stream::iter(ones).buffer_unordered(AT_ONCE);
        while let Some((done, key)) = ones.next().await {
            match done {
                Ok(changed) => brought += usize::from(changed),
                Err(error) if error.retryable() => failure = Some(error),
                Err(error) => {
                    let error = telemetry::logs::chain(&error);
                    tracing::error!(event = %key.id, error, "the due time of an unreadable item cannot be corrected");
                    unreadable.insert(key);
                }
            }
        }
        if is_last || unreadable.len() == before {
            break;
        }
    }
    if brought > 0 {
        tracing::warn!(events = brought, "due times set by a clock that ran ahead were corrected");
    }
    failure.map_or(Ok(brought), Err)
}

/// Brings back what is due of one event, by the item itself; whether there was anything.
async fn one<S: Store, Q: Queue>(courier: &Courier<S, Q>, key: EventKey) -> Result<bool, StoreError> {
    let context = &courier.context;
    let Some(found) = context.store.inspect(&key, courier.now()).await? else { return Ok(false) };
    let Some(next) = brought_back(&context.config, &key, &found.work, courier.now()) else { return Ok(false) };
    if context.store.settle(&key, &next).await? != Settled::Done {
        // A process that changed it meanwhile used the present clock; the next run finds its other due times.
        return Ok(false);
    }
    for ((job, own), (_, before)) in Job::pending(&next).zip(Job::pending(&found.work)) {
        if own != before && !own.is_claimed {
            courier.hint(&key, vec![job], own.due).await;
        }
    }
    Ok(true)
}

/// The work with what is due too far ahead brought back, by what its destinations wait for.
pub(crate) fn brought_back(config: &Config, key: &EventKey, work: &Work, now: Utc) -> Option<Work> {
    if let Some(watch) = &work.watch {
        let back = watch.brought_back(times::longest_watch(config), now)?;
        return Some(Work { version: work.version + 1, watch: Some(back), ..work.clone() });
    }
    if let Some(files) = &work.files {
        let back = files.brought_back(now)?;
        return Some(Work { version: work.version + 1, files: Some(Box::new(back)), ..work.clone() });
    }
    let calls = times::furthest_of_connection(config, &key.connection);
    let deliveries = |endpoint: &EndpointId| times::of_endpoint(config, endpoint);
    work.brought_back(deliveries, &calls, config.sweep_every.max(INDEXING), now)
}
