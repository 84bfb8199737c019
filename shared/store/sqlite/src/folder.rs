//! The data folder: made where it is missing, and its files for their owner alone.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::files::{SUFFIXES, beside};

/// Creates a missing folder that only its owner can access, because customs data is confidential.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut maker = DirBuilder::new();
    maker.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
    maker.create(folder)
}

/// Opens a file for writing, and makes it for its owner alone where it is missing.
pub(crate) fn private(file: &Path, options: &mut OpenOptions) -> io::Result<std::fs::File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.write(true).open(file)
}

/// Restricts the files of a database to their owner, whatever the permissions of the folder. SQLite creates its other files
/// with the permissions of the database. A missing database is created here; an existing one is not opened, because closing
/// it would release the locks that this process has on it.
pub(crate) fn close_to_others(database: &Path) -> io::Result<()> {
    match private(database, OpenOptions::new().create_new(true)) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        Ok(_) | Err(_) => {}
    }
    for file in SUFFIXES.map(|suffix| beside(database, suffix)) {
        if let Err(error) = narrow(&file) {
            tracing::warn!(
                file = %file.display(), %error,
                "others on this machine can read the file, and the hub cannot change that: chmod 600"
            );
        }
    }
    Ok(())
}

/// Permission bits of the group and of all others.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

#[cfg(unix)]
fn narrow(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(found) = std::fs::metadata(file) else { return Ok(()) };
    let mut permissions = found.permissions();
    if permissions.mode() & OTHERS != 0 {
        permissions.set_mode(0o600);
        std::fs::set_permissions(file, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
const fn narrow(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Text of a system error about the data folder, with its remedy, to follow the path.
pub(crate) fn trouble(error: &io::Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others speak for themselves")]
    let what = match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "it is a file, or below one: name a folder in data_dir",
        ErrorKind::PermissionDenied => {
            "the hub's user may not write there: give that user the folder and its files (chown -R), or name another \
             folder in data_dir"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "it is on a file system that is mounted read-only: mount that for writing, or name another folder in data_dir"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full: free space on it",
        _ => return error.to_string(),
    };
    format!("{what} ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: a folder that could not be written was said to be in use by another hub.
    #[test]
    fn trouble_with_a_folder_names_its_remedy() {
        for (kind, remedy) in [
            (ErrorKind::AlreadyExists, "name a folder in data_dir"),
            (ErrorKind::NotADirectory, "name a folder in data_dir"),
            (ErrorKind::PermissionDenied, "chown"),
            (ErrorKind::ReadOnlyFilesystem, "mounted read-only"),
            (ErrorKind::StorageFull, "free space"),
            (ErrorKind::QuotaExceeded, "free space"),
        ] {
            assert!(trouble(&kind.into()).contains(remedy), "{kind:?}");
        }
    }
}
