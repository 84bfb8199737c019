//! Notifications of consumers that wait for deliveries: a commit of this process that gives an endpoint something to lease wakes
//! those who wait there, so that none of them asks again and again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub::progress::Outgoing as _;
use hub::{EndpointId, Work};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Longest wait without another look: another process, such as `tongguan replay`, may have written.
const OTHERS: Duration = Duration::from_secs(5);

/// Numbers of the commits for each pull endpoint.
#[derive(Default)]
pub(crate) struct Pulls {
    commits: Mutex<HashMap<EndpointId, u64>>,
    committed: Notify,
    has_ended: AtomicBool,
}

impl Pulls {
    /// Notes committed work: a delivery that can be leased, or one that has ended and lets the next of its subject pass.
    pub(crate) fn tell(&self, work: &Work) {
        let wakes = work.deliveries.iter().filter(|delivery| delivery.pull);
        let mut wakes = wakes.filter(|delivery| !(delivery.is_pending() && delivery.progress.is_claimed)).peekable();
        if wakes.peek().is_none() {
            return;
        }
        let mut commits = self.commits();
        for delivery in wakes {
            *commits.entry(delivery.endpoint.clone()).or_default() += 1;
        }
        drop(commits);
        self.committed.notify_waiters();
    }

    /// Number of the commits so far.
    pub(crate) fn mark(&self, endpoint: &EndpointId) -> u64 {
        self.commits().get(endpoint).copied().unwrap_or_default()
    }

    /// Ends all waits.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
        self.committed.notify_waiters();
    }

    /// Waits for a commit after a mark. `false` where all waits have ended.
    pub(crate) async fn more(&self, endpoint: &EndpointId, mark: u64, at_most: Duration) -> bool {
        let committed = async {
            loop {
                let mut next = std::pin::pin!(self.committed.notified());
                // Before the look: what is committed in between is not missed.
                next.as_mut().enable();
                if self.mark(endpoint) != mark || self.has_ended.load(Ordering::SeqCst) {
                    return;
                }
                next.await;
            }
        };
        // In time or not, the caller looks again.
        let _ = timeout(at_most.min(OTHERS), committed).await;
        !self.has_ended.load(Ordering::SeqCst)
    }

    fn commits(&self) -> MutexGuard<'_, HashMap<EndpointId, u64>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use hub::Utc;
    use hub::delivery::Delivery;

    use super::*;

    fn work(pull: bool) -> Work {
        let mut delivery = Delivery::new("erp".into(), Utc(0), Utc(0));
        delivery.pull = pull;
        delivery.progress.is_claimed = false;
        Work { deliveries: vec![delivery], ..Work::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_consumer_is_woken_by_its_endpoint_alone() {
        let (pulls, erp) = (Pulls::default(), EndpointId::from("erp"));
        let mark = pulls.mark(&erp);
        let mut more = Box::pin(pulls.more(&erp, mark, Duration::from_secs(3)));
        assert!(more.as_mut().now_or_never().is_none());
        pulls.tell(&work(false));
        let mut other = work(true);
        other.deliveries[0].endpoint = "wms".into();
        pulls.tell(&other);
        let mut leased = work(true);
        leased.deliveries[0] = leased.deliveries[0].clone().leased(Utc(9), Utc(0));
        pulls.tell(&leased);
        assert!(more.as_mut().now_or_never().is_none(), "nothing of it can be leased");
        pulls.tell(&work(true));
        assert_eq!(more.as_mut().now_or_never(), Some(true));
        assert!(pulls.more(&erp, mark, Duration::from_secs(3)).now_or_never().is_some(), "committed before the wait");
        let began = tokio::time::Instant::now();
        pulls.more(&erp, pulls.mark(&erp), Duration::from_secs(20)).await;
        assert_eq!(began.elapsed(), OTHERS);
        let mut more = Box::pin(pulls.more(&erp, pulls.mark(&erp), Duration::from_secs(3)));
        assert!(more.as_mut().now_or_never().is_none());
        pulls.end();
        assert_eq!(more.now_or_never(), Some(false), "the process ends");
    }
}
