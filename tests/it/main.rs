//! Tests across crates: one module per flow, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not tell from other code"
)]

mod alerts;
mod calls;
mod command_line;
mod configured;
mod conflicts;
mod console;
mod damage;
mod described;
mod dynamodb;
mod files;
mod floods;
mod flows;
mod host;
mod lambda;
mod openapi;
mod power;
mod process;
mod production;
mod pull;
mod recovery;
mod rolling;
mod rules;
mod sequences;
mod simulation;
mod sqlite;
mod sqs;
mod support;
mod template;
mod traces;
mod transfer;
mod watches;
