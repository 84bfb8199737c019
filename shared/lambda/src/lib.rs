//! Between AWS Lambda and the hub: events in, answers out, and what a function works with, built once during INIT.
//!
//! The adapters decide nothing of the hub. What they turn events into is callable without Lambda's runtime:
//! [`answer`], [`answer_api`], [`handled`], [`invoked`] and [`batch`].

mod aws;
mod config_cache;
mod invocation;
mod invoke;
mod origin;
mod request;
mod run;
mod schedule;
mod secret;
mod settings;
mod webhook;
mod worker;

pub use aws::{
    Deployed, Function, SetupError, Table, http_client, start, start_reading, start_showing, start_with_table,
    start_without_credentials,
};
pub use config_cache::{CacheState, ConfigCache};
pub use invocation::Invocation;
pub use invoke::{api, describe, handled, invoked, is_gateways};
pub use request::{Accepts, answer_api};
pub use schedule::{schedule, schedule_over};
pub use settings::{Apart, Source, VARIABLES};
pub use webhook::{answer, measured, webhook};
pub use worker::{batch, worker};
