//! Attempts at deliveries to the ERP and at calls to partners, and the sweep that finds what is overdue.
//!
//! The decisions are `hub`'s; this crate takes the steps of an attempt, in the order that loses nothing: load, claim, send,
//! settle. What is to be done is stored before it is attempted, and its result before it is forgotten. The steps that
//! deliveries and calls share are in `claim`, their own in `delivery` and `call`. How a parcel or a request is sent comes in as
//! a function, so that the same code runs against a simulated ERP and simulated partners in virtual time.

mod ahead;
mod aside;
pub mod call;
mod change;
mod claim;
mod delivery;
mod download;
mod due;
mod entropy;
mod file;
mod files;
mod gathering;
mod index;
mod lack;
mod line;
mod lines;
mod order;
mod outcome;
mod parcel;
mod places;
mod recover;
mod redirect;
mod release;
mod resume;
mod sweep;
mod target;
mod times;
mod traced;
mod watch;

pub use ahead::{bring_back, bring_back_furthest};
pub use entropy::{Entropy, NoEntropy, system_entropy};
pub use files::{Fetched, TidyError, fetch, tidy};
pub use lines::{Lines, line_name};
pub use outcome::{JobError, JobOutcome};
use parcel::post;
pub use parcel::{DeliveryResult, Parcel};
pub use recover::recover;
pub use resume::resume;
pub use sweep::{SweepResult, sweep};
pub use times::longest_lease;
pub use watch::{Watched, watch};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::Context;
use config::Endpoint;
use futures::future::BoxFuture;
use hub::action::Action;
use hub::{EventKey, Utc};
use outbound::{Client, KeepAlive, NoClient, Request, Sent, Trust};
use queue::{Hint, Job, LONGEST_DELAY, Queue};
use store::Store;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::outcome::Ended;

/// Longest time for which the queue may take a hint.
const HINTING: Duration = Duration::from_secs(1);

/// Sends a parcel to an endpoint, once: over HTTP ([`Courier::new`]), or a simulation of it.
pub type Send = Arc<dyn for<'a> Fn(&'a Endpoint, Parcel) -> BoxFuture<'a, DeliveryResult> + core::marker::Send + Sync>;

/// Sends a request to a partner, once: over HTTP ([`Courier::new`]), or a simulation of it.
pub type Wire = Arc<dyn Fn(Request) -> BoxFuture<'static, Sent> + core::marker::Send + Sync>;

/// Dependencies of the functions that make attempts.
#[derive(Clone)]
pub struct Courier<S, Q> {
    /// Store, queue, configuration, clock.
    pub context: Context<S, Q>,
    /// State of each endpoint, partner and connection in this process.
    pub lines: Arc<Lines>,
    /// Jitter in `0.0..1.0` for the times of retries. It need not be unpredictable, and never fails.
    pub random: Arc<dyn Fn() -> f64 + core::marker::Send + Sync>,
    /// Random bytes that cannot be guessed, for nonces and the names of lease holders.
    pub entropy: Entropy,
    /// Sends a parcel, once.
    pub send: Send,
    /// Sends a request to a partner, or a message to a receiver of alerts, once.
    pub wire: Wire,
    /// Reads what an answer brings, as the webhook that takes every push.
    pub reader: Action,
    /// Time at which this process is stopped, if any: an attempt that may take longer is not begun.
    pub ends: Option<Utc>,
}

impl<S, Q> AsRef<Context<S, Q>> for Courier<S, Q> {
    fn as_ref(&self) -> &Context<S, Q> {
        &self.context
    }
}

impl<S, Q> Courier<S, Q> {
    /// A courier whose parcels and calls really go out. `reader` reads what answers bring.
    pub fn new(context: Context<S, Q>, keep_alive: KeepAlive, reader: Action) -> Result<Self, NoClient> {
        let client = Client::new(keep_alive)?;
        let partners = client.clone();
        let send: Send = Arc::new(move |endpoint, parcel| {
            let client = client.clone();
            Box::pin(async move { post(&client, endpoint, parcel).await })
        });
        let wire: Wire = Arc::new(move |request| {
            let client = partners.clone();
            Box::pin(async move { client.send(request).await })
        });
        Ok(Self {
            context,
            lines: Arc::default(),
            random: Arc::new(entropy::jitter),
            entropy: system_entropy(),
            send,
            wire,
            reader,
            ends: None,
        })
    }

    /// The present time.
    fn now(&self) -> Utc {
        self.context.now()
    }

    /// A number in `0.0..1.0` that spreads times.
    fn jitter(&self) -> f64 {
        (self.random)()
    }

    /// Longest wait before something that may take that long; nothing where it must not begin any more.
    #[must_use]
    pub fn patience(&self, takes: Duration) -> Option<Duration> {
        self.ends.map_or(Some(Duration::MAX), |ends| ends.since(self.now()).checked_sub(takes))
    }

    /// Waits for a place to do something that may take that long; nothing where it must not begin any more.
    async fn in_time<T>(&self, takes: Duration, place: impl Future<Output = T>) -> Option<T> {
        timeout(self.patience(takes)?, place).await.ok()
    }
}

impl<S, Q: Queue> Courier<S, Q> {
    /// Hints at work that is due then, so that it need not wait for the sweep, which finds what the queue does not take.
    async fn hint(&self, key: &EventKey, jobs: Vec<Job>, due: Utc) {
        let delay = due.since(self.now());
        if jobs.is_empty() || delay > LONGEST_DELAY {
            return;
        }
        let hints = jobs.into_iter().map(|job| Hint { key: key.clone(), job }).collect();
        if let Ok(Err(error)) = timeout(HINTING, self.context.queue.send(hints, delay)).await {
            tracing::debug!(
                error = telemetry::logs::chain(&error),
                "queue messages not sent; the sweep claims the work"
            );
        }
    }
}

/// Runs the job of a hint: an attempt at a delivery or at a call, or the writing of aliases.
pub async fn run<S: Store, Q: Queue>(courier: &Courier<S, Q>, hint: &Hint) -> Result<JobOutcome, JobError> {
    let Hint { key, job } = hint;
    let (id, connection) = (&key.id, &key.connection);
    let done = match job {
        Job::Index => {
            let done = index::job(&courier.context, key).await.map_err(JobError::Before)?;
            Ok(if done { JobOutcome::Indexed } else { JobOutcome::Stale })
        }
        Job::Deliver { endpoint, claim } => {
            let own = traced::span(&courier.context, key, Some(endpoint.as_str()));
            let span =
                own.unwrap_or_else(|| tracing::debug_span!("delivery", event = %id, %connection, %endpoint, claim));
            delivery::attempt(courier, key, endpoint, *claim).instrument(span).await
        }
        Job::Call { claim } => {
            let own = traced::span(&courier.context, key, None);
            let span = own.unwrap_or_else(|| tracing::debug_span!("call", call = %id, %connection, claim));
            // The larger of the two by far: a delivery need not have room for it.
            Box::pin(call::attempt(courier, key, *claim).instrument(span)).await
        }
    };
    done.or_else(Ended::result)
}

/// Locks a mutex. What a panic left locked is whole: nothing panics between two steps that belong together.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepted certificate authorities, in the form of the HTTP client.
#[must_use]
pub fn trust(trust: &config::Trust) -> Trust {
    Trust { authorities: Arc::clone(&trust.authorities), system: trust.system }
}
