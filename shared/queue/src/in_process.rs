//! The queue of the hub on one machine: memory, and it may forget.

use tokio::sync::mpsc;

use crate::{Hint, Queue, QueueError};

/// The sending side.
#[derive(Clone, Debug)]
pub struct InProcess(mpsc::Sender<Hint>);

/// The receiving side.
#[derive(Debug)]
pub struct Receiver(mpsc::Receiver<Hint>);

/// A queue that holds `capacity` hints.
#[must_use]
pub fn in_process(capacity: usize) -> (InProcess, Receiver) {
    let (sender, receiver) = mpsc::channel(capacity);
    (InProcess(sender), Receiver(receiver))
}

impl Queue for InProcess {
    async fn send(&self, hints: Vec<Hint>) -> Result<(), QueueError> {
        hints.into_iter().try_for_each(|hint| self.0.try_send(hint)).map_err(|_| QueueError::Full)
    }
}

impl Receiver {
    /// The next hint; nothing when every sender is gone.
    pub async fn next(&mut self) -> Option<Hint> {
        self.0.recv().await
    }
}

#[cfg(test)]
mod tests {
    use hub::{EventId, EventKey, Subject};

    use super::*;
    use crate::Errand;

    #[tokio::test]
    async fn a_full_queue_forgets_instead_of_waiting() {
        let (queue, mut receiver) = in_process(1);
        let key = EventKey { connection: "c".into(), subject: Subject::new("order", "1"), id: EventId([0; 24]) };
        let hint = Hint { key, errand: Errand::Index };
        queue.send(vec![hint.clone()]).await.unwrap();
        assert!(matches!(queue.send(vec![hint.clone()]).await, Err(QueueError::Full)));
        assert_eq!(receiver.next().await, Some(hint));
        drop(queue);
        assert_eq!(receiver.next().await, None);
    }
}
