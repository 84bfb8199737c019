//! What goes out: single attempts at deliveries to the ERP and at calls to partners, and the sweep that finds what was
//! forgotten.
//!
//! The decisions are `hub`'s; this crate reads, asks, sends and writes in the order that loses nothing: what is to be
//! done is stored before it is attempted, and what came of it is stored before it is forgotten. How a parcel or a call is
//! sent comes in as a function, so that the same code runs against a simulated ERP and simulated partners in virtual time.

mod ahead;
mod attempt;
pub mod call;
mod change;
mod entropy;
mod file;
mod gathering;
mod index;
mod lack;
mod line;
mod parcel;
mod places;
mod release;
mod resume;
mod sweep;

pub use ahead::{bring_back, bring_back_furthest, longest_lease};
pub use attempt::{Done, Undone, run};
pub use entropy::{Entropy, NoEntropy, system_entropy};
pub use line::Lines;
use parcel::post;
pub use parcel::{Parcel, Returned};
pub use resume::resume;
pub use sweep::{Swept, sweep};

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hub::Utc;
use hub::action::Action;
use outbound::{Client, KeepAlive, NoClient, Request, Sent, Trust};
use runtime::Context;
use runtime::config::{self, Endpoint};
use tokio::time::timeout;

/// Sends a parcel to an endpoint, once: over HTTP ([`Courier::new`]), or a simulation of it.
pub type Send = Arc<dyn for<'a> Fn(&'a Endpoint, Parcel) -> BoxFuture<'a, Returned> + core::marker::Send + Sync>;

/// Sends a request to a partner, once: over HTTP ([`Courier::new`]), or a simulation of it.
pub type Wire = Arc<dyn Fn(Request) -> BoxFuture<'static, Sent> + core::marker::Send + Sync>;

/// What the carrying functions work with.
#[derive(Clone)]
pub struct Courier<S, Q> {
    /// Store, queue, configuration, clock.
    pub context: Context<S, Q>,
    /// What this process knows of each endpoint, partner and connection.
    pub lines: Arc<Lines>,
    /// Jitter in `0.0..1.0` for the times of retries. It need not be unpredictable, and never fails.
    pub random: Arc<dyn Fn() -> f64 + core::marker::Send + Sync>,
    /// Random bytes that cannot be guessed, for nonces and the names of lease holders.
    pub entropy: Entropy,
    /// Sends a parcel, once.
    pub send: Send,
    /// Sends a request to a partner, once.
    pub wire: Wire,
    /// How the answer to a port query is read: as the push it stands for.
    pub ports: Action,
    /// When this process is ended, where it is: what may take longer is not begun.
    pub ends: Option<Utc>,
}

impl<S, Q> AsRef<Context<S, Q>> for Courier<S, Q> {
    fn as_ref(&self) -> &Context<S, Q> {
        &self.context
    }
}

impl<S, Q> Courier<S, Q> {
    /// A courier whose parcels and calls really go out. `ports` is the action that reads 1datatech's port data.
    pub fn new(context: Context<S, Q>, keep_alive: KeepAlive, ports: Action) -> Result<Self, NoClient> {
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
            ports,
            ends: None,
        })
    }

    /// For how long something that may take as long as this can wait until it begins; nothing where it must not begin.
    pub(crate) fn patience(&self, takes: Duration) -> Option<Duration> {
        self.ends.map_or(Some(Duration::MAX), |ends| ends.since(self.context.now()).checked_sub(takes))
    }

    /// Waits for a place to do something that may take as long as this; nothing where it must not begin any more.
    pub(crate) async fn in_time<T>(&self, takes: Duration, place: impl Future<Output = T>) -> Option<T> {
        timeout(self.patience(takes)?, place).await.ok()
    }
}

/// Whose certificates are accepted, as the client wants it.
fn trust(trust: &config::Trust) -> Trust {
    Trust { authorities: Arc::clone(&trust.authorities), system: trust.system }
}
