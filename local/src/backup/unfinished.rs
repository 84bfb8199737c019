//! A database that is still to come in a data folder, of a restoration or an import. It gets its name last: one that was killed leaves
//! none, and the folder is no place for a hub until it is repeated, for a hub would begin an empty one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use store_sqlite::FILE;

use super::copies::{make, sync};
use crate::hold;

/// Name of the folder, in the data folder, with a database that has not got its name yet.
const NAME: &str = "restoring";

/// Path of what a restoration or an import that was not finished has left in a data folder.
pub(crate) fn left(data: &Path) -> Option<PathBuf> {
    let path = data.join(NAME);
    path.exists().then_some(path)
}

/// Begins in a data folder without a database: what an earlier one has left goes, and the hub is put on hold or its hold ends. The
/// folder for the database.
pub(crate) fn begin(data: &Path, no_hold: bool) -> anyhow::Result<PathBuf> {
    refuse_logs(data)?;
    if let Some(left) = left(data) {
        fs::remove_dir_all(&left).with_context(|| format!("cannot remove {}", left.display()))?;
    }
    if no_hold {
        hold::remove(data).context("an earlier hold could not be ended")?;
    } else {
        hold::put(data).context("the hold could not be noted")?;
    }
    let folder = data.join(NAME);
    make(&folder)?;
    sync(data)?;
    Ok(folder)
}

/// Fails where there is a log without its database: it would be taken for that of the one that is to come.
fn refuse_logs(data: &Path) -> anyhow::Result<()> {
    for suffix in ["-wal", "-shm"] {
        let log = data.join(format!("{FILE}{suffix}"));
        if log.exists() {
            bail!("{} is of another database: move it away", log.display());
        }
    }
    Ok(())
}

/// Gives the database that was made in the `folder` its name in the data folder.
pub(crate) fn finish(data: &Path, folder: &Path) -> anyhow::Result<()> {
    let (made, database) = (folder.join(FILE), data.join(FILE));
    fs::File::open(&made)?.sync_all()?;
    fs::rename(&made, &database).with_context(|| format!("cannot name {}", database.display()))?;
    fs::remove_dir_all(folder)?;
    sync(data)
}

/// Tells the operator of the hold.
pub(crate) fn tell_hold(no_hold: bool) -> std::io::Result<()> {
    if no_hold {
        Ok(())
    } else {
        say!("the hub starts on hold: it receives, but sends nothing until `tongguan release`")
    }
}
