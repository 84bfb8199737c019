//! Between AWS Lambda and the hub: events in, answers out, and what a function works with, built once during INIT.
//!
//! The adapters decide nothing of the hub. What they turn events into is callable without Lambda's runtime:
//! [`answer`], [`answer_api`] and [`batch`].

mod aws;
mod invocation;
mod invoke;
mod kept;
mod request;
mod run;
mod schedule;
mod secret;
mod settings;
mod webhook;
mod worker;

pub use aws::{Deployed, Function, SetupError, http_client, start};
pub use invocation::Invocation;
pub use invoke::{api_or_invoke, is_gateways};
pub use request::{answer_api, api};
pub use schedule::schedule;
pub use settings::{Source, VARIABLES};
pub use webhook::{answer, measured, webhook};
pub use worker::{batch, worker};
