//! The hub as a process: killed, asked to end, started twice; and what it says of secrets.

mod ends;
mod kills;
mod refusals;
mod secrets;
