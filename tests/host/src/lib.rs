//! Runs the functions' own binaries as Lambda does, for tests and measurements.
//!
//! A [`Function`] starts processes that ask its Runtime API for work, one event at a time each, kills what takes too
//! long, and starts the next when it is needed. Around it stand a gateway, queues, a table and a secret, as the
//! deployment's template wants them; [`Plan`] starts them together.

#![allow(clippy::indexing_slicing, reason = "only JSON is indexed, which is null where a member is missing")]

mod aws;
mod bootstraps;
mod event;
mod failure;
mod function;
mod gateway;
mod instance;
mod queue;
mod quota;
mod secret;
mod serve;
mod sqs;
mod stack;
mod table;
mod template;

pub use aws::{Answered, in_process, sdk_config};
pub use bootstraps::{BOOTSTRAPS, Bootstraps};
pub use event::{batch, sample, schedule};
pub use failure::Failure;
pub use function::{Answer, Function, Signal, Spec, resident};
pub use gateway::{Gateway, STAGE};
pub use queue::{Feed, Queue, Terms};
pub use quota::Quota;
pub use secret::Secrets;
pub use stack::{Plan, Stack};
pub use table::{Manner, TABLE, Table, carry_out};
pub use template::{Deployed, Route, Source, Template};
