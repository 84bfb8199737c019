//! The hub on one machine: the same functions as on Lambda, on one port, over SQLite and a queue in memory.
//!
//! A library so that tests can run a hub in their own process.

// These macros panic when the reader has gone (`ledger | head -1`): all output goes through `out`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod out;

mod call;
mod calls;
pub mod cli;
mod clock;
mod commands;
mod erp;
mod exposure;
mod filter;
mod first_run;
mod health;
mod http;
mod inbox;
mod indent;
mod partner;
mod push;
mod serve;
mod server;
mod signals;
pub mod table;
mod times;
mod verify;

pub use clock::Steady;
pub use serve::{Hub, StartError};
