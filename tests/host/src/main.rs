//! Measures the functions' binaries: `cargo run --release -p host -- measure`. Progress goes to standard error.

#![allow(clippy::indexing_slicing, reason = "only JSON is indexed, which is null where a member is missing")]

mod measure;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Runs the functions' binaries as Lambda does")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Cold starts, warm latencies, memory and size of each function, as Markdown
    Measure(measure::Options),
    /// Says whether a part of a core can be handed out on this machine
    Quota,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Measure(options) => measure::run(&options).await,
        Command::Quota => host::Quota::quarter().map(drop),
    }
}
