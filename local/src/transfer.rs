//! `tongguan export` and `tongguan import`: the database of a hub in a file, and such a file as a database, of a hub that starts on hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::transfer::{State, agree, export_to, open, state};
use anyhow::{Context as _, bail};
use clap::{Args, ValueHint};
use store::Store as _;
use store_sqlite::{FILE, OpenError, SqliteStore};

use crate::backup::unfinished;
use crate::place::{Place, count};
use crate::times;

/// Write all that the database holds to a file, which `import` here and `tongguan-aws import` read
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file, which must not exist
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

/// Make a database of the file of an export, and have the hub start on hold
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file, unpacked
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Do not have the hub start on hold: the original has stopped for good
    #[arg(long)]
    no_hold: bool,
}

/// Keeps a hub out of a data folder.
fn lock(data: &Path) -> anyhow::Result<fs::File> {
    let locked = SqliteStore::lock(data);
    if let Err(OpenError::Busy(_)) = locked {
        bail!(
            "the hub in {} is running, and would go on with what is exported: stop it first; or name a backup of it with --data DIR",
            data.display()
        );
    }
    Ok(locked?)
}

pub(crate) async fn export(place: &Place, Export { file }: Export) -> anyhow::Result<ExitCode> {
    telemetry::logs::init_errors(place.times().print());
    let data = place.read()?.data_dir;
    SqliteStore::exists(&data)?;
    let _lock = lock(&data)?;
    let (store, at) = (SqliteStore::reading(&data)?, times::now());
    let exported = export_to(&store, &file, at, env!("CARGO_PKG_VERSION")).await?;
    say!("{}: {}", file.display(), exported.kinds)?;
    let mut is_whole = true;
    if exported.unreadable > 0 {
        is_whole = false;
        tell!("{} that cannot be read are not in it: the lines above name them", count_of(exported.unreadable));
    }
    if !agree(&exported.ledger, &store.ledger(at).await?) {
        is_whole = false;
        tell!("its ledger is not that of the database, which does not balance: see `tongguan ledger`");
    }
    let files = data.join(archive::FOLDER);
    if files.exists() {
        say!("files are not in it: copy {}", files.display())?;
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn count_of(things: u64) -> String {
    count(usize::try_from(things).unwrap_or(usize::MAX), "thing")
}

pub(crate) async fn import(place: &Place, Import { file, no_hold }: Import) -> anyhow::Result<ExitCode> {
    telemetry::logs::init_errors(place.times().print());
    let data = place.read()?.data_dir;
    let named = || format!("cannot import {}", file.display());
    let mut opened = open(&file, times::now()).with_context(named)?;
    let _lock = SqliteStore::lock(&data)?;
    if data.join(FILE).exists() {
        let done = state(&SqliteStore::reading(&data)?, &opened.checked).await;
        if matches!(done, Ok(State::Done)) {
            say!("{} was imported into {} before: nothing is changed", file.display(), data.display())?;
            return Ok(ExitCode::SUCCESS);
        }
        bail!(
            "there is a database in {} already that is not of this export: name an empty folder with --data DIR",
            data.display()
        );
    }
    let folder = unfinished::begin(&data, no_hold)?;
    let store = SqliteStore::open(&folder)?;
    let imported = ::transfer::import(&store, &mut opened.file, &opened.checked).await.with_context(named)?;
    store.tidy().await?;
    drop(store);
    unfinished::finish(&data, &folder)?;
    say!("{} is in {}: {}", file.display(), data.display(), imported.new)?;
    say!("the ledger is that of the export; its files are to be in {}", data.join(archive::FOLDER).display())?;
    unfinished::tell_hold(no_hold)?;
    if opened.checked.unreadable > 0 {
        tell!("{} could not be read when it was exported, and are missing", count_of(opened.checked.unreadable));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
