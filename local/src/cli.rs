//! The command line.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use config::{Config, Credentials, Mistake, Sources, socket_address};
use tokio::runtime::Builder;

use crate::{call, calls, commands, exposure, first_run, out, partner, push, serve, times};

/// Default path of the configuration.
const CONFIG_FILE: &str = "tongguan.toml";

/// Tongguan 通关: receives the pushes of customs and freight partners, delivers them to the ERP, and calls partners for it.
///
/// Exit codes: 0 for success; 1 for a failure, which standard error explains; 2 for an invalid command line, and for an
/// ambiguous call (sent, result unknown).
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
    /// Read this configuration file [default: tongguan.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS
    #[arg(long, global = true, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Use this data folder instead of the configuration's `data_dir`
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use this address of the hub instead of the configuration's `listen`: `serve` listens there; `push`, `call` and
    /// `calls` connect there
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Print times in UTC instead of this machine's zone; in JSON they are always in UTC
    #[arg(long, global = true)]
    utc: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    socket_address(text, 8787)
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub (the default); without a configuration file, create one first
    Serve,
    /// Check the configuration and print every mistake in it
    ///
    /// Exit codes: 0 for a configuration without mistakes, with or without warnings; 1 for one with mistakes or one that cannot
    /// be read; 2 for an invalid command line.
    CheckConfig,
    /// Print the ledger of each connection as JSON; exit with 1 if one does not balance
    Ledger,
    /// List, show or follow events
    #[command(subcommand)]
    Events(commands::Events),
    /// Start deliveries of an endpoint over; without --go, only print which
    Replay(commands::Replay),
    /// Play a partner: push an example or a file, with the partner's deadline and retries
    Push(push::Push),
    /// Call a partner through the running hub, or list the operations that can be called
    Call(call::Call),
    /// List or show calls, send a queued one now, or decide about an ambiguous one
    Calls(calls::Calls),
    /// Simulate the partners whose `base_url` is on this machine, to try calls without an account
    Partner(partner::Play),
}

/// Runs a command line. Failures are printed on standard error.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let command = cli.command.unwrap_or(Command::Serve);
    let worker = Builder::new_multi_thread().enable_all().build();
    let done = worker.map_err(anyhow::Error::from).and_then(|worker| {
        let done = worker.block_on(dispatch(command, &cli.place));
        // Threads that look an address up are not waited for.
        worker.shutdown_background();
        done
    });
    done.unwrap_or_else(|error| {
        // The reader of the output has closed the pipe.
        let closed = error.downcast_ref::<std::io::Error>();
        if closed.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        match error.downcast_ref::<Mistakes>() {
            Some(mistakes) => out::notes(format_args!("tongguan: {mistakes}")),
            None => tell!("tongguan: {error:#}"),
        }
        ExitCode::FAILURE
    })
}

async fn dispatch(command: Command, place: &Place) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => {
            telemetry::logs::init(telemetry::logs::Form::Text(place.times()));
            if place.config.is_none() && !PathBuf::from(CONFIG_FILE).exists() {
                first_run::demo(&PathBuf::from(CONFIG_FILE), place.data.as_deref())?;
            }
            serve::until_signal(place.read()?, &place.file()).await
        }
        Command::CheckConfig => check(place),
        Command::Ledger => commands::ledger(&place.read()?).await,
        Command::Events(events) => commands::events(&place.read()?, events, place.times()).await,
        Command::Replay(replay) => commands::replay(place.read()?, replay, place.times()).await,
        Command::Push(push) => push::run(&place.read()?, push).await,
        Command::Call(call) => call::run(&place.read()?, call).await,
        Command::Calls(calls) => calls::run(&place.read()?, calls, place.times()).await,
        Command::Partner(play) => partner::run(&place.read()?, play).await,
    }
}

/// Checks the configuration. What it names in a credentials secret counts as given where that is not at hand.
fn check(place: &Place) -> anyhow::Result<ExitCode> {
    let config = place.read_with(Credentials::Unread)?;
    let mut warnings = config.warnings();
    warnings.extend(exposure::warnings(&config, &place.file()));
    let unread = config.unread();
    if !unread.is_empty() {
        warnings.push(format!(
            "the credentials secret is not checked, which is on AWS and holds {}: give its text with --credentials FILE; \
             `tongguan serve` needs {{ env = \"NAME\" }} or {{ file = \"path\" }} in their place",
            unread.join(", ")
        ));
    }
    for warning in &warnings {
        say!("warning: {warning}")?;
    }
    say!(
        "the configuration is sound: {}, {}{}",
        count(config.connections.len(), "connection"),
        count(config.routes.len(), "endpoint"),
        if warnings.is_empty() { String::new() } else { format!("; {}", count(warnings.len(), "warning")) }
    )?;
    Ok(ExitCode::SUCCESS)
}

/// So many things of a name.
fn count(number: usize, name: &str) -> String {
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// Mistakes of a configuration, one per line.
#[derive(Debug)]
struct Mistakes {
    path: PathBuf,
    mistakes: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}:", count(self.mistakes.len(), "mistake"), self.path.display())?;
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// Reads the text of a credentials secret.
fn credentials(path: &Path) -> anyhow::Result<Credentials> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| anyhow::anyhow!("cannot read the credentials {}: {error}", path.display()))?;
    Credentials::parse(&text)
        .map_err(|mistake| anyhow::anyhow!("the file {} {} (line {})", path.display(), mistake.what, mistake.line))
}

impl Place {
    /// Form in which times are printed.
    const fn times(&self) -> times::Print {
        if self.utc { times::utc } else { times::local }
    }

    /// The file of the configuration.
    fn file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE))
    }

    /// Reads the configuration, with what the command line puts in place of it.
    fn read(&self) -> anyhow::Result<Config> {
        self.read_with(Credentials::Absent)
    }

    /// The same, with what is known of the credentials secret where the command line names none.
    fn read_with(&self, otherwise: Credentials) -> anyhow::Result<Config> {
        let sources = Sources::system_with(self.credentials.as_deref().map_or(Ok(otherwise), credentials)?);
        let path = self.file();
        let bytes = std::fs::read(&path).map_err(|error| {
            let hint = if error.kind() == ErrorKind::NotFound && self.config.is_none() {
                "; name one with --config FILE, go to its folder, or let `tongguan serve` make a demo here"
            } else {
                ""
            };
            anyhow::anyhow!("cannot read the configuration {}: {error}{hint}", path.display())
        })?;
        let mut config = Config::parse_bytes_with(&bytes, &sources).map_err(|mistakes| Mistakes { path, mistakes })?;
        if let Some(data) = &self.data {
            config.data_dir.clone_from(data);
        }
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        Ok(config)
    }
}
