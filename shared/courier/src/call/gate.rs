//! What a process knows of one connection: how many calls are under way, how often it called, and its token.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub::Utc;
use runtime::config::Rate;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::credentials::Complaint;
use super::token::Slot;

/// The gate of one connection.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    /// When the latest calls began or will begin, the earliest first.
    pace: Mutex<VecDeque<Utc>>,
    /// The partner's token.
    pub(super) token: Slot,
    /// What was told of its credentials.
    pub(super) complaint: Complaint,
}

impl Gate {
    /// The gate of a connection with so many calls at once.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(concurrency)),
            pace: Mutex::default(),
            token: Slot::default(),
            complaint: Complaint::default(),
        }
    }

    /// A place among the calls that may be under way at once.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// How long a call must wait for the rate that the connection keeps. Up to `patience` its moment is taken; a longer
    /// wait takes none.
    pub(super) fn pace(&self, rate: Option<Rate>, now: Utc, patience: Duration) -> Result<Duration, Duration> {
        let Some(Rate { calls, per }) = rate else { return Ok(Duration::ZERO) };
        let mut times = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = usize::try_from(calls).unwrap_or(usize::MAX);
        let begun = times.len().checked_sub(kept).and_then(|first| times.get(first)).map(|time| time.after(per));
        let moment = begun.map_or(now, |free| free.max(now));
        let wait = moment.since(now);
        if wait > patience {
            return Err(wait);
        }
        times.push_back(moment);
        if times.len() > kept {
            times.pop_front();
        }
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_holds_more_calls_than_the_rate_allows() {
        let gate = Gate::new(1);
        let rate = Some(Rate { calls: 2, per: Duration::from_secs(10) });
        let pace = |second: i64, patience| gate.pace(rate, Utc(second * 1_000_000), Duration::from_secs(patience));
        let seconds = |n| Duration::from_secs(n);
        assert_eq!((pace(0, 0), pace(6, 0)), (Ok(seconds(0)), Ok(seconds(0))));
        assert_eq!(pace(7, 2), Err(seconds(3)), "its moment is not taken");
        assert_eq!(pace(7, 3), Ok(seconds(3)), "so it is still free");
        assert_eq!(pace(10, 60), Ok(seconds(6)), "ten seconds after the second");
        assert_eq!(gate.pace(None, Utc(0), seconds(0)), Ok(seconds(0)));
    }
}
