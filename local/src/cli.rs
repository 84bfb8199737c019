//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use runtime::config::Config;
use tokio::runtime::Builder;

use crate::{call, calls, commands, first_run, partner, push, serve};

/// Where the configuration is looked for.
const CONFIG_FILE: &str = "tongguan.toml";

/// Tongguan 通关: receives what customs and freight partners push, delivers it to the ERP, and calls partners for it.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The configuration file [default: tongguan.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, instead of the configuration's `data_dir`
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The hub's address, instead of the configuration's `listen`: `serve` listens there, `push` and `call` ask there
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub (the default); without a configuration, make one first
    Serve,
    /// Check the configuration and name every mistake in it
    CheckConfig,
    /// Print the ledger as JSON; exit 1 when it does not balance
    Ledger,
    /// Look at events
    #[command(subcommand)]
    Events(commands::Events),
    /// Start deliveries over; without --go it only tells which
    Replay(commands::Replay),
    /// Play a partner: push an example or a file by its rules
    Push(push::Push),
    /// Call a partner through the hub that runs, or list what can be called
    Call(call::Call),
    /// Look at calls, or decide about one whose result nobody knows
    Calls(calls::Calls),
    /// Play the partners that connections call on this machine: simulations, so that calls can be tried without an account
    Partner(partner::Play),
}

/// Runs a command line. What fails is told on standard error.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let command = cli.command.unwrap_or(Command::Serve);
    let worker = Builder::new_multi_thread().enable_all().build();
    let done = worker.map_err(anyhow::Error::from).and_then(|worker| worker.block_on(dispatch(command, &cli.place)));
    done.unwrap_or_else(|error| {
        // Whoever reads the output has seen enough of it.
        let closed = error.downcast_ref::<std::io::Error>();
        if closed.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        eprintln!("tongguan: {error:#}");
        ExitCode::FAILURE
    })
}

async fn dispatch(command: Command, place: &Place) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => {
            runtime::logs::init(false);
            if place.config.is_none() && !PathBuf::from(CONFIG_FILE).exists() {
                first_run::write(&PathBuf::from(CONFIG_FILE))?;
            }
            serve::until_signal(place.read()?).await
        }
        Command::CheckConfig => {
            let config = place.read()?;
            for warning in config.warnings() {
                println!("warning: {warning}");
            }
            println!(
                "the configuration is sound: {} connections, {} endpoints",
                config.connections.len(),
                config.endpoints.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Ledger => commands::ledger(&place.read()?).await,
        Command::Events(events) => commands::events(&place.read()?, events).await,
        Command::Replay(replay) => commands::replay(place.read()?, replay).await,
        Command::Push(push) => push::run(&place.read()?, push).await,
        Command::Call(call) => call::run(&place.read()?, call).await,
        Command::Calls(calls) => calls::run(&place.read()?, calls).await,
        Command::Partner(play) => partner::run(&place.read()?, play).await,
    }
}

impl Place {
    /// Reads the configuration, with what the command line puts in place of it.
    fn read(&self) -> anyhow::Result<Config> {
        let path = self.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
        let text = std::fs::read_to_string(&path)
            .map_err(|error| anyhow::anyhow!("cannot read the configuration {}: {error}", path.display()))?;
        let mut config = Config::parse(&text).map_err(|mistakes| {
            let list: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            let mistakes = if list.len() == 1 { "1 mistake".to_owned() } else { format!("{} mistakes", list.len()) };
            anyhow::anyhow!("{mistakes} in {}:\n  {}", path.display(), list.join("\n  "))
        })?;
        if let Some(data) = &self.data {
            config.data_dir.clone_from(data);
        }
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        Ok(config)
    }
}
