//! Requests as tasks of their own: what has begun is carried to its end, whether or not its connection lives.

use std::convert::Infallible;

use tokio::sync::mpsc;
use tokio::task::JoinError;

/// Starts tasks that the end of the server waits for.
#[derive(Clone)]
pub(crate) struct Tasks(mpsc::Sender<Infallible>);

impl Tasks {
    /// The starter, and a future that is ready when it, its clones and all tasks are gone.
    pub(crate) fn new() -> (Self, impl Future<Output = ()>) {
        let (sender, mut receiver) = mpsc::channel(1);
        (Self(sender), async move {
            receiver.recv().await;
        })
    }

    /// Runs a task; it goes on where the returned future is dropped. Fails where the task panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let running = self.0.clone();
        let task = async move {
            let done = task.await;
            drop(running);
            done
        };
        tokio::spawn(task).await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_task_goes_on_without_its_starter_and_is_waited_for() {
        let (tasks, finished) = Tasks::new();
        let mut finished = Box::pin(finished);
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        {
            let mut running = Box::pin(tasks.run(async move {
                gone.await.unwrap();
                tell.send("done").unwrap();
            }));
            assert!(running.as_mut().now_or_never().is_none());
        }
        drop(tasks);
        assert!(finished.as_mut().now_or_never().is_none());
        go.send(()).unwrap();
        assert_eq!(told.await, Ok("done"));
        finished.await;
    }

    #[tokio::test]
    async fn a_panic_ends_its_task_alone() {
        let (tasks, finished) = Tasks::new();
        assert!(tasks.run(async { panic!("as a defect would") }).await.is_err_and(|error| error.is_panic()));
        assert_eq!(tasks.run(async { 1 }).await.unwrap(), 1);
        drop(tasks);
        finished.await;
    }
}
