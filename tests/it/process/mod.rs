//! The hub as a process: killed, asked to end, started twice; under a clock that jumps; and what it says of secrets.

#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod descriptors;
mod ends;
mod files;
mod kills;
mod order;
#[cfg(target_os = "linux")]
mod recovery;
mod refusals;
mod secrets;
mod uploads;
#[cfg(target_os = "linux")]
mod watches;
