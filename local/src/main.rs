//! `tongguan`: the hub on one machine, and the operator's commands.

use std::process::ExitCode;

use clap::Parser as _;
use tongguan::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
