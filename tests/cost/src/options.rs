//! Assumptions that are given and not counted: the time that a function takes depends on the machine.
//!
//! A function's own time is measured by `cargo run --release -p host -- measure`; the answers that it waits for are
//! guessed.

use clap::Parser;

use crate::usage::{Invocation, Outside};

/// Assumptions that are given and not counted.
#[derive(Parser)]
#[command(name = "cost", about = "Counts what the hub costs on AWS")]
pub struct Options {
    /// Memory of each function, in MB
    #[arg(long, default_value_t = 512.0)]
    pub(crate) memory: f64,
    /// A function's own time, in milliseconds
    #[arg(long, default_value_t = 3.0)]
    own: f64,
    /// Time of an answer of DynamoDB or SQS, in milliseconds
    #[arg(long, default_value_t = 5.0)]
    aws: f64,
    /// Time of an answer of the ERP, in milliseconds
    #[arg(long, default_value_t = 100.0)]
    erp: f64,
    /// Time of an answer of a partner, in milliseconds
    #[arg(long, default_value_t = 500.0)]
    partner: f64,
    /// Events of the example month
    #[arg(long, default_value_t = 1_000_000.0)]
    pub(crate) events: f64,
    /// Commands of the example month, and as many queries
    #[arg(long, default_value_t = 10_000.0)]
    pub(crate) calls: f64,
    /// For how many days events are kept
    #[arg(long, default_value_t = 90.0)]
    pub(crate) retention: f64,
}

impl Options {
    /// Billed time of an invocation, as if it made one request after the other.
    pub(crate) fn milliseconds(&self, invocation: Invocation) -> f64 {
        let outside = match invocation.outside {
            Outside::Nobody => 0.0,
            Outside::Erp => self.erp,
            Outside::Partner => self.partner,
        };
        (self.own + self.aws * f64::from(invocation.requests) + outside).ceil()
    }
}
