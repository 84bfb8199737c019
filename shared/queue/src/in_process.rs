//! The queue of the hub on one machine: memory, bounded, and it may forget.
//!
//! Each destination has a lane of its own, so that one that is slow or down fills its own lane and no other. A lane that is
//! full forgets what it is sent: the sweep finds that, and reception never waits for delivery.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::{Destination, Hint, Queue, QueueError};

/// The sending side.
#[derive(Clone, Debug)]
pub struct InProcess {
    lanes: Arc<RwLock<HashMap<Destination, Entrance>>>,
    /// For hints that wait for the store alone, or for a destination that is not configured any more.
    rest: Entrance,
    /// Number of hints for which each lane has room.
    capacity: usize,
    /// Places for hints that wait for their time.
    waiting: Arc<Semaphore>,
}

/// Sending end of a lane.
#[derive(Clone, Debug)]
struct Entrance {
    hints: mpsc::Sender<Hint>,
    /// It was full and has not been half empty since.
    is_full: Arc<AtomicBool>,
}

/// Most hints that wait for their time. Further ones are left to the sweeper: so many retries mean an outage, in which speed
/// does not matter.
const MOST_WAITING: usize = 4_096;

/// The receiving side of one lane.
#[derive(Debug)]
pub struct Lane {
    /// Destination of the lane.
    pub destination: Destination,
    hints: mpsc::Receiver<Hint>,
}

/// A queue with a lane for each destination and one for the rest, each for `capacity` hints.
#[must_use]
pub fn in_process(destinations: impl IntoIterator<Item = Destination>, capacity: usize) -> (InProcess, Vec<Lane>) {
    let (rest, store) = lane(Destination::Store, capacity);
    let waiting = Arc::new(Semaphore::new(MOST_WAITING));
    let queue = InProcess { lanes: Arc::default(), rest, capacity, waiting };
    let lanes = std::iter::once(store).chain(destinations.into_iter().filter_map(|to| queue.add(to))).collect();
    (queue, lanes)
}

fn lane(destination: Destination, capacity: usize) -> (Entrance, Lane) {
    let (sender, hints) = mpsc::channel(capacity);
    (Entrance { hints: sender, is_full: Arc::default() }, Lane { destination, hints })
}

impl InProcess {
    /// Gives a destination a lane of its own from now on; nothing where it has one.
    #[must_use]
    pub fn add(&self, destination: Destination) -> Option<Lane> {
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        if lanes.contains_key(&destination) {
            return None;
        }
        let (sender, hints) = lane(destination.clone(), self.capacity);
        lanes.insert(destination, sender);
        Some(hints)
    }

    fn entrance(&self, to: &Destination) -> Entrance {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        lanes.get(to).unwrap_or(&self.rest).clone()
    }
}

impl Entrance {
    /// Sends a hint where there is room, and forgets it where there is none. Fails where the lane is gone.
    fn send(&self, hint: Hint) -> Result<(), QueueError> {
        let to = hint.destination();
        match self.hints.try_send(hint) {
            Ok(()) => {
                let half_empty = self.hints.capacity() * 2 >= self.hints.max_capacity();
                if half_empty && self.is_full.swap(false, Ordering::Relaxed) {
                    tracing::info!(%to, "a lane of the queue has room again");
                }
                Ok(())
            }
            Err(TrySendError::Full(_)) => {
                if !self.is_full.swap(true, Ordering::Relaxed) {
                    tracing::info!(%to, "a lane of the queue is full: the sweep claims the messages that do not fit");
                }
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(QueueError::Closed),
        }
    }
}

impl Queue for InProcess {
    /// Sending never waits.
    const HOLDS_UP: Duration = Duration::ZERO;

    async fn send(&self, hints: Vec<Hint>, delay: Duration) -> Result<(), QueueError> {
        for hint in hints {
            let lane = self.entrance(&hint.destination());
            if delay.is_zero() {
                lane.send(hint)?;
                continue;
            }
            let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| QueueError::Full)?;
            // A lane must end with the hub, whatever waits for its time.
            let (lane, is_full) = (lane.hints.downgrade(), Arc::clone(&lane.is_full));
            tokio::spawn(async move {
                sleep(delay).await;
                if let Some(hints) = lane.upgrade() {
                    let _ = Entrance { hints, is_full }.send(hint);
                }
                drop(place);
            });
        }
        Ok(())
    }

