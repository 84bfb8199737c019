//! The hub on one machine: the same functions as on Lambda, on one port, over SQLite and a queue in memory.
//!
//! A library so that tests can run a hub in their own process.

// These macros panic when the reader has gone (`ledger | head -1`): all output goes through `out`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod offers;
#[macro_use]
mod out;

mod ahead;
mod audit;
mod backup;
mod call;
mod calls;
mod changes;
mod check_health;
pub mod cli;
mod clock;
mod compact;
mod current;
mod disk;
mod events;
mod exposure;
mod find;
mod first_run;
mod health;
mod hold;
mod http;
mod inbox;
mod indent;
mod init;
mod language;
mod ledger;
mod list;
mod metrics;
mod partner;
mod place;
mod process;
mod progress;
mod push;
mod ready;
mod reload;
mod retention;
mod serve;
mod server;
mod service;
mod shipments;
mod signals;
mod source;
pub mod table;
mod ticks;
mod times;
mod traces;
mod transfer;
mod uploads;
mod verify;
mod work;

pub use clock::Steady;
pub use serve::{Hub, StartError};
