//! The glue between what is decided (`hub`) and what is done (`store`, `queue`): configuration, the reception of
//! pushes, authorisation, logs, metrics. It never calls out.

pub mod config;
pub mod entrance;
pub mod logs;
pub mod metrics;
pub mod receive;
pub mod refusal;

use std::sync::Arc;

use config::Config;
use hub::Utc;

/// What tells the time. A function, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> Utc + Send + Sync>;

/// The machine's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| Utc(jiff::Timestamp::now().as_microsecond()))
}

/// Marks, among the extensions of an answer, a refusal that another configuration may not give: an unknown key, connection
/// or endpoint. Nothing has been done for such a request.
#[derive(Clone, Copy, Debug)]
pub struct Unconfigured;

/// What every function works with.
#[derive(Clone)]
pub struct Context<S, Q> {
    /// The configuration, as checked.
    pub config: Arc<Config>,
    /// The store.
    pub store: S,
    /// The queue.
    pub queue: Q,
    /// The clock.
    pub clock: Clock,
}

impl<S, Q> AsRef<Self> for Context<S, Q> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<S, Q> Context<S, Q> {
    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Utc {
        (self.clock)()
    }
}
