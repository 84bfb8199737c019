//! HTTP to the outside: one attempt, its answer or why there was none.
//!
//! The only crate that names `reqwest`. It decides nothing: no retry, no redirect, no proxy, and what an answer means is
//! the caller's to say. What it guards is where a request may go: see [`address`] and the resolver.

pub mod address;
mod attached;
mod client;
mod coding;
mod exchange;
mod failure;
mod guard;
mod retry_after;
#[cfg(test)]
mod tests;
mod text;
mod trust;

pub use attached::{Attached, Content, Sink, allowance};
pub use client::{Client, KeepAlive, NoClient};
pub use exchange::{RECEIPT, Request, Sent};
pub use failure::Kind;
pub use trust::{Trust, Untrusted};
