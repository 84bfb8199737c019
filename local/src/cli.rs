//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use config::{Credentials, Mistake};
use serde_json::json;
use telemetry::logs::{self, Form};
use tokio::runtime::Builder;

use crate::place::{CONFIG_FILE, Mistakes, Place, count};
use crate::{
    audit, backup, call, calls, changes, check_health, compact, events, exposure, first_run, hold, init, ledger, out,
    partner, push, reload, serve, shipments, transfer, verify,
};

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub (the default); without a configuration file, create one first
    Serve(serve::Serve),
    /// Write a configuration for production, by options or, without them, by questions
    ///
    /// Every key in it is fresh. It never overwrites a file, and is no demo: it calls no simulated partner and no private address.
    /// --config FILE names the file, --data DIR and --listen ADDRESS what stands in it.
    Init(init::Init),
    /// Check the configuration and print every mistake in it
    ///
    /// Exit codes: 0 for a configuration without mistakes, with or without warnings; 1 for one with mistakes or one that cannot
    /// be read; 2 for an invalid command line.
    CheckConfig(Check),
    /// Ask a hub whether it can receive pushes; exit with 1 if it cannot, or does not answer
    Health,
    /// Print the ledger of each connection as JSON; exit with 1 if one does not balance
    Ledger(ledger::Ledger),
    /// List, show or follow events
    #[command(subcommand)]
    Events(events::Events),
    /// Show a shipment by any of its numbers, or list those with failed or unfinished work
    Shipments(shipments::Shipments),
    /// Start deliveries of an endpoint over; without --go, only print which
    Replay(changes::Replay),
    /// Confirm failed deliveries of an endpoint, which are then no longer listed; without --go, only print which
    Confirm(changes::Confirm),
    /// Play a partner: push an example or a file, with the partner's deadline and retries
    Push(push::Push),
    /// Call a partner through a running hub, or list the operations that can be called
    Call(call::Call),
    /// List or show calls, send a queued one now, or decide about an ambiguous one
    Calls(calls::Calls),
    /// List what was changed, by which key, and with which result
    Audit(audit::Audit),
    /// Check evidence files, as `GET /shipments/<key>/evidence` gives them: offline, without a configuration
    ///
    /// Names each entry that was changed, removed, added, renamed or moved, each break of the chain, and each part that is
    /// missing. Exit codes: 0 for files that are whole; 1 for others; 2 for an invalid command line.
    Verify(verify::Verify),
    /// Copy the database and the files of a hub, running or not, into a folder of backups
    ///
    /// Each backup is a folder of its own in DIR, named by its time, and is there when it is whole, checked and durable. Files that an
    /// earlier backup has are not copied again. Exit codes: 0 for a backup whose ledger balances; 1 for one whose ledger does
    /// not, as that of the hub, or for a failure, which leaves no backup.
    Backup(backup::Backup),
    /// Put a backup into the data folder, which must have no database, and have the hub start on hold
    ///
    /// The hub receives then, but sends nothing until `tongguan release`: the original may be running, or may have sent since
    /// what waits in the backup.
    Restore(backup::restore::Restore),
    /// Write all that the database of a stopped hub holds to a file, to move it to another machine or to AWS
    ///
    /// Events with their open work, calls, chains, keys, statistics and the audit trail, as lines of JSON with the ledger at the end; tokens of
    /// partners too, so that only its owner can read it. Files are copied apart. --data DIR names the folder, which may be a backup.
    /// `tongguan-aws import` puts it into a table of DynamoDB. Exit codes: 0 for a file with all there is; 1 for one that lacks
    /// what could not be read, or for a failure, which leaves no file.
    Export(transfer::Export),
    /// Make a database of the file of an export, and have the hub start on hold
    ///
    /// The data folder must have no database, or the one of an earlier import of the same file, which is left as it is. The file is
    /// read as a whole first: one that was cut off or changed is refused. The hub receives then, but sends nothing until `tongguan
    /// release`: stop the original before.
    Import(transfer::Import),
    /// End the hold of a hub that was started with --hold, restored or imported: it sends what waits
    Release,
    /// Check the configuration and have the running hub take it, without losing a request
    ///
    /// Secrets and certificates in files are read again too. A configuration with mistakes is refused as a whole, and the hub goes on
    /// with the one it has. SIGHUP asks a hub without a terminal for the same. Exit codes: 0 where the hub took it; 1 where not.
    Reload(reload::Reload),
    /// Write the database anew, without the space that nothing uses; the hub must have stopped
    ///
    /// A database of an earlier version needs it once, where the log says so: from then on the space of what expires goes back to
    /// the disk by itself. The disk must have twice the bytes in use free. What fails leaves the database as it was.
    Compact(compact::Compact),
    /// Simulate the partners whose `base_url` is on this machine, to try calls without an account; write or try the file of a partner
    Partner(partner::Partner),
    /// Print the script by which a shell completes these commands
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
struct Check {
    /// Print one JSON object in one line
    #[arg(long)]
    json: bool,
}

