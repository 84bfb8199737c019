//! The partners' APIs over real sockets: every rule, kept and broken, and every way to misbehave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "nothing but tests")]

mod onedata;
mod support;
mod temper;
mod trackingeyes;
mod xhq;
mod yanwen;
