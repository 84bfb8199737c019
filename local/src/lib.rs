//! The hub on one machine: the same functions as on Lambda, on one port, over SQLite and a queue in memory.
//!
//! A library so that tests can run a hub in their own process.

mod call;
mod calls;
pub mod cli;
mod commands;
mod erp;
mod first_run;
mod http;
mod inbox;
mod indent;
mod partner;
mod push;
mod serve;
mod server;
mod signals;
pub mod table;

pub use serve::{Hub, StartError};
