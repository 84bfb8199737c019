//! From a partner's push to the ERP, over a hub in this process with real sockets on both sides.

pub(crate) mod answers;
mod api;
mod carrying;
mod circuit;
mod clock;
mod connections;
mod doors;
mod examples;
mod health;
mod hostile;
pub(crate) mod lists;
mod payloads;
mod regressions;
mod sameness;
mod slow_store;
mod tenants;
mod tls;