    async fn room(&self, to: &Destination, hints: usize) {
        let lane = self.entrance(to).hints;
        // A lane that is gone says so when it is sent something.
        let _ = lane.reserve_many(hints.min(lane.max_capacity())).await;
    }
}

impl Lane {
    /// The next hint; nothing when every sender is gone.
    pub async fn next(&mut self) -> Option<Hint> {
        self.hints.recv().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use hub::{EventId, EventKey, Subject};

    use super::*;
    use crate::Job;

    fn hint(job: Job) -> Hint {
        let key = EventKey { connection: "c".into(), subject: Subject::new("order", "1"), id: EventId([0; 24]) };
        Hint { key, job }
    }

    const NOW: Duration = Duration::ZERO;

    fn endpoint(id: &str) -> Destination {
        Destination::Endpoint(id.into())
    }

    fn to(endpoint: &str) -> Hint {
        hint(Job::Deliver { endpoint: endpoint.into(), claim: 0 })
    }

    /// Regression: a full lane made the sender wait for 100 ms, so that an endpoint slower than its pushes slowed their
    /// reception.
    #[tokio::test]
    async fn a_full_lane_forgets_at_once_and_no_other_does() {
        let (queue, mut lanes) = in_process([endpoint("a"), endpoint("b"), Destination::Connection("c".into())], 1);
        for _ in 0..3 {
            let sent = queue.send(vec![to("a"), to("b"), hint(Job::Index), hint(Job::Call { claim: 0 })], NOW);
            assert!(matches!(sent.now_or_never(), Some(Ok(()))), "sending waits");
            // No worker takes hints from the lane of `a`.
            for lane in [0, 2, 3] {
                lanes[lane].next().await.unwrap();
            }
        }
        assert_eq!(lanes[1].next().now_or_never(), Some(Some(to("a"))));
        assert!(lanes[1].next().now_or_never().is_none(), "the others are forgotten");
        queue.send(vec![to("a")], NOW).await.unwrap();
        assert_eq!(lanes[1].next().await, Some(to("a")), "there is room again");
    }

    #[tokio::test]
    async fn room_is_there_when_as_many_hints_would_be_taken() {
        let (queue, mut lanes) = in_process([endpoint("a")], 4);
        queue.send(vec![to("a"), to("a"), to("a")], NOW).await.unwrap();
        let a = endpoint("a");
        let mut room = Box::pin(queue.room(&a, 2));
        assert!(room.as_mut().now_or_never().is_none());
        lanes[1].next().await.unwrap();
        room.await;
        assert!(queue.room(&endpoint("gone"), 9).now_or_never().is_some(), "more than a lane holds is all of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_waits_for_its_time_and_keeps_no_lane_open() {
        let (queue, mut lanes) = in_process([endpoint("a")], 1);
        let began = tokio::time::Instant::now();
        queue.send(vec![to("a")], Duration::from_secs(5)).await.unwrap();
        queue.send(vec![hint(Job::Index)], Duration::from_mins(10)).await.unwrap();
        assert_eq!(lanes[1].next().await, Some(to("a")));
        assert_eq!(began.elapsed().as_secs(), 5);
        drop(queue);
        assert_eq!(lanes[0].next().await, None);
    }

    #[tokio::test]
    async fn lanes_end_with_the_last_sender() {
        let (queue, mut lanes) = in_process([], 1);
        queue.send(vec![to("gone")], NOW).await.unwrap();
        drop(queue);
        assert_eq!((lanes[0].next().await, lanes[0].next().await), (Some(to("gone")), None));
        let (queue, lanes) = in_process([], 1);
        drop(lanes);
        assert!(matches!(queue.send(vec![to("x")], NOW).await, Err(QueueError::Closed)));
    }
}
