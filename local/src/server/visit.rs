//! State of the server that a request may use: its client's address and its memory budget.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinError;

use super::body::Budget;
use super::places::Place;
use super::tasks::Tasks;

/// One connection, as its requests see it. Clones are of the same one, and its place lasts as long as any of them.
#[derive(Clone)]
pub(crate) struct Visit {
    address: SocketAddr,
    place: Arc<Place>,
    tasks: Tasks,
    budget: Budget,
}

impl Visit {
    pub(super) fn new(address: SocketAddr, place: Place, tasks: Tasks, budget: Budget) -> Self {
        Self { address, place: Arc::new(place), tasks, budget }
    }

    /// Address of the client.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes that a right key was shown on it: no stranger takes its place any more.
    pub(crate) fn show_key(&self) {
        self.place.show_key();
    }

    /// Budget of memory for request bodies.
    pub(crate) const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Runs a task; it goes on where the returned future is dropped. Fails where the task panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        self.tasks.run(task).await
    }

    /// Waits until a newer connection has its place.
    pub(super) async fn displaced(&self) {
        self.place.displaced().await;
    }
}
