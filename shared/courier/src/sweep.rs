//! The sweep: what is due and nobody has taken up is taken up here. It needs no queue: it makes the attempts itself, and
//! only what is more than it can do in its time goes out as hints.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use hub::{EndpointId, EventKey};
use queue::{Errand, Hint, Queue};
use store::{Settled, Store, StoreError};

use crate::{Courier, attempt};

/// How many due events are looked up at once.
const PAGE: usize = 256;

/// How many events are taken up at once.
const TAKERS: usize = 32;

/// How many attempts the sweep makes itself, for each place an endpoint has. One that hangs cannot hold the sweep for
/// longer than that many timeouts.
const ROUNDS: usize = 2;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Errands it took up.
    pub taken: usize,
    /// Of these, run by itself.
    pub run: usize,
    /// Of these, handed to the queue.
    pub handed: usize,
}

/// Takes up everything that is due, for at most `budget`.
pub async fn sweep<S, Q>(courier: &Courier<S, Q>, budget: Duration) -> Result<Swept, StoreError>
where
    S: Store,
    Q: Queue,
{
    let context = &courier.context;
    let began = context.now();
    let mut swept = Swept::default();
    loop {
        let now = context.now();
        let due = context.store.due(now, PAGE).await?;
        let page = due.len();
        let taken: Vec<Vec<Hint>> =
            stream::iter(due).map(|key| take(courier, key)).buffer_unordered(TAKERS).collect().await;
        let (own, surplus) = share(courier, taken.into_iter().flatten());
        swept.taken += own.len() + surplus.len();
        swept.run += own.len();
        swept.handed += surplus.len();
        if !surplus.is_empty()
            && let Err(error) = context.queue.send(surplus).await
        {
            let error = runtime::logs::chain(&error);
            tracing::warn!(error, "surplus of the sweep not handed over; the next sweep takes it up");
        }
        let run = own.into_iter().map(|hint| async move {
            if let Err(error) = attempt::run(courier, &hint).await {
                let error = runtime::logs::chain(&error);
                tracing::error!(event = %hint.key.id, error, "errand not finished");
            }
        });
        stream::iter(run).buffer_unordered(PAGE).collect::<()>().await;
        if page < PAGE || context.now().since(began) >= budget {
            return Ok(swept);
        }
    }
}

/// Takes up what is due of one event. The index lags behind the item, so the item decides, by its version.
async fn take<S: Store, Q>(courier: &Courier<S, Q>, key: EventKey) -> Vec<Hint> {
    let context = &courier.context;
    let result = async {
        let Some(found) = context.store.inspect(&key, context.now()).await? else { return Ok(vec![]) };
        let lease = |endpoint: &EndpointId| {
            let every = context.config.sweep_every;
            context.config.endpoints.get(endpoint).map_or(every, |endpoint| attempt::lease(every, endpoint))
        };
        let (work, hints) = attempt::take_up(&key, found.work, context.now(), lease);
        if hints.is_empty() {
            return Ok(hints);
        }
        let settled = context.store.settle(&key, &work).await?;
        Ok(if settled == Settled::Done { hints } else { vec![] })
    };
    result.await.unwrap_or_else(|error: StoreError| {
        let error = runtime::logs::chain(&error);
        tracing::error!(event = %key.id, error, "due work not taken up; the next sweep tries again");
        vec![]
    })
}

/// Shares errands out between the sweep itself and the queue, by what each endpoint can take at once.
fn share<S, Q>(courier: &Courier<S, Q>, hints: impl Iterator<Item = Hint>) -> (Vec<Hint>, Vec<Hint>) {
    let mut taken: HashMap<EndpointId, usize> = HashMap::new();
    hints.partition(|hint| match &hint.errand {
        Errand::Index => true,
        Errand::Deliver { endpoint, .. } => {
            let places = courier.context.config.endpoints.get(endpoint).map_or(1, |endpoint| endpoint.concurrency);
            let count = taken.entry(endpoint.clone()).or_default();
            *count += 1;
            *count <= ROUNDS * places
        }
    })
}
