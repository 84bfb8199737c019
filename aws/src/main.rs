//! `tongguan-aws`: exports and imports of a table of DynamoDB, from any machine with credentials of AWS. `tongguan` itself links
//! nothing of AWS.
//!
//! It holds nothing back: the stack is put on hold by its parameter `Hold`, before an import.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use aws_config::BehaviorVersion;
use clap::{Args, Parser, Subcommand};
use store::Store as _;
use store_dynamodb::DynamoStore;
use transfer::{State, agree, export_to, import, open, state};

/// Move all that a hub on AWS stores, between its table and a file.
///
/// Credentials and region are those of the environment or of the profile, as for `aws`; sessions of IAM Identity Center by
/// `aws configure export-credentials --format env`.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write all that a table holds to a file, which `tongguan import` and `import` here read
    ///
    /// Put the stack on hold first. Needs dynamodb:Scan and dynamodb:GetItem.
    Export(Place),
    /// Put the file of an export into a table without events
    ///
    /// Put the stack on hold first: it would send what is imported, while the original may still do so. An import that was broken
    /// off goes on when it is repeated, and one that is done changes nothing. Needs dynamodb:Scan, GetItem, PutItem and UpdateItem.
    Import(Place),
}

#[derive(Debug, Args)]
struct Place {
    /// The table: the output TableName of the stack
    #[arg(long, value_name = "NAME")]
    table: String,
    /// Give what is imported no place among recent events, as the stack does with `recent_events = false`
    #[arg(long)]
    no_recent_events: bool,
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::logs::init_errors(|at| at.to_string());
    let done = match Cli::parse().command {
        Command::Export(place) => exported(&place).await,
        Command::Import(place) => imported(&place).await,
    };
    done.unwrap_or_else(|error| {
        tell(&format!("tongguan-aws: {error:#}"));
        ExitCode::FAILURE
    })
}

fn tell(text: &str) {
    eprintln!("{text}");
}

fn say(text: &str) {
    println!("{text}");
}

async fn store(place: &Place) -> DynamoStore {
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(lambda::http_client()).load().await;
    let store = DynamoStore::new(store_dynamodb::client(&aws), place.table.clone());
    store.listing_recent(!place.no_recent_events)
}

async fn exported(place: &Place) -> anyhow::Result<ExitCode> {
    let (store, at) = (store(place).await, telemetry::system_clock()());
    let exported = export_to(&store, &place.file, at, env!("CARGO_PKG_VERSION")).await?;
    say(&format!("{}: {}", place.file.display(), exported.kinds));
    let mut is_whole = true;
    if exported.unreadable > 0 {
        is_whole = false;
        tell(&format!("{} things that cannot be read are not in it: the lines above name them", exported.unreadable));
    }
    if !agree(&exported.ledger, &store.ledger(at).await?) {
        is_whole = false;
        tell("its ledger is not that of the table: something is changing it; put the stack on hold and export again");
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn imported(place: &Place) -> anyhow::Result<ExitCode> {
    let Place { table, file, .. } = place;
    let named = || format!("cannot import {} into {table}", file.display());
    let mut opened = open(Path::new(file), telemetry::system_clock()()).with_context(named)?;
    let store = store(place).await;
    if state(&store, &opened.checked).await.with_context(named)? == State::Done {
        say(&format!("{} was imported into {table} before: nothing is changed", file.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let imported = import(&store, &mut opened.file, &opened.checked).await.with_context(named)?;
    say(&format!("{} is in {table}: {}", file.display(), imported.new));
    if imported.same.all() > 0 {
        say(&format!("there already: {}", imported.same));
    }
    if imported.other.all() > 0 {
        say(&format!("of the stack's own, and kept: {}", imported.other));
    }
    say("the ledger is that of the export; end the hold of the stack to have it sent");
    let unreadable = opened.checked.unreadable;
    ensure!(unreadable == 0, "{unreadable} things could not be read when it was exported, and are missing");
    Ok(ExitCode::SUCCESS)
}
