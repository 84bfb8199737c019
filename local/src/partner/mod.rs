//! `tongguan partner`: simulated partners, and partners by files: a skeleton of one, and a trial of one.

mod play;
mod skeleton;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueHint};

use play::Play;
#[cfg(test)]
pub(crate) use play::address;

use crate::place::Place;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Partner {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    play: Play,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write NAME.toml, a commented skeleton of a partner's file
    New {
        /// The partner's id: 2 to 24 of a-z and 0-9
        name: String,
    },
    /// Push the examples of a partner's file through a hub in memory, and show events, keys, milestones, answers and requests
    ///
    /// Exit codes: 0 for a file without mistakes; 1 for one with mistakes; 2 for an invalid command line.
    Try {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// Runs the command.
pub(crate) async fn run(place: &Place, partner: Partner) -> anyhow::Result<ExitCode> {
    match partner.command {
        Some(Command::New { name }) => skeleton::write(&name),
        Some(Command::Try { file }) => trial::run(&file),
        None => play::run(&place.read()?, partner.play).await,
    }
}
