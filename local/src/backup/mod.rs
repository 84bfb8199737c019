//! `tongguan backup`: the database and the files of a hub, of one moment, in a folder of backups.
//!
//! A backup is written beside its place and gets its name when it is whole, checked and durable: what a process that was killed
//! leaves has another name, and the next backup removes it. Files never change, so all backups of a folder share them.

pub(crate) mod copies;
pub(crate) mod restore;
pub(crate) mod unfinished;

use std::fs;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueHint};
use hub::Utc;
use hub::files::FileHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Store as _;
use store_sqlite::{FILE, SqliteStore};
use tokio::task::spawn_blocking;

use crate::place::{Place, count};
use crate::{out, times};
use copies::{Copied, copy_files, make, remove_unnamed, sync};

/// Name of the file that describes a backup.
const MANIFEST: &str = "backup.json";

/// Name of the folder of files that all backups share.
const FILES: &str = "files";

/// End of the name of a backup that is being written or removed.
const PARTIAL: &str = ".partial";

/// Name of the file whose lock keeps other backups out.
const LOCK: &str = "backup.lock";

/// Copy the database and the files of a hub
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder of backups, which is made where it is missing
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// Remove all but so many of the latest backups afterwards
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
    /// Print one JSON object in one line
    #[arg(long)]
    json: bool,
}

/// Description of a backup, as it is kept beside the copy of the database.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Version of the program that made it.
    version: String,
    /// Time of it, in microseconds since 1970.
    at: i64,
    /// Bytes of the database.
    bytes: u64,
    /// The ledger of each connection at that time, as `tongguan ledger` prints it.
    ledger: Vec<Value>,
    /// The files that were there.
    files: Vec<FileHash>,
}

impl Manifest {
    fn read(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(MANIFEST);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no description of a backup", path.display()))
    }

    fn is_balanced(&self) -> bool {
        self.ledger.iter().all(|line| line.get("balanced") == Some(&Value::Bool(true)))
    }
}

/// The ledger of the store in a folder at a time.
async fn ledger_of(folder: &Path, at: Utc) -> anyhow::Result<Vec<Value>> {
    let ledger = SqliteStore::reading(folder)?.ledger(at).await?;
    let lines = ledger::lines(ledger).into_iter().map(|line| serde_json::to_value(&line));
    Ok(lines.collect::<Result<_, _>>()?)
}

