//! The queue of the hub on one machine: memory, bounded, and it may forget.
//!
//! Each endpoint has a lane of its own, so that one that is slow or down fills its own lane and no other. A lane that is
//! full makes the sender wait, which paces reception to delivery; how long is the sender's to say.

use std::collections::HashMap;
use std::sync::Arc;

use hub::EndpointId;
use tokio::sync::mpsc;

use crate::{Errand, Hint, Queue, QueueError};

/// The sending side.
#[derive(Clone, Debug)]
pub struct InProcess {
    lanes: Arc<HashMap<EndpointId, mpsc::Sender<Hint>>>,
    /// What goes to no endpoint, or to one that is not configured any more.
    rest: mpsc::Sender<Hint>,
}

/// The receiving side of one lane.
#[derive(Debug)]
pub struct Lane {
    /// Whose lane it is; nothing for what goes to no endpoint.
    pub endpoint: Option<EndpointId>,
    hints: mpsc::Receiver<Hint>,
}

/// A queue with a lane for each endpoint and one for the rest, each for `capacity` hints.
#[must_use]
pub fn in_process(endpoints: impl IntoIterator<Item = EndpointId>, capacity: usize) -> (InProcess, Vec<Lane>) {
    let (rest, hints) = mpsc::channel(capacity);
    let mut lanes = vec![Lane { endpoint: None, hints }];
    let mut senders = HashMap::new();
    for endpoint in endpoints {
        let (sender, hints) = mpsc::channel(capacity);
        lanes.push(Lane { endpoint: Some(endpoint.clone()), hints });
        senders.insert(endpoint, sender);
    }
    (InProcess { lanes: Arc::new(senders), rest }, lanes)
}

impl Queue for InProcess {
    async fn send(&self, hints: Vec<Hint>) -> Result<(), QueueError> {
        for hint in hints {
            let lane = match &hint.errand {
                Errand::Deliver { endpoint, .. } => self.lanes.get(endpoint).unwrap_or(&self.rest),
                Errand::Index => &self.rest,
            };
            lane.send(hint).await.map_err(|_| QueueError::Closed)?;
        }
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

    fn hint(errand: Errand) -> Hint {
        let key = EventKey { connection: "c".into(), subject: Subject::new("order", "1"), id: EventId([0; 24]) };
        Hint { key, errand }
    }

    fn to(endpoint: &str) -> Hint {
        hint(Errand::Deliver { endpoint: endpoint.into(), turn: 0 })
    }

    #[tokio::test]
    async fn a_full_lane_holds_up_no_other() {
        let (queue, mut lanes) = in_process(["a".into(), "b".into()], 1);
        queue.send(vec![to("a")]).await.unwrap();
        assert!(queue.send(vec![to("a")]).now_or_never().is_none(), "the lane of a is full");
        queue.send(vec![to("b"), hint(Errand::Index)]).await.unwrap();
        let mut got = Vec::new();
        for lane in &mut lanes {
            got.push((lane.endpoint.clone(), lane.next().await));
        }
        assert_eq!(
            got,
            [(None, Some(hint(Errand::Index))), (Some("a".into()), Some(to("a"))), (Some("b".into()), Some(to("b")))]
        );
    }

    #[tokio::test]
    async fn lanes_end_with_the_last_sender() {
        let (queue, mut lanes) = in_process([], 1);
        queue.send(vec![to("gone")]).await.unwrap();
        drop(queue);
        assert_eq!((lanes[0].next().await, lanes[0].next().await), (Some(to("gone")), None));
        let (queue, lanes) = in_process([], 1);
        drop(lanes);
        assert!(matches!(queue.send(vec![to("x")]).await, Err(QueueError::Closed)));
    }
}
