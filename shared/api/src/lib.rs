//! Common parts of the functions that answer the ERP: routing ([`Router`]), authorization ([`Caller`]), requests
//! ([`Parameters`], [`body`], [`multipart`], [`invocation`]), filters of lists ([`Filters`]), cursors of pages ([`Seal`]), types of bodies and answers
//! ([`contract`]), and answers ([`json`], [`raw`], [`Problem`]).
//!
//! It has no route of its own, and neither stores nor sends.

mod answer;
mod caller;
pub mod chinese;
pub mod contract;
mod filters;
mod invocation;
mod multipart;
mod problem;
mod request;
mod router;
mod seal;

pub use answer::{MOST_BYTES, Printed, answered, fewer, fitting, json, printed, raw, zip};
pub use caller::{Caller, INVOCATION, at_the_store, invoker};
pub use chinese::Language;
pub use filters::Filters;
pub use invocation::invocation;
pub use multipart::{Apart, Form, Unformed, is_multipart, multipart, multipart_apart};
pub use problem::Problem;
pub use request::{LONGEST_SUBJECT, Object, Parameters, alias, body, given, moment, named, number, read, subject};
pub use router::{Handler, Opened, Route, Routed, Router, find};
pub use seal::Seal;