/// The backups of a folder that are whole, the earliest first.
fn whole(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the backups in {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_partial = path.to_str().is_none_or(|name| name.ends_with(PARTIAL));
        if !is_partial && path.join(MANIFEST).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) async fn run(place: &Place, backup: Backup) -> anyhow::Result<ExitCode> {
    telemetry::logs::init_errors(place.times().print());
    let data = place.read()?.data_dir;
    SqliteStore::exists(&data)?;
    let Backup { folder, keep, json: in_json } = backup;
    make(&folder)?;
    let _lock = lock(&folder)?;
    remove_partial(&folder)?;
    let at = times::now();
    let name = name_of(at);
    let (partial, done) = (folder.join(format!("{name}{PARTIAL}")), folder.join(&name));
    if done.exists() {
        bail!("there is a backup of this very moment: {}", done.display());
    }
    let (manifest, copied) = write(&data, &folder, &partial, at).await?;
    fs::rename(&partial, &done).with_context(|| format!("cannot name the backup {}", done.display()))?;
    sync(&folder)?;
    if let Some(keep) = keep {
        prune(&folder, usize::from(keep))?;
    }
    tell(&done, &manifest, &copied, in_json)?;
    if manifest.is_balanced() {
        return Ok(ExitCode::SUCCESS);
    }
    tell!("the ledger does not balance, in the hub as in its backup: see `tongguan ledger`");
    Ok(ExitCode::FAILURE)
}

/// Writes a backup to a folder that has no name yet.
async fn write(data: &Path, folder: &Path, partial: &Path, at: Utc) -> anyhow::Result<(Manifest, Copied)> {
    make(partial)?;
    let (from, to) = (data.to_owned(), partial.to_owned());
    spawn_blocking(move || SqliteStore::copy(&from, &to)).await??;
    let ledger = ledger_of(partial, at).await?;
    // After the database: whatever that names is there then, or was removed because nothing names it any more.
    let (from, to) = (data.join(archive::FOLDER), folder.join(FILES));
    let (files, copied) = spawn_blocking(move || copy_files(&from, &to)).await??;
    let bytes = fs::metadata(partial.join(FILE))?.len();
    let manifest = Manifest { version: env!("CARGO_PKG_VERSION").to_owned(), at: at.0, bytes, ledger, files };
    copies::write(&partial.join(MANIFEST), &serde_json::to_vec(&manifest)?)?;
    sync(partial)?;
    Ok((manifest, copied))
}

fn tell(done: &Path, manifest: &Manifest, copied: &Copied, in_json: bool) -> anyhow::Result<()> {
    let Copied { new, damaged } = copied;
    for name in damaged {
        tell!("the file {name} is damaged and not in the backup: restore it from an earlier one");
    }
    if in_json {
        let told = serde_json::json!({
            "backup": done.display().to_string(), "bytes": manifest.bytes, "files": manifest.files.len(),
            "files_new": new, "files_damaged": damaged, "balanced": manifest.is_balanced(),
        });
        return Ok(out::json(&told.to_string())?);
    }
    let files = count(manifest.files.len(), "file");
    say!("{}: {} KB of database, {files}, {new} of them new", done.display(), manifest.bytes / 1024)?;
    Ok(())
}

/// Name of a backup: its time in UTC, in an order that names sort by.
fn name_of(at: Utc) -> String {
    at.to_string().replace(':', "")
}

fn lock(folder: &Path) -> anyhow::Result<fs::File> {
    let path = folder.join(LOCK);
    let file = fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another backup to {} is being made", folder.display()),
        Err(TryLockError::Error(error)) => bail!("the folder {} cannot be locked: {error}", folder.display()),
    }
}

/// Removes what killed backups have left.
fn remove_partial(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.to_str().is_some_and(|name| name.ends_with(PARTIAL)) {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Removes the earliest backups, and the files that no other names.
fn prune(folder: &Path, keep: usize) -> anyhow::Result<()> {
    let backups = whole(folder)?;
    let (old, kept) = backups.split_at(backups.len().saturating_sub(keep));
    for backup in old {
        // What is half removed does not look whole.
        let mut partial = backup.clone().into_os_string();
        partial.push(PARTIAL);
        fs::rename(backup, &partial)?;
        fs::remove_dir_all(&partial)?;
    }
    sync(folder)?;
    let manifests = kept.iter().map(|backup| Manifest::read(backup));
    let named: Vec<_> = manifests.collect::<anyhow::Result<_>>()?;
    remove_unnamed(&folder.join(FILES), named.iter().flat_map(|manifest| &manifest.files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_backups_sort_by_their_times() {
        let names = [0, 999_999, 1_790_000_000_000_000, 1_790_000_000_000_001].map(|at| name_of(Utc(at)));
        assert!(names.is_sorted(), "{names:?}");
        assert!(names.iter().all(|name| !name.contains([':', '/', ' '])), "{names:?}");
    }

    #[test]
    fn what_has_no_name_is_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["2026-01-02", "2026-01-01", "2026-01-03.partial"] {
            make(&folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(MANIFEST), "{}").unwrap();
        }
        make(&folder.path().join("2026-01-04")).unwrap();
        let found = whole(folder.path()).unwrap();
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["2026-01-01", "2026-01-02"]);
        remove_partial(folder.path()).unwrap();
        assert!(!folder.path().join("2026-01-03.partial").exists());
    }
}
