//! Pushes on their way to the ERP, over a hub in this process with real sockets on both sides.

pub(crate) mod answers;
mod api;
mod audit;
mod circuit;
mod clock;
mod connections;
mod deliveries;
mod duplicates;
mod examples;
mod health;
mod hostile;
pub(crate) mod lists;
mod ordered;
mod payloads;
mod push_keys;
mod recent;
mod regressions;
mod roles;
mod shipments;
mod slow_store;
mod state;
pub(crate) mod tenants;
pub(crate) mod tls;
