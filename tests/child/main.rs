//! `tongguan` as the tests start it in processes of its own: integration tests are told where the binaries of their own
//! package are, and of no other.

use std::process::ExitCode;

use clap::Parser as _;
use tongguan::cli;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
