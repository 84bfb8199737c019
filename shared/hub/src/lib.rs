//! The hub's decisions: identity, admission, deliveries, retries, the circuit breaker, the ledger.
//!
//! Pure. Nothing here performs I/O, reads a clock, an environment or randomness: those come in as arguments, so that
//! every decision can be replayed.

pub mod action;
pub mod address;
pub mod admission;
pub mod alert;
pub mod attempt;
pub mod audit;
pub mod breaker;
pub mod call;
pub mod clock;
pub mod configured;
mod content_encoding;
pub mod delivery;
pub mod envelope;
pub mod event;
pub mod event_types;
pub mod files;
pub mod identity;
pub mod ids;
pub mod ledger;
pub mod milestone;
pub mod order;
pub mod path;
pub mod printable;
pub mod progress;
pub mod pulled;
pub mod role;
pub mod routes;
pub mod schedule;
pub mod seal;
pub mod secret;
pub mod set_back;
pub mod shipment;
pub mod signature;
pub mod slip;
pub mod statistics;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod trace;
pub mod watch;

pub use event::{Event, Record, Work};
pub use ids::{Alias, ConnectionId, EndpointId, EventId, EventKey, EventType, Subject};
pub use milestone::Milestone;
pub use partners::Hex;
pub use role::Role;
pub use secret::Secret;
pub use time::{Clock, Utc};
