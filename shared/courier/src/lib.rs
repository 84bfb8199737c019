//! What carries events to the ERP: single attempts at deliveries, and the sweep that finds what was forgotten.
//!
//! The decisions are `hub`'s; this crate reads, asks, sends and writes in the order that loses nothing: what is to be
//! done is stored before it is attempted, and what came of it is stored before it is forgotten. How a parcel is sent
//! comes in as a function, so that the same code runs against a simulated ERP in virtual time.

mod attempt;
pub mod file;
mod index;
mod line;
mod parcel;
mod sweep;

pub use attempt::{Done, Undone, run};
pub use line::Lines;
use parcel::post;
pub use parcel::{Parcel, Returned};
pub use sweep::{Swept, sweep};

use std::sync::Arc;

use futures::future::BoxFuture;
use outbound::{Client, KeepAlive, NoClient};
use runtime::Context;
use runtime::config::Endpoint;

/// Sends a parcel to an endpoint, once: over HTTP ([`Courier::new`]), or a simulation of it.
pub type Send = Arc<dyn for<'a> Fn(&'a Endpoint, Parcel) -> BoxFuture<'a, Returned> + core::marker::Send + Sync>;

/// What the carrying functions work with.
#[derive(Clone)]
pub struct Courier<S, Q> {
    /// Store, queue, configuration, clock.
    pub context: Context<S, Q>,
    /// What this process knows of each endpoint.
    pub lines: Arc<Lines>,
    /// Randomness in `0.0..1.0`, for the jitter of retries.
    pub random: Arc<dyn Fn() -> f64 + core::marker::Send + Sync>,
    /// Sends a parcel, once.
    pub send: Send,
}

impl<S, Q> Courier<S, Q> {
    /// A courier whose parcels really go out.
    pub fn new(context: Context<S, Q>, keep_alive: KeepAlive) -> Result<Self, NoClient> {
        let client = Client::new(keep_alive)?;
        let send: Send = Arc::new(move |endpoint, parcel| {
            let client = client.clone();
            Box::pin(async move { post(&client, endpoint, parcel).await })
        });
        Ok(Self { context, lines: Arc::default(), random: Arc::new(random), send })
    }
}

/// A number in `0.0..1.0`.
fn random() -> f64 {
    // Without entropy a retry comes at the middle of its spread.
    getrandom::u32().map_or(0.5, |n| f64::from(n) / (f64::from(u32::MAX) + 1.0))
}
