//! What the ERP's requests have in common, whichever function answers them: who asks ([`caller`]), how a request is
//! read ([`segments`], [`Parameters`], [`body`], [`multipart`], [`invocation`]), where a page begins ([`Seal`]), the types of
//! bodies ([`contract`]), and how it is answered ([`json`], [`raw`], [`Problem`]).
//!
//! It knows no route, and neither stores nor sends.

mod answer;
mod caller;
pub mod contract;
mod invocation;
mod multipart;
mod problem;
mod request;
mod seal;

pub use answer::{MOST_BYTES, Printed, fewer, fitting, json, printed, raw};
pub use caller::{Caller, asking, caller, refusal};
pub use hub::path::segments;
pub use invocation::invocation;
pub use multipart::{is_multipart, multipart};
pub use problem::Problem;
pub use request::{LONGEST_SUBJECT, Object, Parameters, alias, body, given, moment, named, number, read, subject};
pub use seal::Seal;
