//! Prints what the hub costs on AWS, as Markdown: `cargo run -p cost`.
//!
//! Requests and units are counted. How long a function takes depends on the machine, so that is given: its own time as
//! `cargo run --release -p host -- measure` measures it, and the answers that it waits for.

mod prices;
mod table;

use clap::Parser;
use cost::{Invocation, Outside, cases};

/// How many events the standing costs are counted over.
const SAMPLE: usize = 200;

#[derive(Parser)]
#[command(about = "Counts what the hub costs on AWS")]
pub(crate) struct Options {
    /// Memory of each function, in MB
    #[arg(long, default_value_t = 512.0)]
    memory: f64,
    /// A function's own time, in milliseconds
    #[arg(long, default_value_t = 3.0)]
    own: f64,
    /// How long DynamoDB and SQS take to answer, in milliseconds
    #[arg(long, default_value_t = 5.0)]
    aws: f64,
    /// How long the ERP takes to answer, in milliseconds
    #[arg(long, default_value_t = 100.0)]
    erp: f64,
    /// How long a partner takes to answer, in milliseconds
    #[arg(long, default_value_t = 500.0)]
    partner: f64,
    /// Events of the example month
    #[arg(long, default_value_t = 1_000_000.0)]
    events: f64,
    /// Commands of the example month, and as many queries
    #[arg(long, default_value_t = 10_000.0)]
    calls: f64,
    /// For how many days events are kept
    #[arg(long, default_value_t = 90.0)]
    retention: f64,
}

impl Options {
    /// What an invocation is billed, as if it asked for one thing after the other.
    pub(crate) fn milliseconds(&self, invocation: Invocation) -> f64 {
        let outside = match invocation.outside {
            Outside::Nobody => 0.0,
            Outside::Erp => self.erp,
            Outside::Partner => self.partner,
        };
        (self.own + self.aws * f64::from(invocation.requests) + outside).ceil()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let (cases, standing) = (cases::all().await?, cases::standing(SAMPLE).await?);
    println!("{}", table::each(&options, &cases));
    println!("{}", table::idle(&options, &standing));
    println!("{}", table::month(&options, &cases, &standing)?);
    println!("{}", table::beside(&options, &cases)?);
    Ok(())
}
