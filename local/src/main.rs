//! `tongguan`: the hub on one machine, and the operator's commands.

use std::process::ExitCode;

use clap::Parser as _;
use tongguan::cli;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
