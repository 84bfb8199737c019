//! `tongguan restore`: a backup in the data folder of a hub that starts on hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueHint};
use hub::Utc;
use store_sqlite::{FILE, SqliteStore};
use tokio::task::spawn_blocking;

use super::copies::{Copy, copy_file, make, sync};
use super::{FILES, Manifest, ledger_of, unfinished, whole};
use crate::place::{Place, count};

/// Put a backup into the data folder
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder of backups, for its latest, or one backup in it
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// Do not have the hub start on hold: the original is gone, and has sent nothing since the backup
    #[arg(long)]
    no_hold: bool,
}

pub(crate) async fn run(place: &Place, Restore { folder: given, no_hold }: Restore) -> anyhow::Result<ExitCode> {
    telemetry::logs::init_errors(place.times().print());
    let data = place.read()?.data_dir;
    let backup = if given.join(super::MANIFEST).is_file() {
        given
    } else {
        let latest = whole(&given)?.pop();
        latest.with_context(|| format!("there is no whole backup in {}", given.display()))?
    };
    let manifest = Manifest::read(&backup)?;
    // No hub uses the folder.
    let _lock = SqliteStore::lock(&data)?;
    if data.join(FILE).exists() {
        bail!(
            "there is a database in {} already: name an empty folder with --data DIR, or move that one away with its -wal and \
             -shm",
            data.display()
        );
    }
    let folder = unfinished::begin(&data, no_hold)?;
    let lost = files(&manifest, &backup, &data)?;
    let copy = folder.join(FILE);
    fs::copy(backup.join(FILE), &copy).with_context(|| format!("cannot write {}", copy.display()))?;
    let checked = folder.clone();
    spawn_blocking(move || SqliteStore::check(&checked)).await??;
    let ledger = ledger_of(&folder, Utc(manifest.at)).await?;
    if ledger != manifest.ledger {
        bail!("the ledger of the database is not that of its backup: {} was changed", backup.display());
    }
    unfinished::finish(&data, &folder)?;
    let files = count(manifest.files.len(), "file");
    say!("{} is in {}: {} KB of database, {files}", backup.display(), data.display(), manifest.bytes / 1024)?;
    unfinished::tell_hold(no_hold)?;
    for name in &lost {
        tell!("the file {name} is missing in the backup or damaged");
    }
    Ok(if lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Copies the files of a backup; the names of those that are not there.
fn files(manifest: &Manifest, backup: &Path, data: &Path) -> anyhow::Result<Vec<String>> {
    let (pool, to) = (backup.parent().unwrap_or(Path::new(".")).join(FILES), data.join(archive::FOLDER));
    let mut lost = Vec::new();
    if !manifest.files.is_empty() {
        make(&to)?;
    }
    for hash in &manifest.files {
        match copy_file(hash, &pool, &to)? {
            Copy::Made => {}
            Copy::Damaged | Copy::Gone => lost.push(hash.to_string()),
        }
    }
    if to.exists() {
        sync(&to)?;
    }
    Ok(lost)
}
