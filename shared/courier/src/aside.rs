//! The walk over what is due of what is kept aside: watches and files.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use hub::EventKey;
use queue::Queue;
use store::{Aside, Store, StoreError};
use tokio::time::Instant;

use crate::Courier;

/// Number of due records that are read at once.
const PAGE: usize = 256;

/// A record of which the look fails whenever it is repeated: it cannot be read.
#[derive(Debug)]
pub(crate) struct Stuck(pub(crate) EventKey);

/// Looks at what is due, page by page, until then. Records that are stuck stay due, and the search goes on behind them.
pub(crate) async fn each_due<S: Store, Q: Queue, T, F>(
    courier: &Courier<S, Q>,
    of: Aside,
    until: Instant,
    look: impl Fn(Vec<EventKey>) -> F,
) -> Result<T, StoreError>
where
    T: AddAssign + Copy + Default + PartialEq,
    F: Future<Output = Vec<Result<T, Stuck>>>,
{
    let (mut sum, mut stuck) = (T::default(), BTreeSet::new());
    loop {
        let wanted = PAGE + stuck.len();
        let due = courier.context.store.due_aside(of, courier.now(), wanted).await?;
        let is_last = due.len() < wanted;
        let before = (sum, stuck.len());
        let keys = due.into_iter().filter(|key| !stuck.contains(key)).collect();
        for looked in look(keys).await {
            match looked {
                Ok(looked) => sum += looked,
                Err(Stuck(key)) => _ = stuck.insert(key),
            }
        }
        // Where nothing could be done the next page is the same.
        if is_last || before == (sum, stuck.len()) || Instant::now() > until {
            return Ok(sum);
        }
    }
}
