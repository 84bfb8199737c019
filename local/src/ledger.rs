//! `tongguan ledger`.

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::value::to_raw_value;

use crate::out;
use crate::place::Place;
use crate::progress::Progress;
use crate::source::{Access, Asked, Members};

#[derive(Debug, Args)]
pub(crate) struct Ledger {
    /// Print one JSON object per line, as it does without this option
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Ledgers {
    connections: Members,
    balanced: bool,
}

/// Prints the ledger of each connection. The exit code says whether all balance.
pub(crate) async fn run(place: &Place, _: Ledger) -> anyhow::Result<ExitCode> {
    let source = place.source(Access::Read).await?;
    let progress = Progress::of("ledgers read", None);
    let Ledgers { connections, balanced } = progress.during(source.get(&Asked::get(&["ledger"]))).await?;
    drop(progress);
    for (connection, ledger) in connections.iter() {
        let ledger: Members = serde_json::from_str(ledger.get())?;
        let line = ledger.after("connection", to_raw_value(connection)?);
        out::unless_closed(out::json(&line.to_string()))?;
    }
    Ok(if balanced { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
