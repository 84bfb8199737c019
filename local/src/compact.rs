//! `tongguan compact`: the database file written anew without the space that nothing uses.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use store_sqlite::{CompactError, Compacted, Space, SqliteStore};
use tokio::task::spawn_blocking;

use crate::out;
use crate::place::Place;

/// Most bytes in use of a file that is written anew at a start: about a second's work.
const AT_START: u64 = 128 * MEGABYTE;

const MEGABYTE: u64 = 1024 * 1024;

/// Write the database anew, without the space that nothing uses; the hub must have stopped
#[derive(Debug, Args)]
pub(crate) struct Compact {
    /// Print one JSON object in one line
    #[arg(long)]
    json: bool,
}

/// Writes a small file of a version before this one anew, so that its space can be given back in steps. A large one is left as it
/// is, and the log says what to do.
pub(crate) async fn at_start(folder: &Path) {
    let own = folder.to_owned();
    let done = spawn_blocking(move || SqliteStore::compact(&own, Some(AT_START))).await;
    match done {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(Compacted { before, after }))) => tracing::info!(
            megabytes_before = bytes(before) / MEGABYTE,
            megabytes = bytes(after) / MEGABYTE,
            "the database was written anew, so that space of expired events goes back to the disk from now on"
        ),
        Ok(Err(error)) => {
            let error = telemetry::logs::chain(&error);
            tracing::warn!(error, "the database keeps the space of expired events; the next start tries again");
        }
        Err(error) => {
            tracing::warn!(%error, "the database keeps the space of expired events; the next start tries again");
        }
    }
}

/// Says of a file that only `tongguan compact` can make smaller that this is to be done.
pub(crate) fn advise(space: Space) {
    if !space.is_incremental {
        tracing::warn!(
            megabytes_in_use = space.used_bytes() / MEGABYTE,
            megabytes_free = space.free_bytes() / MEGABYTE,
            "the database of an earlier version keeps the space of expired events for new ones: stop the hub and run \
             `tongguan compact` once, so that it goes back to the disk"
        );
    }
}

const fn bytes(space: Space) -> u64 {
    space.pages.saturating_mul(space.page_size)
}

pub(crate) async fn run(place: &Place, Compact { json: in_json }: Compact) -> anyhow::Result<ExitCode> {
    telemetry::logs::init_errors(place.times().print());
    let folder = place.read()?.data_dir;
    SqliteStore::exists(&folder)?;
    // A hub, or another command like this, would go on with the file that is replaced.
    let _lock = SqliteStore::lock(&folder)?;
    let done = spawn_blocking(move || SqliteStore::compact(&folder, None)).await??;
    let Compacted { before, after } = done.ok_or(CompactError::Busy)?;
    if in_json {
        out::json(&json!({"bytes_before": bytes(before), "bytes": bytes(after)}).to_string())?;
    } else {
        say!("the database has {} MB now, before {} MB", bytes(after) / MEGABYTE, bytes(before) / MEGABYTE)?;
    }
    Ok(ExitCode::SUCCESS)
}
