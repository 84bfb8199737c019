//! `tongguan restore`: a backup in the data folder of a hub that starts on hold.
//!
//! The database gets its name last. A folder in which that is still to come is no place for a hub: it would begin an empty one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueHint};
use hub::Utc;
use store_sqlite::{FILE, SqliteStore};
use tokio::task::spawn_blocking;

use super::copies::{Copy, copy_file, make, sync};
use super::{FILES, Manifest, ledger_of, whole};
use crate::hold;
use crate::place::{Place, count};

/// Name of the folder, in the data folder, with a database that has not got its name yet.
pub(crate) const UNFINISHED: &str = "restoring";

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

/// Path of what a restoration that was not finished has left in a data folder.
pub(crate) fn unfinished(data: &Path) -> Option<PathBuf> {
    let path = data.join(UNFINISHED);
    path.exists().then_some(path)
}

/// Fails where there is a log without its database: it would be taken for that of the one that is to come.
pub(crate) fn refuse_logs(data: &Path) -> anyhow::Result<()> {
    for suffix in ["-wal", "-shm"] {
        let log = data.join(format!("{FILE}{suffix}"));
        if log.exists() {
            bail!("{} is of another database: move it away", log.display());
        }
    }
    Ok(())
}

pub(crate) async fn run(place: &Place, Restore { folder, no_hold }: Restore) -> anyhow::Result<ExitCode> {
    telemetry::logs::init_errors(place.times().print());
    let data = place.read()?.data_dir;
    let backup = if folder.join(super::MANIFEST).is_file() {
        folder
    } else {
        let latest = whole(&folder)?.pop();
        latest.with_context(|| format!("there is no whole backup in {}", folder.display()))?
    };
    let manifest = Manifest::read(&backup)?;
    // No hub uses the folder.
    let _lock = SqliteStore::lock(&data)?;
    let database = data.join(FILE);
    if database.exists() {
        bail!(
            "there is a database in {} already: name an empty folder with --data DIR, or move that one away with its -wal and \
             -shm",
            data.display()
        );
    }
    refuse_logs(&data)?;
    let unfinished = data.join(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("cannot remove {}", unfinished.display()))?;
    }
    if no_hold {
        hold::remove(&data).context("the hold of an earlier restoration could not be ended")?;
    } else {
        hold::put(&data).context("the hold could not be noted")?;
    }
    make(&unfinished)?;
    sync(&data)?;
    let lost = files(&manifest, &backup, &data)?;
    let copy = unfinished.join(FILE);
    fs::copy(backup.join(FILE), &copy).with_context(|| format!("cannot write {}", copy.display()))?;
    fs::File::open(&copy)?.sync_all()?;
    let checked = unfinished.clone();
    spawn_blocking(move || SqliteStore::check(&checked)).await??;
    let ledger = ledger_of(&unfinished, Utc(manifest.at)).await?;
    if ledger != manifest.ledger {
        bail!("the ledger of the database is not that of its backup: {} was changed", backup.display());
    }
    fs::rename(&copy, &database).with_context(|| format!("cannot name {}", database.display()))?;
    fs::remove_dir_all(&unfinished)?;
    sync(&data)?;
    let files = count(manifest.files.len(), "file");
    say!("{} is in {}: {} KB of database, {files}", backup.display(), data.display(), manifest.bytes / 1024)?;
    if !no_hold {
        say!("the hub starts on hold: it receives, but sends nothing until `tongguan release`")?;
    }
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
