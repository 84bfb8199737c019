//! What the partners say: who they are, how they print JSON, the envelope in which each wants its answer, and what each
//! offers to be called.
//!
//! Everything here is pure. Nothing in this crate performs I/O, reads a clock or an environment, or decides what the
//! hub does with a push; that is the `hub` crate's business.

pub mod answer;
pub mod json;
pub mod operation;
mod partner;
pub mod sentence;

pub use answer::{Answer, Verdict};
pub use json::Json;
pub use partner::Partner;