/// Runs a command line. Failures are printed on standard error.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let command = cli.command.unwrap_or_else(|| Command::Serve(serve::Serve::default()));
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
    if let Command::Serve(_)
    | Command::Init(_)
    | Command::CheckConfig(_)
    | Command::Push(_)
    | Command::Partner(_)
    | Command::Compact(_)
    | Command::Backup(_)
    | Command::Restore(_)
    | Command::Export(_)
    | Command::Import(_)
    | Command::Release
    | Command::Reload(_)
    | Command::Completions { .. } = command
    {
        place.asks_no_hub()?;
    }
    match command {
        Command::Serve(serve) => {
            if place.config.is_none() && !PathBuf::from(CONFIG_FILE).exists() {
                first_run::demo(&PathBuf::from(CONFIG_FILE), place.data.as_deref())?;
            }
            let config = place.read()?;
            let text = Form::Text(place.times().print());
            logs::init(if config.logs_json { Form::Json } else { text });
            if config.hub.is_some() && config.connections.is_empty() && config.routes.is_empty() {
                let file = place.file();
                anyhow::bail!(
                    "{} has [hub] alone, for the commands that ask another hub: to serve, name another file with --config FILE",
                    file.display()
                );
            }
            serve::until_signal(config, place, &serve).await
        }
        Command::Init(init) => init::run(place, init),
        Command::CheckConfig(Check { json }) => check(place, json),
        Command::Health => check_health::run(place).await,
        Command::Ledger(ledger) => ledger::run(place, ledger).await,
        Command::Events(events) => events::run(place, events).await,
        Command::Shipments(shipments) => shipments::run(place, shipments).await,
        Command::Replay(replay) => changes::replay(place, replay).await,
        Command::Confirm(confirm) => changes::confirm(place, confirm).await,
        Command::Push(push) => push::run(&place.read()?, push).await,
        Command::Call(call) => call::run(place, call).await,
        Command::Calls(calls) => calls::run(place, calls).await,
        Command::Audit(audit) => audit::run(place, audit).await,
        Command::Verify(verify) => verify::run(&verify),
        Command::Backup(backup) => backup::run(place, backup).await,
        Command::Restore(restore) => backup::restore::run(place, restore).await,
        Command::Export(export) => transfer::export(place, export).await,
        Command::Import(import) => transfer::import(place, import).await,
        Command::Release => hold::release(place),
        Command::Reload(reload) => reload::run(place, reload).await,
        Command::Compact(compact) => compact::run(place, compact).await,
        Command::Partner(partner) => partner::run(place, partner).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tongguan", &mut script);
            out::bytes(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Checks the configuration. What it names in a credentials secret counts as given where that is not at hand.
fn check(place: &Place, in_json: bool) -> anyhow::Result<ExitCode> {
    let config = match place.read_with(Credentials::Unread) {
        Err(error) if in_json => return not_sound(error),
        config => config?,
    };
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
    if in_json {
        let (connections, endpoints) = (config.connections.len(), config.routes.len());
        let told = json!({"sound": true, "connections": connections, "endpoints": endpoints, "warnings": warnings});
        out::json(&told.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in &warnings {
        say!("warning: {warning}")?;
    }
    let hub = config.hub.as_ref().map_or_else(String::new, |hub| format!(", commands ask {}", hub.url));
    say!(
        "the configuration is sound: {}, {}{hub}{}",
        count(config.connections.len(), "connection"),
        count(config.routes.len(), "endpoint"),
        if warnings.is_empty() { String::new() } else { format!("; {}", count(warnings.len(), "warning")) }
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the mistakes of a configuration as JSON.
fn not_sound(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    let Mistakes { mistakes, .. } = error.downcast()?;
    let mistake = |one: &Mistake| json!({"key": one.key, "what": one.what, "line": one.line});
    let told = json!({"sound": false, "mistakes": mistakes.iter().map(mistake).collect::<Vec<_>>()});
    out::json(&told.to_string())?;
    Ok(ExitCode::FAILURE)
}
