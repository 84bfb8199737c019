//! The queue of the hub on one machine: memory, bounded, and it may forget.
//!
//! Each destination has a lane of its own, so that one that is slow or down fills its own lane and no other. A lane that is
//! full makes the sender wait, which paces reception to delivery; how long is the sender's to say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::{Destination, Hint, Queue, QueueError};

/// The sending side.
#[derive(Clone, Debug)]
pub struct InProcess {
    lanes: Arc<HashMap<Destination, mpsc::Sender<Hint>>>,
    /// What waits for the store alone, or for somebody who is not configured any more.
    rest: mpsc::Sender<Hint>,
    /// Places for hints that wait for their time.
    waiting: Arc<Semaphore>,
}

/// How many hints may wait for their time. Further ones are left to the sweeper: so many retries are an outage, which is
/// no time to be fast.
const MOST_WAITING: usize = 4_096;

/// The receiving side of one lane.
#[derive(Debug)]
pub struct Lane {
    /// Whose lane it is.
    pub destination: Destination,
    hints: mpsc::Receiver<Hint>,
}

/// A queue with a lane for each destination and one for the rest, each for `capacity` hints.
#[must_use]
pub fn in_process(destinations: impl IntoIterator<Item = Destination>, capacity: usize) -> (InProcess, Vec<Lane>) {
    let (rest, hints) = mpsc::channel(capacity);
    let mut lanes = vec![Lane { destination: Destination::Store, hints }];
    let mut senders = HashMap::new();
    for destination in destinations {
        let (sender, hints) = mpsc::channel(capacity);
        lanes.push(Lane { destination: destination.clone(), hints });
        senders.insert(destination, sender);
    }
    let waiting = Arc::new(Semaphore::new(MOST_WAITING));
    (InProcess { lanes: Arc::new(senders), rest, waiting }, lanes)
}

impl Queue for InProcess {
    /// Enough to pace reception: a lane that stays full for longer is the sweeper's.
    const HOLDS_UP: Duration = Duration::from_millis(100);

    async fn send(&self, hints: Vec<Hint>, delay: Duration) -> Result<(), QueueError> {
        let mut held_up = Vec::new();
        for hint in hints {
            let lane = self.lanes.get(&hint.destination()).unwrap_or(&self.rest);
            if delay.is_zero() {
                match lane.try_send(hint) {
                    Ok(()) => {}
                    Err(TrySendError::Full(hint)) => held_up.push(lane.send(hint)),
                    Err(TrySendError::Closed(_)) => return Err(QueueError::Closed),
                }
            } else {
                let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| QueueError::Full)?;
                // A lane must end with the hub, whatever waits for its time.
                let lane = lane.downgrade();
                tokio::spawn(async move {
                    sleep(delay).await;
                    if let Some(lane) = lane.upgrade() {
                        // One that finds no room is left to the sweeper.
                        let _ = lane.try_send(hint);
                    }
                    drop(place);
                });
            }
        }
        // Those of all full lanes at once: one that stays full holds up no other.
        try_join_all(held_up).await.map_err(|_| QueueError::Closed)?;
        Ok(())
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
    use crate::Errand;

    fn hint(errand: Errand) -> Hint {
        let key = EventKey { connection: "c".into(), subject: Subject::new("order", "1"), id: EventId([0; 24]) };
        Hint { key, errand }
    }

    const NOW: Duration = Duration::ZERO;

    fn endpoint(id: &str) -> Destination {
        Destination::Endpoint(id.into())
    }

    fn to(endpoint: &str) -> Hint {
        hint(Errand::Deliver { endpoint: endpoint.into(), turn: 0 })
    }

    #[tokio::test]
    async fn a_full_lane_holds_up_no_other() {
        let (queue, mut lanes) = in_process([endpoint("a"), endpoint("b"), Destination::Connection("c".into())], 1);
        queue.send(vec![to("a")], NOW).await.unwrap();
        assert!(queue.send(vec![to("a")], NOW).now_or_never().is_none(), "the lane of a is full");
        queue.send(vec![to("b"), hint(Errand::Index), hint(Errand::Call { turn: 0 })], NOW).await.unwrap();
        let mut got = Vec::new();
        for lane in &mut lanes {
            got.push(lane.next().await.unwrap());
        }
        assert_eq!(got, [hint(Errand::Index), to("a"), to("b"), hint(Errand::Call { turn: 0 })]);
    }

    /// The hints of an event to other endpoints, or of another event of the same push, waited behind the one of a full
    /// lane, and were forgotten with it when the sender gave up.
    #[tokio::test]
    async fn a_full_lane_holds_up_nothing_that_is_sent_with_it() {
        let (queue, mut lanes) = in_process([endpoint("a"), endpoint("b"), endpoint("c")], 1);
        queue.send(vec![to("a"), to("b")], NOW).await.unwrap();
        let mut sending = Box::pin(queue.send(vec![to("a"), to("b"), to("b"), to("c")], NOW));
        assert!(sending.as_mut().now_or_never().is_none(), "the lanes of a and b are full");
        assert_eq!(lanes[3].next().now_or_never(), Some(Some(to("c"))));
        for _ in 0..3 {
            assert_eq!(lanes[2].next().now_or_never(), Some(Some(to("b"))), "a is still full");
            assert!(sending.as_mut().now_or_never().is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_waits_for_its_time_and_keeps_no_lane_open() {
        let (queue, mut lanes) = in_process([endpoint("a")], 1);
        let began = tokio::time::Instant::now();
        queue.send(vec![to("a")], Duration::from_secs(5)).await.unwrap();
        queue.send(vec![hint(Errand::Index)], Duration::from_mins(10)).await.unwrap();
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
